"""Slack's rate limits: by method and minute, and one message a second in a channel.

Source: Slack's page on rate limits (tiers 1 to 4: 1, 20, 50 and 100 a minute; bursts are tolerated, how large is not said).
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Final

from sandbox.slack.refusal import RefusedError

TIERS: Final = {1: 1, 2: 20, 3: 50, 4: 100}
"""Tier → calls a minute."""
SPECIAL: Final = 600
"""Calls a minute of the methods that stand outside the tiers."""
POSTS: Final = 300
"""Messages a minute in the whole workspace."""
CHANNEL_BURST: Final = 5
"""Messages that one channel takes at once, at one a second on average."""
WINDOW: Final = 60.0


class Limits:
    """Counts calls in real time; `on` may be switched."""

    def __init__(self, *, on: bool) -> None:
        """Start with nothing counted."""
        self.on = on
        self._calls: dict[str, deque[float]] = {}
        self._channels: dict[str, tuple[float, float]] = {}

    def clear(self) -> None:
        """Forget what was counted."""
        self._calls.clear()
        self._channels.clear()

    def count(self, method: str, tier: int | None) -> None:
        """Count one call of a method. Raise RefusedError (`ratelimited`, with `retry_after`) where it is too many."""
        if self.on:
            most = SPECIAL if tier is None else TIERS[tier]
            self._window(method, POSTS if method == "chat.postMessage" else most + math.ceil(most / 5))

    def count_post(self, channel: str) -> None:
        """Count one message in a channel. Raise RefusedError as `count` does."""
        if not self.on:
            return
        now = time.monotonic()
        tokens, at = self._channels.get(channel, (float(CHANNEL_BURST), now))
        tokens = min(float(CHANNEL_BURST), tokens + now - at)
        if tokens < 1:
            self._channels[channel] = (tokens, now)
            raise RefusedError("ratelimited", retry_after=max(1, math.ceil(1 - tokens)))
        self._channels[channel] = (tokens - 1, now)

    def _window(self, key: str, most: int) -> None:
        now = time.monotonic()
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= most:
            raise RefusedError("ratelimited", retry_after=max(1, math.ceil(calls[0] + WINDOW - now)))
        calls.append(now)
