"""Moving the production domains to another deployment: planned, asked for once, followed until it is so, looked after.

Vercel has no key against doing it twice, and no call that says how a move goes: the project names its last one. So what
that was is recorded before Vercel is asked; any later one to our deployment is ours, or as good as ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.ages import span
from bot.context import Context, Services
from bot.deploys import between, deployments, targets
from bot.deploys.naming import dated, held, name
from bot.errors import ProviderError, UserError
from bot.masking import masked_text
from bot.operation import Execution, Line, Offer, Outcome, Plan
from bot.steps import Results, Step, once
from bot.windows import covering, parse

if TYPE_CHECKING:
    from bot.providers.vercel import Deployment, Kind, Project, Vercel

_SAID_EVERY: Final = 5.0
"""Seconds after which the card says anew how far it is, where nothing else changed."""
_LONGEST_WAIT: Final = 30.0
"""Seconds for which Vercel is left alone where it asks for that."""
_UNDER_WAY: Final = ("pending", "in-progress")
_REFUSALS: Final = {
    402: "our plan at Vercel does not allow it",
    403: "our token may not do it: it needs the role of a member or an owner",
    404: "Vercel does not have it any more",
    409: "Vercel is moving the domains for somebody else at this moment, or holds a rolling release",
    410: "it was deleted",
    422: "Vercel does not offer it for that",
}


async def plan(kind: Kind, key: str, context: Context, *, reason: str = "") -> Plan:
    """Return what would become of production: from which deployment to which, and what lies between."""
    services = context.services
    vercel = deployments.vercel_of(services)
    production = await deployments.look(vercel, limit=deployments.RECENT)
    right = await _right(kind, production, vercel)
    one = await _meant(kind, key, production, right, vercel)
    current = production.serving
    if current is None:
        raise UserError("Nothing serves production, so there is nothing to come back from.")
    back = kind == "rollback"
    old, new = (one, current) if back else (current, one)
    found = await between.between(services, old.commit, new.commit)
    lines = [
        Line(title="Now", text=dated(current, context.now)),
        Line(title="Back to" if back else "Then", text=dated(one, context.now)),
        between.database(found, back=back),
        *between.commits(found, verb="undone" if back else "go live"),
        *_again(one, production.project),
        *_window(kind, context),
        *_after(kind, current, production.project),
    ]
    if reason:
        lines.insert(0, Line(title="Why", text=masked_text(reason)))
    migrations = f", across {between.count(len(found.migrations), 'migration')}" if found.migrations else ""
    verb = "roll production back" if back else "promote production"
    return Plan(
        effect=f"{verb} from {name(current)} to {name(one)}{migrations}",
        lines=tuple(lines),
        decides={"kind": kind, "project": production.project.id, "from": current.id, "to": one.id, "name": name(one),
                 "from_name": name(current)},
    )  # fmt: skip


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    vercel = deployments.vercel_of(services)
    production = await deployments.look(vercel)
    serving, move = production.serving, production.project.last_move
    if serving is None or serving.id != decides["from"]:
        return f"Production serves {name(serving) if serving else 'nothing'} now, and not {decides['from_name']}."
    if move is not None and move.status in _UNDER_WAY and services.now() - move.requested_at < _patience(services):
        return f"Vercel is moving the domains already: a {move.type} is {move.status}."
    one = await vercel.deployment(decides["to"])
    if one.deleted or one.state != "READY":
        return f"{name(one)} is not ready any more ({'deleted' if one.deleted else one.state.lower()})."
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """The domains point at the deployment, or it is said why not. Called again, it finds what was asked before."""
    moving = _Moving(
        vercel=deployments.vercel_of(execution.services), execution=execution, kind=decides["kind"], to=decides["to"]
    )
    try:
        before = await moving.before()
        try:
            asked = await moving.ask(before)
        except ProviderError as error:
            if error.status not in _REFUSALS:
                raise
            return Outcome(succeeded=False, said=f"Not done: {_REFUSALS[error.status]} ({error.status}).")
        ended = await moving.follow(before, asked)
    except ProviderError as error:
        await execution.progress(f"{error.sentences} I go on asking.")
        raise
    if ended:
        return await moving.failed(ended)
    return await _looked_after(decides, execution, asked)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moving:
    """One move under way."""

    vercel: Vercel
    execution: Execution
    kind: Kind
    to: str

    async def before(self) -> datetime | None:
        """When the last move before ours was asked for, by Vercel's clock."""

        async def look(_: Results) -> dict[str, Any]:
            move = (await self.vercel.project()).last_move
            return {"last": move.requested_at.isoformat() if move else ""}

        found = await self._once("before", look)
        return datetime.fromisoformat(found["last"]) if found["last"] else None

    async def ask(self, before: datetime | None) -> datetime:
        """Vercel is asked, once; return when, in the bot's time."""

        async def ask(_: Results) -> dict[str, Any]:
            at = self.execution.services.now()
            await self.execution.progress("Vercel is asked.")
            try:
                await self.vercel.move(self.kind, self.to, reason=f"ilab request {self.execution.request}")
            except ProviderError as error:
                # refused, perhaps because an earlier call of ours, of which nobody heard, does it already
                found = await find({}) if error.status in _REFUSALS else None
                if found is None:
                    raise
                return found
            return {"at": at.isoformat()}

        async def find(_: Results) -> dict[str, Any] | None:
            found = await self._project()
            if isinstance(found, ProviderError):
                raise ProviderError(
                    f"Whether Vercel heard is not known. {found.what}", provider="Vercel", kind="timeout"
                ) from found
            at = self._ours(found, before)
            return None if at is None else {"at": at.isoformat(), "found": True}

        return datetime.fromisoformat((await self._once("ask", ask, find))["at"])

    async def follow(self, before: datetime | None, asked: datetime) -> str:
        """Return nothing once the domains have moved; otherwise what Vercel says instead, such as `failed`.

        Raises ProviderError where Vercel neither does it nor says that it does not, in the time that the settings give.
        """
        services = self.execution.services
        said, said_at = "", 0.0
        while True:
            found = await self._project()
            wait = services.settings.deploys.poll_seconds
            if isinstance(found, ProviderError):
                status, wait = (
                    f"nothing ({found.what.rstrip('.')})",
                    max(wait, min(found.retry_after or 0, _LONGEST_WAIT)),
                )
            else:
                status = self._status(found, before)
            if status in ("", "failed", "skipped", "overtaken"):
                return status
            waited = services.now() - asked
            if waited > _patience(services):
                raise ProviderError(
                    f"The domains have not moved in {span(waited.total_seconds())}: Vercel says {status}.",
                    provider="Vercel",
                    kind="timeout",
                    todo="Its status page may say why: `/ilab status`.",
                )
            if status != said or time.monotonic() - said_at > _SAID_EVERY:
                said, said_at = status, time.monotonic()
                await self.execution.progress(
                    f"Vercel says {status}, {span(waited.total_seconds())} after it was asked."
                )
            await asyncio.sleep(wait)

    async def failed(self, status: str) -> Outcome:
        """What is said of a move that Vercel gave up."""
        if status == "overtaken":
            return Outcome(succeeded=False, said="Somebody else's move took its place before this one was done.")
        try:
            left = await self.vercel.not_moved(self.kind)
        except ProviderError as error:
            left = (f"which ones could not be asked ({error.what.rstrip('.')})",)
        offers = (Offer(label="Deployments", words="deploy list"), Offer(label="Status", words="status"))
        where = f" Not moved: {', '.join(left)}." if left else ""
        return Outcome(succeeded=False, said=f"Vercel says {status}: the domains did not move.{where}", offers=offers)

    async def _project(self) -> Project | ProviderError:
        """The project, or how Vercel failed to say: that ends nothing, whatever it is, since it was asked already."""
        try:
            return await self.vercel.project()
        except ProviderError as error:
            return error

    def _status(self, project: Project, before: datetime | None) -> str:
        """How far it is, in Vercel's word; nothing once production is what was asked for."""
        move, production = project.last_move, project.production
        moved = production is not None and production.id == self.to
        if self._ours(project, before) is None:
            newer = move is not None and (before is None or move.requested_at > before)
            return ("" if moved else "overtaken") if newer else "nothing of it yet"
        assert move is not None  # noqa: S101 -- it is ours
        if move.status == "succeeded":
            return "" if moved else "succeeded, and still shows the other deployment"
        return move.status

    def _ours(self, project: Project, before: datetime | None) -> datetime | None:
        """When the project's last move was asked for, where that is ours."""
        move = project.last_move
        if move is None or (move.type, move.to_id) != (self.kind, self.to):
            return None
        return None if before is not None and move.requested_at <= before else move.requested_at

    async def _once(self, word: str, run: Any, find: Any = None) -> dict[str, Any]:
        step = Step(name=word, title=word, run=run, find=find)
        return await once(self.execution.book, step)


async def _looked_after(decides: Mapping[str, Any], execution: Execution, asked: datetime) -> Outcome:
    """Every check again, and the way forward."""
    services, back = execution.services, decides["kind"] == "rollback"
    took = span((services.now() - asked).total_seconds())
    await execution.progress(f"The domains have moved, after {took}. Every check runs again.")
    report = await services.health().report(fresh=True)
    lines = [Line(title="Health", text=report.verdict.headline)]
    if back:
        lines.append(Line(title="From now on", text="later pushes stay staged until one is promoted"))
        forward = Offer(label="Promote the newest…", words="deploy promote")
    else:
        forward = Offer(label="Roll back…", words=f"rollback {decides['from']}")
    return Outcome(
        succeeded=True,
        said=f"production serves {decides['name']}, {took} after Vercel was asked",
        lines=tuple(lines),
        offers=(*_helped(decides, execution), Offer(label="Status", words="status --fresh"), forward),
    )


def _helped(decides: Mapping[str, Any], execution: Execution) -> tuple[Offer, ...]:
    """In an incident a rollback is the mitigation: to say so is what comes next."""
    if decides["kind"] != "rollback" or execution.incident is None:
        return ()
    words = f"incident mitigate INC-{execution.incident} rolled back to {decides['name']}"
    confirm = f"Everybody is told that users are helped: rolled back to {decides['name']}."
    return (Offer(label="Mitigated", words=words, style="primary", confirm=confirm),)


async def _right(kind: Kind, production: deployments.Production, vercel: Vercel) -> list[Deployment]:
    if kind == "promote":
        return targets.later(production.serving, production.recent)
    page = await vercel.deployments(limit=deployments.RECENT, candidates=True)
    return targets.earlier(production.serving, page.deployments)


async def _meant(
    kind: Kind, key: str, production: deployments.Production, right: list[Deployment], vercel: Vercel
) -> Deployment:
    """The deployment that is asked for, or where none is named, the next one back, or the newest that waits."""
    if key:
        try:
            one = await deployments.find(vercel, key)
        except ProviderError:
            raise
        except UserError as error:
            raise UserError(error.what, todo=targets.offered(kind, right)) from error
        targets.check(kind, one, project=production.project, serving=production.serving, right=right)
        return one
    waiting = right if kind == "rollback" else production.staged
    if waiting:
        return waiting[0]
    if kind == "rollback":
        raise UserError("There is nothing to roll back to.", todo=targets.offered(kind, right))
    again = f" `/ilab deploy promote {name(right[0])}` brings back what was there before, as it was." if right else ""
    raise UserError("Nothing waits to be promoted.", todo=f"A push that builds now will wait.{again}")


def _again(one: Deployment, project: Project) -> tuple[Line, ...]:
    """A warning where it is what production was rolled back from."""
    move = project.last_move
    if move is None or move.type != "rollback" or move.from_id != one.id:
        return ()
    return (
        Line(
            title="Warning: again", text=f"this is what was rolled back from on {move.requested_at:%a %d %b %H:%M} UTC"
        ),
    )


def _window(kind: Kind, context: Context) -> tuple[Line, ...]:
    """A warning where this is a time to leave production alone."""
    settings = context.services.settings.deploys
    window = covering(parse(settings.avoid), context.now, settings.timezone)
    if window is None:
        return ()
    after = (
        "a mitigation may be made all the same" if kind == "rollback" else "should it go wrong, few people are there"
    )
    return (Line(title="Warning: window", text=f"no deployments on {window.spoken} ({settings.timezone}): {after}"),)


def _after(kind: Kind, current: Deployment, project: Project) -> tuple[Line, ...]:
    """What is otherwise once it is done."""
    if kind == "rollback":
        return (
            Line(
                title="Afterwards",
                text="automatic assignment is off: later pushes stay staged until one is promoted; variables and cron "
                "jobs are those of the older build",
            ),
            Line(title="Undo", text=f"`/ilab deploy promote {name(current)}`"),
        )
    assigns = (
        "later pushes go live by themselves again" if held(project) else "later pushes go live by themselves, as now"
    )
    return (
        Line(title="Afterwards", text=assigns),
        Line(title="Undo", text=f"`/ilab rollback {name(current)}`"),
    )


def _patience(services: Services) -> timedelta:
    return timedelta(seconds=services.settings.deploys.move_timeout_seconds)
