"""Documents that people go on writing in Slack: canvases where the plan has them, else files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.errors import ProviderError
from bot.operation import Attachment


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A canvas or a file, and where it is read."""

    id: str
    link: str


class Desk(Protocol):
    """What can be done with documents. Each raises ProviderError where Slack does not do it."""

    async def create(self, channel: str, *, title: str, markdown: str) -> Document:
        """The channel has this canvas. Refused for good where it has one already, or where the plan has none."""

    async def find(self, channel: str, heading: str) -> Document | None:
        """The channel's canvas, where it has one whose first heading is this; somebody else's is none."""

    def link_to(self, canvas: str) -> str:
        """Where the canvas is read."""

    async def append(self, canvas: str, markdown: str) -> None:
        """This stands at the end of the canvas; what stood there is untouched."""

    async def holds(self, canvas: str, text: str) -> bool:
        """Whether the text stands somewhere in the canvas."""

    async def upload(self, file: Attachment) -> Document:
        """Slack has the file; nobody sees it yet."""

    async def share(self, file: Document, title: str, *, channel: str, thread_ts: str | None) -> None:
        """The file, which Slack has, is shared there."""

    async def is_shared(self, file: str, *, channel: str, thread_ts: str | None) -> bool:
        """Whether the file was shared there."""


class Documents:
    """The desk, once Slack is connected."""

    def __init__(self) -> None:
        """Nothing is connected yet."""
        self._desk: Desk | None = None

    def connect(self, desk: Desk) -> None:
        """From now on documents are there."""
        self._desk = desk

    @property
    def desk(self) -> Desk:
        """The desk. Raises ProviderError where Slack is not connected, as in a terminal while it is silent."""
        if self._desk is None:
            raise ProviderError("Slack does not answer.", provider="slack", kind="refused")
        return self._desk
