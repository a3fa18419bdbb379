"""How long until Slack has its ack, over HTTP and over Socket Mode, stored in PostgreSQL before; and 500 at once.

Bot and floor are processes of their own, on one database, and get their commands in turn from one client, so that
whatever else the machine does strikes both. The client waits for the bot's answer before it sends the next command: an
ack is compared with an ack, not with an ack and the work on the command before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from benchmarks import floors, profiled
from benchmarks.figures import Figure, p50, p99
from benchmarks.ground import BOT, Ground, answering, free_port, program
from benchmarks.slack import HttpClient, Slack

TARGET = 1.5
FLOOR = ("-m", "benchmarks.floors")
PAIRS = 400
ROUNDS = 8
PAUSE = 0.005
WARM_UP = 40
BURST = 500
BURST_SECONDS = 3.0
"""Slack's own limit. Source: docs.slack.dev, slash commands: an ack within 3 s."""

Send = Callable[[dict[str, str]], Awaitable[float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A bot and the floors, running."""

    slack: Slack
    bot: HttpClient
    floor: HttpClient
    pid: int

    async def over_socket(self, command: dict[str, str]) -> float:
        """To the bot, by its websocket."""
        return await self.slack.send("bot", command)

    async def to_socket_floor(self, command: dict[str, str]) -> float:
        """To the floor, by its websocket."""
        return await self.slack.send("floor", command)


@asynccontextmanager
async def stage(
    ground: Ground, name: str, *, words: tuple[str, ...] = BOT, with_floors: bool = True
) -> AsyncIterator[Stage]:
    """A bot that hears both ways, and both floors on the same database."""
    conninfo = await ground.database(name)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute(floors.TABLE)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(Slack.running())
        port, floor_port = free_port(), free_port()
        settings = slack.settings() | {
            "ILAB_DATABASE_URL": conninfo,
            "ILAB_DATA_DIR": str(ground.directory / name),
            "ILAB_WEB__PORT": str(port),
        }
        log = ground.directory / f"{name}.log"
        bot = await stack.enter_async_context(program(words, settings, log=log))
        await _up(f"http://127.0.0.1:{port}/healthz", bot, log)
        await slack.linked("bot")
        if with_floors:
            given = {"FLOOR_DATABASE": conninfo}
            module = FLOOR
            floor = await stack.enter_async_context(program((*module, "http", str(floor_port)), given, log=log))
            await stack.enter_async_context(program((*module, "socket", slack.link_address("floor")), given, log=log))
            await _up(f"http://127.0.0.1:{floor_port}/healthz", floor, log)
            await slack.linked("floor")
        http = await stack.enter_async_context(HttpClient.connected(port))
        beside = await stack.enter_async_context(HttpClient.connected(floor_port if with_floors else port))
        yield Stage(slack=slack, bot=http, floor=beside, pid=bot.pid)


async def _up(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    try:
        await answering(url, process)
    except (RuntimeError, TimeoutError) as error:
        raise RuntimeError(f"{error or 'it never answered'}; what it said is in {log}") from error


async def pairs(slack: Slack, bot: Send, floor: Send, count: int) -> tuple[list[float], list[float]]:
    """Send so many commands to each in turn, each at rest; return the seconds of the acks, of the bot and the floor."""
    ours, theirs = [], []
    for number in range(count):
        for mine in (True, False) if number % 2 else (False, True):
            command = slack.command()
            if mine:
                answered = slack.expect(command)
                ours.append(await bot(command))
                await asyncio.wait_for(answered.wait(), 10)
            else:
                theirs.append(await floor(command))
            await asyncio.sleep(PAUSE)
    return ours, theirs


async def measure(ground: Ground) -> list[Figure]:
    """The acks by both ways, and the burst."""
    ways = {"HTTP": "aiohttp server, signature, INSERT", "Socket Mode": "aiohttp websocket, INSERT"}
    found: dict[str, tuple[list[float], list[float]]] = {}
    async with stage(ground, "acks") as running:
        sends: dict[str, tuple[Send, Send]] = {
            "HTTP": (running.bot.send, running.floor.send),
            "Socket Mode": (running.over_socket, running.to_socket_floor),
        }
        for bot, floor in sends.values():
            await pairs(running.slack, bot, floor, WARM_UP)
        for way, (bot, floor) in sends.items():
            found[way] = await pairs(running.slack, bot, floor, PAIRS)
        busy = await _busy(running)
        burst = await _burst(running)
    missed = [way for way, (ours, theirs) in found.items() if p50(ours) > TARGET * p50(theirs)]
    explanation = {way: await _why(ground, way) for way in missed}
    if burst.met is False:
        burst = replace(burst, why=explanation.get("Socket Mode") or await _why(ground, "Socket Mode"))
    return [
        *(
            Figure(
                name=f"ack of a slash command, {way}, p50",
                value=p50(ours) * 1000,
                floor=p50(theirs) * 1000,
                unit="ms",
                within=TARGET,
                spread=f"p99 {p99(ours) * 1000:.3g} ms, floor {p99(theirs) * 1000:.3g}",
                floor_is=ways[way],
                why=explanation.get(way, ""),
            )
            for way, (ours, theirs) in found.items()
        ),
        busy,
        burst,
    ]


async def _busy(running: Stage) -> Figure:
    """One after the other without a pause: each ack meets the bot at work on the answer to the command before."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours += [await running.bot.send(running.slack.command()) for _ in range(PAIRS // ROUNDS)]
        await asyncio.sleep(0.1)
        theirs += [await running.floor.send(running.slack.command()) for _ in range(PAIRS // ROUNDS)]
    return Figure(
        name="the same over HTTP, while the command before is being answered",
        value=p50(ours) * 1000,
        floor=p50(theirs) * 1000,
        unit="ms",
        spread=f"p99 {p99(ours) * 1000:.3g} ms, floor {p99(theirs) * 1000:.3g}",
        floor_is="the same floor, which answers nothing",
    )


async def _burst(running: Stage) -> Figure:
    """Many commands at once, by websocket: when the last was acked, and whether all are answered."""
    slack = running.slack

    async def all_at_once(send: Send) -> list[float]:
        return list(await asyncio.gather(*(send(slack.command()) for _ in range(BURST))))

    theirs = await all_at_once(running.to_socket_floor)
    before, begun = slack.answered, time.perf_counter()
    ours = await all_at_once(running.over_socket)
    while slack.answered - before < BURST and time.perf_counter() - begun < 60:
        await asyncio.sleep(0.01)
    answered, took = slack.answered - before, time.perf_counter() - begun
    lost = f"{BURST - answered} lost" if answered < BURST else "none lost"
    return Figure(
        name=f"{BURST} slash commands at once: the last ack",
        value=max(ours) if answered >= BURST else float("inf"),
        floor=max(theirs),
        unit="s",
        most=BURST_SECONDS,
        spread=f"all answered in {took:.2g} s, {lost}",
        floor_is="aiohttp websocket, INSERT",
    )


async def _why(ground: Ground, way: str) -> str:
    """Where the bot's time went, by cProfile, over many commands by that way."""
    output = ground.directory / f"{way}.prof"
    words = ("-m", "benchmarks.profiled", str(output))
    name = f"profiled_{way.lower().replace(' ', '_')}"
    async with stage(ground, name, words=words, with_floors=False) as running:
        send = running.bot.send if way == "HTTP" else running.over_socket
        for _ in range(200):
            command = running.slack.command()
            answered = running.slack.expect(command)
            await send(command)
            await asyncio.wait_for(answered.wait(), 10)
    return profiled.explain(output, of=200)
