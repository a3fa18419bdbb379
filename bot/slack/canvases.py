"""Canvases and shared files: a `Desk` in Slack.

Source: docs.slack.dev, conversations.canvases.create, canvases.edit, canvases.sections.lookup. A canvas is read at
`https://<workspace>.slack.com/docs/<team>/<canvas>`, a file at `…/files/<who shared it>/<file>`.
"""

from __future__ import annotations

from typing import Any, Final

from bot.documents import Document
from bot.operation import Attachment
from bot.slack import files
from bot.slack.client import Slack, call

PAGES: Final = 3
"""Pages of 100 messages that are looked through for a file that may have been shared."""


class Canvases:
    """What this bot writes beside its messages."""

    def __init__(self, slack: Slack) -> None:
        """Write as this bot."""
        self._slack = slack

    async def create(self, channel: str, *, title: str, markdown: str) -> Document:
        """The channel has this canvas."""
        made = await call(
            self._slack.patient,
            "conversations.canvases.create",
            channel_id=channel,
            title=title,
            document_content={"type": "markdown", "markdown": markdown},
        )
        return self._canvas(str(made["canvas_id"]))

    async def find(self, channel: str, heading: str) -> Document | None:
        """The channel's canvas, where that is its first heading."""
        info = await call(self._slack.patient, "conversations.info", channel=channel)
        properties: dict[str, Any] = info["channel"].get("properties") or {}
        canvas = str((properties.get("canvas") or {}).get("file_id") or "")
        if not canvas or not await self._sections(canvas, contains_text=heading, section_types=["h1"]):
            return None
        return self._canvas(canvas)

    def link_to(self, canvas: str) -> str:
        """Where it is read."""
        return f"{self._slack.url}docs/{self._slack.team_id}/{canvas}"

    async def append(self, canvas: str, markdown: str) -> None:
        """This stands at its end."""
        change = {"operation": "insert_at_end", "document_content": {"type": "markdown", "markdown": markdown}}
        await call(self._slack.patient, "canvases.edit", canvas_id=canvas, changes=[change])

    async def holds(self, canvas: str, text: str) -> bool:
        """Whether one of its sections has the text."""
        return bool(await self._sections(canvas, contains_text=text))

    async def _sections(self, canvas: str, **criteria: Any) -> list[Any]:
        found = await call(self._slack.patient, "canvases.sections.lookup", canvas_id=canvas, criteria=criteria)
        return list(found.get("sections") or ())

    async def upload(self, file: Attachment) -> Document:
        """Slack has its bytes."""
        file_id = await files.uploaded(self._slack, file)
        return Document(id=file_id, link=f"{self._slack.url}files/{self._slack.bot_user_id}/{file_id}")

    async def share(self, file: Document, title: str, *, channel: str, thread_ts: str | None) -> None:
        """It stands in the channel or thread."""
        await files.complete(self._slack, title, file.id, channel=channel, thread_ts=thread_ts)

    async def is_shared(self, file: str, *, channel: str, thread_ts: str | None) -> bool:
        """Whether a message of the channel or thread has it."""
        method, more = ("conversations.history", {})
        if thread_ts is not None:
            method, more = ("conversations.replies", {"ts": thread_ts})
        cursor: str | None = None
        for _ in range(PAGES):
            page = await call(self._slack.patient, method, channel=channel, limit=100, cursor=cursor, **more)
            if any(one.get("id") == file for message in page["messages"] for one in message.get("files") or ()):
                return True
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return False
        return False

    def _canvas(self, canvas: str) -> Document:
        return Document(id=canvas, link=self.link_to(canvas))
