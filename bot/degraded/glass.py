"""A reversible mitigation without the database: in an open P0 or P1, by whoever may break its glass, recorded and announced.

Nobody can approve while approvals cannot be kept. So the plan is shown, the on-call or an appointed lead runs it alone,
and what was planned, who ran it, each step and what became of it are lines of the journal, brought in afterwards.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from bot.changes import breaking, card, glass, running, telling
from bot.changes.card import Told
from bot.context import Context, Services
from bot.degraded.ground import NOTE, JournalGround
from bot.degraded.kept import Asked, Broke, Kept
from bot.degraded.ledger import Ledger, number_of
from bot.errors import DeniedError, UserError
from bot.masking import masked_text
from bot.operation import Answer, Args, Audience, Change, Execution, Line, Lines, Mark, Offer
from bot.policy import Deny
from bot.roster import trusted
from bot.store.requests import Request
from bot.transitions import State

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")


class Glass:
    """Plans, runs and tells of changes while our database is silent."""

    def __init__(self, services: Services, ledger: Callable[[], Ledger], ground: JournalGround) -> None:
        """Over the ledger as it is then."""
        self._services = services
        self._ledger = ledger
        self._ground = ground

    async def ask(self, change: Change[Any], args: Args, context: Context) -> Answer:
        """The plan is shown, with the one button that runs it. Raises UserError where no glass could be broken."""
        key = context.request_id
        number = number_of(f"request {key}")
        found = self._ledger().request(number)
        if found is None:
            kept = self._incident(change, context)
            plan = await change.plan(args, context)
            shown = {
                "effect": masked_text(plan.effect),
                "lines": [{"title": line.title, "text": masked_text(line.text)} for line in plan.lines],
                "decides": dict(plan.decides),
            }
            self._ledger().ask(kept.incident, number, change.words, shown, context)
            found = self._ledger().request(number)
        assert found is not None  # noqa: S101 -- it was just noted
        kept, asked = found
        await self.show(kept, asked)
        return Answer(
            verdict=f"Request {number}: {asked.request.plan['effect']}",
            mark=Mark.DEGRADED,
            evidence=(
                Lines(lines=card.lines_of(asked.request.plan)),
                Lines(lines=(Line(title=f"{NOTE} Until then nobody can approve it; who may break glass runs it."),)),
            ),
            offers=_offers(asked.request),
            audience=Audience.PRIVATE,
        )

    def _incident(self, change: Change[Any], context: Context) -> Kept:
        """The incident that a change would mitigate."""
        kept = self._ledger().at(context.place.channel, context.place.thread_ts)
        if kept is None:
            grave = [one for one in self._ledger() if glass.has_glass(change, one.incident)]
            kept = grave[0] if len(grave) == 1 and not grave[0].incident.private else None
        if kept is None or not glass.has_glass(change, kept.incident):
            why = "" if kept is None else glass.why_none(change, kept.incident).why
            raise UserError(
                "My own database is silent: nobody can approve this now.",
                why=why or "Only break-glass in an open P0 or P1 runs it, and I know of none that it belongs to.",
                todo="Where there is one, ask in its channel; else declare it: `/ilab incident declare P0 …`",
            )
        if any(asked.request.state is State.EXECUTING for one in self._ledger() for asked in one.requests.values()):
            raise UserError("Another change is running.", todo="Let it end first.")
        return kept

    async def break_glass(self, number: int, reason: str, context: Context) -> Answer:
        """It runs now, without a second person; who may is asked of PagerDuty, or known of the lead."""
        why = masked_text(" ".join(reason.split()))
        found = self._ledger().request(number)
        if found is None:
            raise UserError(
                f"I do not know request {number}.",
                why="My own database is silent: I know what was asked since.",
                todo="Ask for it anew: `/ilab rollback`.",
            )
        kept, asked = found
        if asked.request.state is not State.AWAITING_APPROVAL:
            raise UserError(f"Request {number} is {asked.request.state.label} already.")
        change = self._change(asked.request)
        if not glass.has_glass(change, kept.incident):
            refused = glass.why_none(change, kept.incident)
            raise DeniedError("There is no glass to break here.", why=refused.why, todo=refused.todo)
        duty = None if glass.appointed_by_another(kept.incident, context.actor) else await trusted(self._services)
        levels = self._services.settings.approvals.break_glass_levels
        decision = glass.decide(kept.incident, context.actor, duty, levels=levels)
        if isinstance(decision, Deny):
            raise DeniedError("You may not break this glass.", why=decision.why, todo=decision.todo)
        if stale := await change.recheck(asked.request.plan["decides"], self._services):
            raise UserError(f"Request {number} is no longer true: {stale}", todo="Ask for it anew.")
        self._ledger().broke(
            kept.incident,
            number,
            Broke(
                by=context.actor.id,
                name=context.actor.name,
                why=why,
                by_right_of=breaking.grounds(kept.incident, duty, context.actor),
                key=context.request_id,
                at=context.now,
            ),
        )
        return Answer(
            verdict=f"⚡ Request {number} runs now, without a second person.",
            evidence=(
                Lines(
                    lines=(
                        Line(title="It is announced, and will be reviewed in the post-mortem."),
                        Line(title=NOTE),
                    )
                ),
            ),
            audience=Audience.PRIVATE,
        )

    async def run(self, kept: Kept, asked: Asked) -> None:
        """It is done, told and recorded. Run again, it finds what it did. Raises ProviderError where it waits."""
        incident, request = kept.incident, asked.request
        change = self._change(request)
        await self.tell(kept, asked)
        if request.state is State.EXECUTING:
            execution = Execution(
                key=f"ilab:{request.id}:{request.key}",
                request=request.id,
                requester=request.requester,
                approvers=(),
                services=self._services,
                incident=incident.id,
                progress=functools.partial(self._progress, kept, asked),
                book=self._ground.book_of(incident, request),
            )
            step, outcome = await running.become(change, request.plan["decides"], execution, since=request.decided_at)
            at = self._services.now()
            self._ledger().became(incident, request.id, step, running.packed(outcome), at=at)
            await self.tell(kept, asked)

    def owes(self, asked: Asked) -> bool:
        """Whether it runs, or something of it is still to be told."""
        return asked.request.state is State.EXECUTING

    async def tell(self, kept: Kept, asked: Asked) -> None:
        """Card, thread, incident and requester know how it stands; each thing is said once, under its usual key."""
        incident, request, told = kept.incident, asked.request, self._told(kept, asked)
        await self.show(kept, asked)
        if told.broken_by:
            announced = telling.announced(told)
            await self._ground.tell(incident, key=f"glass:{request.id}", answer=announced)
        for key, answer in telling.record(told):
            await self._ground.post(
                incident,
                f"{request.subject}:thread:{key}",
                answer,
                stream=f"{request.subject}:thread",
                channel=self._channel(kept),
                under=request.subject,
            )
        for key, person, answer in telling.direct(told):
            name = f"{request.subject}:told:{key}"
            await self._ground.post(incident, name, answer, stream=f"person:{person}", channel=person)

    async def show(self, kept: Kept, asked: Asked, progress: str = "") -> None:
        """Its card shows how it stands, where there is a place for it."""
        if not self._channel(kept):
            return

        def face() -> Answer:
            told = self._told(kept, asked, progress)
            shown = card.card(told, self._change(told.request), mentions=(), has_glass=True)
            offers = _offers(told.request) or (card.offers_after(told.request))
            return replace(shown, evidence=(*shown.evidence, Lines(lines=(Line(title=NOTE),))), offers=offers)

        await self._ground.show(kept.incident, asked.request.subject, face, channel=self._channel(kept))

    async def _progress(self, kept: Kept, asked: Asked, said: str) -> None:
        await self.show(kept, asked, masked_text(said))

    def _channel(self, kept: Kept) -> str:
        slack = self._services.settings.slack
        return kept.incident.channel_id or (slack.approvals_channel if slack else "")

    def _told(self, kept: Kept, asked: Asked, progress: str = "") -> Told:
        request = replace(asked.request, progress=progress)
        return Told(
            request=request,
            requester=kept.name(request.requester),
            approvers=(),
            delegations=(),
            decided_by="",
            broken_by=kept.name(request.broken_glass_by) if request.broken_glass_by else "",
        )

    def _change(self, request: Request) -> Change[Any]:
        operation = self._services.registry.by_words[request.operation]
        assert isinstance(operation, Change)  # noqa: S101 -- it was one when it was asked for
        return operation


def _offers(request: Request) -> tuple[Offer, ...]:
    if request.state is not State.AWAITING_APPROVAL:
        return ()
    return (Offer(label="⚡ Break glass…", words=f"approvals break-glass {request.id}", style="danger"),)
