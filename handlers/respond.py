"""What is done about an incident: acknowledge, assess, update, mitigate, resolve, and what is only written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from bot.context import Context, Transaction
from bot.incidents import acknowledging, assessing, cadence, evidence, mitigating, resolving, updating
from bot.incidents.finding import WHICH, WhichArgs, which
from bot.incidents.states import CAUSES
from bot.incidents.telling import marked
from bot.incidents.visibility import audience
from bot.operation import Act, Answer, Arg, Args, Form, IncidentNumber, Operation, Read
from bot.people import Role

if TYPE_CHECKING:  # a terminal does without
    from bot.degraded.keeper import Keeper

SECTION: Final = "P0 Response Procedure"


async def acknowledge(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Take it. Audited by `bot.incidents.moving`."""
    return await acknowledging.acknowledge(await which(args.id, context, transaction), context, transaction)


async def acknowledge_degraded(args: WhichArgs, context: Context, keeper: Keeper) -> Answer:
    """Take it while our own database is silent."""
    return await keeper.acknowledge(args.id, context)


@dataclass(frozen=True, kw_only=True, slots=True)
class AssessArgs(Args):
    """What it is, and how many it hits."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    cause: Annotated[
        Literal["deployment", "third-party", "database", "other"],
        Arg(help="What is behind it.", positional=True, labels=tuple(name.capitalize() for name in CAUSES.values())),
    ]
    share: Annotated[
        float | None, Arg(help="The share of users that it hits, in percent: an estimate.", minimum=0, maximum=100)
    ] = None
    found: Annotated[str, Arg(help="What you found, in a sentence.", positional=True, rest=True, personal=True)] = ""


async def assess(args: AssessArgs, context: Context, transaction: Transaction) -> Answer:
    """Say what it is. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    cause = args.cause.replace("-", "_")
    return await assessing.assess(cause, args.share, args.found, incident, context, transaction)


async def with_evidence(given: Mapping[str, Any], context: Context) -> Form:
    """Return what is known already: the evidence, the likeliest cause, and the share of users by the product's numbers."""
    async with context.services.database.connection() as connection:
        incident = await which(given.get("id"), context, connection)
    found = await evidence.gather(context.services, incident)
    likely = {"cause": found.cause.cause or None, "share": found.share.share}
    return Form(
        note=evidence.in_short(found),
        more=evidence.in_full(found),
        given={name: value for name, value in likely.items() if value is not None},
    )


async def gather(args: WhichArgs, context: Context) -> Answer:
    """Return what is known of it by itself."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
    found = evidence.shown(await evidence.gather(context.services, incident))
    known = Answer(
        verdict=f"{incident.label}: {found.verdict}",
        mark=found.mark,
        evidence=found.evidence,
        offers=assessing.offer(incident),
        at=found.at,
        audience=audience([incident]),
    )
    return marked(incident, known)


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateArgs(Args):
    """How it stands."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    text: Annotated[
        str,
        Arg(
            help="What you know, what you do, what comes next: for the thread and the channel.",
            positional=True,
            rest=True,
            personal=True,
        ),
    ]


async def update(args: UpdateArgs, context: Context, transaction: Transaction) -> Answer:
    """Say how it stands. Audited by `bot.incidents.moving`."""
    return await updating.update(args.text, await which(args.id, context, transaction), context, transaction)


async def with_template(given: Mapping[str, Any], context: Context) -> Form:
    """Return how it stands, and words to begin with where the runbook has users told."""
    async with context.services.database.connection() as connection:
        incident = await which(given.get("id"), context, connection)
        return await updating.form(incident, context, connection)


@dataclass(frozen=True, kw_only=True, slots=True)
class MitigateArgs(Args):
    """By what users are helped."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    how: Annotated[str, Arg(help="By what: everybody reads it.", positional=True, rest=True, personal=True)]


async def mitigate(args: MitigateArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that users are helped. Audited by `bot.incidents.moving`."""
    return await mitigating.mitigate(args.how, await which(args.id, context, transaction), context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveArgs(Args):
    """By what it is over."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    how: Annotated[str, Arg(help="By what: everybody reads it.", positional=True, rest=True, personal=True)] = ""
    anyway: Annotated[bool, Arg(help="Although something is red.")] = False


async def resolve(args: ResolveArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that it is over. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await resolving.resolve(args.how, incident, context, transaction, anyway=args.anyway)


@dataclass(frozen=True, kw_only=True, slots=True)
class SnoozeArgs(Args):
    """For how long."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    lasts: Annotated[timedelta, Arg(help="Until the next update, such as 45m.", positional=True)] = timedelta(
        minutes=30
    )


async def snooze(args: SnoozeArgs, context: Context, transaction: Transaction) -> Answer:
    """Put the next update off. Audited by `bot.incidents.moving`."""
    return await cadence.snooze(args.lasts, await which(args.id, context, transaction), context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteArgs(Args):
    """What happened."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    text: Annotated[str, Arg(help="What happened, or what you see.", positional=True, rest=True, personal=True)]


async def note(args: NoteArgs, context: Context, transaction: Transaction) -> Answer:
    """Write it down. Audited by `bot.incidents.moving`."""
    return await updating.note(args.text, await which(args.id, context, transaction), context, transaction)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Act(
        words="incident ack",
        summary="Say that you have it: the ladder stops, and everybody reads it.",
        title="Acknowledge",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("incident ack INC-12",),
        section=SECTION,
        act=acknowledge,
        degraded=acknowledge_degraded,
        in_drills=True,
    ),
    Act(
        words="ack",
        summary="The same as incident ack; in an incident's channel nothing more is needed.",
        title="Acknowledge",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("ack", "ack INC-12"),
        section=SECTION,
        act=acknowledge,
        degraded=acknowledge_degraded,
        in_drills=True,
    ),
    Act(
        words="incident assess",
        summary="Say what it is and how many it hits; the form shows what is known by itself.",
        title="Assess",
        submit="Assess, and tell all",
        who=Role.RESPONDER,
        args=AssessArgs,
        examples=(
            "incident assess deployment --share 40 checkout fails since the release",
            "incident assess INC-12 other",
        ),
        section=SECTION,
        form=with_evidence,
        act=assess,
        in_drills=True,
    ),
    Read(
        words="incident evidence",
        summary="What is known of it by itself: probes, what changed, errors, logs, vendors, the product's numbers.",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("incident evidence INC-12",),
        section=SECTION,
        read=gather,
    ),
    Act(
        words="incident update",
        summary="Tell the thread and the channel how it stands.",
        title="Update",
        submit="Tell everybody",
        who=Role.RESPONDER,
        args=UpdateArgs,
        examples=("incident update the rollback runs", "incident update INC-12 users can pay again"),
        section=SECTION,
        form=with_template,
        act=update,
        in_drills=True,
    ),
    Act(
        words="incident mitigate",
        summary="Say that users are helped, although the cause may still be there.",
        title="Mitigated",
        submit="Say it is mitigated",
        who=Role.RESPONDER,
        args=MitigateArgs,
        examples=("incident mitigate rolled back to 8f3c2aa", "incident mitigate INC-12 maintenance mode is on"),
        section=SECTION,
        act=mitigate,
        in_drills=True,
    ),
    Act(
        words="incident resolve",
        summary="Say that it is over; health is looked at first.",
        title="Resolve",
        who=Role.RESPONDER,
        args=ResolveArgs,
        examples=("incident resolve", "incident resolve INC-12 the fix is live", "incident resolve INC-12 --anyway"),
        section=SECTION,
        act=resolve,
        in_drills=True,
    ),
    Act(
        words="incident snooze",
        summary="Put the next update off, under your name.",
        who=Role.RESPONDER,
        args=SnoozeArgs,
        examples=("incident snooze 45m", "incident snooze INC-12 45m"),
        act=snooze,
        in_drills=True,
    ),
    Act(
        words="incident note",
        summary="Write something down in the timeline.",
        title="Note",
        submit="Write it down",
        who=Role.RESPONDER,
        args=NoteArgs,
        examples=("incident note the first customer wrote at 14:02",),
        act=note,
        in_drills=True,
    ),
)
