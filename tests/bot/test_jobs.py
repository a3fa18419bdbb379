"""What runs later or again: clocks once whoever ticks, stalled jobs again, the daily chores, and the watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot import watching
from bot.app import registry
from bot.audit import Event
from bot.clocks import real_now, tick
from bot.context import Services
from bot.directory import Directory
from bot.health.check import Check, Health
from bot.health.readings import Finding, Group, Kind, State
from bot.jobs import STALLED_AFTER, Jobs
from bot.journal import Journal
from bot.providers import Providers
from bot.settings import Settings
from bot.slack.announcer import Announcer
from bot.store import acts, audit, clocks, inbox, offers, posts
from bot.store.database import Database, DatabaseSilentError
from bot.store.inbox import Received
from bot.store.posts import Post
from sandbox.databases import DatabaseProxy
from sandbox.world import Clock

Plain = psycopg.AsyncConnection[Any]
CHANNEL = "C0APPROVE"


class Site:
    """The one part that is checked: a test says how it is."""

    def __init__(self, clock: Clock) -> None:
        """It is well."""
        self.state = State.OK
        check = Check(
            name="site", title="Site", group=Group.PRODUCT, kind=Kind.OWN, run=self._look, setting="ILAB_SITE__URL"
        )
        self.health = Health([check], cache_seconds=0, now=clock.now)

    async def _look(self) -> Finding:
        return Finding(state=self.state, reason=f"it is {self.state.value}")


class Work:
    """What is done for clocks, and what was done."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.done: list[tuple[str, datetime]] = []
        self.more = asyncio.Event()

    async def __call__(self, subject: str, due_at: datetime) -> None:
        """Do it."""
        self.done.append((subject, due_at))
        self.more.set()

    async def reaches(self, count: int) -> None:
        """So much was done."""
        async with asyncio.timeout(20):
            while len(self.done) < count:
                self.more.clear()
                await self.more.wait()


@pytest.fixture
def site(clock: Clock) -> Site:
    """The product."""
    return Site(clock)


@pytest.fixture
def services(database: Database, clock: Clock, site: Site, people: Directory) -> Services:
    """What jobs may touch."""
    return Services(
        vendors=Providers,
        settings=Settings(retention_days=30),
        registry=registry(),
        database=database,
        now=clock.now,
        announce=Announcer(clock.now, runbook_url=""),
        people=people,
        health=lambda: site.health,
    )


@pytest.fixture
def announce(clock: Clock) -> Announcer:
    """Says things by the outbox."""
    return Announcer(clock.now, runbook_url="https://example.com/runbook.md")


@pytest.fixture
def work() -> Work:
    """Whoever does what is due."""
    return Work()


@asynccontextmanager
async def working(*copies: Jobs) -> AsyncIterator[None]:
    """Meanwhile these copies work."""
    tasks = [asyncio.create_task(copy.work()) for copy in copies]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def posted(connection: Plain) -> list[tuple[str, str, str]]:
    """Channel, key and text of all that is to be said."""
    return await (await connection.execute("select channel, key, body ->> 'text' from posts order by id")).fetchall()


async def jobs_left(connection: Plain) -> int:
    """How many jobs there are, whatever their state."""
    row = await (await connection.execute("select count(*) from procrastinate_jobs")).fetchone()
    assert row is not None
    return int(row[0])


async def finished(connection: Plain) -> None:
    """Every job has ended, and is gone."""
    async with asyncio.timeout(10):
        while await jobs_left(connection):
            await asyncio.sleep(0.02)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An empty journal."""
    return Journal(tmp_path / "journal")


async def test_a_due_clock_is_worked_on_once(
    services: Services, journal: Journal, database: Database, connection: Plain, clock: Clock, work: Work
) -> None:
    """Two copies tick and work; what is due later waits for the bot's own time."""
    copies = [Jobs(services, journal, clocks={"watch": work}, announce=None, audit_channel="") for _ in range(2)]
    due = clock.now()
    async with database.transaction() as transaction:
        for number in range(10):
            await clocks.start(transaction, f"watch:{number}", "watch", due_at=due)
        await clocks.start(transaction, "watch:later", "watch", due_at=due + timedelta(hours=1))
    async with working(*copies):
        await asyncio.gather(*(tick(database, clock.now, copy.defer) for copy in copies for _ in range(3)))
        await work.reaches(10)
        assert not await tick(database, clock.now, copies[0].defer)
        clock.jump(3600)
        await asyncio.gather(*(tick(database, clock.now, copy.defer) for copy in copies))
        await work.reaches(11)
    assert await jobs_left(connection) == 0
    assert sorted(work.done) == sorted(
        [(f"watch:{number}", due) for number in range(10)] + [("watch:later", due + timedelta(hours=1))]
    )


async def test_what_fails_is_tried_again(
    services: Services, journal: Journal, database: Database, connection: Plain, clock: Clock, work: Work
) -> None:
    """Its clock has fired already, so nothing else would ever do it."""
    tries: list[str] = []

    async def fails_once(subject: str, due_at: datetime) -> None:
        tries.append(subject)
        if len(tries) == 1:
            raise DatabaseSilentError
        await work(subject, due_at)

    jobs = Jobs(services, journal, clocks={"watch": fails_once}, announce=None, audit_channel="")
    due = clock.now()
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=due)
    async with working(jobs):
        await tick(database, clock.now, jobs.defer)
        await work.reaches(1)
        await finished(connection)
    assert work.done == [("watch:1", due)]
    assert len(tries) == 2


async def test_a_job_is_there_only_with_what_it_belongs_to(
    services: Services, journal: Journal, database: Database, connection: Plain, clock: Clock, work: Work
) -> None:
    """Deferred on the transaction that takes the clock: rolled back, neither has happened."""
    jobs = Jobs(services, journal, clocks={"watch": work}, announce=None, audit_channel="")
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=clock.now())
    async with database.connection() as connected, connected.transaction(force_rollback=True):
        for due in await clocks.take_due(connected, now=clock.now()):
            await jobs.defer(connected, due)
    assert await jobs_left(connection) == 0
    assert await tick(database, clock.now, jobs.defer)
    assert await jobs_left(connection) == 1


async def stalled(connection: Plain, *, subject: str, worker: bool) -> None:
    """A job that a worker took and did not finish: its heartbeat is old, or its row was swept away."""
    cursor = await connection.execute(
        "insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 minute') returning id"
    )
    row = await cursor.fetchone()
    assert row is not None
    args = f'{{"subject": "{subject}", "kind": "watch", "due_at": "2025-06-01T12:30:00+00:00"}}'
    await connection.execute(
        "insert into procrastinate_jobs (queue_name, task_name, args, status, worker_id)"
        " values ('clocks', 'ilab.due', %s, 'doing', %s)",
        [args, row[0] if worker else None],
    )


async def test_jobs_of_dead_workers_are_done_by_the_living(
    services: Services, journal: Journal, connection: Plain, work: Work
) -> None:
    """Each again, although several copies find them; the jobs of living workers stay theirs."""
    subjects = [f"watch:{number}" for number in range(20)]
    for number, subject in enumerate(subjects):
        await stalled(connection, subject=subject, worker=number % 2 == 0)
    copies = [Jobs(services, journal, clocks={"watch": work}, announce=None, audit_channel="") for _ in range(3)]
    async with working(*copies):
        await work.reaches(20)
        await asyncio.sleep(STALLED_AFTER + 0.5)  # long enough for all to have looked again
    assert sorted(subject for subject, _ in work.done) == sorted(subjects)
    assert await jobs_left(connection) == 0


async def test_work_goes_on_after_the_database_was_away(
    services: Services,
    proxy: DatabaseProxy,
    shaky: Database,
    database: Database,
    connection: Plain,
    clock: Clock,
    work: Work,
    journal: Journal,
) -> None:
    """It ends as a silent database does, and is started again by its loop."""
    through = Services(
        vendors=Providers,
        settings=services.settings,
        registry=services.registry,
        database=shaky,
        now=clock.now,
        announce=Announcer(clock.now, runbook_url=""),
        people=services.people,
        health=services.health,
    )
    jobs = Jobs(through, journal, clocks={"watch": work}, announce=None, audit_channel="")
    working_on = asyncio.create_task(jobs.work())
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=clock.now())
    await tick(database, clock.now, jobs.defer)
    await work.reaches(1)
    await finished(connection)
    proxy.set("down")
    async with asyncio.timeout(20):
        with pytest.raises(DatabaseSilentError):
            await working_on
    with pytest.raises(DatabaseSilentError):
        await jobs.work()
    proxy.set("up")
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:2", "watch", due_at=clock.now())
    await tick(database, clock.now, jobs.defer)
    async with working(jobs):
        await work.reaches(2)
        await finished(connection)


async def test_old_payloads_and_offers_are_purged(
    services: Services, journal: Journal, database: Database, connection: Plain, clock: Clock
) -> None:
    """By the settings' days, and each offer after its week."""
    jobs = Jobs(services, journal, clocks={}, announce=None, audit_channel="")
    old = Received(key="command:old", kind="command", payload={}, received_at=clock.now() - timedelta(days=31))
    new = Received(key="command:new", kind="command", payload={}, received_at=clock.now() - timedelta(days=29))
    async with database.transaction() as transaction:
        for received in (old, new):
            await inbox.add(transaction, received, claimed_until=real_now())
        await offers.add(transaction, "grant ann@example.com", at=clock.now() - timedelta(days=8))
        kept = await offers.add(transaction, "grant bob@example.com", at=clock.now() - timedelta(days=6))
    await jobs._purge(0)
    assert await (await connection.execute("select key from inbox")).fetchall() == [("command:new",)]
    assert await (await connection.execute("select id from offers")).fetchall() == [(kept,)]


async def test_what_was_said_and_done_long_ago_is_purged(
    services: Services, journal: Journal, database: Database, connection: Plain, clock: Clock
) -> None:
    """Posts that were said, clocks that fired, and what acts answered; what is open stays, however old."""
    jobs = Jobs(services, journal, clocks={}, announce=None, audit_channel="")
    old = clock.now() - timedelta(days=31)
    async with database.transaction() as transaction:
        for key in ("said", "open"):
            await posts.add(
                transaction, Post(stream=key, key=key, channel="C1", body={"text": key, "blocks": []}, wanted_at=old)
            )
            await clocks.start(transaction, f"watch:{key}", "watch", due_at=old)
        await acts.begin(transaction, "command:old", "note", at=old)
        await acts.begin(transaction, "command:new", "note", at=clock.now())
        await transaction.execute("update posts set state = 'sent', ts = '1.1' where key = 'said'")
        await clocks.stop(transaction, "watch:said")
    await jobs._purge(0)
    assert await (await connection.execute("select key from posts")).fetchall() == [("open",)]
    assert await (await connection.execute("select subject from clocks")).fetchall() == [("watch:open",)]
    assert await (await connection.execute("select key from acts")).fetchall() == [("command:new",)]


async def denied(database: Database, clock: Clock, count: int) -> None:
    """So many entries are in the audit."""
    async with database.transaction() as transaction:
        for number in range(count):
            await audit.add(transaction, Event.DENIED, actor=f"U{number}", subject="token", at=clock.now())


async def checked(database: Database) -> tuple[int, list[str]]:
    """The audit's own check."""
    async with database.connection() as connection:
        count, findings = await audit.check(connection)
    return count, [finding.what for finding in findings]


async def test_the_audits_head_is_shown_to_people_and_remembered(
    services: Services, journal: Journal, announce: Announcer, database: Database, connection: Plain, clock: Clock
) -> None:
    """With its hash; the posting itself is the next entry, and the next day has its own head."""
    jobs = Jobs(services, journal, clocks={}, announce=announce, audit_channel=CHANNEL)
    await jobs.post_audit_head(0)
    assert await posted(connection) == []
    await denied(database, clock, 3)
    async with database.connection() as connected:
        head = await audit.head(connected)
    assert head is not None
    await jobs.post_audit_head(0)
    verdict = "Audit: {} entries, none altered, none missing up to here"
    assert await posted(connection) == [(CHANNEL, "audit-head:3", verdict.format(3))]
    cursor = await connection.execute("select body::text from posts")
    assert head.hash.hex() in str(await cursor.fetchone())
    cursor = await connection.execute("select seq, hash, post_key from audit_anchors")
    assert await cursor.fetchall() == [(3, head.hash, "audit-head:3")]
    clock.jump(86400)
    await jobs.post_audit_head(0)
    assert [key for _, key, _ in await posted(connection)] == ["audit-head:3", "audit-head:4"]
    assert await checked(database) == (5, [])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("update audit set actor = 'U9' where seq = 2", "row 2 was altered"),
        ("delete from audit where seq = 3", "row 3 is missing, known from the head"),
        ("delete from audit_head", "the head is missing"),
    ],
)
async def test_a_broken_audit_is_told_to_people(
    services: Services,
    journal: Journal,
    announce: Announcer,
    database: Database,
    connection: Plain,
    clock: Clock,
    damage: str,
    says: str,
) -> None:
    """It is never called whole without having been looked at; and a broken chain becomes no anchor."""
    jobs = Jobs(services, journal, clocks={}, announce=announce, audit_channel=CHANNEL)
    await denied(database, clock, 3)
    for table in ("audit", "audit_head"):
        await connection.execute(f"alter table {table} disable trigger user".encode())
    await connection.execute(damage.encode())
    for table in ("audit", "audit_head"):
        await connection.execute(f"alter table {table} enable trigger user".encode())
    await jobs.post_audit_head(0)
    ((channel, _, text),) = await posted(connection)
    assert (channel, text) == (CHANNEL, "DOWN: Audit: it does not hold, in 1 place")
    cursor = await connection.execute("select body::text from posts")
    assert says in str(await cursor.fetchone())
    cursor = await connection.execute("select count(*) from audit_anchors")
    assert await cursor.fetchone() == (0,)


@pytest.mark.parametrize("channel", ["", CHANNEL])
async def test_without_a_channel_or_a_voice_nothing_is_posted(
    services: Services,
    journal: Journal,
    announce: Announcer,
    database: Database,
    connection: Plain,
    clock: Clock,
    channel: str,
) -> None:
    """And nothing is anchored that nobody has seen."""
    jobs = Jobs(services, journal, clocks={}, announce=None if channel else announce, audit_channel=channel)
    await denied(database, clock, 1)
    await jobs.post_audit_head(0)
    assert await posted(connection) == []
    assert await checked(database) == (1, [])


# the watch


@pytest.fixture
def begin(services: Services, database: Database, clock: Clock, site: Site) -> Callable[..., Any]:
    """Begins to watch."""

    async def start(*, minutes: float = 60, request: str = "r1") -> bool:
        report = await site.health.report()
        async with database.transaction() as transaction:
            return await watching.begin(
                transaction,
                report,
                channel=CHANNEL,
                person="U0ALICE01",
                request=request,
                now=clock.now(),
                until=clock.now() + timedelta(minutes=minutes),
            )

    return start


async def looks(services: Services, announce: Announcer, clock: Clock, *, seconds: float) -> int:
    """Time passes, and everything that is due is done twice, as after a crash; how many clocks were due."""
    clock.jump(seconds)
    async with services.database.transaction() as transaction:
        due = await clocks.take_due(transaction, now=services.now())
    for one in due:
        await watching.look(services, announce, one.subject, one.due_at)
        await watching.look(services, announce, one.subject, one.due_at)
    return len(due)


async def test_a_watch_speaks_only_when_something_changes(
    services: Services,
    announce: Announcer,
    connection: Plain,
    clock: Clock,
    site: Site,
    begin: Callable[..., Any],
) -> None:
    """Once a change, also where the job runs twice; and says at its end how often it spoke."""
    assert not await begin()
    for _ in range(4):
        assert await looks(services, announce, clock, seconds=31) == 1
    assert await posted(connection) == []
    site.state = State.DOWN
    for _ in range(10):
        await looks(services, announce, clock, seconds=31)
    assert [key for _, key, _ in await posted(connection)] == ["watch:1:1"]
    site.state = State.OK
    for _ in range(10):
        await looks(services, announce, clock, seconds=31)
    assert [key for _, key, _ in await posted(connection)] == ["watch:1:1", "watch:1:2"]
    assert await looks(services, announce, clock, seconds=3600) == 1
    assert (await posted(connection))[-1][1] == "watch:1:end"
    assert "I spoke 2 times" in (await posted(connection))[-1][2]
    assert await looks(services, announce, clock, seconds=3600) == 0


async def test_a_watch_that_is_stopped_says_nothing_more(
    services: Services,
    announce: Announcer,
    database: Database,
    connection: Plain,
    clock: Clock,
    site: Site,
    begin: Callable[..., Any],
) -> None:
    """Also where its job was deferred already."""
    await begin()
    async with database.transaction() as transaction:
        (due,) = await clocks.take_due(transaction, now=clock.now())
        assert await watching.stop(transaction, channel=CHANNEL, now=clock.now()) == 0
        assert await watching.stop(transaction, channel=CHANNEL, now=clock.now()) is None
    site.state = State.DOWN
    clock.jump(3600)
    await watching.look(services, announce, due.subject, due.due_at)
    assert await posted(connection) == []
    assert await looks(services, announce, clock, seconds=3600) == 0


async def test_a_watch_asked_for_again_lasts_longer(
    services: Services, announce: Announcer, connection: Plain, clock: Clock, begin: Callable[..., Any]
) -> None:
    """It is one watch, with one clock."""
    await begin(minutes=10)
    assert await begin(minutes=120, request="r2")
    for _ in range(3):
        assert await looks(services, announce, clock, seconds=1800) == 1
    assert await posted(connection) == []
