"""Brings into the database what was done without it, as if it had been done then: the same acts, at their own time."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.audit import Event
from bot.changes import asking, breaking, running
from bot.context import ClockWork, Context, Duty, Place, Services, Surface, Transaction, no_progress
from bot.errors import UserError
from bot.incidents import acknowledging, declaring, ending, moving
from bot.incidents.declaring import Declaration
from bot.incidents.moving import BOT, Deed, Happening
from bot.incidents.states import State as IncidentState
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.journal import Line
from bot.operation import Answer, Change, Offer, Plan
from bot.operation import Line as Line_
from bot.people import Actor, Role, Standing
from bot.slack.outbox import LOST_AFTER
from bot.store import cards, clocks, incidents, members, people, posts, requests, steps
from bot.store.incidents import Incident
from bot.store.posts import Post
from bot.store.steps import Recorded
from bot.transitions import State
from bot.transitions import Step as RequestStep

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")

TWIN: Final = ":without-database"
"""Ends the key of an incident that was declared twice by one payload: in the database, and without it."""
SAME_WITHIN: Final = timedelta(minutes=30)
"""How far apart two incidents may have been declared that may be the same fault."""


MERGE: Final = "merge_twin"
"""The clock whose work merges such a one into its twin, once everything of it is brought in."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when two incidents are known to be one."""
    return {MERGE: functools.partial(merge_twin, duty.services)}


async def merge_twin(services: Services, subject: str, due_at: datetime) -> None:
    """What one payload declared twice, in the database and without it, is one incident."""
    at = services.now()
    bot = Actor(id=BOT, name=BOT, standing=Standing.BOT, role=Role.NONE, known_at=at)
    context = _context(services, bot, key=f"{MERGE}:{subject}:{due_at.isoformat()}", at=at)
    async with services.database.transaction() as transaction:
        twin = await incidents.get(transaction, int(subject.partition(":")[2]))
        into = None if twin is None else await incidents.by_key(transaction, twin.key.removesuffix(TWIN))
        if twin is not None and into is not None and twin.is_open and into.is_open:
            await ending.merge(twin, into, context, transaction)


def _context(services: Services, actor: Actor, *, key: str, at: datetime) -> Context:
    """What somebody asked for then."""
    return Context(
        actor=actor,
        place=Place(surface=Surface.SLACK),
        request_id=key,
        services=replace(services, now=lambda: at),
        progress=no_progress,
    )


def _always(_: str) -> bool:
    return True


class Importer:
    """Takes the journal's lines of incidents, each in the order in which it was written; twice if need be."""

    def __init__(self, services: Services, *, is_shown: Callable[[str], bool] = _always) -> None:
        """What is brought in is told of by these services.

        `is_shown` says of an incident's key whether something of it may stand in Slack already.
        """
        self._services = services
        self._is_shown = is_shown
        self._replayed: Mapping[str, Callable[[Transaction, Incident, Line], Awaitable[None]]] = {
            "acknowledged": self._acknowledged,
            "asked": self._asked,
            "broke": self._broke,
            "became": self._became,
        }

    async def bring(self, transaction: Transaction, line: Line) -> None:
        """The database holds what the line says."""
        if "by" in line:
            at = datetime.fromisoformat(line["at"])
            await people.introduce(transaction, line["by"], name=line["name"], at=at)
        if line["line"] == "declared":
            await self._declared(transaction, line)
            return
        incident, joined = await _incident(transaction, line)
        if joined and line["line"] in _OF_THE_OTHER:
            return  # the database has its own of these
        if incident.id != line["incident"] and line["line"] in ("say", "said"):
            return  # its number was another's already, and so its messages' keys are: they are said anew
        if line["line"] in self._replayed:
            await self._replayed[line["line"]](transaction, incident, line)
        elif line["line"] in _BRINGERS:
            await _BRINGERS[line["line"]](transaction, incident, line)

    async def _declared(self, transaction: Transaction, line: Line) -> None:
        key, number = line["key"], line["incident"]
        known = await incidents.by_key(transaction, key)
        if known is not None and known.id == number:
            return
        twin = known is not None
        if twin and await incidents.by_key(transaction, key + TWIN) is not None:
            return
        context = self._acting(line, key=key + TWIN if twin else key)
        taken = await incidents.get(transaction, number) is not None
        wanted = Declaration(
            severity=line["severity"], title=line["title"], private=line["private"], message=line["message"]
        )
        shown = known is None or self._is_shown(key)
        await declaring.declare(wanted, context, transaction, number=None if taken else number, sets_up=shown)
        declared = await incidents.by_key(transaction, context.request_id)
        assert declared is not None  # noqa: S101 -- it was just declared
        log.info("incident imported", incident=declared.id, twin=twin, renumbered=taken, shown=shown)
        if known is not None and not shown:
            await self._join(transaction, declared, known)
        elif twin:
            await clocks.stop(transaction, declared.subject, declaring.SET_UP)
            await clocks.start(transaction, declared.subject, MERGE, due_at=self._services.now())
        else:
            await self._ask_whether_it_is_the_same(transaction, declared)

    async def _join(self, transaction: Transaction, twin: Incident, into: Incident) -> None:
        """Its number, which somebody was told, leads to the other; nobody hears of it, as nothing of it was ever seen."""
        at = self._services.now()
        deed = Deed(by=BOT, name=BOT, at=at, key=f"{MERGE}:{twin.subject}")
        happening = Happening(
            now=replace(twin, state=IncidentState.MERGED, merged_into=into.id, ended_at=at),
            kind=Kind.MERGED,
            event=Event.MERGED,
            said=f"It is the same as {into.label}",
            detail={"into": into.id},
        )
        await moving.record(self._services, transaction, twin, deed, happening)

    def _acting(self, line: Line, *, key: str) -> Context:
        """Whoever did what the line says, then."""
        at = datetime.fromisoformat(line["at"])
        actor = Actor(id=line["by"], name=line["name"], standing=Standing.MEMBER, role=Role.VIEWER, known_at=at)
        return _context(self._services, actor, key=key, at=at)

    async def _acknowledged(self, transaction: Transaction, incident: Incident, line: Line) -> None:
        at = datetime.fromisoformat(line["at"])
        deed = Deed(by=line["by"], name=line["name"], at=at, key=line["request"], detail={"journal": True})
        twins = [incident, await incidents.by_key(transaction, line["key"])]
        for one in {one.id: one for one in twins if one is not None}.values():
            try:
                await acknowledging.take(self._services, transaction, one, deed)
            except UserError as error:
                log.info("acknowledged elsewhere, too", incident=one.id, why=error.what)

    async def _asked(self, transaction: Transaction, incident: Incident, line: Line) -> None:
        if await requests.by_key(transaction, line["request_key"]) is not None:
            return
        change = self._services.registry.by_words[line["operation"]]
        assert isinstance(change, Change)  # noqa: S101 -- it was one when it was asked for
        place = Place(surface=Surface.SLACK, channel=line["channel"])
        plan = Plan(
            effect=line["plan"]["effect"],
            lines=tuple(Line_(title=one["title"], text=one["text"]) for one in line["plan"]["lines"]),
            decides=line["plan"]["decides"],
        )
        context = replace(self._acting(line, key=line["request_key"]), place=place)
        await asking.ask(change, plan, incident, context, transaction, number=line["request"])

    async def _broke(self, transaction: Transaction, _: Incident, line: Line) -> None:
        request = await requests.get(transaction, line["request"], lock=True)
        if request is not None and request.state is State.AWAITING_APPROVAL:
            context = self._acting(line, key=line["press"])
            await breaking.broke(request, line["why"], line["by_right_of"], context, transaction)

    async def _became(self, transaction: Transaction, _: Incident, line: Line) -> None:
        at = datetime.fromisoformat(line["at"])
        services = replace(self._services, now=lambda: at)
        await running.ended(services, line["request"], RequestStep(line["step"]), line["result"], transaction)

    async def _ask_whether_it_is_the_same(self, transaction: Transaction, incident: Incident) -> None:
        """Two people on two copies may have declared one fault: whoever reads it can merge the two."""
        for other in await incidents.open_now(transaction):
            apart = abs(other.declared_at - incident.declared_at)
            if other.id == incident.id or apart > SAME_WITHIN or other.private or incident.private or other.drill:
                continue
            answer = Answer(
                verdict=f"{incident.label} was declared while my own database was silent, and so was {other.label} "
                f"{other.title}: is it the same fault?",
                offers=(
                    Offer(
                        label=f"Merge into INC-{other.id}",
                        words=f"incident merge INC-{incident.id} --into INC-{other.id}",
                    ),
                ),
            )
            await tell(self._services, transaction, incident, key=f"same:{other.id}", channel=answer, thread=answer)


async def _incident(transaction: Transaction, line: Line) -> tuple[Incident, bool]:
    """The incident that a line tells of, and whether it was joined to that. LookupError where none is known."""
    known = await incidents.by_key(transaction, line["key"])
    twin = await incidents.by_key(transaction, line["key"] + TWIN)
    if twin is not None and twin.is_open:
        return twin, False
    if known is not None:
        return known, twin is not None
    raise LookupError(f"no incident of the key {line['key']}")


async def _channel(transaction: Transaction, incident: Incident, line: Line) -> None:
    await incidents.claim_channel(transaction, incident.id, line["channel"])


async def _joined(transaction: Transaction, incident: Incident, line: Line) -> None:
    for person in line["people"]:
        await members.add(transaction, incident.id, person, at=datetime.fromisoformat(line["at"]))


async def _step(transaction: Transaction, incident: Incident, line: Line) -> None:
    await steps.bring(transaction, incident.subject, _recorded(line))


def _recorded(line: Line) -> Recorded:
    return Recorded(
        name=line["name"],
        state=line["state"],
        result=line["result"],
        error=line["error"],
        attempts=1,
        started_at=datetime.fromisoformat(line["at"]),
        again=line["again"],
    )


async def _request_step(transaction: Transaction, _: Incident, line: Line) -> None:
    await steps.bring(transaction, f"request:{line['request']}", _recorded(line))


async def _say(transaction: Transaction, _: Incident, line: Line) -> None:
    at = datetime.fromisoformat(line["at"])
    if not line["stream"]:
        await cards.bring(transaction, line["message"], channel=line["channel"], not_before=at + LOST_AFTER)
        return
    post = Post(
        stream=line["stream"],
        key=line["message"],
        channel=line["channel"],
        body=line["body"],
        wanted_at=at,
        thread_of=line["thread_of"],
    )
    await posts.bring(transaction, post)


async def _said(transaction: Transaction, _: Incident, line: Line) -> None:
    await posts.found(transaction, line["message"], ts=line["ts"])
    await cards.found(transaction, line["message"], ts=line["ts"])


async def _rung(transaction: Transaction, incident: Incident, line: Line) -> None:
    await clocks.stop(transaction, incident.subject, line["clock"])


_OF_THE_OTHER: Final = ("channel", "step", "say", "said")
_BRINGERS: Final[Mapping[str, Callable[[Transaction, Incident, Line], Awaitable[None]]]] = {
    "channel": _channel,
    "joined": _joined,
    "step": _step,
    "request_step": _request_step,
    "say": _say,
    "said": _said,
    "rung": _rung,
}
"""What is not among them the database need not hold: PagerDuty is told once more, which changes nothing there."""
