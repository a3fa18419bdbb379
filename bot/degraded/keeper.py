"""The copy that keeps incidents while our own database is silent: declared, acknowledged and paged by the journal."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from bot.ages import age
from bot.context import Context, Services
from bot.degraded.following import Following
from bot.degraded.ground import NOTE
from bot.degraded.importing import Importer
from bot.degraded.kept import Kept
from bot.degraded.ledger import Ledger, number_of
from bot.degraded.mirror import Mirror
from bot.drills.playing import ELSEWHERE
from bot.errors import UserError
from bot.incidents import declaring, timekeeping
from bot.incidents.declaring import Declaration
from bot.incidents.severity import SEVERITIES, channel_name
from bot.incidents.visibility import may_see
from bot.journal import Journal
from bot.operation import Answer, Args, Audience, Change, Line, Lines, Mark, Offer
from bot.store.database import DatabaseSilentError
from bot.store.incidents import Incident

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")

MIRROR_EVERY: Final = 2.0
"""Real seconds between two looks at the database."""
ANSWERS_WITHIN: Final = 2.0
"""Real seconds in which it answers one question, or counts as silent."""
MIRRORED_WITHIN: Final = 8.0
"""Real seconds in which it says all that is mirrored."""


class Keeper:
    """Keeps incidents in the journal. Made once, by `bot.app`, on the copy that the settings name."""

    def __init__(
        self,
        services: Services,
        journal: Journal,
        mirror: Mirror,
        follow: Callable[[Callable[[], Ledger]], Following],
        *,
        resume: Callable[[], None],
    ) -> None:
        """`resume` begins again with what came in before a crash and was not handled to its end."""
        self._services = services
        self._journal = journal
        self._mirror = mirror
        if mirror.reflection is not None:
            services.memory.on_call = mirror.reflection.on_call
        self._ledger = self._read()
        self._following = follow(lambda: self._ledger)
        self._resume: Callable[[], None] | None = resume
        self._looked_at = -MIRROR_EVERY
        self.silent = False
        """Whether our database did not answer when it was last looked at."""

    # what people ask for

    async def declare(self, wanted: Declaration, context: Context, *, another: str) -> Answer:
        """It is declared, on disk. Its channel, people and page follow at once, the rest when the database is back.

        `another` is how one declares it although others are open; where it is empty, that was said.
        """
        if not wanted.private and not SEVERITIES[wanted.severity].room:
            raise UserError(
                f"A {wanted.severity} must wait until my own database answers again.",
                why="Without it I take on only what cannot wait.",
                todo="Where it cannot wait, declare it a P1.",
            )
        kept = self._ledger.by_key(context.request_id)
        if kept is None and another and (found := self._perhaps_the_same(context)):
            asked = declaring.is_it_one_of_these(found, context.now, another=another)
            return replace(asked, offers=asked.offers[-1:])  # to be let into a channel must wait
        if kept is None:
            incident = self._numbered(wanted, context)
            kept = self._ledger.declare(incident, name=context.actor.name, message=wanted.message)
        self._following.begin(kept.incident)
        incident = kept.incident
        return Answer(
            verdict=f"INC-{incident.id} is declared: {incident.severity} {incident.title}",
            mark=Mark.DOWN,
            evidence=(Lines(lines=(Line(title="I am setting up its channel, people and page."), Line(title=NOTE))),),
            offers=(Offer(label="Acknowledge", words=f"incident ack {incident.id}", style="primary"),),
            audience=Audience.PRIVATE,
        )

    async def acknowledge(self, number: int | None, context: Context) -> Answer:
        """Somebody has it, on disk; then PagerDuty, the thread and the channel hear of it."""
        kept = self._which(number, context)
        incident = kept.incident
        if incident.acknowledged_at is not None and incident.acknowledged_by != context.actor.id:
            by = kept.name(incident.acknowledged_by or "")
            took = age(incident.acknowledged_at, context.now)
            raise UserError(f"{incident.label} is acknowledged already, by {by}, {took} ago.")
        if incident.acknowledged_at is None:
            self._ledger.acknowledge(
                incident, by=context.actor.id, name=context.actor.name, request=context.request_id, at=context.now
            )
        self._following.begin(kept.incident)
        took = age(incident.declared_at, kept.incident.acknowledged_at or context.now)
        return Answer(
            verdict=f"You have {incident.label}. Acknowledged {took} after it was declared.",
            evidence=(Lines(lines=(Line(title=NOTE),)),),
            audience=Audience.PRIVATE,
        )

    async def ask(self, change: Change[Any], args: Args, context: Context) -> Answer:
        """A reversible mitigation is planned and shown, with the button that runs it alone."""
        return await self._following.glass.ask(change, args, context)

    async def break_glass(self, number: int, reason: str, context: Context) -> Answer:
        """It runs, alone and announced."""
        answer = await self._following.glass.break_glass(number, reason, context)
        if (found := self._ledger.request(number)) is not None:
            self._following.begin(found[0].incident)
        return answer

    def refuse_in_drill(self, context: Context) -> None:
        """Raise UserError in a drill's channel: without the database not even a move is written down there."""
        kept = self._ledger.at(context.place.channel, context.place.thread_ts)
        if kept is not None and kept.incident.drill is not None:
            raise UserError(
                f"My own database does not answer, and {kept.incident.label} is only played here.", todo=ELSEWHERE
            )

    def has_done(self, key: str) -> bool:
        """Whether the payload of that key was carried out without the database, and is not brought in yet."""
        return any(
            (kept.declared_here and kept.incident.key == key) or kept.acknowledged_here == key for kept in self._ledger
        )

    def _numbered(self, wanted: Declaration, context: Context) -> Incident:
        number = number_of(context.request_id)
        while self._ledger.get(number) is not None:
            number += 1
        return Incident(
            id=number,
            key=context.request_id,
            severity=wanted.severity,
            title=wanted.title,
            state="declared",
            declared_by=context.actor.id,
            declared_at=context.now,
            acknowledged_by=None,
            acknowledged_at=None,
            channel_name=channel_name(number, wanted.title),
            channel_id=None,
            private=wanted.private,
        )

    def _perhaps_the_same(self, context: Context) -> list[Incident]:
        return [kept.incident for kept in self._ledger if kept.incident.drill is None and _may_see(kept, context)]

    def _which(self, number: int | None, context: Context) -> Kept:
        here = self._ledger.at(context.place.channel, context.place.thread_ts)
        kept = here if number is None else self._ledger.get(number)
        if kept is not None and (kept is here or _may_see(kept, context)):
            return kept
        raise UserError(
            f"I do not know INC-{number}." if number else "Which incident? This is no channel of one that I know.",
            why="My own database is silent: I know what was open when it last answered.",
            todo="In PagerDuty you can acknowledge by hand.",
        )

    # what runs beside

    async def go_on(self) -> None:
        """Once: mirror what the database holds; where it is silent, do what is not done yet."""
        if time.monotonic() - self._looked_at < MIRROR_EVERY and not self._following.busy:
            return
        self.silent = not await self._services.database.answers(within=ANSWERS_WITHIN)
        if self.silent:
            if self._resume is not None:
                resume, self._resume = self._resume, None
                resume()
            for kept in self._ledger:
                self._following.go_on(kept)
        else:
            self._resume = None  # what came in before is brought in, and run from the database
            try:
                await self._reflect()
            except DatabaseSilentError:
                log.warning("the mirror is not renewed: the database is slow")
        self._looked_at = time.monotonic()

    async def bring_in(self, claimed_until: datetime) -> int:
        """Everything of the journal is in the database; return how many lines. DatabaseSilentError where it is silent.

        First what is under way ends: else the database's own steps would meet calls that are still in the air.
        """
        if not await self._services.database.answers():
            raise DatabaseSilentError
        async with self._following.held():
            count = await self._journal.import_into(
                self._services.database,
                claimed_until=claimed_until,
                bring=Importer(self._services, is_shown=self._is_shown).bring,
            )
            await self._reflect()
        return count

    def _is_shown(self, key: str) -> bool:
        """Whether something of the incident may stand in Slack: messages are noted before they are said, steps begun."""
        kept = next((one for one in self._ledger if one.declared_here and one.incident.key == key), None)
        if kept is None:
            return True
        channel = kept.steps.get("channel")
        return bool(kept.messages) or (channel is not None and channel.state != "failed")

    async def _reflect(self) -> None:
        database, now = self._services.database, self._services.now()
        # many questions: where it is slow, they take longer than anybody waits for one, and it is not silent for that
        await database.call(lambda connection: self._mirror.refresh(connection, at=now), within=MIRRORED_WITHIN)
        if not self._following.busy:
            self._ledger = self._read()

    def _read(self) -> Ledger:
        return Ledger(self._journal, self._mirror.kept(), due=functools.partial(timekeeping.due, self._services))


def _may_see(kept: Kept, context: Context) -> bool:
    memberships = (kept.incident.id,) if context.actor.id in kept.members else ()
    return may_see(kept.incident, context.actor, memberships)
