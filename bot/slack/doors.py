"""From a payload to a Request and from an Answer to Slack: every door of the workspace leads to the one runner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from bot.context import Place, Surface
from bot.directory import Directory
from bot.errors import ProviderError, UserError
from bot.operation import Answer, Audience, Invocation, Offer
from bot.people import Actor
from bot.policy import Deny, decide
from bot.runner import Request, Runner, refusal
from bot.slack import payloads
from bot.slack.blocks import form
from bot.slack.blocks.answer import Message, message
from bot.slack.blocks.home import home, no_rights
from bot.slack.client import Slack, call
from bot.slack.payloads import Asked
from bot.slack.replies import AddressReply, MessageReply, Reply, ViewReply
from bot.store import offers
from bot.store.inbox import Received
from bot.words import Incomplete, parse, refuse_incomplete

VALUE: Final = 1900
"""Characters of words that a button may carry: Slack takes 2,000."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.doors")


class Doors:
    """Handles what the inbox hands over. Made once, by `bot.app`."""

    def __init__(self, slack: Slack, runner: Runner, directory: Directory, *, home_words: str) -> None:
        """`home_words` is the command whose answer stands on the Home tab."""
        self._slack = slack
        self._runner = runner
        self._directory = directory
        self._home_words = home_words

    async def work(self, received: Received) -> str:
        """Handle one payload; return a word for how it ended, for the inbox."""
        payload = received.payload
        if received.kind == "view":
            return await self._submitted(received)
        if received.kind == "event" and payload["event"]["type"] == "app_home_opened":
            await self._show_home(payload["event"]["user"])
            return "home"
        if received.kind == "event":
            asked = payloads.message(payload, self._slack.bot_user_id)
        else:
            read = {"command": payloads.command, "action": payloads.action, "shortcut": payloads.shortcut}
            asked = read[received.kind](payload)
        if received.kind == "action" and not (asked.text or asked.offer_id):
            return "no words"  # a link button: Slack reports the press, and there is nothing to do
        if asked.on_home:
            await self._show_home(asked.person)
            return "home"
        return await self._ask(received, asked)

    async def _ask(self, received: Received, asked: Asked) -> str:
        actor = await self._directory.actor(asked.person)
        place = Place(surface=Surface.SLACK, channel=asked.channel, thread_ts=asked.thread_ts)
        if received.kind == "shortcut":
            return await self._ask_in_modal(received.key, asked, actor, place)
        reply = self._reply(received.kind, asked)
        try:
            text = await self._words_of(asked)
        except UserError as error:
            await reply.answer(await self._message(refusal(error)), Audience.PRIVATE)
            return type(error).__name__
        request = Request(key=received.key, asked=text, actor=actor, place=place)
        answer = await self._runner.hear(request, reply.progress)
        if isinstance(answer, Incomplete):
            return await self._ask_for_the_rest(received, asked, answer, reply)
        await reply.answer(await self._message(answer), answer.audience)
        return "answered"

    async def _ask_for_the_rest(self, received: Received, asked: Asked, missing: Incomplete, reply: Reply) -> str:
        """Open the form while the trigger lives; where it does not, say what is missing."""
        if asked.trigger_id and received.attempts == 1:
            try:
                view = form.form(missing, channel=asked.channel)
                await call(self._slack.quick, "views.open", trigger_id=asked.trigger_id, view=view)
            except ProviderError as error:
                log.warning("the form did not open", request=received.key, error=error.what)
            else:
                return "form"
        await reply.answer(await self._message(refusal(refuse_incomplete(missing))), Audience.PRIVATE)
        return "incomplete"

    async def _ask_in_modal(self, key: str, asked: Asked, actor: Actor, place: Place) -> str:
        """A shortcut has no channel to answer in: its answer stands in a modal."""
        opened = await call(self._slack.quick, "views.open", trigger_id=asked.trigger_id, view=form.working(asked.text))
        reply = ViewReply(self._slack, view_id=opened["view"]["id"], title=asked.text)
        answer = await self._runner.hear(Request(key=key, asked=asked.text, actor=actor, place=place), reply.progress)
        if isinstance(answer, Incomplete):
            view = form.form(answer, channel="")
            await call(self._slack.patient, "views.update", view_id=opened["view"]["id"], view=view)
            return "form"
        await reply.answer(await self._message(answer), answer.audience)
        return "answered"

    async def _submitted(self, received: Received) -> str:
        """A form, validated before the ack: the same reading gives the same invocation."""
        view = received.payload["view"]
        understood = form.read(view, self._runner.registry)
        if not isinstance(understood, Invocation):
            return "invalid"
        actor = await self._directory.actor(received.payload["user"]["id"])
        reply = ViewReply(self._slack, view_id=view["id"], title=understood.operation.words)
        place = Place(surface=Surface.SLACK, channel=form.channel_of(view))
        request = Request(key=received.key, asked=understood, actor=actor, place=place)
        answer = await self._runner.hear(request, reply.progress)
        if isinstance(answer, Answer):
            await reply.answer(await self._message(answer), answer.audience)
        return "answered"

    def _reply(self, kind: str, asked: Asked) -> Reply:
        if asked.view_id:
            return ViewReply(self._slack, view_id=asked.view_id, title=asked.text or "Answer")
        if asked.response_url:
            return AddressReply(
                self._slack,
                asked.response_url,
                channel=asked.channel,
                person=asked.person,
                replaces=kind == "action",
            )
        return MessageReply(self._slack, channel=asked.channel, person=asked.person, thread_ts=asked.thread_ts or None)

    async def _words_of(self, asked: Asked) -> str:
        if not asked.offer_id:
            return asked.text
        services = self._runner.services
        words = await services.database.call(
            lambda connection: offers.get(connection, asked.offer_id, now=services.now())
        )
        if words is None:
            raise UserError("This button has expired.", todo="Ask again, and press the new one.")
        return words

    async def _message(self, answer: Answer) -> Message:
        return message(
            answer,
            now=self._runner.services.now(),
            values=await self._values(answer.offers),
            runbook_url=self._runner.services.settings.runbook_url,
        )

    async def _values(self, offered: Sequence[Offer]) -> dict[Offer, str]:
        """What each button carries: its words, or the id of words that may not stand in a button."""
        values = {}
        for offer in offered:
            if len(offer.words) > VALUE or _is_personal(self._runner, offer):
                values[offer] = "o:" + await self._keep(offer.words)
            else:
                values[offer] = "w:" + offer.words
        return values

    async def _keep(self, words: str) -> str:
        services = self._runner.services
        return await services.database.call(lambda connection: offers.add(connection, words, at=services.now()))

    async def _show_home(self, person: str) -> None:
        actor = await self._directory.actor(person)
        operation = self._runner.registry.by_words[self._home_words]
        decision = decide(operation, actor)
        if isinstance(decision, Deny):
            view = no_rights(decision.why, decision.todo)
        else:
            view = await self._home_of(actor)
        await call(self._slack.patient, "views.publish", user_id=person, view=view)

    async def _home_of(self, actor: Actor) -> dict[str, object]:
        services = self._runner.services
        place = Place(surface=Surface.SLACK)
        request = Request(key=f"home:{actor.id}", asked=self._home_words, actor=actor, place=place)
        answer = await self._runner.hear(request, _no_progress)
        assert isinstance(answer, Answer)  # noqa: S101 -- the Home tab's command needs no arguments
        allowed = [other for other in services.registry if not isinstance(decide(other, actor), Deny)]
        return home(
            answer,
            actor,
            allowed,
            now=services.now(),
            values=await self._values(answer.offers),
            runbook_url=services.settings.runbook_url,
        )


async def _no_progress(done: int, total: int) -> None:
    del done, total


def _is_personal(runner: Runner, offer: Offer) -> bool:
    """Whether the words hold personal data or free text. Words that do not parse are a defect, and raise."""
    understood = parse(runner.registry, offer.words)
    if isinstance(understood, Incomplete):
        given = understood.given
    else:
        given = {field.name: getattr(understood.args, field.name) for field in understood.operation.fields}
    fields = {field.name: field for field in understood.operation.fields}
    return any(fields[name].personal and value != fields[name].default for name, value in given.items())
