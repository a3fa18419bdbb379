"""Channels of incidents: made, found again, filled with people, and furnished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bot.errors import ProviderError
from bot.slack.blocks.text import cut
from bot.slack.client import Slack, call

PAGES = 20


class Rooms:
    """What an incident's channel needs of Slack. Everything may be asked twice."""

    def __init__(self, slack: Slack) -> None:
        """Speak as this bot."""
        self._slack = slack

    async def create(self, name: str) -> tuple[str, str]:
        """Make a public channel, or the next free name with a suffix; return its id and name. Adopts no stranger's."""
        for suffix in ("", "-2", "-3", "-4", "-5"):
            try:
                made = await call(self._slack.quick, "conversations.create", name=name[: 80 - len(suffix)] + suffix)
            except ProviderError as error:
                if error.why != "name_taken":
                    raise
                continue
            return str(made["channel"]["id"]), str(made["channel"]["name"])
        raise ProviderError(
            f"Every name like {name} is taken.", provider="slack", kind="rejected", todo="Name a channel by hand."
        )

    async def find(self, name: str, *, since: datetime) -> tuple[str, str] | None:
        """The channel that an earlier try made: this name (or with a suffix), made by us, after the step began."""
        cursor: str | None = None
        for _ in range(PAGES):
            page = await call(
                self._slack.patient, "conversations.list", limit=200, exclude_archived=True, cursor=cursor
            )
            for channel in page["channels"]:
                fits = channel["name"] == name or channel["name"].startswith(f"{name}-")
                ours = channel.get("creator") == self._slack.bot_user_id
                if fits and ours and float(channel.get("created", 0)) >= since.timestamp() - 60:
                    return str(channel["id"]), str(channel["name"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        return None

    async def people(self, emails: Iterable[str]) -> dict[str, str]:
        """Slack ids by e-mail address; who is not in the workspace is left out."""
        found = {}
        for email in emails:
            try:
                answer = await call(self._slack.patient, "users.lookupByEmail", email=email)
            except ProviderError as error:
                if error.kind != "not_found":
                    raise
                continue
            found[email] = str(answer["user"]["id"])
        return found

    async def invite(self, channel: str, people: Sequence[str]) -> list[str]:
        """Invite them; return the ids of those whom Slack does not let in. Being there already is well."""
        refused = []
        for person in dict.fromkeys(people):
            try:
                await call(self._slack.patient, "conversations.invite", channel=channel, users=person)
            except ProviderError as error:
                if error.why in ("already_in_channel", "cant_invite_self"):
                    continue
                if error.transient:
                    raise
                refused.append(person)
        return refused

    async def topic(self, channel: str, topic: str) -> None:
        """The topic is this; it is set only where it is not, since each setting is a message."""
        info = await call(self._slack.patient, "conversations.info", channel=channel)
        wanted = cut(topic, 250)
        if (info["channel"].get("topic") or {}).get("value") != wanted:
            await call(self._slack.patient, "conversations.setTopic", channel=channel, topic=wanted)

    async def bookmark(self, channel: str, links: Sequence[tuple[str, str]]) -> None:
        """The links stand among the channel's bookmarks, each once, one after the other (Slack refuses two at a time)."""
        listed: dict[str, Any] = await call(self._slack.patient, "bookmarks.list", channel_id=channel)
        there = {bookmark.get("link") for bookmark in listed["bookmarks"]}
        for title, link in links:
            if link not in there:
                await call(
                    self._slack.patient, "bookmarks.add", channel_id=channel, title=title, type="link", link=link
                )

    async def pin(self, channel: str, ts: str) -> None:
        """The message is pinned."""
        try:
            await call(self._slack.patient, "pins.add", channel=channel, timestamp=ts)
        except ProviderError as error:
            if error.why != "already_pinned":
                raise
