"""What the bot does by itself, by name: the work of every kind of clock, and what every kind of card shows.

A module that starts a clock says here what is done when it is due; a module whose subject has a card says what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bot import changes, watching
from bot.alerts import card as alert_card
from bot.alerts import judging
from bot.context import CardOf, ClockWork, Duty
from bot.incidents import bootstrap, lifecycle

V = TypeVar("V")


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """The work of each kind of clock."""
    return _merged(
        watching.clock_work(duty),
        changes.clock_work(duty),
        bootstrap.clock_work(duty),
        judging.clock_work(duty),
        lifecycle.clock_work(duty),
    )


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What the cards of each kind of subject show: the word before the colon of `incident:12`."""
    return _merged(
        alert_card.card_faces(duty),
        changes.card_faces(duty),
        lifecycle.card_faces(duty),
    )


def _merged(*parts: Mapping[str, V]) -> dict[str, V]:
    merged: dict[str, V] = {}
    for part in parts:
        if twice := merged.keys() & part.keys():
            raise ValueError(f"two modules claim {', '.join(sorted(twice))}")
        merged.update(part)
    return merged
