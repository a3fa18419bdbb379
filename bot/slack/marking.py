"""Reactions and edits, from Slack's events to the timeline of the incident that the message belongs to."""

from __future__ import annotations

from typing import Any, Final

import structlog

from bot.context import Services
from bot.directory import Directory
from bot.errors import ProviderError
from bot.incidents import marks
from bot.incidents.marks import TAKEN, Marked
from bot.people import Role
from bot.slack.client import Slack, call
from bot.slack.payloads import PIN
from bot.store.inbox import Received
from bot.words import undo_typography

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.marking")

GONE: Final = ("thread_not_found", "message_not_found", "channel_not_found", "not_in_channel")


class Marking:
    """Follows what people mark. Anybody with a role may: who can put a reaction could have typed a note."""

    def __init__(self, slack: Slack, services: Services, people: Directory) -> None:
        """`people` says who has a role."""
        self._slack = slack
        self._services = services
        self._people = people

    async def work(self, received: Received) -> str:
        """Handle one event; return a word for how it ended."""
        event = received.payload["event"]
        if event["type"] == "message":
            return await self._edited(event, received.key)
        actor = await self._people.actor(event["user"])
        if actor.role < Role.VIEWER:
            return "no role"
        item = event["item"]
        if event["type"] == "reaction_removed":
            return await self._unmarked(item["channel"], item["ts"], actor.id, received.key)
        return await self._marked(item["channel"], item["ts"], actor.id, received.key)

    async def _marked(self, channel: str, ts: str, by: str, key: str) -> str:
        message = await self._message(channel, ts)
        if message is None:
            return "gone"
        async with self._services.database.transaction() as transaction:
            new = await marks.mark(self._services, transaction, message, by=by, key=key)
        if new:
            await self._answer(channel, ts, taken=True)
        return "marked" if new else "no incident"

    async def _unmarked(self, channel: str, ts: str, by: str, key: str) -> str:
        found = await self._reply(channel, ts)
        if found is not None and any(reaction["name"] == PIN for reaction in found.get("reactions", ())):
            return "still marked"  # another person's pin stands
        async with self._services.database.transaction() as transaction:
            gone = await marks.unmark(self._services, transaction, channel=channel, ts=ts, by=by, key=key)
        if gone:
            await self._answer(channel, ts, taken=False)
        return "unmarked" if gone else "was not marked"

    async def _edited(self, event: dict[str, Any], key: str) -> str:
        channel = event["channel"]
        deleted = event["subtype"] == "message_deleted"
        message = event["previous_message"] if deleted else event["message"]
        ts, by = message["ts"], str(message.get("user") or "")
        text = f"(deleted in Slack) {message.get('text', '')}" if deleted else str(message.get("text") or "")
        async with self._services.database.transaction() as transaction:
            new = await marks.edit(
                self._services, transaction, channel=channel, ts=ts, by=by, key=key, text=undo_typography(text)
            )
        return "followed" if new else "not marked"

    async def _message(self, channel: str, ts: str) -> Marked | None:
        found = await self._reply(channel, ts)
        if found is None:
            return None
        link = await call(self._slack.patient, "chat.getPermalink", channel=channel, message_ts=ts)
        return Marked(
            channel=channel,
            ts=ts,
            thread_ts=str(found.get("thread_ts") or ""),
            author=str(found.get("user") or ""),
            text=undo_typography(str(found.get("text") or "")),
            link=str(link["permalink"]),
        )

    async def _reply(self, channel: str, ts: str) -> dict[str, Any] | None:
        """The message itself, also where it stands in a thread: asked for as a thread's beginning, it comes first."""
        try:
            page = await call(self._slack.patient, "conversations.replies", channel=channel, ts=ts, limit=1)
        except ProviderError as error:
            if error.why in GONE:
                return None
            raise
        return next((message for message in page["messages"] if message["ts"] == ts), None)

    async def _answer(self, channel: str, ts: str, *, taken: bool) -> None:
        """Show by a reaction of our own that it was taken down, or is no more."""
        method = "reactions.add" if taken else "reactions.remove"
        try:
            await call(self._slack.patient, method, channel=channel, timestamp=ts, name=TAKEN)
        except ProviderError as error:
            log.info("reaction not shown", error=error.why)  # the timeline is what counts
