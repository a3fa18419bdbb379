"""An incident whose channel is archived, deleted or closed to the bot: what was for it finds a way, until it has another.

Of an open one everything goes into the thread in #incidents. Of a private one nothing goes anywhere else: those who have
a part in it are told directly that its channel is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.audit import Event
from bot.context import Context, Services, Transaction
from bot.errors import UserError
from bot.incidents import moving
from bot.incidents.declaring import SET_UP
from bot.incidents.severity import channel_name
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.incidents.visibility import has_room, stands_in_the_open
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import audit, cards, clocks, incidents, posts, steps, timeline
from bot.store.cards import Card
from bot.store.incidents import Incident
from bot.store.posts import Claimed

BECAME: Final[Mapping[str, str]] = {
    "is_archived": "archived",
    "channel_not_found": "gone, or I was taken out of it",
    "not_in_channel": "closed to me: I was taken out of it",
}
"""Slack's refusals after which a channel takes no message of ours, and what that means."""
FURNISHED: Final = ("channel", "card", "people", "topic", "bookmarks", "pin")
"""Steps that another channel needs again."""


class Rehousing:
    """Finds another place for what Slack refused. Made once, by `bot.app`."""

    def __init__(self, services: Services) -> None:
        """Look in our own database."""
        self._services = services

    async def post(self, post: Claimed, why: str) -> bool:
        """The post goes into the thread instead, or is not needed there; False where it has no other place."""
        if why not in BECAME or post.thread_of is not None:
            return False
        async with self._services.database.transaction() as transaction:
            incident = await _lost(self._services, transaction, post.channel, BECAME[why])
            slack = self._services.settings.slack
            if incident is None or slack is None or not stands_in_the_open(incident):
                return False
            twin = post.key.replace(f"{incident.subject}:", f"{incident.subject}:thread:", 1)
            if await posts.is_known(transaction, twin):
                await posts.close(transaction, post.id, state="expired", error="the thread reads it anyway")
            else:
                await posts.redirect(transaction, post.id, channel=slack.incidents_channel, thread_of=incident.subject)
        self._services.wake()
        return True

    async def card(self, card: Card, why: str) -> bool:
        """A request's card stands in #incidents instead; the incident's own stands there anyway. False: nowhere."""
        if why not in BECAME:
            return False
        async with self._services.database.transaction() as transaction:
            incident = await _lost(self._services, transaction, card.channel, BECAME[why])
            slack = self._services.settings.slack
            if incident is None or slack is None or not stands_in_the_open(incident) or card.subject == incident.room:
                return False
            await cards.move(transaction, card.subject, channel=slack.incidents_channel)
        self._services.wake()
        return True


async def _lost(services: Services, transaction: Transaction, channel: str, became: str) -> Incident | None:
    incident = await incidents.by_channel(transaction, channel)
    if incident is None or not incident.is_open:
        return None
    return await lose(services, transaction, incident, became)


async def lose(services: Services, transaction: Transaction, incident: Incident, became: str) -> Incident:
    """Its channel takes no more messages: said on its card, in its thread, or to those who have a part in it; once."""
    locked = await incidents.get(transaction, incident.id, lock=True)
    assert locked is not None  # noqa: S101 -- incidents are never deleted
    if locked.room_lost is not None:
        return locked
    now = services.now()
    await incidents.lose_room(transaction, incident.id, became)
    lost = replace(locked, room_lost=became)
    key = f"room-lost:{locked.channel_id}"
    await timeline.add(
        transaction, lost.id, Kind.NOTE, key=key, actor=moving.BOT, said=_sentence(lost), at=now, recorded_at=now
    )
    answer = Answer(
        verdict=_sentence(lost),
        mark=Mark.DOWN,
        offers=(Offer(label="New channel", words=f"incident room {lost.number}", style="primary"),),
    )
    await tell(services, transaction, lost, key=key, thread=answer)
    if not stands_in_the_open(lost):
        parts = {lost.declared_by, lost.lead, lost.communications, lost.scribe, lost.acknowledged_by} - {
            None,
            moving.BOT,
        }
        for person in parts:
            await services.announce(
                transaction,
                stream=f"person:{person}",
                key=f"{lost.subject}:{key}:{person}",
                channel=str(person),
                answer=answer,
            )
    await moving.raise_cards(transaction, lost)
    services.wake()
    return lost


def _sentence(incident: Incident) -> str:
    told = "Nothing is said anywhere else" if not stands_in_the_open(incident) else "What is said goes here"
    return f"The channel of {incident.label} is {incident.room_lost}. {told} until it has another."


async def found(services: Services, transaction: Transaction, channel: str) -> Incident | None:
    """The channel takes messages again; the incident whose it is, or None."""
    incident = await incidents.by_channel(transaction, channel)
    if incident is None or incident.room_lost is None:
        return None
    await incidents.lose_room(transaction, incident.id, None)
    await moving.raise_cards(transaction, incident)
    services.wake()
    return incident


async def anew(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It gets another channel, with its card, its people and all; the old one is left as it is."""
    locked = await incidents.get(transaction, incident.id, lock=True)
    assert locked is not None  # noqa: S101 -- incidents are never deleted
    if locked.room_lost is None and locked.channel_id:
        raise UserError(
            f"The channel of {locked.label} takes messages.",
            why=f"It is <#{locked.channel_id}>." if not locked.private else "",
        )
    if not has_room(locked) or not locked.is_open:
        raise UserError(f"{locked.label} needs no channel.", todo="It is followed in its thread in #incidents.")
    if locked.room_lost is not None:
        await incidents.leave_room(transaction, locked.id, name=_another(locked, context.now))
        await cards.drop(transaction, locked.room)
        await steps.forget(transaction, locked.subject, FURNISHED)
    await audit.add(transaction, Event.REHOUSED, actor=context.actor.id, subject=locked.subject, at=context.now)
    await clocks.start(transaction, locked.subject, SET_UP, due_at=context.now)
    await moving.raise_cards(transaction, locked)
    context.services.wake()
    return Answer(
        verdict=f"{locked.label} is getting another channel; everybody of the old one is let in.",
        evidence=(Lines(lines=(Line(title="The old channel is left as it is, with what was said there."),)),),
        audience=Audience.PRIVATE,
    )


def _another(incident: Incident, now: datetime) -> str:
    """A name that none of its earlier channels has: by it a lost answer is found again. Pure."""
    return channel_name(incident.id, incident.title, drill=incident.drill is not None, apart=f"{now:%H%M%S}")
