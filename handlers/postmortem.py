"""`postmortem`: what the records hold is filled in, people write the rest; and an incident is closed with it, or for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from bot.context import Context, Surface, Transaction
from bot.incidents import archiving
from bot.incidents.finding import WHICH, WhichArgs, which
from bot.operation import Act, Answer, Arg, Args, Family, IncidentNumber, Read
from bot.people import Role
from bot.postmortem import finishing, showing
from bot.store import postmortems

SECTION: Final = "P0 Response Procedure"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowArgs(Args):
    """Which incident's."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    file: Annotated[bool, Arg(help="Its text as a file, as it would be written now.")] = False


async def show(args: ShowArgs, context: Context) -> Answer:
    """Return how it stands; in a terminal, and before there is a draft, its text as it would be written now."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
        version = await postmortems.newest(connection, incident.id)
    if args.file or version is None or context.place.surface is Surface.TERMINAL:
        return await showing.text(incident, context)
    return await showing.standing(incident, version, context)


async def write(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Let what is new be written down. Audited by `bot.postmortem.publishing`."""
    return await finishing.write(await which(args.id, context, transaction), context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class DoneArgs(Args):
    """Which incident's, and where it was finished."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    link: Annotated[
        str, Arg(help="Where it was finished; left out, it is the canvas of the channel.", positional=True)
    ] = ""
    anyway: Annotated[
        str, Arg(help="Why it counts as done although something is missing.", rest=True, personal=True)
    ] = ""


async def done(args: DoneArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that it is done: the incident is closed. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    return await finishing.finish(incident, args.link, args.anyway, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseArgs(Args):
    """Which incident, and why it has no post-mortem."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    without: Annotated[str, Arg(help="Why it needs no post-mortem: everybody reads it.", rest=True, personal=True)]


async def close(args: CloseArgs, context: Context, transaction: Transaction) -> Answer:
    """Close an incident without a post-mortem. Audited by `bot.incidents.moving`."""
    return await finishing.close(await which(args.id, context, transaction), args.without, context, transaction)


async def keep(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Keep the channel of an incident that is over open. Audited by `bot.incidents.archiving`."""
    return await archiving.keep(await which(args.id, context, transaction), context, transaction)


FAMILY = Family(
    name="postmortem",
    summary="What an incident teaches",
    operations=(
        Read(
            words="postmortem",
            summary="How the post-mortem of an incident stands; in a terminal, its text.",
            who=Role.RESPONDER,
            args=ShowArgs,
            examples=("postmortem INC-12", "postmortem INC-12 --file"),
            section=SECTION,
            read=show,
        ),
        Act(
            words="postmortem write",
            summary="Write down what is new since the last version; what people wrote is left as it is.",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("postmortem write INC-12",),
            section=SECTION,
            act=write,
            in_drills=True,
        ),
        Act(
            words="postmortem done",
            summary="Say that it is done: the incident is closed. Refused while questions are unanswered.",
            who=Role.RESPONDER,
            args=DoneArgs,
            examples=(
                "postmortem done INC-12",
                "postmortem done INC-12 https://interviewlab.slack.com/docs/T0/F0",
                "postmortem done INC-12 --anyway nobody knows why, and nobody will",
            ),
            section=SECTION,
            anew=True,
            act=done,
            in_drills=True,
        ),
        Act(
            words="incident close",
            summary="Close an incident without a post-mortem, for a reason that everybody reads.",
            title="Close",
            submit="Close without one",
            who=Role.RESPONDER,
            args=CloseArgs,
            examples=("incident close INC-12 --without a duplicate of what we know",),
            section=SECTION,
            act=close,
            in_drills=True,
        ),
        Act(
            words="incident keep",
            summary="Keep the channel of an incident that is over open: by rule it is archived.",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("incident keep INC-12",),
            act=keep,
            in_drills=True,
        ),
    ),
)
