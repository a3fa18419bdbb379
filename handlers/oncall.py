"""`oncall`, `escalate`, `contacts`: who is to be called, now and next, by name and number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from bot import roster
from bot.contacts import CONTACTS, Contact
from bot.context import Context, Services
from bot.errors import UserError
from bot.incidents import calling
from bot.incidents.finding import WhichArgs, which
from bot.operation import (
    Answer,
    Arg,
    Args,
    Audience,
    Change,
    Execution,
    Family,
    Line,
    Lines,
    Mark,
    Offer,
    Outcome,
    Plan,
    Read,
)
from bot.people import Role
from bot.roster import Roster
from bot.store.on_call import OnDuty

SECTION: Final = "Emergency Contacts"
ANSWERS: Final = {1: "answers within 15 minutes", 2: "within 30 minutes", 3: "within an hour"}
"""The runbook's escalation path."""


async def show(args: Args, context: Context) -> Answer:
    """Return who is on call, rung by rung, until when, and who comes then."""
    del args
    found = await roster.asked(context.services)
    if not found.people:
        raise UserError(
            f"I do not know who is on call. {found.silent}".strip(),
            why="PagerDuty has never told me.",
            todo="PagerDuty's own app shows its schedule.",
        )
    now = context.now
    return Answer(
        verdict=_verdict(found, now),
        mark=Mark.UNKNOWN if found.silent else Mark.OK,
        evidence=(
            *((Lines(lines=(Line(title=found.silent, mark=Mark.UNKNOWN),)),) if found.silent else ()),
            Lines(heading="Whom to call", lines=tuple(_line(one, now) for one in found.people)),
        ),
        section=SECTION,
        # telephone numbers are nobody's business in a channel with guests
        audience=Audience.PRIVATE,
        at=found.at,
    )


def _verdict(found: Roster, now: datetime) -> str:
    first = found.level(min(one.level for one in found.people))
    who = " and ".join(one.name for one in first)
    if any(roster.is_over(one, now) for one in first):
        return f"{who} was on call, and that shift has ended since: it may be somebody else by now."
    ends = min((one.ends_at for one in first if one.ends_at), default=None)
    until = f" until {ends:%a %d %b %H:%M} UTC" if ends else ""
    return f"{who} {'are' if len(first) > 1 else 'is'} on call{until}."


def _line(one: OnDuty, now: datetime) -> Line:
    parts = [one.phone or "no number is known"]
    if one.ends_at is not None and not roster.is_over(one, now):
        parts.append(
            f"until {one.ends_at:%a %d %b %H:%M} UTC"
            + (f", then {one.following}" if one.following not in ("", one.name) else "")
        )
    if one.level in ANSWERS:
        parts.append(ANSWERS[one.level])
    return Line(
        title=f"{roster.rung(one.level)}: {one.name}",
        text="; ".join(parts),
        mark=Mark.DEGRADED if roster.is_over(one, now) else Mark.NONE,
    )


async def plan(args: WhichArgs, context: Context) -> Plan:
    """Say whose turn it is."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
    return await calling.plan(incident, context.services)


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Nothing outdates it: it runs at once."""
    del decides, services
    return ""


async def escalate(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Page them."""
    return await calling.call(decides, execution)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactsArgs(Args):
    """Whose."""

    vendor: Annotated[
        Literal["all", "vercel", "supabase", "stripe", "openai"],
        Arg(help="A vendor; left out, all of them.", positional=True),
    ] = "all"


async def contacts(args: ContactsArgs, context: Context) -> Answer:
    """Return the vendors' support, how fast it answers, and what the ticket needs."""
    said = context.services.settings.contacts
    known = {key: _told(contact, said.get(key, "")) for key, contact in CONTACTS.items()}
    if args.vendor != "all":
        contact = known[args.vendor]
        return Answer(
            verdict=f"{contact.name}: {contact.where} (they answer within {contact.answers_within}).",
            evidence=(
                Lines(heading="What belongs into the ticket", lines=tuple(Line(title=line) for line in contact.ticket)),
            ),
            offers=(Offer(label="Status", words="status"),),
            section=SECTION,
        )
    return Answer(
        verdict="Vendors' support, and how fast it answers. Who of us is on call: `/ilab oncall`.",
        evidence=(
            Lines(
                lines=tuple(
                    Line(title=contact.name, text=f"{contact.where}, within {contact.answers_within}")
                    for contact in known.values()
                )
            ),
        ),
        offers=tuple(Offer(label=contact.name, words=f"contacts {key}") for key, contact in known.items()),
        section=SECTION,
    )


def _told(contact: Contact, where: str) -> Contact:
    """The contact, reached as the settings say: a paid plan has a number or a channel of its own."""
    return replace(contact, where=where) if where else contact


FAMILY = Family(
    name="oncall",
    summary="Who is to be called",
    operations=(
        Read(
            words="oncall",
            summary="Who is on call, until when, with numbers; from the last good answer while PagerDuty is silent.",
            who=Role.VIEWER,
            examples=("oncall",),
            section=SECTION,
            read=show,
        ),
        Change(
            words="escalate",
            summary="Page the next rung of the ladder for an incident, and say who that is.",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("escalate INC-12", "escalate"),
            section=SECTION,
            plan=plan,
            recheck=recheck,
            execute=escalate,
            quorum=0,
        ),
        Read(
            words="contacts",
            summary="Vendors' support: where, how fast it answers, and what the ticket needs.",
            who=Role.VIEWER,
            args=ContactsArgs,
            examples=("contacts", "contacts stripe"),
            section=SECTION,
            read=contacts,
        ),
    ),
)
