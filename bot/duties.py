"""What the bot does by itself, by name: the work of every kind of clock, and what every kind of card shows.

A module that starts a clock says here what is done when it is due; a module whose subject has a card says what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, TypeVar

from bot import changes, roster, watching
from bot.alerts import card as alert_card
from bot.alerts import judging
from bot.context import CardOf, ClockWork, Duty, Services
from bot.degraded import importing
from bot.drills import running as drills
from bot.figures import digest, watcher
from bot.incidents import (
    archiving,
    assessing,
    bootstrap,
    cadence,
    card,
    correcting,
    elsewhere,
    escalating,
    handing_over,
    paging,
    reclassifying,
    topic,
)
from bot.maintenance import card as maintenance_card
from bot.maintenance import keeping
from bot.postmortem import publishing
from bot.store import clocks
from bot.tasks import nagging

V = TypeVar("V")


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """The work of each kind of clock."""
    return _merged(
        watching.clock_work(duty),
        changes.clock_work(duty),
        bootstrap.clock_work(duty),
        judging.clock_work(duty),
        assessing.clock_work(duty),
        cadence.clock_work(duty),
        correcting.clock_work(duty),
        elsewhere.clock_work(duty),
        escalating.clock_work(duty),
        handing_over.clock_work(duty),
        roster.clock_work(duty),
        paging.clock_work(duty),
        reclassifying.clock_work(duty),
        topic.clock_work(duty),
        watcher.clock_work(duty),
        keeping.clock_work(duty),
        digest.clock_work(duty),
        nagging.clock_work(duty),
        publishing.clock_work(duty),
        archiving.clock_work(duty),
        importing.clock_work(duty),
        drills.clock_work(duty),
    )


STANDING: Final[tuple[tuple[str, str], ...]] = (
    (roster.SUBJECT, roster.REFRESH),
    (watcher.SUBJECT, watcher.MEASURE),
    (digest.SUBJECT, digest.DAILY),
    (digest.SUBJECT, digest.WEEKLY),
)
"""Clocks that always run: subject and kind. Their work starts them again."""
LOST_AFTER: Final = timedelta(minutes=10)
"""In the bot's time: whose clock fired so long ago and was not started again has lost its job."""


async def keep_standing(services: Services) -> None:
    """Every clock that must always run does."""
    now = services.now()
    async with services.database.transaction() as transaction:
        for subject, kind in STANDING:
            await clocks.keep(transaction, subject, kind, now=now, lost_before=now - LOST_AFTER)


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What the cards of each kind of subject show: the word before the colon of `incident:12`."""
    return _merged(
        alert_card.card_faces(duty),
        maintenance_card.card_faces(duty),
        changes.card_faces(duty),
        card.card_faces(duty),
    )


def _merged(*parts: Mapping[str, V]) -> dict[str, V]:
    merged: dict[str, V] = {}
    for part in parts:
        if twice := merged.keys() & part.keys():
            raise ValueError(f"two modules claim {', '.join(sorted(twice))}")
        merged.update(part)
    return merged
