"""What our database last held of the incidents that matter now, kept on disk for the hour in which it is silent."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from bot.degraded.kept import Kept, Message
from bot.incidents.card import known_of
from bot.store import cards, incidents, members, on_call
from bot.store.database import Connection
from bot.store.incidents import Incident
from bot.store.on_call import OnDuty
from bot.store.steps import Recorded

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")


MOST: Final = 20
"""Open incidents that are mirrored, the newest: each costs some questions, every two seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirrored:
    """One incident as the database held it, with where its cards stand."""

    incident: Incident
    names: Mapping[str, str]
    steps: Mapping[str, Recorded]
    due: Mapping[str, datetime]
    reached: Mapping[str, datetime]
    members: tuple[str, ...]
    cards: Mapping[str, tuple[str, str]]
    """Channel and ts of each card that stands in Slack, by subject."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reflection:
    """All of them, as they were at `taken_at`."""

    taken_at: datetime
    incidents: tuple[Mirrored, ...]
    on_call: tuple[OnDuty, ...]


_REFLECTION: Final = TypeAdapter(Reflection)


class Mirror:
    """A file that only its owner can read: titles of private incidents stand in it."""

    def __init__(self, path: Path) -> None:
        """Read what an earlier process kept there."""
        self._path = path
        self._written = b""
        self.reflection: Reflection | None = None
        try:
            self.reflection = _REFLECTION.validate_json(path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValidationError) as error:
            log.warning("the mirror cannot be read", error=type(error).__name__)

    def kept(self) -> Iterator[Kept]:
        """The incidents, for a ledger to begin with."""
        if self.reflection is None:
            return
        at = self.reflection.taken_at
        for mirrored in self.reflection.incidents:
            yield Kept(
                incident=mirrored.incident,
                declared_here=False,
                names=dict(mirrored.names),
                due=mirrored.due,
                reached=dict(mirrored.reached),
                members=list(mirrored.members),
                steps=dict(mirrored.steps),
                messages={
                    subject: Message(channel=channel, begun_at=at, ts=ts)
                    for subject, (channel, ts) in mirrored.cards.items()
                },
            )

    async def refresh(self, connection: Connection, *, at: datetime) -> None:
        """It shows what the database holds now, in memory and on disk."""
        newest = (await incidents.open_now(connection))[:MOST]
        found = tuple([await _mirrored(connection, incident) for incident in newest])
        self.reflection = Reflection(taken_at=at, incidents=found, on_call=await on_call.everybody(connection))
        body = _REFLECTION.dump_json(self.reflection, exclude={"taken_at"})
        if body == self._written:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unseen = self._path.with_suffix(".new")
        with os.fdopen(os.open(unseen, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(_REFLECTION.dump_json(self.reflection))
            file.flush()
            os.fsync(file.fileno())
        unseen.rename(self._path)
        self._written = body


async def _mirrored(connection: Connection, incident: Incident) -> Mirrored:
    standing = {}
    for subject in (incident.subject, incident.room):
        if (card := await cards.standing(connection, subject)) is not None:
            standing[subject] = card
    known = await known_of(connection, incident)
    return Mirrored(
        incident=incident,
        names=known.names,
        steps=known.steps,
        due=known.due,
        reached=known.reached,
        members=tuple(await members.of(connection, incident.id)),
        cards=standing,
    )
