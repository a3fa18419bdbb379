"""Channels of incidents: made, found again, filled with people, and furnished."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from bot.errors import ProviderError
from bot.slack.blocks.text import cut
from bot.slack.client import Slack, call

PAGES: Final = 20
INVITED: Final = 100
"""People a call."""
IN_ALREADY: Final = ("already_in_channel", "cant_invite_self")
_NOT_IN: Final = {
    "ura_max_channels": "a guest of another channel alone",
    "user_is_restricted": "a guest",
    "user_is_ultra_restricted": "a guest of another channel alone",
    "no_external_invite_permission": "of another company",
    "cant_invite": "Slack lets nobody invite them",
    "user_not_found": "Slack knows no such person",
}


class Rooms:
    """What an incident's channel needs of Slack. Everything may be asked twice."""

    def __init__(self, slack: Slack) -> None:
        """Speak as this bot."""
        self._slack = slack

    async def create(self, name: str, *, private: bool = False) -> tuple[str, str]:
        """Make a channel of that name, or of the next free one with a suffix; return its id and name.

        No stranger's channel is adopted, and what is to be private is never made public.
        """
        for suffix in ("", "-2", "-3", "-4", "-5"):
            fits = name[: 80 - len(suffix)] + suffix
            try:
                made = await call(self._slack.quick, "conversations.create", name=fits, is_private=private)
            except ProviderError as error:
                if error.why != "name_taken":
                    raise _not_made(error, private=private) from error
                continue
            return str(made["channel"]["id"]), str(made["channel"]["name"])
        raise ProviderError(
            f"Every name like {name} is taken.", provider="slack", kind="rejected", todo="Name a channel by hand."
        )

    async def find(self, name: str, *, since: datetime, private: bool = False) -> tuple[str, str] | None:
        """The channel that an earlier try made: this name (or with a suffix), made by us, after the step began."""
        cursor: str | None = None
        for _ in range(PAGES):
            page = await call(
                self._slack.patient,
                "conversations.list",
                limit=200,
                exclude_archived=True,
                types="private_channel" if private else "public_channel",
                cursor=cursor,
            )
            for channel in page["channels"]:
                fits = channel["name"] == name or channel["name"].startswith(f"{name}-")
                ours = channel.get("creator") == self._slack.bot_user_id
                if fits and ours and float(channel.get("created", 0)) >= since.timestamp() - 60:
                    return str(channel["id"]), str(channel["name"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        return None

    async def people(self, emails: Iterable[str]) -> dict[str, str]:
        """Slack ids by e-mail address; who is not in the workspace is left out."""

        async def one(email: str) -> str:
            try:
                answer = await call(self._slack.patient, "users.lookupByEmail", email=email)
            except ProviderError as error:
                if error.kind != "not_found":
                    raise
                return ""
            return str(answer["user"]["id"])

        wanted = list(dict.fromkeys(emails))
        found = await asyncio.gather(*(one(email) for email in wanted))
        return {email: person for email, person in zip(wanted, found, strict=True) if person}

    async def group(self, group: str) -> list[str]:
        """The ids of a user group's members; one that was deleted has none."""
        try:
            answer = await call(self._slack.patient, "usergroups.users.list", usergroup=group)
        except ProviderError as error:
            if error.why != "no_such_subteam":
                raise
            return []
        return [str(person) for person in answer["users"]]

    async def name(self, person: str) -> str:
        """What somebody is called, for a sentence; their id where Slack does not say."""
        try:
            answer = await call(self._slack.patient, "users.info", user=person)
        except ProviderError:
            return person
        return str(answer["user"].get("real_name") or answer["user"].get("name") or person)

    async def invite(self, channel: str, people: Sequence[str]) -> dict[str, str]:
        """Invite them all at once; return why, by id, for those whom Slack does not let in. Being there is well.

        Source: docs.slack.dev, conversations.invite: with `force` those who can be invited are, up to 100 a call.
        """
        refused: dict[str, str] = {}
        wanted = list(dict.fromkeys(people))
        for some in (wanted[at : at + INVITED] for at in range(0, len(wanted), INVITED)):
            try:
                answer = await call(
                    self._slack.patient, "conversations.invite", channel=channel, users=",".join(some), force=True
                )
                errors = {str(one.get("user")): str(one.get("error")) for one in answer.get("errors") or ()}
            except ProviderError as error:
                if error.transient:
                    raise
                errors = {person: await self._invite_one(channel, person) for person in some}
            refused |= {person: why for person, why in errors.items() if why and why not in IN_ALREADY}
        return {person: _NOT_IN.get(why, f"Slack says {why}") for person, why in refused.items()}

    async def _invite_one(self, channel: str, person: str) -> str:
        """Nothing where the person is in, else Slack's word for why not: a whole list is refused without saying whom."""
        try:
            await call(self._slack.patient, "conversations.invite", channel=channel, users=person)
        except ProviderError as error:
            if error.transient:
                raise
            return error.why
        return ""

    async def topic(self, channel: str, topic: str) -> None:
        """The topic is this; it is set only where it is not, since each setting is a message."""
        info = await call(self._slack.patient, "conversations.info", channel=channel)
        wanted = cut(topic, 250)
        if (info["channel"].get("topic") or {}).get("value") != wanted:
            await call(self._slack.patient, "conversations.setTopic", channel=channel, topic=wanted)

    async def rename(self, channel: str, name: str) -> None:
        """The channel is called that; named twice, it is named once."""
        info = await call(self._slack.patient, "conversations.info", channel=channel)
        if info["channel"].get("name") != name:
            await call(self._slack.patient, "conversations.rename", channel=channel, name=name[:80])

    async def bookmark(self, channel: str, links: Sequence[tuple[str, str]], *, new: bool = False) -> None:
        """The links stand among the channel's bookmarks, each once, one after the other (Slack refuses two at a time).

        Those that are there are not asked for in a `new` channel: ours are the first.
        """
        there: set[Any] = set()
        if not new:
            listed: dict[str, Any] = await call(self._slack.patient, "bookmarks.list", channel_id=channel)
            there = {bookmark.get("link") for bookmark in listed["bookmarks"]}
        for title, link in links:
            if link not in there:
                await call(
                    self._slack.patient, "bookmarks.add", channel_id=channel, title=title, type="link", link=link
                )

    async def archive(self, channel: str) -> None:
        """The channel takes no more messages; a bot cannot undo that. Archived before is well."""
        try:
            await call(self._slack.patient, "conversations.archive", channel=channel)
        except ProviderError as error:
            if error.why != "already_archived":
                raise

    async def pin(self, channel: str, ts: str) -> None:
        """The message is pinned."""
        try:
            await call(self._slack.patient, "pins.add", channel=channel, timestamp=ts)
        except ProviderError as error:
            if error.why != "already_pinned":
                raise


def _not_made(error: ProviderError, *, private: bool) -> ProviderError:
    """The refusal, with what to do about it; a private channel is never replaced by a public one."""
    if error.why != "restricted_action":
        return error
    kind = "private" if private else "public"
    return ProviderError(
        f"This workspace does not let me make {kind} channels.",
        provider=error.provider,
        kind=error.kind,
        why="Slack says `restricted_action`.",
        todo=f"An owner allows it: Settings & permissions → Channel management → who may create {kind} channels.",
    )
