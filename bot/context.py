"""What an operation may touch, as typed collaborators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bot.documents import Documents
from bot.flights import Flights
from bot.memory import Memory
from bot.operation import Answer, Registry
from bot.people import Actor
from bot.store.database import Connection, Database

if TYPE_CHECKING:
    from bot.directory import Directory
    from bot.health.check import Health
    from bot.product import ProductDatabase
    from bot.providers import Providers
    from bot.settings import Settings
    from bot.slack.rooms import Rooms

Transaction = Connection
"""A connection inside the one transaction of an `Act`. Handlers pass it to `bot.store`, and do nothing else with it."""

Now = Callable[[], datetime]
"""The bot's own clock: aware, in UTC. The sandbox can speed it up; time-outs and signatures use the real one."""

Progress = Callable[[int, int], Awaitable[None]]
"""Told how many of how many parts are done, while something long runs."""


Announce = Callable[..., Awaitable[None]]
"""`bot.slack.announcer.Announcer`: says an Answer in a channel, in the transaction of what it tells of."""


def _nothing() -> None:
    """What is done where nothing is configured."""


class Surface(StrEnum):
    """Where a request comes from."""

    SLACK = "slack"
    TERMINAL = "terminal"
    ITSELF = "itself"
    """No person asks: an alert does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a request was made: in Slack, its channel and thread."""

    surface: Surface
    channel: str = ""
    thread_ts: str = ""

    @property
    def is_direct(self) -> bool:
        """In a direct message with the bot."""
        return self.channel.startswith("D")


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What is built once and shared by all requests."""

    settings: Settings
    registry: Registry
    database: Database
    now: Now
    people: Directory
    """Who is who: asks Slack, or what was kept of its answers."""
    announce: Announce
    """Says something in Slack, in the transaction of what it tells of; also for a terminal, and while Slack is silent."""
    health: Callable[[], Health]
    """Built at first use: a terminal's `whoami` needs no vendor's client."""
    vendors: Callable[[], Providers]
    """The vendors' clients, built at first use; each is None where the settings do not hold it."""
    product: ProductDatabase | None = None
    documents: Documents = field(default_factory=Documents)
    """What people go on writing in Slack."""
    flights: Flights = field(default_factory=Flights)
    """Calls that concern everybody alike, made once for all who ask."""
    memory: Memory = field(default_factory=Memory)
    wake: Callable[[], None] = _nothing
    """Says that something is due now, so that nobody waits for the next tick."""
    data_dir: Path = Path()
    """Where this copy keeps what is no row: dumps, for one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duty:
    """What runs by itself may touch: all that a request may, and what speaks and acts in Slack."""

    services: Services
    announce: Announce
    rooms: Rooms


ClockWork = Callable[[str, datetime], Awaitable[None]]
"""Does what is due for a subject; `due_at` is when it was due. It may run twice."""

CardOf = Callable[[Connection, str], Awaitable["Answer | None"]]
"""What the card of a subject shows now; None where it shows nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """One request: who asks, where, under which key, and the collaborators."""

    actor: Actor
    place: Place
    request_id: str
    services: Services
    progress: Progress

    @property
    def now(self) -> datetime:
        """The bot's own time."""
        return self.services.now()


async def no_progress(done: int, total: int) -> None:
    """Tell nobody how far it is: where nothing shows it."""
    del done, total
