"""How a message of ours gets into Slack once: our key stands in its metadata, and by it the message is found again."""

from __future__ import annotations

from typing import Any, Final

from bot.errors import ProviderError
from bot.slack.client import Slack, call

EVENT_TYPE: Final = "ilab_post"
PEOPLE: Final = ("U", "W")
"""What the ids of people begin with."""
PAGES: Final = 5
"""Pages of 200 messages that are looked through for a message that may have been sent."""


class Speaker:
    """Says, finds and edits messages of this bot. Each raises ProviderError where Slack does not do it."""

    def __init__(self, slack: Slack) -> None:
        """Speak as this bot."""
        self._slack = slack

    async def say(self, channel: str, thread_ts: str | None, key: str, body: dict[str, Any]) -> str:
        """It stands in the channel or thread; return its `ts`."""
        answer = await call(
            self._slack.quick,
            "chat.postMessage",
            channel=channel,
            thread_ts=thread_ts,
            metadata={"event_type": EVENT_TYPE, "event_payload": {"key": key}},
            unfurl_links=False,
            unfurl_media=False,
            **body,
        )
        return str(answer["ts"])

    async def find(self, channel: str, thread_ts: str | None, key: str) -> str | None:
        """The `ts` of the message of an earlier try, where there is one.

        A message may be addressed to a person, and to a public channel that we are not in; to look for it, the direct
        message is opened, and the channel joined.
        """
        if channel.startswith(PEOPLE):
            opened = await call(self._slack.quick, "conversations.open", users=channel)
            channel = str(opened["channel"]["id"])
        try:
            return await self._look(channel, thread_ts, key)
        except ProviderError as error:
            if error.why != "not_in_channel":
                raise
        await call(self._slack.quick, "conversations.join", channel=channel)
        return await self._look(channel, thread_ts, key)

    async def _look(self, channel: str, thread_ts: str | None, key: str) -> str | None:
        method, extra = ("conversations.history", {})
        if thread_ts is not None:
            method, extra = ("conversations.replies", {"ts": thread_ts})
        cursor: str | None = None
        for _ in range(PAGES):
            page = await call(
                self._slack.quick,
                method,
                channel=channel,
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
                **extra,
            )
            for message in page["messages"]:
                if message.get("bot_id") == self._slack.bot_id and _key(message) == key:
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        return None

    async def edit(self, channel: str, ts: str, body: dict[str, Any]) -> None:
        """The message says this instead."""
        await call(self._slack.quick, "chat.update", channel=channel, ts=ts, **body)


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("key", ""))
