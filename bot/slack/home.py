"""The Home tab is the answers of a few commands, asked for whoever opens it: their roles and what they may know hold there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bot.context import Place, Surface, no_progress
from bot.operation import Answer, Offer
from bot.people import Actor
from bot.policy import Deny, decide
from bot.runner import Request, Runner
from bot.slack.blocks.answer import Message
from bot.slack.blocks.home import home, no_rights
from bot.slack.client import Slack, call
from bot.words import operation_of

OFFERS = (Offer(label="Declare incident…", words="incident declare", style="danger"),)
"""Buttons that always stand there, for those who may."""


class HomeTab:
    """Publishes it. Made once, by `bot.slack.doors`."""

    def __init__(
        self,
        slack: Slack,
        runner: Runner,
        *,
        words: Sequence[str],
        message: Callable[[Answer], Awaitable[Message]],
        values: Callable[[Sequence[Offer]], Awaitable[dict[Offer, str]]],
    ) -> None:
        """`words` are the commands whose answers stand there, the first of which its buttons may ask anew."""
        self._slack = slack
        self._runner = runner
        self._words = tuple(words)
        self._message = message
        self._values = values

    def shows(self, words: str) -> bool:
        """Whether these words ask anew for what stands first; any other command's answer opens over it."""
        registry = self._runner.registry
        return operation_of(registry, words) is operation_of(registry, self._words[0])

    async def show(self, person: str, key: str, *, first: str = "") -> None:
        """It shows how everything stands now; `first` asks for its first part in other words."""
        actor = await self._runner.services.people.actor(person)
        decision = decide(self._runner.registry.by_words[self._words[0]], actor)
        if isinstance(decision, Deny):
            view = no_rights(decision.why, decision.todo)
        else:
            view = await self._view(actor, key, first or self._words[0])
        await call(self._slack.patient, "views.publish", user_id=person, view=view)

    async def _view(self, actor: Actor, key: str, first: str) -> dict[str, object]:
        registry = self._runner.registry
        answers = await asyncio.gather(
            *(self._ask(actor, f"{key}:{number}", words) for number, words in enumerate((first, *self._words[1:])))
        )
        # what fails for one reason, such as a silent database, is said once
        told = {answer.verdict: answer for answer in answers}
        allowed = [other for other in registry if not isinstance(decide(other, actor), Deny)]
        mine = [offer for offer in OFFERS if operation_of(registry, offer.words) in allowed]
        return home(
            [await self._message(answer) for answer in told.values()], actor, allowed, always=await self._values(mine)
        )

    async def _ask(self, actor: Actor, key: str, words: str) -> Answer:
        request = Request(key=key, asked=words, actor=actor, place=Place(surface=Surface.SLACK))
        answer = await self._runner.hear(request, no_progress)
        assert isinstance(answer, Answer)  # noqa: S101 -- the Home tab's commands need no arguments
        return answer
