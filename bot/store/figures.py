"""Tables `samples` and `stands`: what was measured of the key metrics, and how each stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.figures.hysteresis import Stand
from bot.figures.kinds import Level
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("figures")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """How a figure stands, and what was last found: a value, or why there was none."""

    figure: str
    stand: Stand
    value: float | None
    why: str
    at: datetime


async def lock(connection: Connection) -> None:
    """Measurements are noted one at a time, until this transaction ends."""
    await connection.execute(_SQL["lock"])


async def sample(connection: Connection, figure: str, *, at: datetime, value: float) -> None:
    """Keep what was measured."""
    await connection.execute(_SQL["sample"], {"figure": figure, "at": at, "value": value})


async def stands(connection: Connection) -> dict[str, Known]:
    """How every figure stands that was ever measured."""
    cursor = await connection.execute(_SQL["stands"])
    return {
        figure: Known(
            figure=figure,
            stand=Stand(level=Level(level), leaning=Level(leaning), streak=streak, silent_since=silent_since),
            value=value,
            why=why,
            at=at,
        )
        for figure, level, leaning, streak, silent_since, value, why, at in await cursor.fetchall()
    }


async def put(connection: Connection, known: Known) -> None:
    """It stands so now, unless something newer is known."""
    await connection.execute(
        _SQL["put_stand"],
        {
            "figure": known.figure,
            "level": known.stand.level.value,
            "leaning": known.stand.leaning.value,
            "streak": known.stand.streak,
            "silent_since": known.stand.silent_since,
            "value": known.value,
            "why": known.why,
            "at": known.at,
        },
    )


async def trend(
    connection: Connection, *, since: datetime, until: datetime, points: int
) -> dict[str, list[tuple[datetime, float]]]:
    """What was measured between two moments, each figure in at most so many points."""
    found: dict[str, list[tuple[datetime, float]]] = {}
    cursor = await connection.execute(_SQL["trend"], {"since": since, "until": until, "points": points})
    for figure, at, value in await cursor.fetchall():
        found.setdefault(figure, []).append((at, value))
    return found


async def purge(connection: Connection, *, before: datetime) -> int:
    """Forget what was measured before then; return how much."""
    return (await connection.execute(_SQL["purge"], {"before": before})).rowcount
