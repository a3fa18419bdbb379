"""The one path of a request: every way it can end is an Answer, and what must be recorded is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import pytest

from bot.app import grants
from bot.audit import Event
from bot.context import Context, Place, Services, Surface, Transaction
from bot.directory import Directory
from bot.errors import NotConfiguredError, UserError
from bot.health.check import Health
from bot.journal import Journal
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Line, Lines, Mark, Offer, Read, Registry, Secret
from bot.people import Actor, Role, Standing
from bot.providers import Providers
from bot.runner import Request, Runner
from bot.settings import Settings
from bot.slack.announcer import Announcer
from bot.store import acts, audit
from bot.store.database import Database
from bot.words import Incomplete
from sandbox.databases import DatabaseProxy
from sandbox.world import Clock

Plain = psycopg.AsyncConnection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class NameArgs(Args):
    """A name."""

    name: Annotated[str, Arg(help="Which.", positional=True)]


async def look(args: Args, context: Context) -> Answer:
    """Say who asks."""
    del args
    return Answer(verdict=f"{context.actor.name} by {context.request_id}")


async def refuse(args: Args, context: Context) -> Answer:
    """Refuse."""
    del args, context
    raise UserError("Not so.", why="Because <b>.", todo="Do `this`.")


async def unset(args: Args, context: Context) -> Answer:
    """Miss a setting."""
    del args, context
    raise NotConfiguredError("There is no Vercel.", todo="Set ILAB_VERCEL__TOKEN.")


async def break_(args: Args, context: Context) -> Answer:
    """Break, with a secret in hand."""
    del args, context
    raise ZeroDivisionError("password=hunter2")


async def note(args: NameArgs, context: Context, transaction: Transaction) -> Answer:
    """Write something, and then perhaps fail."""
    await audit.add(transaction, Event.WATCH_STARTED, actor=context.actor.id, subject=args.name, at=context.now)
    if args.name == "broken":
        raise ZeroDivisionError
    if args.name == "refused":
        raise UserError("Not now.")
    return Answer(verdict="noted", audience=Audience.CHANNEL)


def _read(words: str, what: Any, **more: Any) -> Read[Any]:
    return Read(words=words, summary="s", who=Role.VIEWER, examples=(words,), read=what, **more)


REGISTRY = Registry(
    (
        Family(
            name="all",
            summary="All",
            operations=(
                _read("look", look, section="Health Checks"),
                _read("look here", look, slack_only=True),
                _read("refuse", refuse),
                _read("unset", unset),
                _read("break", break_),
                Act(words="note", summary="s", who=Role.RESPONDER, args=NameArgs, examples=("note x",), act=note),
            ),
        ),
    )
)


def make(database: Database, clock: Clock, folder: Path) -> Runner:
    """A runner of these operations."""
    services = Services(
        vendors=Providers,
        settings=Settings(),
        registry=REGISTRY,
        database=database,
        now=clock.now,
        announce=Announcer(clock.now, runbook_url=""),
        people=Directory(
            lookup=None, database=database, grants=grants(Settings()), now=clock.now, fresh_for=timedelta(minutes=1)
        ),
        health=lambda: Health([], cache_seconds=0, now=clock.now),
    )
    return Runner(services, Journal(folder))


async def hear(
    runner: Runner, words: str, *, role: Role = Role.RESPONDER, surface: Surface = Surface.SLACK, key: str = "command:1"
) -> Answer | Incomplete:
    """What comes of these words."""

    async def progress(done: int, total: int) -> None:
        del done, total

    actor = Actor(id="U1", name="ann", standing=Standing.MEMBER, role=role, known_at=runner.services.now())
    return await runner.hear(Request(key=key, asked=words, actor=actor, place=Place(surface=surface)), progress)


async def answer(runner: Runner, words: str, **how: Any) -> Answer:
    """The answer."""
    found = await hear(runner, words, **how)
    assert isinstance(found, Answer)
    return found


def lines(found: Answer) -> list[str]:
    """The titles of its evidence."""
    return [line.title for group in found.evidence for line in group.lines]


@pytest.fixture
def runner(database: Database, clock: Clock, tmp_path: Path) -> Runner:
    """On a database that answers."""
    return make(database, clock, tmp_path)


async def entries(connection: Plain) -> list[tuple[Any, ...]]:
    """What the audit holds."""
    return await (await connection.execute("select kind, actor, subject from audit order by seq")).fetchall()


async def test_a_read_is_answered_with_its_section(runner: Runner) -> None:
    """That of its declaration, where it names none itself."""
    found = await answer(runner, "look")
    assert (found.verdict, found.section) == ("ann by command:1", "Health Checks")


async def test_a_refusal_is_shown_as_it_is(runner: Runner) -> None:
    """What, why, what to do; to the asker alone."""
    found = await answer(runner, "refuse")
    assert (found.verdict, lines(found), found.refused) == ("Not so.", ["Because <b>.", "Do `this`."], True)
    assert found.audience is Audience.PRIVATE
    assert lines(await answer(runner, "unset")) == ["Set `ILAB_VERCEL__TOKEN`."]
    assert (await answer(runner, "nonsense")).refused
    assert "works in Slack only" in (await answer(runner, "look here", surface=Surface.TERMINAL)).verdict
    assert not (await answer(runner, "look here")).refused


async def test_a_fault_is_shown_as_its_number(runner: Runner) -> None:
    """Never what broke: that is in the log."""
    found = await answer(runner, "break", key="command:1234.5678.abc")
    assert found.mark is Mark.DOWN
    assert "command:1234.5678.abc" in lines(found)[0]
    assert "hunter2" not in repr(found)


async def test_what_is_missing_is_returned_for_a_form(runner: Runner) -> None:
    """But only to whoever may do it."""
    assert isinstance(await hear(runner, "note"), Incomplete)
    assert (await answer(runner, "note", role=Role.VIEWER)).refused


@pytest.mark.parametrize("name", ["broken", "refused"])
async def test_an_act_happens_whole_or_not_at_all(runner: Runner, connection: Plain, name: str) -> None:
    """Its one transaction is committed with its answer, and with nothing else."""
    await answer(runner, f"note {name}")
    assert await entries(connection) == []
    assert (await answer(runner, "note well")).verdict == "noted"
    assert await entries(connection) == [("watch.started", "U1", "well")]


async def test_an_act_that_comes_again_is_not_done_again(
    runner: Runner, connection: Plain, database: Database, clock: Clock, tmp_path: Path
) -> None:
    """After a crash another copy is given the same request: it answers the same, and the audit holds one entry."""
    first = await answer(runner, "note well")
    again = await answer(make(database, clock, tmp_path), "note well")
    assert again == first
    assert again.audience is Audience.CHANNEL
    assert await entries(connection) == [("watch.started", "U1", "well")]
    await answer(runner, "note well", key="command:2")
    assert len(await entries(connection)) == 2


async def test_two_copies_do_an_act_once(
    runner: Runner, connection: Plain, database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Both were given the same request at once: the one waits for the other, and answers as it did."""
    other = make(database, clock, tmp_path)
    said = await asyncio.gather(*(answer(one, "note well") for one in (runner, other) * 4))
    assert {one.verdict for one in said} == {"noted"}
    assert await entries(connection) == [("watch.started", "U1", "well")]


async def test_a_secret_is_not_kept(database: Database, clock: Clock, connection: Plain) -> None:
    """What may be shown once stands in no table; everything else of an answer comes back as it was."""
    whole = Answer(
        verdict="v",
        mark=Mark.DOWN,
        evidence=(Lines(heading="h", lines=(Line(title="t", at=clock.now(), channel="C1"),)),),
        offers=(Offer(label="Go", words="look", style="primary", replaces=True),),
        mentions=("U1",),
    )
    async with database.transaction() as transaction:
        for key, given in (("1", whole), ("2", replace(whole, secret=Secret(label="t", value="hunter2")))):
            assert await acts.begin(transaction, key, "note", at=clock.now())
            await acts.end(transaction, key, "note", given)
        assert await acts.answer(transaction, "1", "note") == whole
        assert await acts.answer(transaction, "2", "note") is None
    assert "hunter2" not in str(await (await connection.execute("select a::text from acts a")).fetchall())


async def test_who_was_denied_is_in_the_audit(runner: Runner, connection: Plain) -> None:
    """By operation, without what was typed after it."""
    found = await answer(runner, "note secret-name", role=Role.VIEWER)
    assert found.refused
    assert "needs a responder" in lines(found)[0]
    assert await entries(connection) == [("denied", "U1", "note")]


async def test_with_a_silent_database_denials_go_into_the_journal(
    proxy: DatabaseProxy, shaky: Database, database: Database, connection: Plain, clock: Clock, tmp_path: Path
) -> None:
    """What needs the database says so, what does not goes on, and the audit has it later."""
    runner = make(shaky, clock, tmp_path)
    proxy.set("down")
    assert (await answer(runner, "look")).verdict == "ann by command:1"
    silent = await answer(runner, "note well")
    assert (silent.verdict, silent.refused) == ("My own database does not answer.", True)
    assert (await answer(runner, "note well", role=Role.VIEWER)).refused
    journal = Journal(tmp_path)
    assert journal.waiting
    runner._journal._close()
    assert await journal.import_into(database, claimed_until=clock.now()) == 1
    assert await entries(connection) == [("denied", "U1", "note")]
