"""What is set right about an incident: how grave it is, who does what, that it was none, is another's, or is back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from bot.context import Context, Transaction
from bot.incidents import appointing, correcting, ending, reclassifying
from bot.incidents.finding import WHICH, which
from bot.incidents.moments import EXAMPLES
from bot.incidents.severity import SEVERITIES
from bot.operation import Act, Answer, Arg, Args, IncidentNumber, Operation, Person
from bot.people import Role

SECTION: Final = "Severity Levels"


@dataclass(frozen=True, kw_only=True, slots=True)
class SeverityArgs(Args):
    """How grave, and why."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    severity: Annotated[
        Literal["p0", "p1", "p2", "p3"],
        Arg(
            help="How grave it is after all.",
            positional=True,
            labels=tuple(f"{one.code} {one.word}: {one.means}" for one in SEVERITIES.values()),
        ),
    ]
    why: Annotated[str, Arg(help="Why.", positional=True, rest=True, personal=True)] = ""


async def severity(args: SeverityArgs, context: Context, transaction: Transaction) -> Answer:
    """Correct how grave it is. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await reclassifying.reclassify(args.severity.upper(), args.why, incident, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadArgs(Args):
    """Who leads."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    person: Annotated[Person | None, Arg(help="Who; left out, it is you.", positional=True)] = None


async def lead(args: LeadArgs, context: Context, transaction: Transaction) -> Answer:
    """Let somebody lead. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await appointing.appoint("lead", args.person or "", incident, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleArgs(Args):
    """Who has which part."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    part: Annotated[
        Literal["lead", "communications", "scribe"],
        Arg(help="Who leads, who speaks to the outside, who writes down.", positional=True),
    ]
    person: Annotated[Person | None, Arg(help="Who; left out, it is you.", positional=True)] = None


async def role(args: RoleArgs, context: Context, transaction: Transaction) -> Answer:
    """Give somebody a part in it. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await appointing.appoint(args.part, args.person or "", incident, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonArgs(Args):
    """Which, and why."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    reason: Annotated[str, Arg(help="Why: everybody reads it.", positional=True, rest=True, personal=True)]


async def cancel(args: ReasonArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that it was none. Audited by `bot.incidents.moving`."""
    return await ending.cancel(args.reason, await which(args.id, context, transaction), context, transaction)


async def reopen(args: ReasonArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that it is not over. Audited by `bot.incidents.moving`."""
    return await ending.reopen(args.reason, await which(args.id, context, transaction), context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeArgs(Args):
    """Which two are one."""

    id: Annotated[IncidentNumber | None, Arg(help=f"The duplicate. {WHICH}", positional=True)] = None
    into: Annotated[IncidentNumber, Arg(help="The incident that goes on, such as INC-12.")]


async def merge(args: MergeArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that the two are one. Audited by `bot.incidents.moving`."""
    duplicate = await which(args.id, context, transaction)
    into = await which(args.into, context, transaction)
    return await ending.merge(duplicate, into, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class MilestoneArgs(Args):
    """Which milestone, when, and why that is better."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    name: Annotated[
        Literal["started", "detected", "declared", "acknowledged", "assessed", "mitigated", "resolved"],
        Arg(help="Which.", positional=True),
    ]
    when: Annotated[str, Arg(help=f"When: {EXAMPLES.replace('`', '')}.", positional=True, rest=True)]
    reason: Annotated[str, Arg(help="How you know.", rest=True, personal=True)]


async def milestone(args: MilestoneArgs, context: Context, transaction: Transaction) -> Answer:
    """Correct a milestone. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await correcting.correct(args.name, args.when, args.reason, incident, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class TitleArgs(Args):
    """What it is called."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    title: Annotated[str, Arg(help="What is wrong, in a few words.", positional=True, rest=True, personal=True)]
    rename: Annotated[bool, Arg(help="Name the channel anew, too: links to its name lead nowhere then.")] = False


async def title(args: TitleArgs, context: Context, transaction: Transaction) -> Answer:
    """Call it by another title. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await correcting.rename(args.title, incident, context, transaction, channel=args.rename)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Act(
        words="incident severity",
        summary="Correct how grave it is: what that severity sets up and which clocks it has follows.",
        title="Severity of",
        submit="Change the severity",
        who=Role.RESPONDER,
        args=SeverityArgs,
        examples=("incident severity p0 nobody can pay", "incident severity INC-12 p2"),
        section=SECTION,
        act=severity,
        in_drills=True,
    ),
    Act(
        words="incident lead",
        summary="Lead it, or let somebody else lead it: handed over with what there is to know.",
        who=Role.RESPONDER,
        args=LeadArgs,
        examples=("incident lead", "incident lead INC-12 @bob"),
        act=lead,
        in_drills=True,
    ),
    Act(
        words="incident role",
        summary="Let somebody lead it, speak to the outside, or write down what happens.",
        title="Role in",
        submit="Give the role",
        who=Role.RESPONDER,
        args=RoleArgs,
        examples=("incident role communications @bob", "incident role INC-12 scribe"),
        act=role,
        in_drills=True,
    ),
    Act(
        words="incident cancel",
        summary="Say that it was none, and why.",
        title="No incident",
        submit="It was none",
        who=Role.RESPONDER,
        args=ReasonArgs,
        examples=("incident cancel the monitor was wrong", "incident cancel INC-12 a test"),
        act=cancel,
        in_drills=True,
    ),
    Act(
        words="incident reopen",
        summary="Say that it is not over after all, and why: its clocks begin anew.",
        title="Reopen",
        submit="Reopen",
        who=Role.RESPONDER,
        args=ReasonArgs,
        examples=("incident reopen it fails again", "incident reopen INC-12 it fails again"),
        section="P0 Response Procedure",
        act=reopen,
        in_drills=True,
    ),
    Act(
        words="incident merge",
        summary="Say that one incident is the same as another, which goes on.",
        title="Merge",
        submit="Merge",
        who=Role.RESPONDER,
        args=MergeArgs,
        examples=("incident merge INC-13 --into INC-12", "incident merge --into INC-12"),
        act=merge,
        in_drills=True,
    ),
    Act(
        words="incident milestone",
        summary="Correct when a milestone was reached, and say how you know.",
        title="Milestone of",
        submit="Correct it",
        who=Role.RESPONDER,
        args=MilestoneArgs,
        examples=(
            "incident milestone resolved 14:05 --reason the graphs say so",
            "incident milestone INC-12 started 2026-03-02 13:40 --reason the log",
        ),
        act=milestone,
        in_drills=True,
    ),
    Act(
        words="incident title",
        summary="Give it a better title; its channel keeps its name unless asked.",
        title="Title of",
        submit="Change the title",
        who=Role.RESPONDER,
        args=TitleArgs,
        examples=("incident title checkout fails in Europe", "incident title INC-12 checkout fails --rename"),
        act=title,
        in_drills=True,
    ),
)
