"""Where an answer goes: the response address of a command or a button, a thread, a direct message, a modal, the Home tab.

All have the same two verbs: `progress`, which edits one message and may say nothing, and `answer`, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import aiohttp
import structlog

from bot.errors import ProviderError
from bot.operation import Audience
from bot.slack.blocks import form
from bot.slack.blocks.answer import Message, progress
from bot.slack.blocks.text import Block
from bot.slack.client import UNREACHABLE, Slack, call
from bot.slack.payloads import Asked

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.reply")

QUIET: Final = 1.5
"""Seconds an answer may take before anything is said of its progress."""
EVERY: Final = 2.0
"""Seconds between two edits of the progress."""
TRIES: Final = 4
LONGEST_WAIT: Final = 30.0
"""Seconds of a Retry-After that an answer waits for."""


class Reply(Protocol):
    """A place where one answer goes."""

    async def progress(self, done: int, total: int) -> None:
        """Say how far it is, where that helps."""

    async def answer(self, message: Message, audience: Audience) -> None:
        """Say it. Raises ProviderError where Slack takes it by no way."""


class _Pace:
    """Says how far something is: not at all where it is quick, and then not too often."""

    def __init__(self, say: Callable[[Message], Awaitable[None]], *, most: int) -> None:
        """`say` shows the progress; it is called at most so often."""
        self._say = say
        self._most = most
        self._latest = (0, 1)
        self._task: asyncio.Task[None] | None = None
        self._saying = asyncio.Lock()
        self.shown = 0

    def note(self, done: int, total: int) -> None:
        """Remember how far it is."""
        self._latest = (done, total)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="progress")

    async def stop(self) -> None:
        """Say no more; what is being said now is said first, or given up after two seconds."""
        if self._task is None:
            return
        if self._saying.locked():
            await asyncio.wait({asyncio.create_task(self._free())}, timeout=2)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _free(self) -> None:
        async with self._saying:
            return

    async def _run(self) -> None:
        await asyncio.sleep(QUIET)
        while self.shown < self._most:
            async with self._saying:
                try:
                    await self._say(progress(*self._latest))
                except ProviderError as error:
                    log.info("progress not shown", error=error.what)
                self.shown += 1
            await asyncio.sleep(EVERY)


class AddressReply:
    """By the `response_url` of a slash command or of a button.

    A button's address can edit the message that holds the button, and a press is answered in its place. A command's
    address can only add messages: `replace_original` does nothing there (slackapi/bolt-js#2287, bolt-python#1268), and
    what one person alone sees cannot be edited otherwise. So a command that takes long says once how far it is.
    """

    def __init__(self, slack: Slack, url: str, asked: Asked) -> None:
        """`asked` says whether the answer takes the place of the message whose button was pressed, and in which thread."""
        self._slack = slack
        self._url = url
        self._asked = asked
        # Slack takes an address five times, within 30 minutes: some are left for the answer and its retries
        self._pace = _Pace(self._show, most=2 if asked.replaces else 1)

    async def progress(self, done: int, total: int) -> None:
        """Say how far it is, in place of the button's message, or once."""
        self._pace.note(done, total)

    async def _show(self, message: Message) -> None:
        await _post(self._slack.session, self._url, self._body(message, replaces=self._asked.replaces))

    async def answer(self, message: Message, audience: Audience) -> None:
        """Answer there, or else by a message of our own that only the asker sees."""
        await self._pace.stop()
        # what only one person may read, and what was refused, never takes the place of what everybody sees
        hides = audience is Audience.PRIVATE and not self._asked.in_private
        replaces = self._asked.replaces and not (hides or message.refused or audience is Audience.CHANNEL)
        body = self._body(message, replaces=replaces, in_channel=audience is Audience.CHANNEL)
        try:
            await _patiently(lambda: _post(self._slack.session, self._url, body))
        except ProviderError as error:
            log.warning("response address did not take the answer", error=error.what)
            await _to_person(self._slack, message, channel=self._asked.channel, person=self._asked.person)

    def _body(self, message: Message, *, replaces: bool, in_channel: bool = False) -> dict[str, Any]:
        body = _body(message) | {
            "response_type": "in_channel" if in_channel else "ephemeral",
            "replace_original": replaces,
        }
        return body | {"thread_ts": self._asked.thread_ts} if self._asked.has_thread else body


class MessageReply:
    """In the thread of a mention, or in a direct message."""

    def __init__(
        self, slack: Slack, *, channel: str, person: str, thread_ts: str | None, has_thread: bool = True
    ) -> None:
        """`thread_ts` is None in a direct message, where answers need no thread.

        `has_thread` is false where the thread would begin with the answer: what one person alone sees is not shown in
        a thread that does not exist. Source: docs.slack.dev, chat.postEphemeral, `thread_ts`.
        """
        self._slack = slack
        self.channel = channel
        self._person = person
        self._thread_ts = thread_ts
        self._private_thread_ts = thread_ts if has_thread else None
        self._pace = _Pace(self._show, most=10)
        self._ts: str | None = None

    async def progress(self, done: int, total: int) -> None:
        """Edit one message in the thread."""
        self._pace.note(done, total)

    async def _show(self, message: Message) -> None:
        self._ts = await self.say(_body(message))

    async def answer(self, message: Message, audience: Audience) -> None:
        """Answer in the thread; what is private goes to the asker alone, and a secret stays in no conversation."""
        await self._pace.stop()
        if audience is Audience.PRIVATE and (message.secret or not self.channel.startswith("D")):
            if self._ts is not None:
                await call(self._slack.patient, "chat.delete", channel=self.channel, ts=self._ts)
            await _to_person(
                self._slack, message, channel=self.channel, person=self._person, thread_ts=self._private_thread_ts
            )
            return
        await self.say(_body(message))

    async def say(self, body: dict[str, Any]) -> str:
        """Say it to all who are there, in place of the progress where that was shown; return its `ts`."""
        if self._ts is not None:
            await call(self._slack.patient, "chat.update", channel=self.channel, ts=self._ts, **body)
            return self._ts
        answer = await call(
            self._slack.patient,
            "chat.postMessage",
            channel=self.channel,
            thread_ts=self._thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            **body,
        )
        return str(answer["ts"])


class ViewReply:
    """In a modal that is open already."""

    def __init__(self, slack: Slack, *, view_id: str, title: str, person: str = "") -> None:
        """`title` heads the view that shows the answer; where it was closed, `person` gets a direct message."""
        self._slack = slack
        self._view_id = view_id
        self._title = title
        self._person = person
        self._pace = _Pace(self._show, most=10)

    async def progress(self, done: int, total: int) -> None:
        """Edit the view."""
        self._pace.note(done, total)

    async def answer(self, message: Message, audience: Audience) -> None:
        """Show it in the view; only the person who opened it sees that."""
        await self._pace.stop()
        try:
            await self._show(message)
        except ProviderError as error:
            if error.why != "not_found":
                raise
            log.info("the view was closed before its answer", view=self._view_id)
            if self._person:
                await (await direct(self._slack, self._person)).answer(message, audience)

    async def ask_again(self, view: Block, message: Message) -> None:
        """The form stands there again, with what was typed and why it was refused; where it was closed, that is told."""
        await self._pace.stop()
        try:
            await call(self._slack.patient, "views.update", view_id=self._view_id, view=view)
        except ProviderError as error:
            if error.why != "not_found":
                raise
            await self.answer(message, Audience.PRIVATE)

    async def _show(self, message: Message) -> None:
        await call(self._slack.patient, "views.update", view_id=self._view_id, view=form.showing(self._title, message))


async def direct(slack: Slack, person: str) -> MessageReply:
    """A direct message to the person, for what has no other place."""
    opened = await call(slack.patient, "conversations.open", users=person)
    return MessageReply(slack, channel=opened["channel"]["id"], person=person, thread_ts=None)


def _body(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": message.blocks}


async def _to_person(
    slack: Slack, message: Message, *, channel: str, person: str, thread_ts: str | None = None
) -> None:
    """Say it so that only one person sees it: in the channel where we may, else in a direct message.

    There, too, a secret is shown only until they look elsewhere.
    """
    try:
        await call(
            slack.patient, "chat.postEphemeral", channel=channel, user=person, thread_ts=thread_ts, **_body(message)
        )
    except ProviderError as error:
        if error.kind not in ("rejected", "not_found"):
            raise
        reply = await direct(slack, person)
        if message.secret:
            await call(slack.patient, "chat.postEphemeral", channel=reply.channel, user=person, **_body(message))
        else:
            await reply.say(_body(message))


async def _patiently(post: Callable[[], Awaitable[None]]) -> None:
    """Try a few times what may be tried again: waits that Slack asks for, and connections that were never made."""
    for attempt in range(1, TRIES):
        try:
            await post()
        except ProviderError as error:
            wait = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
            if error.kind not in ("rate_limited", "refused", "server") or error.ambiguous or wait > LONGEST_WAIT:
                raise
            await asyncio.sleep(wait)
        else:
            return
    await post()


async def _post(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> None:
    try:
        async with session.post(url, json=body) as response:
            status, headers = response.status, response.headers
    except aiohttp.ClientConnectorError as error:
        raise ProviderError("The response address is out of reach.", provider="slack", kind="refused") from error
    except UNREACHABLE as error:
        # it may have been said: better once too few than twice, and the fallback is a message of its own
        raise ProviderError(
            "The response address gave no answer.", provider="slack", kind="refused", ambiguous=True
        ) from error
    if status == 429:
        retry_after = float(headers.get("Retry-After", "1"))
        raise ProviderError(
            "The response address asks to wait.", provider="slack", kind="rate_limited", retry_after=retry_after
        )
    if status >= 400:
        kind = "server" if status >= 500 else "rejected"
        raise ProviderError(f"The response address answered {status}.", provider="slack", kind=kind, status=status)
