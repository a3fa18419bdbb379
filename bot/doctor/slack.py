"""The workspace: tokens, scopes, channels, user groups, and the machine's clock against Slack's."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bot.doctor.examining import Check, Ground
from bot.doctor.findings import Found, broken, ok, unknown
from bot.errors import ProviderError
from bot.people import ids
from bot.slack.client import Slack, call, connected, signed_in

if TYPE_CHECKING:
    from bot.settings import Settings, SlackSettings

GROUP: Final = "Slack"
APP: Final = "api.slack.com/apps → ilab"
MOST_SKEW: Final = 60.0
"""Seconds: Slack's signatures are refused after five minutes; long before that, deadlines look wrong."""
MANIFESTS: Final = (
    Path(__file__).parents[2] / "manifest.yml",
    Path(__file__).parents[2] / "sandbox" / "manifest.yml",
)
"""In the repository, and in the built package."""

Headers = dict[str, str]


@asynccontextmanager
async def checks(ground: Ground) -> AsyncIterator[tuple[Check, ...]]:
    """What to look at in the workspace; the connection is closed at the end."""
    settings = ground.settings
    runbook = Check(title="Runbook's address", group=GROUP, run=partial(_runbook, settings))
    if settings.slack is None:
        yield (Check(title="Slack", group=GROUP, run=None, setting="`ILAB_SLACK__BOT_TOKEN`"), runbook)
        return
    async with connected(settings.slack) as slack:
        asked = asyncio.ensure_future(signed_in(slack.quick))
        token = f"{APP} → OAuth & Permissions: copy the Bot User OAuth Token into `ILAB_SLACK__BOT_TOKEN`"
        yield (
            Check(title="Bot token", group=GROUP, run=partial(_token, asked), fix=token),
            Check(title="Scopes", group=GROUP, run=partial(_scopes, asked), fix=token),
            Check(title="Clock", group=GROUP, run=partial(_clock, asked), fix=token),
            _app_token(ground, settings.slack),
            *_channels(settings, slack),
            *_groups(settings, slack),
            runbook,
        )
        if not asked.done():
            asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


async def _token(asked: asyncio.Future[tuple[dict[str, Any], Headers]]) -> Found:
    answer, _ = await asyncio.shield(asked)
    return ok(f"we are {answer.get('user', '?')} of {answer.get('team', '?')}")


async def _scopes(asked: asyncio.Future[tuple[dict[str, Any], Headers]]) -> Found:
    _, headers = await asyncio.shield(asked)
    given = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
    if not given:
        return unknown("Slack did not say which scopes we have")
    missing = sorted(set(wanted_scopes()) - given)
    if missing:
        return broken(
            f"missing {', '.join(missing)}",
            f"{APP} → OAuth & Permissions → Bot Token Scopes: add them (or paste manifest.yml under App Manifest), "
            "then Reinstall to Workspace",
        )
    return ok(f"{len(given)} as in manifest.yml")


def wanted_scopes() -> list[str]:
    """The bot's scopes in the packaged manifest: the list under `scopes: bot:`."""
    path = next(path for path in MANIFESTS if path.is_file())
    _, _, after = path.read_text(encoding="utf-8").partition("  scopes:\n    bot:\n")
    scopes = []
    for line in after.splitlines():
        if not line.startswith("      - "):
            break
        scopes.append(line.removeprefix("      - ").partition("#")[0].strip())
    return scopes


async def _clock(asked: asyncio.Future[tuple[dict[str, Any], Headers]]) -> Found:
    _, headers = await asyncio.shield(asked)
    said = email.utils.parsedate_to_datetime(headers["date"]) if "date" in headers else None
    if said is None:
        return unknown("Slack's answer bears no date")
    skew = time.time() - said.timestamp()
    if abs(skew) > MOST_SKEW:
        way = "ahead of" if skew > 0 else "behind"
        return broken(
            f"this machine is {abs(skew):.0f} s {way} Slack", "switch on NTP on it: `timedatectl set-ntp true`"
        )
    return ok("agrees with that of Slack")


def _app_token(ground: Ground, settings: SlackSettings) -> Check:
    given = settings.app_token
    fix = f"{APP} → Basic Information → App-Level Tokens: one with connections:write into `ILAB_SLACK__APP_TOKEN`"

    async def run() -> Found:
        assert given is not None  # noqa: S101 -- asked only where it is
        if ground.heard:
            return ok("you were heard")
        async with connected(settings.model_copy(update={"bot_token": given})) as other:
            await call(other.quick, "apps.connections.open")
        return ok("opens a connection")

    setting = "`ILAB_SLACK__APP_TOKEN`, where Slack is not heard by HTTP"
    return Check(title="App token", group=GROUP, run=run if given else None, fix=fix, setting=setting)


def _channels(settings: Settings, slack: Slack) -> list[Check]:
    assert settings.slack is not None  # noqa: S101 -- `checks` looked
    named = (
        ("incidents", "ILAB_SLACK__INCIDENTS_CHANNEL", settings.slack.incidents_channel),
        ("approvals", "ILAB_SLACK__APPROVALS_CHANNEL", settings.slack.approvals_channel),
        ("alerts", "ILAB_ALERTS__CHANNEL", settings.alerts.channel),
        ("digests", "ILAB_FIGURES__DIGEST_CHANNEL", settings.figures.digest_channel),
        ("maintenance", "ILAB_MAINTENANCE__CHANNEL", settings.maintenance.channel),
    )
    return [
        Check(
            title=f"Channel for {purpose}",
            group=GROUP,
            run=partial(_channel, slack, channel, variable) if channel else None,
            setting=f"`{variable}`",
        )
        for purpose, variable, channel in named
        if channel or variable.startswith("ILAB_SLACK__")
    ]


async def _channel(slack: Slack, channel: str, variable: str) -> Found:
    try:
        found = (await call(slack.quick, "conversations.info", channel=channel))["channel"]
    except ProviderError as error:
        if error.why != "channel_not_found":
            raise
        return broken(
            f"{channel} is not there, or is private and I am not in it",
            f"type `/invite @ilab` in that channel, or correct `{variable}`",
        )
    name = str(found.get("name", channel))
    if found.get("is_archived"):
        return broken(f"#{name} is archived", f"unarchive it, or name another in `{variable}`")
    if not found.get("is_member"):
        return broken(f"I am not in #{name}", f"type `/invite @ilab` in #{name}")
    return ok(f"#{name}")


def _groups(settings: Settings, slack: Slack) -> list[Check]:
    asked: list[asyncio.Future[dict[str, Any]]] = []

    async def run(variable: str, given: str) -> Found:
        if not asked:
            asked.append(asyncio.ensure_future(call(slack.quick, "usergroups.list", include_users=True)))
        answer = await asyncio.shield(asked[0])
        members = {str(group["id"]): group.get("users") or () for group in answer["usergroups"]}
        named = sorted(one for one in ids(given) if one.startswith("S"))
        gone = [group for group in named if group not in members]
        empty = [group for group in named if group in members and not members[group]]
        if gone:
            return broken(f"there is no user group {', '.join(gone)}", f"correct `{variable}`")
        if empty:
            return broken(
                f"nobody is in the user group {', '.join(empty)}", "Slack → People → User groups: add who it is for"
            )
        people = {user for group in named for user in members[group]} | (set(ids(given)) - set(named))
        return ok(f"{len(people)} people")

    roles = settings.roles
    named = (
        ("Responders", "ILAB_ROLES__RESPONDERS", roles.responders),
        ("Approvers", "ILAB_ROLES__APPROVERS", roles.approvers),
        ("Admins", "ILAB_ROLES__ADMINS", roles.admins),
    )
    fix = f"{APP} → OAuth & Permissions: the scope usergroups:read, then Reinstall to Workspace"
    return [
        Check(
            title=title,
            group=GROUP,
            run=partial(run, variable, given) if given else None,
            fix=fix,
            setting=f"`{variable}`",
        )
        for title, variable, given in named
    ]


async def _runbook(settings: Settings) -> Found:
    parts = urlsplit(settings.runbook_url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return broken("it is no address of a page", "set `ILAB_RUNBOOK_URL` to where people read the runbook")
    return ok(parts.hostname)
