"""What is played in the workspace is played again, once for each write, with the bot killed at that write.

First a clean run tells which writes there are. Then, for each of them, one run in which the bot dies just before it is
done, and one in which it dies just after, before it can know. Another bot is started, and everything that people and
vendors can see must in the end be as it was in the clean run.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from nursery import Bot, Nursery
from staging import staged
from storytelling import Said, Story, flat, until

from bot.store.database import DatabaseSilentError
from bot.store.embedded import EmbeddedServer
from sandbox.slack.state import Channel
from sandbox.writes import Moment, Write

AT_ONCE: Final = 5
IDLE: Final = 2.2
"""Seconds of a bot to which nothing happens: what it writes then, it writes for itself."""
PATIENCE: Final = 150.0
"""Seconds: on a busy machine the bot's own limits are passed, and it waits before it tries again."""
TRIES: Final = 3
"""Edits that come quickly become one, so a run may hold fewer writes than the clean one: then it is tried again. As often
a person tries what came to nothing."""

SILENT: Final = DatabaseSilentError().what

_QUIET: Final = """
select not exists (select 1 from inbox where done_at is null)
   and not exists (select 1 from posts where state in ('wanted', 'sending'))
   and not exists (select 1 from cards where wanted > shown and error is null)
   and not exists (select 1 from clocks where state = 'running' and due_at <= now())
   and not exists (select 1 from procrastinate_jobs where status in ('todo', 'doing') and queue_name = 'clocks')
"""
_A_MINUTE_PASSES: Final = """
update inbox set claimed_until = claimed_until - interval '1 minute' where done_at is null;
update posts set started_at = started_at - interval '1 minute', not_before = null where state = 'sending';
update cards set claimed_until = claimed_until - interval '1 minute' where claimed_until is not null;
update steps set started_at = started_at - interval '1 minute' where state = 'started';
update procrastinate_workers set last_heartbeat = last_heartbeat - interval '1 minute';
"""
_OTHERS: Final = (
    "select count(*) from pg_stat_activity where datname = current_database() "
    " and backend_type = 'client backend' and application_name <> 'looking on'"
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where the bot dies: at the nth write of that kind, before or after it."""

    write: Write
    nth: int
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment} {self.write} #{self.nth}"


@dataclass(kw_only=True)
class Run:
    """One run: a workspace, and a bot that dies at `point`, and is followed by another."""

    story: Story
    nursery: Nursery
    direct: str
    """The bot's own database, past the switch."""
    point: Point | None
    bot: Bot | None = None
    reached: bool = False
    _counts: Counter[tuple[Write, Moment]] = field(default_factory=Counter)
    _killed: asyncio.Event = field(default_factory=asyncio.Event)
    _revived: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """A bot serves."""
        heard = self.story.sandbox.workspace.socket.hellos
        self.bot = await self.nursery.bot(self.story.write_settings({}), self.story.directory / "bot.log")
        await until(lambda: self.story.sandbox.workspace.socket.hellos > heard, "the bot never connected", 60)

    def arm(self) -> None:
        """From now on writes are counted, and struck at."""
        self.story.sandbox.world.writes.log.clear()
        self.story.sandbox.world.writes.strike = self._strike

    def _strike(self, write: Write, moment: Moment) -> bool:
        if self.point is None or self.reached or (write, moment) != (self.point.write, self.point.moment):
            return False
        self._counts[write, moment] += 1
        if self._counts[write, moment] < self.point.nth:
            return False
        assert self.bot is not None
        self.reached = True
        self.bot.kill()
        self._killed.set()
        return True

    @asynccontextmanager
    async def revival(self) -> AsyncIterator[None]:
        """Where the bot dies, another follows."""
        reviving = asyncio.create_task(self._revive())
        try:
            yield
        finally:
            reviving.cancel()
            with suppress(asyncio.CancelledError):
                await reviving

    async def _revive(self) -> None:
        await self._killed.wait()
        assert self.bot is not None
        await self.bot.dead.wait()
        async with await psycopg.AsyncConnection.connect(
            f"{self.direct} application_name='looking on'", autocommit=True
        ) as connection:

            async def landed() -> bool:
                row = await (await connection.execute(_OTHERS)).fetchone()
                return row == (0,)

            await until(landed, "something of the dead bot is still at work")
            await connection.execute(_A_MINUTE_PASSES)
        await self.start()
        self._revived.set()

    async def wait_until_reached(self) -> None:
        """The bot writes for itself once in a while: wait for that, but not for ever."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._killed.wait(), IDLE)
        await self.quiet()

    async def quiet(self) -> None:
        """Nothing is under way any more, and where the bot died, another has been through everything."""
        async with await psycopg.AsyncConnection.connect(
            f"{self.direct} application_name='looking on'", autocommit=True
        ) as connection:

            async def still() -> bool:
                await self.story.sandbox.workspace.settled()
                if self._killed.is_set() and not self._revived.is_set():
                    return False
                if any((self.story.directory / "bot" / "journal").glob("*.jsonl")):
                    return False
                row = await (await connection.execute(_QUIET)).fetchone()
                return row == (True,)

            for _ in range(2):
                await until(still, "it never came to an end", PATIENCE)
                await asyncio.sleep(0.02)

    async def falls_due(self, kind: str) -> None:
        """The clock of that kind is due by now: its time has passed."""
        async with await psycopg.AsyncConnection.connect(self.direct, autocommit=True) as connection:
            cursor = await connection.execute("update clocks set due_at = now() where kind = %s", [kind])
            assert cursor.rowcount == 1, f"no clock {kind}"

    async def types(self, name: str, words: str, came: Callable[[], bool]) -> None:
        """A person types. Where Slack says that it failed, they look whether it came to something, and type again."""
        await self._does(lambda: self.story.says(name, words), came)

    async def presses(self, name: str, label: str, channel: str, came: Callable[[], bool]) -> None:
        """A person presses the newest button of that label; again, where that came to nothing."""
        workspace = self.story.sandbox.workspace

        async def press() -> Any:
            said = next(one for one in reversed(self.story.sees(name, channel)) if label in one.buttons)
            button = said.button(label)
            container = {"type": "message", "channel": self.story.channel(channel), "ts": said.raw["ts"]}
            return await workspace.click(
                self.story.person(name), container, button["action_id"], value=button.get("value")
            )

        await self._does(press, came)

    async def _does(self, act: Callable[[], Awaitable[Any]], came: Callable[[], bool]) -> None:
        await self.quiet()
        for _ in range(TRIES):
            told = self._told_silent()
            heard = (await act()).ok
            await self.quiet()
            if came() or (heard and self._told_silent() == told):
                return

    def _told_silent(self) -> int:
        """How often somebody was told that the bot's database was too slow, as it is on a busy machine."""
        channels = self.story.sandbox.workspace.state.channels.values()
        return sum(SILENT in flat(held["message"]) for channel in channels for held in channel.ephemerals)


Play = Callable[[Run], Awaitable[None]]


@dataclass(kw_only=True)
class Matrix:
    """All runs of one play."""

    server: EmbeddedServer
    nursery: Nursery
    directory: Path
    own: str
    """A database with our tables, of which each run gets a copy."""
    product: str
    play: Play
    before: Play | None = None
    """What is played before, at the writes of which nobody dies."""
    only: tuple[str, ...] = ()
    """Words of the kinds of write that are struck at, each once; without any, every write is."""
    also: Callable[[Run], Awaitable[Counter[str]]] | None = None
    """What else the stand-ins hold; with it, each run gets a copy of the product's database, too."""
    unreached: list[Point] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    own_affairs: set[Write] = field(default_factory=set)
    """What the bot writes although nobody asks for anything; it is struck at once a kind."""
    seconds: float = 0.0
    _numbers: int = 0

    @asynccontextmanager
    async def _run(self, point: Point | None) -> AsyncIterator[Run]:
        self._numbers += 1
        name = f"{self.own}_{self._numbers}"
        directory = self.directory / str(self._numbers)
        directory.mkdir()
        product = self.product if self.also is None else f"{name}_product"
        await self.server.create_database(name, template=self.own)
        if self.also is not None:
            await self.server.create_database(product, template=self.product)
        try:
            async with staged(directory, self.server, own=name, product=product, watched=True) as story:
                run = Run(story=story, nursery=self.nursery, direct=self.server.conninfo(name), point=point)
                await run.start()
                try:
                    if self.before is not None:
                        await self.before(run)
                        await run.quiet()
                    async with run.revival():
                        yield run
                finally:
                    assert run.bot is not None
                    run.bot.kill()
                    await run.bot.dead.wait()
        finally:
            await self.server.drop_database(name)
            if self.also is not None:
                await self.server.drop_database(product)
        shutil.rmtree(directory)

    async def clean(self) -> tuple[Counter[Write], Portrait]:
        """The writes of a run in which nobody dies, and what is seen in the end."""
        async with self._run(None) as run:
            await run.quiet()
            run.arm()
            await asyncio.sleep(IDLE)
            self.own_affairs = set(run.story.sandbox.world.writes.log)
            run.arm()
            await self.play(run)
            writes = Counter(run.story.sandbox.world.writes.log)
            for write in self.own_affairs:
                writes[write] = 1
            return writes, await self._portrait(run)

    async def all(self) -> Portrait:
        """Every point is tried; return what the clean run showed."""
        begun = time.monotonic()
        writes, clean = await self.clean()
        if self.only:
            writes = Counter({write: 1 for write in writes if any(word in str(write) for word in self.only)})
        self.points = [
            Point(write=write, nth=nth, moment=moment)
            for write, count in writes.items()
            for nth in range(1, count + 1)
            for moment in ("before", "after")
        ]
        places = asyncio.Semaphore(AT_ONCE)

        async def one(point: Point) -> None:
            async with places:
                await self._try(point, clean)

        async with asyncio.TaskGroup() as group:
            for point in self.points:
                group.create_task(one(point))
        self.seconds = time.monotonic() - begun
        return clean

    async def _portrait(self, run: Run) -> Portrait:
        seen = portrait(run.story)
        if self.also is not None:
            seen.stays.update(await self.also(run))
        return seen

    @property
    def summary(self) -> str:
        """How many points there were, and what became of them."""
        kinds = {point.write for point in self.points}
        said = f"{len(self.points)} kill points at {len(kinds)} kinds of write, in {self.seconds:.0f} s"
        if self.unreached:
            said += f"; {len(self.unreached)} were not reached, as edits had become one"
        return f"{said}; {len(self.failures)} failed"

    def check(self, *, least: int) -> None:
        """Every kind of write was struck at before and after, there were no fewer points, and nothing was out of order."""
        assert not self.failures, "\n\n".join(self.failures)
        assert len(self.points) >= least, self.summary
        missed = {(point.write, point.moment) for point in self.points if point.write not in self.own_affairs}
        missed -= {(point.write, point.moment) for point in self.points if point not in self.unreached}
        assert not missed, missed
        assert len(self.unreached) <= len(self.points) // 10, self.unreached

    async def _try(self, point: Point, clean: Portrait) -> None:
        for _ in range(TRIES):
            said = ""
            run: Run | None = None
            try:
                async with self._run(point) as run:
                    run.arm()
                    await self.play(run)
                    if point.write in self.own_affairs:
                        await run.wait_until_reached()
                    said = clean.unlike(await self._portrait(run))
                    if said:
                        said = "\n  ".join([said, *_turns(run)])
            except Exception as error:  # noqa: BLE001 -- any failure of a run is a finding about its point
                log = run.story.directory / "bot.log" if run is not None else None
                told = log.read_text().splitlines()[-20:] if log is not None and log.exists() else []
                said = "\n  ".join([f"{type(error).__name__}: {error}", *told])
            if said:
                self.failures.append(f"{point}\n{said}")
            if said or (run is not None and run.reached):
                return
        self.unreached.append(point)


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """What people and vendors see: everything that stays, each as often as it is there; and what one person saw once."""

    stays: Counter[str]
    passing: Counter[tuple[str, str]]
    """Who saw what alone. Slack shows nobody what it has shown, so after a crash such an answer may come a second time:
    better than not at all."""

    def unlike(self, other: Portrait) -> str:
        """In which ways the other differs; nothing where it does not."""
        lines = [f"  + {line}" for line in (other.stays - self.stays).elements()]
        lines += [f"  - {line}" for line in (self.stays - other.stays).elements()]
        late = {who for who, line in other.passing if line == SILENT}
        more = {(who, line) for who, line in other.passing if line != SILENT} - self.passing.keys()
        lines += [f"  + to one person {who} {line}" for who, line in more]
        lines += [
            f"  - to one person {who} {line}"
            for who, line in self.passing.keys() - other.passing.keys()
            if who not in late
        ]
        lines += [f"  too often: {said}" for said, count in other.passing.items() if count > 2 and said[1] != SILENT]
        return "\n".join(lines)


def portrait(story: Story) -> Portrait:
    """What there is now, with every digit of a text as #: ages and times differ."""
    stays: Counter[str] = Counter()
    passing: Counter[tuple[str, str]] = Counter()
    for channel in story.sandbox.workspace.state.channels.values():
        where = channel.name or f"direct {channel.user}"
        stays[f"{where} topic {channel.topic['value']}"] += 1
        stays.update(f"{where} member {member}" for member in channel.members)
        stays.update(f"{where} bookmark {mark['title']} {mark.get('link')}" for mark in channel.bookmarks)
        stays.update(f"{where} pin {_told(channel.message(pin['ts']) or {})}" for pin in channel.pins)
        stays.update(f"{where} {_where(channel, message)}{_told(message)}" for message in channel.messages)
        passing.update(
            (f"{where} {held['to']}", _digits(flat(held["message"]).splitlines()[0])) for held in channel.ephemerals
        )
    account = story.sandbox.vendors["pagerduty"].account
    stays.update(f"pagerduty {one.title} {one.status}" for one in account.incidents)
    stays.update(f"page {page.level} {page.person.name}" for page in account.pages)
    return Portrait(stays=Counter(_digits(line) for line in stays.elements()), passing=passing)


def _where(channel: Channel, message: dict[str, Any]) -> str:
    thread_ts = message.get("thread_ts")
    if thread_ts in (None, message["ts"]):
        return ""
    return f"(under {_key(channel.message(str(thread_ts)) or {})}) "


def _told(message: dict[str, Any]) -> str:
    """A message in one line: a card whole, since it shows how its subject stands, of others the verdict."""
    key, text = _key(message), flat(message)
    shown = " / ".join(text.splitlines()) if key.count(":") == 1 else (text.splitlines() or [""])[0]
    if key.count(":") > 1:
        shown = ""  # told by its key: what it says, as of health, need not be the same
    return f"{message.get('subtype', '')} {message.get('user', '')} {key} {shown}"


def _key(message: dict[str, Any]) -> str:
    """The key of a message of ours; a payload's own is another in every run."""
    key = str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))
    return re.sub(r"(?<=:action:).*", "#", key)


def _digits(text: str) -> str:
    return re.sub(r"\d+", "#", text)


TURNS: Final = re.compile(r"journal|without the database|resumed|imported|silent|serving|given up|fault")
"""What the log says where a bot takes another way than usual."""


def _turns(run: Run) -> list[str]:
    """The lines of the bots' log that tell which way they took."""
    log = run.story.directory / "bot.log"
    return [line for line in log.read_text().splitlines() if TURNS.search(line)][-40:] if log.exists() else []


def newest(said: Sequence[Said], words: str) -> Said | None:
    """The newest message with these words."""
    return next((one for one in reversed(said) if words in one.text), None)
