"""`deploy`: what serves production, what came before it and what waits, and what the server wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from bot.ages import age, span
from bot.context import Context
from bot.deploys import deployments, logs, moves, naming, targets
from bot.errors import UserError
from bot.operation import Answer, Arg, Args, Change, Family, Line, Lines, Mark, Offer, Plan, Read
from bot.people import Role

if TYPE_CHECKING:  # it imports httpx, which a terminal may do without
    from bot.providers.vercel import Deployment

SECTION: Final = "Useful Commands"
PAGE: Final = 10
EXCLUSIVE: Final = "production"
"""One rollback or promotion at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListArgs(Args):
    """Which of them."""

    previews: Annotated[bool, Arg(help="Show the previews of branches, too.")] = False
    before: Annotated[
        int | None, Arg(help="Older ones: the number that the page before ends with.", minimum=1, maximum=2**53)
    ] = None


async def list_(args: ListArgs, context: Context) -> Answer:
    """Return what serves production, and a page of deployments."""
    vercel = deployments.vercel_of(context.services)
    production = await deployments.look(vercel)
    page = await vercel.deployments(limit=PAGE, until=args.before, previews=args.previews)
    lines = tuple(naming.line(one, production.serving) for one in page.deployments)
    older = f"deploy list{' --previews' if args.previews else ''} --before {page.following}"
    offers = [*_moves(page.deployments, production, context)]
    if page.following:
        offers.append(Offer(label="Older", words=older, replaces=True))
    if not args.previews:
        offers.append(Offer(label="Previews, too", words="deploy list --previews", replaces=True))
    if context.actor.role >= Role.RESPONDER:
        offers.append(Offer(label="Logs", words="deploy logs"))
    verdict, mark = _verdict(production, context)
    return Answer(
        verdict=verdict,
        mark=mark,
        evidence=(*_held(production), Lines(heading="Deployments", lines=lines or (Line(title="None older."),))),
        offers=tuple(offers),
        at=context.now,
    )


def _moves(page: Sequence[Deployment], production: deployments.Production, context: Context) -> Iterator[Offer]:
    """The next one back and the newest that waits, for who may ask for it."""
    if context.actor.role < Role.RESPONDER:
        return
    seen = set()
    for one in page:
        kind = targets.way(one, project=production.project, serving=production.serving)
        if kind and kind not in seen:
            seen.add(kind)
            yield targets.offer(one, kind)


def _verdict(production: deployments.Production, context: Context) -> tuple[str, Mark]:
    current = production.serving
    if current is None:
        return "Nothing serves production.", Mark.DOWN
    said = f"Production serves {naming.spoken(current)}, built {age(current.created_at, context.now)} ago"
    if naming.held(production.project):
        return f"{said}; later pushes stay staged until you promote.", Mark.DEGRADED
    newest = production.project.production
    if newest is not None and newest.id != current.id:
        return f"{said}; the newest build failed ({naming.name(newest)}).", Mark.DEGRADED
    return f"{said}.", Mark.OK


def _held(production: deployments.Production) -> tuple[Lines, ...]:
    why = naming.held(production.project)
    if not why:
        return ()
    waiting = production.staged
    said = f"{len(waiting)} waiting, the newest is {naming.spoken(waiting[0])}" if waiting else "none waits yet"
    return (
        Lines(
            lines=(
                Line(
                    title=f"Held: {why}",
                    text=f"staged pushes: {said}",
                    mark=Mark.DEGRADED,
                    at=naming.held_since(production.project),
                ),
            )
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowArgs(Args):
    """Which one."""

    id: Annotated[str, Arg(help="Its id (dpl_…), its address, or the beginning of its commit.", positional=True)]


async def show(args: ShowArgs, context: Context) -> Answer:
    """Return one deployment, and where its build failed, what that wrote last."""
    vercel = deployments.vercel_of(context.services)
    one = await deployments.find(vercel, args.id)
    production = await deployments.look(vercel)
    said, mark = naming.standing(one, production.serving)
    took = naming.took(one)
    lines = [
        Line(title="Built", text=f"in {span(took)}" if took is not None else one.state.lower(), at=one.created_at),
        Line(title="Commit", text=one.commit or "none: it was built elsewhere"),
        Line(title="Branch", text=one.branch),
        Line(title="Target", text=one.target or "preview"),
        Line(title="Address", text=one.url),
        Line(title="Domains", text=", ".join(one.domains)),
        Line(title="Id", text=f"`{one.id}`"),
    ]
    evidence = [Lines(lines=tuple(line for line in lines if line.text))]
    if one.state == "ERROR":
        last = await vercel.build_log(one.id)
        shown = tuple(Line(title=text[:200]) for text in last[-8:])
        evidence.append(Lines(heading=f"The build failed: {one.error or 'Vercel does not say why'}", lines=shown))
    offers = [*_next(one, production, context), Offer(label="All deployments", words="deploy list")]
    return Answer(
        verdict=f"{naming.spoken(one)}: {said}",
        mark=mark,
        evidence=tuple(evidence),
        offers=tuple(offers),
        at=context.now,
    )


def _next(one: Deployment, production: deployments.Production, context: Context) -> Iterator[Offer]:
    if context.actor.role < Role.RESPONDER:
        return
    kind = targets.way(one, project=production.project, serving=production.serving)
    if kind:
        yield targets.offer(one, kind, label="Roll back to it…" if kind == "rollback" else "Promote…")
    if one.state == "READY":
        yield Offer(label="Logs", words=f"deploy logs --deployment {one.id}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogsArgs(Args):
    """What is looked for."""

    since: Annotated[timedelta, Arg(help="How far back, such as 30m, 2h or 1d.")] = timedelta(hours=1)
    until: Annotated[timedelta, Arg(help="Only what is older than this, such as 30m.")] = timedelta(0)
    level: Annotated[
        Literal["debug", "info", "warning", "error", "fatal"] | None, Arg(help="Lines as grave as this, or graver.")
    ] = None
    deployment: Annotated[str, Arg(help="Lines of one deployment: its id or commit. Left out: of all.")] = ""
    grep: Annotated[
        str, Arg(help="Lines with this text, or of requests with it in their path.", rest=True, personal=True)
    ] = ""


async def read_logs(args: LogsArgs, context: Context) -> Answer:
    """Return what the server wrote, and how far back that reaches."""
    if args.until >= args.since:
        raise UserError(
            "There is no time between those.",
            why="`--since` is how far back it begins, `--until` how far back it ends.",
            todo="`/ilab deploy logs --since 2h --until 1h` shows the hour before the last.",
        )
    services, now = context.services, context.now
    deployment = ""
    if args.deployment:
        deployment = (await deployments.find(deployments.vercel_of(services), args.deployment)).id
    wanted = logs.Wanted(
        since=now - args.since,
        until=now - args.until,
        level=args.level or "",
        text=args.grep,
        deployment=deployment,
    )
    return await logs.search(wanted, services)


@dataclass(frozen=True, kw_only=True, slots=True)
class RollbackArgs(Args):
    """Back to which, and why."""

    deployment: Annotated[
        str,
        Arg(
            help="Its id (dpl_…), its address, or the beginning of its commit; left out: the one before.",
            positional=True,
        ),
    ] = ""
    reason: Annotated[str, Arg(help="Why; it stands on the card.", rest=True, personal=True)] = ""


async def plan_rollback(args: RollbackArgs, context: Context) -> Plan:
    """Return which deployment would serve again, what would be undone, and what would not."""
    return await moves.plan("rollback", args.deployment, context, reason=args.reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteArgs(Args):
    """Which one, and why."""

    id: Annotated[
        str,
        Arg(
            help="Its id (dpl_…), its address, or the beginning of its commit; left out: the newest that is staged.",
            positional=True,
        ),
    ] = ""
    reason: Annotated[str, Arg(help="Why; it stands on the card.", rest=True, personal=True)] = ""


async def plan_promotion(args: PromoteArgs, context: Context) -> Plan:
    """Return which deployment would go live, and with what."""
    return await moves.plan("promote", args.id, context, reason=args.reason)


FAMILY = Family(
    name="deploy",
    summary="Deployments of the product",
    operations=(
        Read(
            words="deploy list",
            summary="What serves production, and the last deployments: who, when, staged or serving.",
            who=Role.VIEWER,
            args=ListArgs,
            examples=("deploy list", "deploy list --previews"),
            section=SECTION,
            read=list_,
        ),
        Read(
            words="deploy show",
            summary="One deployment; of a failed build, what it wrote last.",
            title="Deployment",
            submit="Show it",
            who=Role.VIEWER,
            args=ShowArgs,
            examples=("deploy show a1b2c3d", "deploy show dpl_9xK2"),
            section=SECTION,
            read=show,
        ),
        Read(
            words="deploy logs",
            summary="What the server wrote, by time, level and text, and how far back that reaches.",
            who=Role.RESPONDER,
            args=LogsArgs,
            examples=("deploy logs", "deploy logs --since 2h --level error", "deploy logs --grep T134 Webhook"),
            section=SECTION,
            read=read_logs,
        ),
        Change(
            words="rollback",
            summary="Let an earlier deployment serve production again, with what lies between shown first.",
            title="Roll back",
            who=Role.RESPONDER,
            args=RollbackArgs,
            examples=("rollback", "rollback a1b2c3d --reason checkout fails since the deployment"),
            section="Quick Rollback",
            plan=plan_rollback,
            recheck=moves.recheck,
            execute=moves.execute,
            exclusive=EXCLUSIVE,
            break_glass=True,
        ),
        Change(
            words="deploy promote",
            summary="Let a staged or newer deployment serve production; later pushes then go live by themselves again.",
            title="Promote",
            who=Role.RESPONDER,
            args=PromoteArgs,
            examples=("deploy promote", "deploy promote a1b2c3d"),
            section="Quick Rollback",
            plan=plan_promotion,
            recheck=moves.recheck,
            execute=moves.execute,
            exclusive=EXCLUSIVE,
            break_glass=True,
        ),
    ),
)
