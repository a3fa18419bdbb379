"""How the bot speaks by itself: posts are rows, written in the transaction of what they tell of, and sent once.

In order within a stream, one in flight a stream. A post whose answer was lost is looked for in the channel, by our key
in its metadata and our own `bot_id`, before it is sent again. What Slack refuses for good is parked and logged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

import structlog

from bot.clocks import real_now
from bot.context import CardOf, Now
from bot.errors import ProviderError
from bot.metrics import POSTS
from bot.operation import Answer
from bot.slack import digest
from bot.slack.client import Slack
from bot.slack.speaker import Speaker
from bot.store import cards, posts
from bot.store.cards import Card
from bot.store.database import Database
from bot.store.posts import Claimed

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.outbox")

Found = Callable[[], None]
LOST_AFTER: Final = timedelta(seconds=15)
"""Real time after which a call in flight is taken for lost: longer than the client's own time-out, so that a dead
copy's call has landed or never will."""


LATE: Final = timedelta(minutes=2)
"""Real time after which a post is late: Slack was silent, or no bot ran. Then what piled up is told in one message."""


class Rehousing(Protocol):
    """`bot.incidents.rehousing.Rehousing`."""

    async def post(self, post: Claimed, why: str) -> bool:
        """Say whether the post is said elsewhere."""

    async def card(self, card: Card, why: str) -> bool:
        """Say whether the card stands elsewhere."""


def _nobody() -> None:
    """There is nobody who would look for more."""


class _Budget:
    """What cards may cost that can wait: a few at once, then one a second, which is what Slack asks apps to plan with.

    Source: docs.slack.dev, rate limits: tier 3 is 50 calls a minute for each method.
    """

    BURST: Final = 10.0
    EACH_SECOND: Final = 0.8

    def __init__(self) -> None:
        self._left = self.BURST
        self._at = time.monotonic()

    def left(self) -> bool:
        now = time.monotonic()
        self._left = min(self.BURST, self._left + (now - self._at) * self.EACH_SECOND)
        self._at = now
        return self._left >= 1

    def spend(self) -> None:
        self._left -= 1


class Outbox:
    """Sends what is wanted. Every copy of the bot has one; each post is taken by one of them at a time."""

    def __init__(
        self,
        slack: Slack,
        database: Database,
        now: Now,
        render: Callable[[Answer], dict[str, Any]] | None = None,
        cards: Mapping[str, CardOf] | None = None,
        rehousing: Rehousing | None = None,
    ) -> None:
        """`now` is the bot's own time, by which posts expire; `cards` says what each kind of subject's card shows.

        `rehousing` finds another place for what a channel takes no more.
        """
        self._speaker = Speaker(slack)
        self._database = database
        self._now = now
        self._render = render
        self._cards = cards or {}
        self._budget = _Budget()
        self._rehousing = rehousing

    async def send_next(self, found: Found = _nobody) -> bool:
        """Send one post; False where none can be sent now. `found` is called before it is sent: there may be more."""
        at = real_now()
        claimed = await self._database.call(
            lambda connection: posts.claim_lost(connection, real_now=at, lost_before=at - LOST_AFTER)
        )
        if claimed is None:
            claimed = await self._database.call(lambda connection: posts.claim(connection, real_now=at))
        if claimed is None:
            return False
        found()
        await self._send(claimed)
        return True

    async def show_next(self, found: Found = _nobody) -> bool:
        """Show one card as its subject stands now; False where none is behind. Edits that come quickly become one."""
        at = real_now()
        card = await self._database.call(
            lambda connection: cards.claim(
                connection, real_now=at, claimed_until=at + LOST_AFTER, urgent_only=not self._budget.left()
            )
        )
        if card is None:
            return False
        found()
        if card.subject.startswith("alert:"):
            self._budget.spend()
        answer = await self._database.call(
            lambda connection: self._cards[card.subject.partition(":")[0]](connection, card.subject)
        )
        if answer is None or self._render is None:
            await self._database.call(lambda connection: cards.park(connection, card, error="nothing to show"))
            return True
        try:
            ts = await self._show(card, self._render(answer))
        except ProviderError as error:
            await self._not_shown(card, error)
            return True
        await self._database.call(lambda connection: cards.shown(connection, card, ts=ts))
        return True

    async def _show(self, card: Card, body: dict[str, Any]) -> str:
        """Edit the card's message, or post it: after a first try whose answer was lost it is looked for before that."""
        ts = card.ts
        if ts is None and card.sending:
            ts = await self._speaker.find(card.channel, card.thread_ts, card.subject)
        if ts is not None:
            await self._speaker.edit(card.channel, ts, body)
            return ts
        await self._database.call(lambda connection: cards.begin(connection, card.subject))
        return await self._speaker.say(card.channel, card.thread_ts, card.subject, body)

    async def _not_shown(self, card: Card, error: ProviderError) -> None:
        if not _passes(error):
            if self._rehousing is not None and await self._rehousing.card(card, error.why):
                return
            log.error("card parked", card=card.subject, error=error.why)
            await self._database.call(lambda connection: cards.park(connection, card, error=error.why or error.what))
            return
        wait = _pause(error, card.attempts)
        log.warning("card waits", card=card.subject, error=error.what, seconds=wait)
        not_before = real_now() + timedelta(seconds=wait)
        sending = card.ts is None and (card.sending or error.ambiguous)
        await self._database.call(
            lambda connection: cards.wait(connection, card, not_before=not_before, sending=sending)
        )

    async def _send(self, post: Claimed) -> None:
        if post.expires_at is not None and post.expires_at < self._now():
            await self._close(post, "expired", "nobody needs it any more")
            return
        thread_ts = post.thread_ts
        try:
            if post.thread_of is not None:
                thread_ts = await self._thread(post.thread_of)
            ts = await self._speaker.find(post.channel, thread_ts, post.key) if post.ambiguous else None
            if ts is None and real_now() - post.stored_at > LATE and await self._fold(post):
                return
            if ts is None:
                ts = await self._speaker.say(post.channel, thread_ts, post.key, post.body)
        except ProviderError as error:
            await self._failed(post, error)
            return
        POSTS.labels(state="sent").inc()
        await self._database.call(lambda connection: posts.sent(connection, post.id, ts=ts))

    async def _fold(self, post: Claimed) -> bool:
        """What piled up behind a late post is one message with it, or at least no stale reminder; False where it is not."""
        async with self._database.transaction() as transaction:
            pile = [post, *await posts.behind(transaction, post)]
            now = self._now()
            waiting = [one for one in pile if one.expires_at is None or one.expires_at >= now]
            lasting = digest.lasting(waiting)
            if len(lasting) <= digest.FEW:
                stale = [one for one in pile if one not in lasting]
                await posts.fold(transaction, stale, error="what was said after it knows better")
                return post in stale
            told = posts.Post(
                stream=post.stream,
                key=f"digest:{post.key}",
                channel=post.channel,
                body=digest.folded(lasting),
                wanted_at=now,
                thread_ts=post.thread_ts,
                thread_of=post.thread_of,
            )
            await posts.fold(transaction, pile, error="told in one message after an outage")
            await posts.add(transaction, told)
        log.info("digest", stream=post.stream, posts=len(pile), told=len(lasting))
        return True

    async def _thread(self, subject: str) -> str:
        ts = await self._database.call(lambda connection: cards.ts_of(connection, subject))
        if ts is None:
            raise ProviderError("The card is not shown yet.", provider="slack", kind="timeout", retry_after=1)
        return ts

    async def _failed(self, post: Claimed, error: ProviderError) -> None:
        if not _passes(error):
            if self._rehousing is not None and await self._rehousing.post(post, error.why):
                return
            log.error("post parked", post=post.key, channel=post.channel, error=error.why)
            await self._close(post, "parked", error.why or error.what)
            return
        wait = _pause(error, post.attempts)
        log.warning("post waits", post=post.key, error=error.what, seconds=wait)
        POSTS.labels(state="waiting").inc()
        not_before = real_now() + timedelta(seconds=wait)
        await self._database.call(
            lambda connection: posts.wait(
                connection,
                post.id,
                not_before=not_before,
                error=error.what,
                ambiguous=error.ambiguous or post.ambiguous,
            )
        )

    async def _close(self, post: Claimed, state: str, error: str) -> None:
        POSTS.labels(state=state).inc()
        await self._database.call(lambda connection: posts.close(connection, post.id, state=state, error=error))


def _passes(error: ProviderError) -> bool:
    """Whether it is worth trying again.

    Where Slack refuses our token, that is the app's trouble and not the message's: it is said once the app is installed
    again, or has the scope that it lacks.
    """
    return error.ambiguous or error.transient or error.kind == "unauthorized"


def _pause(error: ProviderError, attempts: int) -> float:
    """Seconds until the next try: as many as Slack asks for, else twice as many each time, a minute at most."""
    return error.retry_after if error.retry_after is not None else min(60.0, 2.0 ** min(attempts, 6))
