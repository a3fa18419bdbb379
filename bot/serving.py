"""A serving bot: hears Slack by its socket or over HTTP, speaks by itself, keeps time, and answers at its own address."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot.app import Core, core, introduce, migrate_ours, now
from bot.bounded import bounded
from bot.context import Now
from bot.errors import NotConfiguredError, ProviderError
from bot.loops import Baton, keep_going
from bot.settings import Settings
from bot.store.database import DatabaseSilentError

if TYPE_CHECKING:
    from bot.degraded.keeper import Keeper
    from bot.slack.client import Slack
    from bot.slack.inbox import Inbox
    from bot.slack.outbox import Found
    from bot.slack.socket import Socket

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.serving")

SLACK_COMMAND = "/ilab"
HOME_WORDS = ("status", "incident list --open", "approvals", "task list", "oncall")
AT_ONCE = 4
"""Posts, and cards, that one copy has under way at once."""
LOOK_ANYWAY = 5.0
"""Real seconds between two looks of those who wait for news."""
BEARERS_EVERY = 60.0
"""Real seconds between two looks whether Slack has been asked lately about everybody who has a terminal token."""
STANDING_EVERY = 20.0
"""Real seconds between two looks whether every clock that must always run does."""
SIGNED_IN_WITHIN = 3.0
"""Real seconds that the start waits for Slack."""
SIGN_IN_EVERY = 3.0
PREPARED_WITHIN = 10.0
"""Real seconds that the start waits for the tables of our own database; a new one gets them all."""
STOP_WITHIN = 4.0
"""Seconds that a loop is given to stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bot:
    """A serving bot."""

    core: Core
    inbox: Inbox
    socket: Socket | None
    address: str | None
    """Where its own HTTP address is, when the settings ask for one."""


@asynccontextmanager
async def serving(settings: Settings, *, data_dir: Path, clock: Now = now) -> AsyncIterator[Bot]:
    """The bot hears Slack and does its jobs, until the context ends: then it stops hearing, and finishes its work."""
    from bot import metrics, web
    from bot.alerts.endpoint import WebhookEndpoint
    from bot.slack import listeners, socket
    from bot.slack.client import connected
    from bot.slack.doors import Doors
    from bot.slack.inbox import Inbox

    if settings.slack is None:
        raise NotConfiguredError("There is no workspace to serve.", todo="Set ILAB_SLACK__BOT_TOKEN and its kin.")
    if settings.slack.app_token is None and (settings.slack.signing_secret is None or settings.web.port is None):
        raise NotConfiguredError(
            "There is no way to hear Slack.",
            why="Socket Mode needs an app token; HTTP needs a signing secret and a port.",
            todo="Set ILAB_SLACK__APP_TOKEN, or ILAB_SLACK__SIGNING_SECRET and ILAB_WEB__PORT.",
        )
    async with (
        core(settings, data_dir=data_dir, clock=clock, observe=metrics.request) as built,
        AsyncExitStack() as stack,
    ):
        built.services.health()  # built now: loading its libraries holds everything up, and nobody waits yet
        slack, signed_in = await stack.enter_async_context(connected(settings.slack)), asyncio.Event()
        introduce(built, slack)
        if await _sign_in(slack, within=SIGNED_IN_WITHIN):
            signed_in.set()
        else:
            signing_in = asyncio.create_task(_keep_signing_in(slack, signed_in), name="sign in")
            stack.push_async_callback(_cancelled, signing_in)
        await _first_prepared(built)
        doors = Doors(slack, built.runner, home_words=HOME_WORDS)
        inbox = Inbox(built.services.database, built.journal, doors.work)
        app = listeners.build(slack, inbox, built.services.registry, command=SLACK_COMMAND)
        built.runner.keeper = stack.enter_context(_keeping(built, inbox, slack))
        stack.push_async_callback(inbox.drain, 10)
        for name, loop in _loops(built, inbox, slack).items():
            task = asyncio.create_task(loop, name=name)
            stack.push_async_callback(_cancelled, task)
        connection, address = None, None
        if settings.web.port is not None:
            endpoint = None
            if settings.slack.signing_secret is not None:
                endpoint = web.SlackEndpoint(app, settings.slack.signing_secret.get_secret_value())
            state: dict[str, Any] = {}
            health = functools.partial(_healthz, built, inbox, state)
            webhooks = WebhookEndpoint(settings.webhooks, inbox, clock)
            address = await stack.enter_async_context(
                web.serving(
                    host=settings.web.host,
                    port=settings.web.port,
                    health=health,
                    slack=endpoint,
                    webhooks=webhooks.answer,
                )
            )
        if settings.slack.app_token is not None:
            connection = await stack.enter_async_context(socket.listening(app, slack, settings.slack, once=signed_in))
            if address is not None:
                state["socket"] = connection
        log.info("serving", commands=len(list(built.services.registry)), address=address, slack=signed_in.is_set())
        yield Bot(core=built, inbox=inbox, socket=connection, address=address)


def _keeping(built: Core, inbox: Inbox, slack: Slack) -> AbstractContextManager[Keeper | None]:
    """What goes on while our own database is silent, where this copy is the one."""
    from bot.degraded.building import keeping
    from bot.slack.announcer import Announcer
    from bot.slack.rooms import Rooms
    from bot.slack.speaker import Speaker

    return keeping(
        built.services,
        built.journal,
        built.data_dir,
        rooms=Rooms(slack),
        speaker=Speaker(slack),
        announce=Announcer(built.services.now, runbook_url=built.settings.runbook_url),
        resume=inbox.resume,
    )


def _loops(built: Core, inbox: Inbox, slack: Slack) -> dict[str, Any]:
    """What runs beside the requests, by name."""
    from bot import duties
    from bot.clocks import tick
    from bot.context import Duty
    from bot.incidents.rehousing import Rehousing
    from bot.jobs import Jobs
    from bot.slack.announcer import Announcer
    from bot.slack.outbox import Outbox
    from bot.slack.rooms import Rooms
    from bot.store import tokens
    from bot.store.news import News

    services = built.services
    announce = Announcer(services.now, runbook_url=built.settings.runbook_url)
    assert built.settings.slack is not None  # noqa: S101 -- `serving` looked
    duty = Duty(services=services, announce=announce, rooms=Rooms(slack))
    jobs = Jobs(
        services,
        built.journal,
        clocks=duties.clock_work(duty),
        announce=announce,
        audit_channel=built.settings.slack.approvals_channel,
    )
    outbox = Outbox(
        slack,
        services.database,
        services.now,
        announce.render,
        duties.card_faces(duty),
        Rehousing(services),
    )

    async def once_ready(loop: Callable[[], Awaitable[None]]) -> None:
        await services.database.ready.wait()
        await loop()

    async def work() -> None:
        await jobs.work()

    async def look_at_bearers() -> None:
        # a terminal asks nobody but the database: without this whoever left would keep their rights there for a week
        for person in await services.database.call(tokens.bearers):
            await services.people.actor(person)

    news = News(services.database.conninfo)
    news.wake(built.due, "clocks")

    def several(name: str, table: str, step: Callable[[Found], Awaitable[bool]], *, every: float) -> dict[str, Any]:
        """So many at once, as each waits for Slack. One of them looks by itself, the others when they are woken."""
        baton = Baton()
        news.wake(baton, table)
        rests = (every, *(LOOK_ANYWAY for _ in range(AT_ONCE - 1)))
        one = functools.partial(step, baton.set)
        return {
            f"{name} {number}": once_ready(functools.partial(keep_going, name, one, every=rest, wake=baton))
            for number, rest in enumerate(rests)
        }

    return {
        "keeper": keep_going("keeper", functools.partial(_go_on, built), every=0.5),
        "database": keep_going("database", functools.partial(_prepare, built), every=1),
        "jobs": once_ready(lambda: keep_going("jobs", work, every=0)),
        "clocks": once_ready(
            lambda: keep_going(
                "clocks",
                lambda: tick(services.database, services.now, jobs.defer),
                every=0.5,
                wake=built.due,
            )
        ),
        "news": once_ready(lambda: keep_going("news", news.listen, every=1)),
        "standing": once_ready(
            lambda: keep_going("standing", functools.partial(duties.keep_standing, services), every=STANDING_EVERY)
        ),
        "inbox": once_ready(lambda: keep_going("inbox", functools.partial(_sweep, built, inbox), every=4)),
        "bearers": once_ready(lambda: keep_going("bearers", look_at_bearers, every=BEARERS_EVERY)),
        **several("outbox", "posts", outbox.send_next, every=0.5),
        **several("cards", "cards", outbox.show_next, every=0.25),
    }


async def _go_on(built: Core) -> None:
    """What must go on while our own database is silent goes on, where this copy is the one that does it."""
    if built.runner.keeper is not None:
        await built.runner.keeper.go_on()


async def _sweep(built: Core, inbox: Inbox) -> bool:
    """The journal is in the database, and what a dead copy left is run; True where more may be."""
    from bot.degraded.importing import Importer

    async def bring_in(claimed_until: datetime) -> int:
        if built.runner.keeper is not None:
            return await built.runner.keeper.bring_in(claimed_until)
        database, bring = built.services.database, Importer(built.services).bring
        return await built.journal.import_into(database, claimed_until=claimed_until, bring=bring)

    return await inbox.sweep(bring_in)


async def _first_prepared(built: Core) -> None:
    """Our own database has its tables before anybody is heard; one that is silent counts so until it has them."""
    built.services.database.ready.clear()
    try:
        await bounded(_prepare(built), PREPARED_WITHIN)
    except (DatabaseSilentError, TimeoutError):
        log.warning("the database does not answer yet")


async def _prepare(built: Core) -> None:
    database = built.services.database
    if built.embedded is not None:
        await built.embedded.ensure()
    if not database.ready.is_set():
        await migrate_ours(database.conninfo)
        database.ready.set()


async def _sign_in(slack: Slack, *, within: float) -> bool:
    """Slack says who we are; False where it does not answer. A token that it refuses ends the start at once."""
    from bot.slack.client import whoami

    try:
        await bounded(whoami(slack), within)
    except ProviderError as error:
        if error.kind == "unauthorized":
            raise NotConfiguredError(
                f"Slack refuses the bot's token ({error.why}).", todo="Check ILAB_SLACK__BOT_TOKEN."
            ) from error
        log.warning("slack does not answer yet", error=error.what)
        return False
    except TimeoutError:
        log.warning("slack does not answer yet", seconds=within)
        return False
    return True


async def _keep_signing_in(slack: Slack, signed_in: asyncio.Event) -> None:
    """Slack has said who we are: until then clocks run, people are paged, and a terminal is served, all the same."""
    while slack.identity is None:
        await asyncio.sleep(SIGN_IN_EVERY)
        try:
            await _sign_in(slack, within=SIGN_IN_EVERY)
        except NotConfiguredError as error:
            log.error("slack refuses the token", error=error.what)  # noqa: TRY400 -- it says what to do
    log.info("slack answers")
    signed_in.set()


async def _healthz(built: Core, inbox: Inbox, state: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """503 when Slack cannot be heard. A silent database is said, and is no reason to restart: `status` works."""
    socket: Socket | None = state.get("socket")
    parts: dict[str, Any] = {"database": await built.services.database.answers(), "in_hand": inbox.in_hand}
    if socket is not None:
        parts["socket"] = socket.connected
    return socket is None or socket.connected, parts


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """The task has ended, or was left to the end of the process: with a silent database some wait for it too long."""
    for _ in range(2):
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=STOP_WITHIN)
        if done:
            return
    log.warning("a loop did not stop", loop=task.get_name())
