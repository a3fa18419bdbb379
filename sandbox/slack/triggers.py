"""Trigger ids: three seconds of real time, once."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from typing import Final

from sandbox.slack.refusal import RefusedError

SECONDS: Final = 3.0
_FORM: Final = re.compile(r"\d+\.\d+\.[0-9a-f]+")


@dataclass(kw_only=True, slots=True)
class Trigger:
    """A person did something at `at` (monotonic); `view_id` when they did it in a modal."""

    user: str
    at: float
    view_id: str | None = None
    exchanged: bool = False


class Triggers:
    """All that were given out."""

    def __init__(self) -> None:
        """Start with none."""
        self._given: dict[str, Trigger] = {}

    def issue(self, user: str, view_id: str | None = None) -> str:
        """Give one out."""
        trigger_id = f"{time.time_ns() // 1_000_000}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._given[trigger_id] = Trigger(user=user, at=time.monotonic(), view_id=view_id)
        return trigger_id

    def age(self, trigger_id: str, seconds: float) -> None:
        """Make one older, so that a test need not wait."""
        self._given[trigger_id].at -= seconds

    def exchange(self, trigger_id: object) -> Trigger:
        """Take one in. Raise RefusedError as Slack does for one that is unknown, too old or used."""
        if not isinstance(trigger_id, str) or not _FORM.fullmatch(trigger_id) or trigger_id not in self._given:
            raise RefusedError("invalid_trigger_id")
        trigger = self._given[trigger_id]
        if trigger.exchanged:
            raise RefusedError("exchanged_trigger_id")
        if time.monotonic() - trigger.at > SECONDS:
            raise RefusedError("expired_trigger_id")
        trigger.exchanged = True
        return trigger
