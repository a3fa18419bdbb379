"""Lets jobs say something in Slack, in the transaction of what they tell of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.context import Now
from bot.operation import Answer
from bot.slack.blocks.answer import message
from bot.slack.payloads import WORDS
from bot.store import posts
from bot.store.database import Connection


class Announcer:
    """Turns an Answer into a post of the outbox. Its offers must hold no personal data: many people see them."""

    def __init__(self, now: Now, *, runbook_url: str) -> None:
        """`now` is the bot's own time."""
        self._now = now
        self._runbook_url = runbook_url

    async def __call__(
        self,
        transaction: Connection,
        *,
        stream: str,
        key: str,
        channel: str,
        answer: Answer,
        expires_at: datetime | None = None,
        thread_of: str | None = None,
    ) -> None:
        """Want the answer said in the channel, once for this key, after what was wanted before on the stream."""
        body = self.render(answer)
        post = posts.Post(
            stream=stream,
            key=key,
            channel=channel,
            body=body,
            wanted_at=self._now(),
            expires_at=expires_at,
            thread_of=thread_of,
            reminder=answer.reminder,
        )
        await posts.add(transaction, post)

    def render(self, answer: Answer) -> dict[str, Any]:
        """The `text` and `blocks` of an answer that many people see."""
        values = {offer: WORDS + offer.words for offer in answer.offers}
        shown = message(answer, now=self._now(), values=values, runbook_url=self._runbook_url)
        return {"text": shown.text, "blocks": shown.blocks}
