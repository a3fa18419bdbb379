"""From a payload to a Request and from an Answer to Slack: every door of the workspace leads to the one runner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from bot.alerts import taking
from bot.amiss import salvage
from bot.context import Place, Surface, no_progress
from bot.errors import ProviderError, UserError
from bot.incidents import rehousing
from bot.incidents.messages import title_of
from bot.masking import masked_text
from bot.operation import FILL_IN, Answer, Audience, Invocation, Offer
from bot.people import Actor, Role, Standing
from bot.policy import Deny, asks_anew, decide
from bot.runner import Request, Runner, refusal
from bot.slack import files, payloads
from bot.slack.blocks import form
from bot.slack.blocks.answer import Message, message
from bot.slack.client import Slack, call
from bot.slack.home import HomeTab
from bot.slack.marking import Marking
from bot.slack.payloads import Asked
from bot.slack.replies import AddressReply, MessageReply, Reply, ViewReply, direct
from bot.store import incidents, members, offers
from bot.store.database import DatabaseSilentError
from bot.store.inbox import Received
from bot.words import Incomplete, operation_of, parse, refuse_incomplete, typed

VALUE: Final = 1900
"""Characters of words that a button may carry: Slack takes 2,000."""
TAKING: Final = 2
"""Webhooks that are folded at once: they wait for each other anyhow, and a storm must leave connections to people."""
BOT_EVERY: Final = 3600.0
"""Real seconds in which another bot is answered once: two bots that answer each other would never stop."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.doors")


class Doors:
    """Handles what the inbox hands over. Made once, by `bot.app`."""

    def __init__(self, slack: Slack, runner: Runner, *, home_words: Sequence[str]) -> None:
        """`home_words` are the commands whose answers stand on the Home tab."""
        self._slack = slack
        self._runner = runner
        self._people = runner.services.people
        self._home = HomeTab(slack, runner, words=home_words, message=self._message, values=self._values)
        self._bots: dict[str, float] = {}
        self._marking = Marking(slack, runner.services, self._people)
        self._taking = asyncio.Semaphore(TAKING)

    async def work(self, received: Received) -> str:
        """Handle one payload; return a word for how it ended, for the inbox."""
        payload = received.payload
        if received.kind == "webhook":
            async with self._taking:
                return await taking.take(self._runner.services, received)
        if received.kind == "view":
            return await self._submitted(received)
        if received.kind == "event":
            return await self._happened(received)
        read = {"command": payloads.command, "action": payloads.action, "shortcut": payloads.shortcut}
        asked = read[received.kind](payload)
        if received.kind == "action" and not (asked.text or asked.offer_id):
            return "no words"  # a link button: Slack reports the press, and there is nothing to do
        return await self._ask(received, asked)

    async def _happened(self, received: Received) -> str:
        """Something happened in the workspace, or somebody wrote to the bot."""
        event = received.payload["event"]
        if event["type"] == "app_home_opened":
            await self._home.show(event["user"], received.key)
            return "home"
        if event["type"] in (payloads.JOINED, payloads.LEFT):
            await self._note_member(event)
            return "member"
        if event["type"] in payloads.LOST or event["type"] in payloads.FOUND:
            await self._note_room(event)
            return "room"
        if payloads.followed_event(received.payload):
            return await self._marking.work(received)
        asked = payloads.message(received.payload, self._slack.bot_user_id)
        return await (self._answer_bot(received.key, asked) if asked.bot_id else self._ask(received, asked))

    async def _ask(self, received: Received, asked: Asked) -> str:
        place = Place(surface=Surface.SLACK, channel=asked.channel, thread_ts=asked.thread_ts)
        try:
            asked = replace(asked, text=await self._words_of(asked))
        except UserError as error:
            reply = await direct(self._slack, asked.person) if asked.on_home else self._reply(asked)
            await reply.answer(await self._message(refusal(error)), Audience.PRIVATE)
            return type(error).__name__
        anew = asks_anew(operation_of(self._runner.registry, asked.text))
        actor = await self._people.actor(asked.person, anew=anew)
        if asked.on_home and self._home.shows(asked.text):
            await self._home.show(asked.person, received.key, first=asked.text)
            return "home"
        if asked.on_home or received.kind == "shortcut":
            ended = await self._ask_in_modal(received, asked, actor, place)
            if asked.on_home and ended == "answered":  # what was pressed there may have changed what stands there
                await self._home.show(asked.person, f"{received.key}:home")
            return ended
        reply = self._reply(asked)
        meant = salvage(self._runner.registry, asked.text) if asked.fills else asked.text
        request = _request(received, meant, actor, place)
        answer = await self._runner.hear(request, reply.progress)
        if isinstance(answer, Incomplete):
            return await self._ask_for_the_rest(received, asked, answer, request, reply)
        await self._give(reply, answer, asked)
        return "answered"

    async def _give(self, reply: Reply, answer: Answer, asked: Asked) -> None:
        """Say the answer, and share what is attached where as many may read it."""
        await reply.answer(await self._message(answer), answer.audience)
        in_thread = answer.audience is Audience.QUIET and not asked.response_url and bool(asked.thread_ts)
        shared = asked.channel if answer.audience is Audience.CHANNEL or in_thread else ""
        for attachment in answer.attachments:
            await files.share(
                self._slack,
                attachment,
                channel=shared,
                person=asked.person,
                thread_ts=asked.thread_ts or None,
            )

    async def _note_member(self, event: Mapping[str, Any]) -> None:
        """Who comes into an incident's channel may know of it; who leaves may no more."""
        services = self._runner.services
        async with services.database.transaction() as transaction:
            incident = await incidents.by_channel(transaction, event["channel"])
            if incident is None:
                return
            if event["type"] == payloads.JOINED:
                await members.add(transaction, incident.id, event["user"], at=services.now())
            else:
                await members.drop(transaction, incident.id, event["user"])

    async def _note_room(self, event: Mapping[str, Any]) -> None:
        """An incident's channel takes no more messages, or does again; then the bot, too, comes back into it."""
        services = self._runner.services
        if event["type"] in payloads.LOST:
            async with services.database.transaction() as transaction:
                incident = await incidents.by_channel(transaction, event["channel"])
                if incident is not None and incident.is_open:
                    await rehousing.lose(services, transaction, incident, payloads.LOST[event["type"]])
            return
        async with services.database.transaction() as transaction:
            incident = await rehousing.found(services, transaction, event["channel"])
        if incident is not None and not incident.private:
            try:
                await call(self._slack.patient, "conversations.join", channel=event["channel"])
            except ProviderError as error:
                log.warning("not back in the channel", incident=incident.id, error=error.what)

    async def _answer_bot(self, key: str, asked: Asked) -> str:
        """Say once in a while, where all can see it, that bots have no rights."""
        now = time.monotonic()
        if now - self._bots.get(asked.bot_id, -BOT_EVERY) < BOT_EVERY:
            return "bot"
        self._bots[asked.bot_id] = now
        who = asked.person or asked.bot_id
        actor = Actor(id=who, name=who, standing=Standing.BOT, role=Role.NONE, known_at=self._runner.services.now())
        place = Place(surface=Surface.SLACK, channel=asked.channel, thread_ts=asked.thread_ts)
        answer = await self._runner.hear(Request(key=key, asked=asked.text, actor=actor, place=place), no_progress)
        if isinstance(answer, Answer):
            await self._reply(asked).answer(await self._message(answer), Audience.CHANNEL)
        return "bot"

    async def _ask_for_the_rest(
        self, received: Received, asked: Asked, missing: Incomplete, request: Request, reply: Reply
    ) -> str:
        """Open the form while the trigger lives; where it does not, say what is missing, with a button for the form."""
        if asked.trigger_id and received.attempts == 1:
            has_evidence = missing.operation.form is not None
            view = form.working(self._title(asked)) if has_evidence else form.form(missing, channel=asked.channel)
            try:
                view_id = asked.view_id or await self._open(asked.trigger_id, view)
                if has_evidence or asked.view_id:
                    await self._fill_in(view_id, missing, request)
            except ProviderError as error:
                log.warning("the form did not open", request=received.key, error=error.what)
            else:
                return "form"
        offer = Offer(label=FILL_IN, words=asked.text)
        answer = replace(refusal(refuse_incomplete(missing)), offers=(offer,))
        await reply.answer(await self._message(answer), Audience.PRIVATE)
        return "incomplete"

    async def _ask_in_modal(self, received: Received, asked: Asked, actor: Actor, place: Place) -> str:
        """A shortcut has no channel to answer in: its answer stands in a modal, or else in a direct message."""
        view_id = await self._opened(received, asked)
        asked = await self._with_message(asked)
        if view_id:
            reply: Reply = ViewReply(self._slack, view_id=view_id, title=self._title(asked))
        else:
            reply = await direct(self._slack, asked.person)
        request = _request(received, asked.text, actor, place)
        answer = await self._runner.hear(request, reply.progress)
        if isinstance(answer, Incomplete) and view_id:
            await self._fill_in(view_id, answer, request)
            return "form"
        if isinstance(answer, Incomplete):
            return await self._ask_for_the_rest(received, replace(asked, trigger_id=""), answer, request, reply)
        await self._give(reply, answer, asked)
        return "answered"

    async def _with_message(self, asked: Asked) -> Asked:
        """What is asked of a message gets its link, and its text as a title, where the operation takes these."""
        operation = operation_of(self._runner.registry, asked.text) if asked.message_ts else None
        if operation is None:
            return asked
        takes = {field.name for field in operation.fields}
        text = asked.text
        if "message" in takes:
            try:
                found = await call(
                    self._slack.quick, "chat.getPermalink", channel=asked.channel, message_ts=asked.message_ts
                )
                text += f" --message={found['permalink']}"
            except ProviderError as error:
                log.warning("no link to the message", channel=asked.channel, error=error.what)
        title = title_of(asked.message_text)
        if "title" in takes and title:
            text += f' --title="{title}"'
        return replace(asked, text=text)

    async def _opened(self, received: Received, asked: Asked) -> str:
        """The id of a modal that says to wait; empty where the trigger had died already."""
        if received.attempts > 1:
            return ""
        try:
            return await self._open(asked.trigger_id, form.working(self._title(asked)))
        except ProviderError as error:
            log.warning("the modal did not open", request=received.key, error=error.what)
            return ""

    async def _open(self, trigger_id: str, view: dict[str, object]) -> str:
        opened = await call(self._slack.quick, "views.open", trigger_id=trigger_id, view=view)
        return str(opened["view"]["id"])

    async def _fill_in(self, view_id: str, missing: Incomplete, request: Request) -> None:
        """The open view becomes the form, with what is known already above its fields and in them."""
        known = await self._runner.form(missing, request)
        note = await self._message(known.note) if known.note else None
        more = await self._message(known.more) if known.more else None
        view = form.form(missing, channel=request.place.channel, given=known.given, note=note, more=more)
        await call(self._slack.patient, "views.update", view_id=view_id, view=view)

    async def _submitted(self, received: Received) -> str:
        """A form, validated before the ack: the same reading gives the same invocation."""
        view = received.payload["view"]
        understood = form.read(view, self._runner.registry)
        if not isinstance(understood, Invocation):
            return "invalid"
        person = received.payload["user"]["id"]
        actor = await self._people.actor(person, anew=asks_anew(understood.operation))
        reply = ViewReply(self._slack, view_id=view["id"], title=form.heading(understood.operation), person=person)
        place = Place(surface=Surface.SLACK, channel=form.channel_of(view))
        request = _request(received, understood, actor, place)
        answer = await self._runner.hear(request, reply.progress)
        if isinstance(answer, Answer) and answer.refused and not isinstance(decide(understood.operation, actor), Deny):
            refused = await self._message(answer)
            again = form.form(typed(understood), channel=form.channel_of(view), refused=refused)
            await reply.ask_again(again, refused)
        elif isinstance(answer, Answer):
            await self._give(reply, answer, Asked(person=person, text="", channel=form.channel_of(view)))
        return "answered"

    def _reply(self, asked: Asked) -> Reply:
        if asked.view_id:
            return ViewReply(self._slack, view_id=asked.view_id, title=self._title(asked))
        if asked.response_url:
            return AddressReply(self._slack, asked.response_url, asked)
        return MessageReply(
            self._slack,
            channel=asked.channel,
            person=asked.person,
            thread_ts=asked.thread_ts or None,
            has_thread=asked.has_thread,
        )

    def _title(self, asked: Asked) -> str:
        """What heads the modal that shows the answer."""
        operation = operation_of(self._runner.registry, asked.text)
        return form.heading(operation) if operation else "Answer"

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
        values = await self._values(answer.offers)
        return message(
            replace(answer, offers=tuple(offer for offer in answer.offers if offer in values)),
            now=self._runner.services.now(),
            values=values,
            runbook_url=self._runner.services.settings.runbook_url,
        )

    async def _values(self, offered: Sequence[Offer]) -> dict[Offer, str]:
        """What each button carries: its words, or the id of words that may not stand in a button.

        While our own database is silent these have no other place: free text stands in the button then, and a button
        with somebody's address is left out.
        """
        values = {}
        for offer in offered:
            if len(offer.words) > VALUE or offer.label == FILL_IN or _is_personal(self._runner, offer):
                try:
                    values[offer] = payloads.KEPT + await self._keep(offer.words)
                except DatabaseSilentError:
                    if len(offer.words) <= VALUE and masked_text(offer.words) == offer.words:
                        values[offer] = payloads.WORDS + offer.words
            else:
                values[offer] = payloads.WORDS + offer.words
        return values

    async def _keep(self, words: str) -> str:
        services = self._runner.services
        return await services.database.call(lambda connection: offers.add(connection, words, at=services.now()))


def _request(received: Received, asked: str | Invocation | Incomplete, actor: Actor, place: Place) -> Request:
    return Request(key=received.key, asked=asked, actor=actor, place=place, again=received.attempts > 1)


def _is_personal(runner: Runner, offer: Offer) -> bool:
    """Whether the words hold personal data or free text. Words that do not parse are a defect, and raise."""
    understood = parse(runner.registry, offer.words)
    if isinstance(understood, Incomplete):
        given = understood.given
    else:
        given = {field.name: getattr(understood.args, field.name) for field in understood.operation.fields}
    fields = {field.name: field for field in understood.operation.fields}
    return any(fields[name].personal and value != fields[name].default for name, value in given.items())
