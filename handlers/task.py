"""`task`: what is to be done because of an incident, by whom, and until when. They are its post-mortem's action items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from bot.context import Context, Transaction
from bot.incidents.finding import WHICH, WhichArgs, seen, which
from bot.incidents.visibility import audience
from bot.operation import Act, Answer, Arg, Args, Audience, Family, IncidentNumber, Lines, Mark, Offer, Person, Read
from bot.people import Role
from bot.store import incidents
from bot.store import tasks as table
from bot.store.database import Connection
from bot.store.incidents import Incident
from bot.store.tasks import Task
from bot.tasks import keeping, telling
from bot.tasks.keeping import Wanted

SECTION: Final = "P0 Response Procedure"
_KINDS: Final = tuple(f"{kind.capitalize()}: {why}" for kind, why in telling.KINDS.items())
_NUMBER: Final = "The task's number."


@dataclass(frozen=True, kw_only=True, slots=True)
class AddArgs(Args):
    """What is to be done."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    what: Annotated[
        str, Arg(help="What is to be done: a verb, and when it is done.", positional=True, rest=True, personal=True)
    ]
    owner: Annotated[Person | None, Arg(help="Who does it; left out, whoever takes it.")] = None
    due: Annotated[timedelta | None, Arg(help="Within what time, such as 4h or 3d.")] = None
    kind: Annotated[
        Literal["prevent", "detect", "mitigate", "process"] | None, Arg(help="What it is for.", labels=_KINDS)
    ] = None


async def add(args: AddArgs, context: Context, transaction: Transaction) -> Answer:
    """Add a task to an incident. Audited by `bot.incidents.moving`."""
    incident = await which(args.id, context, transaction)
    wanted = Wanted(said=args.what, owner=args.owner or "", within=args.due, kind=args.kind or "")
    return await keeping.add(wanted, incident, context, transaction)


async def of_incident(args: WhichArgs, context: Context) -> Answer:
    """Return the tasks of an incident."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
        return await _listed(await table.of(connection, incident.id), context, connection, incident)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListArgs(Args):
    """Whose tasks."""

    all: Annotated[bool, Arg(help="Everybody's, of the incidents that you may know of.")] = False


async def list_(args: ListArgs, context: Context) -> Answer:
    """Return what the person still has to do, or everybody."""
    async with context.services.database.connection() as connection:
        found = await table.unfinished(connection, "" if args.all else context.actor.id)
        return await _listed(await _known(found, context, connection), context, connection, None)


async def _known(found: Sequence[Task], context: Context, connection: Connection) -> list[Task]:
    """Those of the incidents that the person may know of."""
    theirs = [await incidents.get(connection, number) for number in sorted({task.incident for task in found})]
    known = {one.id for one in await seen([one for one in theirs if one is not None], context, connection)}
    return [task for task in found if task.incident in known]


async def _listed(found: Sequence[Task], context: Context, connection: Connection, incident: Incident | None) -> Answer:
    names = await keeping.names_of(found, connection)
    still = [task for task in found if task.is_open]
    overdue = [task for task in still if task.due_at is not None and task.due_at < context.now]
    counts = [f"{len(still)} to do" if still else "nothing to do"]
    counts += [f"{len(overdue)} overdue"] if overdue else []
    counts += [f"{len(found) - len(still)} ended"] if len(found) > len(still) else []
    lines = tuple(telling.line(task, names, context.now, incident=incident is None) for task in found)
    more = (Offer(label="Add a task…", words=f"incident task INC-{incident.id}"),) if incident else ()
    return Answer(
        verdict=f"{f'{incident.label}, tasks' if incident else 'Tasks'}: {', '.join(counts)}.",
        mark=Mark.DOWN if overdue else Mark.NONE,
        evidence=(Lines(lines=lines),) if lines else (),
        offers=(*(Offer(label=f"{task.id} is done", words=f"task done {task.id}") for task in still[:5]), *more),
        audience=audience([incident]) if incident else Audience.PRIVATE,
        at=context.now,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskArgs(Args):
    """Which task."""

    task: Annotated[int, Arg(help=_NUMBER, positional=True, minimum=1, maximum=2**62)]


async def take(args: TaskArgs, context: Context, transaction: Transaction) -> Answer:
    """Have it. Audited by `bot.incidents.moving`."""
    return await keeping.give(context.actor.id, args.task, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveArgs(Args):
    """Which task, and who has it from now on."""

    task: Annotated[int, Arg(help=_NUMBER, positional=True, minimum=1, maximum=2**62)]
    person: Annotated[Person, Arg(help="Who does it.", positional=True)]


async def give(args: GiveArgs, context: Context, transaction: Transaction) -> Answer:
    """Let somebody have it. Audited by `bot.incidents.moving`."""
    return await keeping.give(args.person, args.task, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class SetArgs(Args):
    """Which task, and what of it is another."""

    task: Annotated[int, Arg(help=_NUMBER, positional=True, minimum=1, maximum=2**62)]
    due: Annotated[timedelta | None, Arg(help="Within what time from now, such as 3d.")] = None
    kind: Annotated[
        Literal["prevent", "detect", "mitigate", "process"] | None, Arg(help="What it is for.", labels=_KINDS)
    ] = None


async def set_(args: SetArgs, context: Context, transaction: Transaction) -> Answer:
    """Give it another date, or say what it is for. Audited by `bot.incidents.moving`."""
    return await keeping.change(args.task, args.due, args.kind or "", context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class SnoozeArgs(Args):
    """Which task, and for how long."""

    task: Annotated[int, Arg(help=_NUMBER, positional=True, minimum=1, maximum=2**62)]
    lasts: Annotated[timedelta, Arg(help="Until I remind you again, such as 1d.", positional=True)] = timedelta(days=1)


async def snooze(args: SnoozeArgs, context: Context, transaction: Transaction) -> Answer:
    """Hear nothing of it for a while. Audited by `bot.tasks.keeping`."""
    return await keeping.snooze(args.task, args.lasts, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class DoneArgs(Args):
    """Which task, and what came of it."""

    task: Annotated[int, Arg(help=_NUMBER, positional=True, minimum=1, maximum=2**62)]
    note: Annotated[str, Arg(help="What came of it, such as a link.", positional=True, rest=True, personal=True)] = ""


async def done(args: DoneArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that it is done. Audited by `bot.incidents.moving`."""
    return await keeping.end(args.task, "done", args.note, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class DropArgs(Args):
    """Which task, and why nobody does it."""

    task: Annotated[int, Arg(help=_NUMBER, positional=True, minimum=1, maximum=2**62)]
    reason: Annotated[str, Arg(help="Why nobody does it.", positional=True, rest=True, personal=True)]


async def drop(args: DropArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that nobody does it, and why. Audited by `bot.incidents.moving`."""
    return await keeping.end(args.task, "dropped", args.reason, context, transaction)


FAMILY = Family(
    name="task",
    summary="What is to be done because of an incident",
    operations=(
        Act(
            words="incident task",
            summary="Add something to do; whoever has it is reminded, and the post-mortem lists it.",
            title="Task for",
            submit="Add the task",
            who=Role.RESPONDER,
            args=AddArgs,
            examples=(
                'incident task "alert on failed webhooks" --owner @bob --due 3d --kind detect',
                "incident task INC-12 call the bank",
            ),
            section=SECTION,
            act=add,
            in_drills=True,
        ),
        Read(
            words="incident tasks",
            summary="What is to be done because of an incident.",
            who=Role.VIEWER,
            args=WhichArgs,
            examples=("incident tasks INC-12", "incident tasks"),
            read=of_incident,
        ),
        Read(
            words="task list",
            summary="What you have to do.",
            who=Role.VIEWER,
            args=ListArgs,
            examples=("task list", "task list --all"),
            read=list_,
        ),
        Act(
            words="task take",
            summary="Say that you do it.",
            title="Take task",
            submit="Take it",
            who=Role.RESPONDER,
            args=TaskArgs,
            examples=("task take 7",),
            act=take,
            in_drills=True,
        ),
        Act(
            words="task give",
            summary="Let somebody else do it; they are told.",
            title="Give task",
            submit="Give it",
            who=Role.RESPONDER,
            args=GiveArgs,
            examples=("task give 7 @bob",),
            act=give,
            in_drills=True,
        ),
        Act(
            words="task set",
            summary="Give it another date, or say what it is for.",
            title="Change task",
            submit="Change it",
            who=Role.RESPONDER,
            args=SetArgs,
            examples=("task set 7 --due 3d", "task set 7 --kind prevent"),
            act=set_,
            in_drills=True,
        ),
        Act(
            words="task snooze",
            summary="Hear nothing of it for a while; its date stays.",
            title="Snooze task",
            submit="Snooze it",
            who=Role.VIEWER,
            args=SnoozeArgs,
            examples=("task snooze 7 1d",),
            act=snooze,
            in_drills=True,
        ),
        Act(
            words="task done",
            summary="Say that it is done; for responders, and whoever has it.",
            title="Task done",
            submit="It is done",
            who=Role.VIEWER,
            args=DoneArgs,
            examples=("task done 7", "task done 7 merged in #412"),
            act=done,
            in_drills=True,
        ),
        Act(
            words="task drop",
            summary="Say that nobody does it, and why; for responders, and whoever has it.",
            title="Drop task",
            submit="Drop it",
            who=Role.VIEWER,
            args=DropArgs,
            examples=("task drop 7 the library was replaced",),
            act=drop,
            in_drills=True,
        ),
    ),
)
