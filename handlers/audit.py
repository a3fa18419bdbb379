"""`audit`: what was done, by whom, and with what result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Final

from bot.audit import Entry, Event, Wanted
from bot.context import Context
from bot.incidents.finding import seen
from bot.masking import masked_text
from bot.operation import Answer, Arg, Args, Audience, Family, Invocation, Line, Lines, Offer, Person, Read
from bot.people import PERSON_ID, Role
from bot.store import audit, incidents, people, requests
from bot.store.database import Connection
from bot.words import render, shorten

MOST: Final = 25
_SUBJECT: Final = re.compile(r"(?:(?P<kind>request|incident|inc|alert)[\s:#-]*)?(?P<number>\d+)", re.IGNORECASE)
_SUBJECTS: Final = {"inc": "incident"}
_UNTOLD: Final = ("decides", "journal", "operation", "given", "of")
"""What an entry's detail holds and its line does not repeat."""
_DONE: Final[Mapping[str, str]] = {
    Event.DENIED: "was refused",
    Event.TOKEN_ISSUED: "issued terminal token",
    Event.TOKEN_REVOKED: "revoked terminal token",
    Event.WATCH_STARTED: "started the watch in",
    Event.WATCH_STOPPED: "stopped the watch in",
    Event.REQUESTED: "asked",
    Event.REFUSED: "asked, and was refused,",
    Event.DELEGATED: "handed on",
    Event.BROKE_GLASS: "⚡ broke the glass of",
    Event.ASKED_AGAIN: "asked again what became of",
    Event.SETTLED: "said what became of",
    Event.APPROVER_PAGED: "paged the approver on duty for",
    Event.APPROVED: "approved",
    Event.REJECTED: "denied",
    Event.WITHDRAWN: "withdrew",
    Event.EXPIRED: "let expire",
    Event.OUTDATED: "found stale",
    Event.EXECUTED: "ran",
    Event.HEAD_POSTED: "posted the audit's end, entry",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditArgs(Args):
    """Which entries."""

    about: Annotated[
        str,
        Arg(help="A request or incident, such as request 12 or INC-3; or part of a command or kind.", positional=True),
    ] = ""
    number: Annotated[
        int | None, Arg(help="Of the request or incident.", positional=True, minimum=1, maximum=2**62)
    ] = None
    person: Annotated[Person | None, Arg(help="Who did it.")] = None
    kind: Annotated[str, Arg(help="What was done, such as request or request.approved.")] = ""
    since: Annotated[timedelta | None, Arg(help="How far back, such as 24h or 7d.")] = None
    before: Annotated[int | None, Arg(help="Older than the entry of this number.", minimum=1, maximum=2**62)] = None


async def list_(args: AuditArgs, context: Context) -> Answer:
    """Return what was done, newest first, as far as the person may know of it."""
    wanted = await _wanted(args, context)

    async def look(connection: Connection) -> tuple[list[Entry], dict[str, str]]:
        hidden = await _hidden(context, connection)
        found = await audit.find(connection, wanted, hidden=hidden, most=MOST + 1)
        ids = {entry.actor for entry in found} | {str(entry.detail.get("to", "")) for entry in found}
        return found, {id_: await people.name_of(connection, id_) for id_ in ids if PERSON_ID.fullmatch(id_)}

    found, names = await context.services.database.call(look)
    shown = found[:MOST]
    offers: tuple[Offer, ...] = ()
    if len(found) > MOST:
        older = Invocation(
            operation=context.services.registry.by_words["audit"], args=replace(args, before=shown[-1].seq)
        )
        offers = (Offer(label="Older", words=render(older)),)
    return Answer(
        verdict=_verdict(shown, args, more=bool(offers)),
        evidence=(Lines(lines=tuple(_line(entry, names) for entry in shown)),) if shown else (),
        offers=offers,
        audience=Audience.PRIVATE,
    )


async def _wanted(args: AuditArgs, context: Context) -> Wanted:
    about = args.about + (f" {args.number}" if args.number else "")
    subject = _SUBJECT.fullmatch(about)
    number = subject["number"] if subject else ""
    kind = (subject["kind"] or "request").lower() if subject else ""
    return Wanted(
        actor=(await context.services.people.whom(args.person)).id if args.person else None,
        kind=args.kind.lower() or None,
        subject=f"{_SUBJECTS.get(kind, kind)}:{number}" if subject else None,
        text=about if about and not subject else None,
        since=context.now - args.since if args.since else None,
        before=args.before,
    )


async def _hidden(context: Context, connection: Connection) -> list[str]:
    """The subjects that belong to private incidents of which the person may not know."""
    private = await incidents.private_ones(connection)
    known = {incident.id for incident in await seen(private, context, connection)}
    unknown = [incident.id for incident in private if incident.id not in known]
    theirs = await requests.of_incidents(connection, unknown)
    return [f"incident:{number}" for number in unknown] + [f"request:{number}" for number in theirs]


def _verdict(shown: list[Entry], args: AuditArgs, *, more: bool) -> str:
    narrowed = any((args.about, args.person, args.kind, args.since, args.before))
    if not shown:
        return "Nothing that was done fits that." if narrowed else "Nothing was done yet."
    what = f"{len(shown)} {'entry' if len(shown) == 1 else 'entries'}{' that fit' if narrowed else ''}"
    return f"The newest {what}; there are more." if more else f"{what.capitalize()}, newest first."


def _line(entry: Entry, names: Mapping[str, str]) -> Line:
    done = _DONE.get(entry.kind, entry.kind.replace(".", " ").replace("_", " "))
    who = names.get(entry.actor, entry.actor)
    details = "; ".join(_details(entry, names))
    return Line(
        title=f"{entry.seq}", text=f"{who} {done} {_subject(entry)}{f': {details}' if details else ''}", at=entry.at
    )


def _subject(entry: Entry) -> str:
    kind, _, number = entry.subject.partition(":")
    if kind == "incident":
        return f"INC-{number}"
    named = f"{kind} {number}" if number else f"`{entry.subject}`"
    operation = entry.detail.get("operation")
    return f"{named} (`{operation}`)" if operation else named


def _details(entry: Entry, names: Mapping[str, str]) -> Iterator[str]:
    """What else there is to say of it, in the order in which it was written, without addresses."""
    if "given" in entry.detail:
        yield f"{entry.detail['given']} of {entry.detail['of']}"
    for name, value in entry.detail.items():
        if name in _UNTOLD or value in (None, "", [], {}):
            continue
        said = names.get(str(value), str(value)) if not isinstance(value, (dict, list)) else ""
        if said:
            yield shorten(masked_text(said if name in ("said", "state") else f"{name.replace('_', ' ')} {said}"), 160)


FAMILY = Family(
    name="audit",
    summary="What was done",
    operations=(
        Read(
            words="audit",
            summary="What was done, by whom and with what result, newest first.",
            who=Role.APPROVER,
            args=AuditArgs,
            examples=("audit", "audit request 12", "audit grant --since 7d", "audit --kind request.approved"),
            read=list_,
        ),
    ),
)
