"""The only path of a request: parse → decide → run → record → report. Every failure ends here, as an Answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from bot.audit import Event
from bot.bounded import bounded
from bot.changes import submit
from bot.context import Context, Place, Progress, Services, Surface, no_progress
from bot.drills import playing
from bot.errors import DeniedError, UsageError, UserError
from bot.journal import Journal
from bot.operation import (
    FILL_IN,
    Act,
    Answer,
    Args,
    Audience,
    Change,
    Form,
    Invocation,
    Line,
    Lines,
    Mark,
    Offer,
    Registry,
)
from bot.people import Actor
from bot.policy import Deny, decide
from bot.store import acts, audit
from bot.store.database import DatabaseSilentError
from bot.words import Incomplete, parse

if TYPE_CHECKING:  # a terminal does without
    from bot.degraded.keeper import Keeper

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.request")

FORM_WITHIN = 8.0
"""Seconds that a form's evidence may take, while the person looks at an empty one."""
ACTS_WITHIN: Final = 4.0
"""Seconds that our database is given for what can be done without it, too."""
ACTS_WITHIN_WHEN_SILENT: Final = 0.5
"""The same where it was silent just now: whoever is in a hurry waits once, and not at every press."""
ANSWERS_WITHIN: Final = 1.0
"""Seconds in which a database that is slow answers one question."""
LOOK_AGAIN: Final = 0.25
"""Seconds between two tries of what may be done already."""

Observe = Callable[[str, str, float], None]
"""Told of every request how it ended: the operation's words, the outcome, and the seconds that it took."""


def unobserved(operation: str, outcome: str, took: float) -> None:
    """Nobody counts: a terminal's one request is read by no Prometheus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What came through a door: words or an Invocation, who asks, where, and the key of what came in."""

    key: str
    asked: str | Invocation | Incomplete
    actor: Actor
    place: Place
    again: bool = False
    """Another process had it in hand and died: it may be done already, as our database alone knows."""


class Runner:
    """Runs requests. Made once, by `bot.app`."""

    def __init__(self, services: Services, journal: Journal, observe: Observe = unobserved) -> None:
        """Keep the collaborators; `journal` takes the audit's entries while our own database is silent."""
        self.services = services
        self._journal = journal
        self._observe = observe
        self.keeper: Keeper | None = None
        """Goes on while our own database is silent, where this copy is the one that does."""

    @property
    def registry(self) -> Registry:
        """What can be asked for."""
        return self.services.registry

    async def hear(self, request: Request, progress: Progress) -> Answer | Incomplete:
        """Do what is asked and return the Answer; or say what is missing, for a modal to ask."""
        started = time.perf_counter()
        words, outcome = "?", "fault"
        try:
            understood = parse(self.registry, request.asked) if isinstance(request.asked, str) else request.asked
            words = understood.operation.words
            self._permit(understood, request)
            if isinstance(understood, Incomplete):
                outcome = "incomplete"
                return understood
            answer = await self._run(understood, request, progress)
            outcome = "ok"
        except DeniedError as error:
            outcome = "denied"
            await self._record_denial(words, request)
            answer = refusal(error)
        except UserError as error:
            outcome = type(error).__name__
            answer = refusal(error)
        except Exception:
            # The funnel: whatever is no UserError is a fault of ours. It is logged whole, and shown as its id.
            log.exception("fault", request=request.key, operation=words)
            answer = _fault(request.key)
        finally:
            took = time.perf_counter() - started
            self._observe(words, outcome, took)
            log.info(
                "request",
                request=request.key,
                operation=words,
                actor=request.actor.id,
                surface=request.place.surface.value,
                outcome=outcome,
                took_ms=round(took * 1000),
            )
        return answer

    async def form(self, missing: Incomplete, request: Request) -> Form:
        """What the form that asks for the rest shows and fills in; whatever fails, the form itself still asks."""
        if missing.operation.form is None:
            return Form()
        try:
            async with asyncio.timeout(FORM_WITHIN):
                return await missing.operation.form(missing.given, self._context(request, no_progress))
        except UserError as error:
            return Form(note=refusal(error))
        except TimeoutError:
            log.warning("form without its evidence", request=request.key, operation=missing.operation.words)
        except Exception:
            log.exception("fault", request=request.key, operation=missing.operation.words)
        return Form()

    def _permit(self, understood: Invocation | Incomplete, request: Request) -> None:
        operation = understood.operation
        decision = decide(operation, request.actor)
        if isinstance(decision, Deny):
            raise DeniedError("You may not do this.", why=decision.why, todo=decision.todo)
        if operation.slack_only and request.place.surface is Surface.TERMINAL:
            raise UserError(f"`{operation.words}` works in Slack only.", todo=f"Type `/ilab {operation.words}` there.")

    async def _run(self, invocation: Invocation, request: Request, progress: Progress) -> Answer:
        operation = invocation.operation
        context = self._context(request, progress)
        if isinstance(operation, Act):
            answer = await self._act(operation, invocation, context, again=request.again)
        elif isinstance(operation, Change):
            answer = await self._submit(operation, invocation.args, context)
        else:
            answer = await operation.read(invocation.args, context)
        return answer if answer.section or not operation.section else replace(answer, section=operation.section)

    def _context(self, request: Request, progress: Progress) -> Context:
        return Context(
            actor=request.actor,
            place=request.place,
            request_id=request.key,
            services=self.services,
            progress=progress,
        )

    async def _act(self, operation: Act[Any], invocation: Invocation, context: Context, *, again: bool) -> Answer:
        """Do it: in our database, or where that is silent by the one copy that goes on without it."""
        if operation.degraded is None:
            return await self._in_transaction(operation, invocation, context)
        if again and self.keeper is not None and self.keeper.has_done(context.request_id):
            # our database does not hold it yet: asked first, it would do it a second time
            return await operation.degraded(invocation.args, context, self.keeper)
        try:
            return await self._in_database(operation, invocation, context, again=again)
        except (DatabaseSilentError, TimeoutError):
            log.warning("without the database", request=context.request_id, operation=operation.words, again=again)
        if self.keeper is None:
            raise _kept_elsewhere(self.services)
        if not operation.in_drills:
            self.keeper.refuse_in_drill(context)
        # where the silence came with the commit, it may be done already: what is brought in later has the same key
        return await operation.degraded(invocation.args, context, self.keeper)

    async def _in_database(
        self, operation: Act[Any], invocation: Invocation, context: Context, *, again: bool
    ) -> Answer:
        """Do it there. Raises DatabaseSilentError or TimeoutError where it is silent, or slow beyond patience."""
        if not again:
            database, silent = self.services.database, self.keeper is not None and self.keeper.silent
            within = ACTS_WITHIN_WHEN_SILENT if silent else ACTS_WITHIN
            try:
                # while many ask at once this one's turn is waited for
                work = self._in_transaction(operation, invocation, context)
                return await bounded(work, within, longer=database.crowded())
            except (DatabaseSilentError, TimeoutError):
                if not await database.answers(within=min(within, ANSWERS_WITHIN)):
                    raise
            # it is slow, and not silent: what was given up may have been committed all the same
        return await self._patiently(operation, invocation, context)

    async def _patiently(self, operation: Act[Any], invocation: Invocation, context: Context) -> Answer:
        """What was done before is found, however slow the database is: without it a second incident would be declared.

        Raises DatabaseSilentError or TimeoutError where it was silent all the time.
        """
        ends_at = time.monotonic() + self.services.settings.degraded.patience_seconds
        while True:
            within = min(ACTS_WITHIN, ends_at - time.monotonic())
            try:
                return await bounded(self._in_transaction(operation, invocation, context), within)
            except (DatabaseSilentError, TimeoutError):
                if time.monotonic() + LOOK_AGAIN >= ends_at:
                    raise
            await asyncio.sleep(LOOK_AGAIN)

    async def _submit(self, change: Change[Any], args: Args, context: Context) -> Answer:
        try:
            return await playing.instead(change, args, context) or await submit(change, args, context)
        except DatabaseSilentError:
            if not change.break_glass:
                raise
        if self.keeper is None:
            raise _kept_elsewhere(self.services)
        return await self.keeper.ask(change, args, context)

    async def _in_transaction(self, operation: Act[Any], invocation: Invocation, context: Context) -> Answer:
        """Do it, once for this request: after a crash it comes again, finds that it was done, and answers the same."""
        if (played := await playing.instead(operation, invocation.args, context)) is not None:
            return played
        key, words = context.request_id, operation.words
        async with self.services.database.transaction() as transaction:
            if not await acts.begin(transaction, key, words, at=context.now):
                answered = await acts.answer(transaction, key, words)
                if answered is not None:
                    return answered
            answer = await operation.act(invocation.args, context, transaction)
            await acts.end(transaction, key, words, answer)
        return answer

    async def _record_denial(self, words: str, request: Request) -> None:
        at = self.services.now()
        try:
            async with self.services.database.transaction(within=1) as transaction:
                await audit.add(transaction, Event.DENIED, actor=request.actor.id, subject=words, at=at)
        except DatabaseSilentError:
            self._journal.audit(Event.DENIED, actor=request.actor.id, subject=words, at=at)


def _kept_elsewhere(services: Services) -> UserError:
    keeper, called = services.settings.degraded.keeper, services.memory.on_call
    by_hand = "In PagerDuty you can page by hand."
    if called:
        by_hand += " On call: " + ", ".join(f"{one.name} {one.phone}".strip() for one in called) + "."
    if keeper:
        return UserError(
            "My own database does not answer.",
            why=f"While it is silent, the copy “{keeper}” alone does this, and Slack chose another.",
            todo=f"Try again until that one hears you. {by_hand}",
        )
    return UserError(
        "My own database does not answer.",
        why="No copy of me is named to go on without it.",
        todo=f"{by_hand} For the next time: ILAB_DEGRADED__KEEPER names one copy.",
    )


def refusal(error: UserError) -> Answer:
    """A UserError as an Answer: what was wrong, then why, then what to do."""
    lines = tuple(Line(title=part) for part in (error.why, error.todo) if part)
    form = error.form if isinstance(error, UsageError) else ""
    return Answer(
        verdict=error.what,
        evidence=(Lines(lines=lines),) if lines else (),
        offers=(Offer(label=FILL_IN, words=form),) if form else (),
        audience=Audience.PRIVATE,
        refused=True,
    )


def _fault(key: str) -> Answer:
    line = Line(title=f"It is logged under `{key}`. Nothing was changed by what failed; try once more.")
    return Answer(verdict="Something broke on my side, not on yours.", mark=Mark.DOWN, evidence=(Lines(lines=(line,)),))
