"""How an incident is set up and followed without the database: steps go into the journal, words go to Slack at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import structlog

from bot.clocks import real_now
from bot.context import Services
from bot.degraded.kept import Kept, Wanted
from bot.degraded.ledger import Ledger
from bot.errors import ProviderError
from bot.incidents.card import Known, card
from bot.operation import Answer, Line, Lines
from bot.roster import numbers
from bot.steps import CALL_ENDS_WITHIN
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.store.steps import Recorded

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")


NOTE: Final = "My own database is silent: this is kept on disk, and brought in when the database is back."
LANDS_WITHIN: Final = CALL_ENDS_WITHIN
"""Real time after which a message that was begun stands in Slack, or never will."""


class Says(Protocol):
    """`bot.slack.speaker.Speaker`."""

    async def say(self, channel: str, thread_ts: str | None, key: str, body: dict[str, Any]) -> str:
        """It stands in the channel or thread; return its `ts`."""

    async def find(self, channel: str, thread_ts: str | None, key: str) -> str | None:
        """The `ts` of the message of an earlier try, where there is one."""

    async def edit(self, channel: str, ts: str, body: dict[str, Any]) -> None:
        """The message says this instead."""


class JournalBook:
    """A `bot.steps.Book` in the journal."""

    def __init__(
        self,
        subject: str,
        lock: asyncio.Lock,
        known: Callable[[], Mapping[str, Recorded]],
        record: Callable[[Recorded], None],
    ) -> None:
        """`lock` is the subject's own; `record` writes a line, after which `known` knows it."""
        self.subject = subject
        self._lock = lock
        self._known = known
        self._write = record

    @asynccontextmanager
    async def held(self) -> AsyncIterator[bool]:
        """One task at a time: no other process writes here."""
        if self._lock.locked():
            yield False
            return
        async with self._lock:
            yield True

    async def all(self) -> Mapping[str, Recorded]:
        """Every step that was begun, by name."""
        return dict(self._known())

    async def start(self, name: str) -> None:
        """It begins now."""
        self._record(name, "started")

    async def finish(self, name: str, result: dict[str, Any]) -> None:
        """Its effect is there."""
        self._record(name, "done", result=result)

    async def fail(self, name: str, why: str, *, again: bool) -> None:
        """It did not work."""
        self._record(name, "failed", error=why, again=again)

    def _record(
        self,
        name: str,
        state: str,
        *,
        result: dict[str, Any] | None = None,
        error: str | None = None,
        again: bool = False,
    ) -> None:
        before = self._known().get(name)
        recorded = Recorded(
            name=name,
            state=state,
            result=result,
            error=error,
            attempts=0,
            started_at=real_now() if state == "started" or before is None else before.started_at,
            again=again,
        )
        self._write(recorded)


@dataclass(kw_only=True, slots=True)
class _Face:
    """How far one card is behind what it should show."""

    wanted: int = 0
    shown: int = 0


class JournalGround:
    """A `bot.incidents.ground.Ground` in the journal, with Slack alone."""

    def __init__(
        self,
        services: Services,
        ledger: Callable[[], Ledger],
        speaker: Says,
        render: Callable[[Answer], dict[str, Any]],
    ) -> None:
        """What is said has the keys that it would have had by the outbox."""
        self._services = services
        self._ledger = ledger
        self._speaker = speaker
        self._render = render
        slack = services.settings.slack
        self._channel = slack.incidents_channel if slack else ""
        self._busy: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._faces: defaultdict[str, _Face] = defaultdict(_Face)
        self._unsent: set[str] = set()
        """Messages of which Slack has surely not heard, although they were begun."""

    def book(self, incident: Incident) -> JournalBook:
        """In the journal."""
        return JournalBook(
            incident.subject,
            self._busy[f"steps of {incident.subject}"],
            lambda: self._kept(incident).steps,
            lambda recorded: self._ledger().step(incident, recorded),
        )

    def book_of(self, incident: Incident, request: Request) -> JournalBook:
        """Where the steps of a change are recorded."""
        return JournalBook(
            request.subject,
            self._busy[f"steps of {request.subject}"],
            lambda: self._kept(incident).requests[request.id].steps,
            lambda recorded: self._ledger().request_step(incident, request.id, recorded),
        )

    async def claim(self, incident: Incident, channel: str) -> None:
        """The database has its say when it is back."""
        self._ledger().channel(incident, channel)

    async def members(self, incident: Incident) -> list[str]:
        """Its declarer, and who was let in."""
        return list(self._kept(incident).members)

    async def let_in(self, incident: Incident, people: Collection[str]) -> None:
        """Noted."""
        self._ledger().joined(incident, people, at=real_now())

    async def open(self, incident: Incident) -> None:
        """Its card stands in #incidents."""
        face = self._face(incident)
        await self._say(incident, Wanted(key=incident.subject, channel=self._channel, body=face))

    async def card(self, incident: Incident, room: str) -> None:
        """Its card stands in its channel."""
        await self._say(incident, Wanted(key=incident.room, channel=room, body=self._face(incident)))

    async def card_ts(self, incident: Incident) -> str:
        """Where it stands there."""
        message = self._kept(incident).messages.get(incident.room)
        if message is None or message.ts is None:
            raise ProviderError("The card is not in the channel yet.", provider="slack", kind="timeout")
        return message.ts

    async def say(self, incident: Incident, room: str, *, key: str, answer: Answer) -> None:
        """It is said now."""
        subject = incident.subject
        wanted = Wanted(key=f"{subject}:{key}", channel=room, body=self._render(answer), stream=subject)
        await self._say(incident, wanted)

    async def tell(self, incident: Incident, *, key: str, answer: Answer) -> None:
        """It is said in the thread under the card, and in the channel where there is one; as far as both stand."""
        kept, subject = self._kept(incident), incident.subject
        card = kept.messages.get(subject)
        if card is not None and card.ts is not None:
            wanted = Wanted(
                key=f"{subject}:thread:{key}",
                channel=card.channel,
                body=self._render(answer),
                stream=f"{subject}:thread",
                thread_of=subject,
            )
            await self._say(incident, wanted, thread_ts=card.ts)
        if kept.incident.channel_id:
            await self.say(incident, kept.incident.channel_id, key=key, answer=answer)

    def was_told(self, incident: Incident, key: str) -> bool:
        """Whether that was said wherever it can be said."""
        kept = self._kept(incident)
        places = {incident.subject: f"{incident.subject}:thread:{key}"}
        if kept.incident.channel_id:
            places[incident.room] = f"{incident.subject}:{key}"
        standing = [post for card, post in places.items() if (at := kept.messages.get(card)) and at.ts]
        return all((said := kept.messages.get(post)) and said.ts for post in standing)

    async def show(self, incident: Incident, subject: str, face: Callable[[], Answer], *, channel: str) -> None:
        """The subject's card stands in the channel and shows that; what Slack refuses of an edit waits."""
        await self._say(incident, Wanted(key=subject, channel=channel, body=self._render(face())))
        message = self._kept(incident).messages[subject]
        async with self._busy[f"edit of {subject}"]:
            try:
                await self._speaker.edit(message.channel, str(message.ts), self._render(face()))
            except ProviderError as error:
                log.warning("card waits", card=subject, error=error.what)

    async def post(
        self, incident: Incident, key: str, answer: Answer, *, stream: str, channel: str, under: str | None = None
    ) -> None:
        """It is said once in the channel, or in the thread under the card of `under`, where that stands."""
        card = self._kept(incident).messages.get(under) if under else None
        if under and (card is None or card.ts is None):
            return
        wanted = Wanted(key=key, channel=channel, body=self._render(answer), stream=stream, thread_of=under)
        await self._say(incident, wanted, thread_ts=card.ts if card else None)

    async def changed(self, incident: Incident) -> None:
        """Its cards show how it stands now; edits that come quickly become one. What Slack refuses waits."""
        for subject in (incident.subject, incident.room):
            face = self._faces[subject]
            face.wanted += 1
            async with self._busy[f"edit of {subject}"]:
                if face.shown < face.wanted:
                    await self._edit(incident, subject, face)

    async def catch_up(self, incident: Incident) -> None:
        """Cards whose edit failed are edited."""
        for subject in (incident.subject, incident.room):
            face = self._faces[subject]
            async with self._busy[f"edit of {subject}"]:
                if face.shown < face.wanted:
                    await self._edit(incident, subject, face)

    async def _edit(self, incident: Incident, subject: str, face: _Face) -> None:
        message = self._kept(incident).messages.get(subject)
        if message is None or message.ts is None:
            return  # it is shown as it stands when it is first said
        wanted = face.wanted
        try:
            await self._speaker.edit(message.channel, message.ts, self._face(incident))
        except ProviderError as error:
            log.warning("card waits", card=subject, error=error.what)
            return
        face.shown = wanted

    async def _say(self, incident: Incident, wanted: Wanted, *, thread_ts: str | None = None) -> None:
        """Say it once: noted before, looked for where it was noted before, noted afterwards."""
        async with self._busy[wanted.key]:
            ledger, before = self._ledger(), self._kept(incident).messages.get(wanted.key)
            if before is not None and before.ts is not None:
                return
            if before is None:
                ledger.say(incident, wanted, at=real_now())
            ts = None
            if before is not None and wanted.key not in self._unsent:
                left = (before.begun_at + LANDS_WITHIN - real_now()).total_seconds()
                await asyncio.sleep(max(0.0, min(left, LANDS_WITHIN.total_seconds())))
                ts = await self._speaker.find(wanted.channel, thread_ts, wanted.key)
            if ts is None:
                ts = await self._first(wanted, thread_ts)
            ledger.said(incident, wanted.key, ts=ts)

    async def _first(self, wanted: Wanted, thread_ts: str | None) -> str:
        self._unsent.discard(wanted.key)
        try:
            return await self._speaker.say(wanted.channel, thread_ts, wanted.key, dict(wanted.body))
        except ProviderError as error:
            if not error.ambiguous:
                self._unsent.add(wanted.key)
            raise

    def _face(self, incident: Incident) -> dict[str, Any]:
        kept = self._kept(incident)
        now = kept.incident
        parts = (now.declared_by, now.acknowledged_by, now.lead, now.communications, now.scribe)
        known = Known(
            names={part: kept.name(part) for part in parts if part},
            steps=kept.steps,
            due=kept.due,
            reached=kept.reached,
        )
        paged = kept.steps.get("page")
        if paged is not None and paged.state == "failed" and now.acknowledged_at is None:
            known = replace(known, numbers=numbers(self._services.memory.on_call, self._services.now()))
        shown = card(now, known, self._services)
        note = Lines(lines=(Line(title=NOTE),))
        return self._render(replace(shown, evidence=(*shown.evidence, note)))

    def _kept(self, incident: Incident) -> Kept:
        kept = self._ledger().get(incident.id)
        assert kept is not None  # noqa: S101 -- nothing is ever taken out of a ledger
        return kept
