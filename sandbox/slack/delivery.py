"""What Slack sends to the app: at least once, in no certain order, and again when it is not acknowledged.

Source: Slack's pages on the Events API (three retries: at once, after a minute, after five) and on interaction payloads
(3 s to acknowledge, no retry).
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sandbox.slack.state import Json

T = TypeVar("T")


class Background:
    """Work that goes on behind the answers; it ends with the sandbox."""

    def __init__(self) -> None:
        """Start with none."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin one, and keep it until it is done; after the end of the sandbox nothing begins."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._stopped:
            task.cancel()
        return task

    async def stop(self) -> None:
        """End all of it now."""
        self._stopped = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the app answered to one delivery; `took` seconds of real time."""

    ok: bool
    took: float
    error: str = ""
    """no_connection | timeout | http_error | connection_failed"""
    body: Json | None = None
    status: int | None = None
    no_retry: bool = False


class Carrier(Protocol):
    """A way to the app: Socket Mode or HTTP."""

    async def send(self, kind: str, payload: Json, *, attempt: int, reason: str) -> Answer:
        """Deliver once; `kind` is slash_commands, interactive or events_api."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """One delivery that was made."""

    at: float
    kind: str
    payload: Json
    attempt: int
    answer: Answer


def kind_of(payload: Json) -> str:
    """Under which kind Slack delivers a payload."""
    if "command" in payload:
        return "slash_commands"
    return "events_api" if payload.get("type") in ("event_callback", "app_rate_limited") else "interactive"


class Delivery:
    """Everything that goes to the app goes through here, and stays in `log`."""

    def __init__(
        self, background: Background, carrier: Callable[[], Carrier], now: Callable[[], float], delays: Sequence[float]
    ) -> None:
        """Send over what `carrier` returns at that moment; `delays` are seconds before each retry of an event."""
        self.log: list[Delivered] = []
        self.delays = tuple(delays)
        self._background = background
        self._carrier = carrier
        self._now = now
        self._busy = 0
        self._changed = asyncio.Event()

    async def send(self, kind: str, payload: Json, *, attempt: int = 0, reason: str = "") -> Answer:
        """Deliver once and return the answer, late or not."""
        payload = copy.deepcopy(payload)  # messages change, what was sent does not
        self._busy += 1
        try:
            answer = await self._carrier().send(kind, payload, attempt=attempt, reason=reason)
        finally:
            self._busy -= 1
            self._changed.set()
        self.log.append(Delivered(at=self._now(), kind=kind, payload=payload, attempt=attempt, answer=answer))
        del self.log[:-5000]
        return answer

    def event(self, payload: Json) -> asyncio.Task[Answer]:
        """Deliver an event in the background; the task ends with the first attempt, the retries go on behind it."""
        self._busy += 1
        return self._background.start(self._first(copy.deepcopy(payload)))

    async def _first(self, payload: Json) -> Answer:
        try:
            answer = await self.send("events_api", payload)
        finally:
            self._busy -= 1
            self._changed.set()
        if not answer.ok and not answer.no_retry:
            self._background.start(self._retry(payload, answer))
        return answer

    async def _retry(self, payload: Json, answer: Answer) -> None:
        for attempt, delay in enumerate(self.delays, start=1):
            await asyncio.sleep(delay)
            answer = await self.send("events_api", payload, attempt=attempt, reason=answer.error or "unknown_error")
            if answer.ok or answer.no_retry:
                return

    async def redeliver(self, index: int = -1, times: int = 1) -> list[Answer]:
        """Deliver what stands at `index` of the log again, as it was, one after the other."""
        return await self.deliver_raw(self.log[index].payload, times=times)

    async def deliver_raw(self, payload: Json, times: int = 3, *, at_once: bool = False) -> list[Answer]:
        """Deliver any payload several times, one after the other or all at once."""
        kind = kind_of(payload)
        if at_once:
            return list(await asyncio.gather(*(self.send(kind, payload) for _ in range(times))))
        return [await self.send(kind, payload) for _ in range(times)]

    async def settled(self, limit: float = 10.0) -> None:
        """Return when nothing is on its way to the app; retries that wait for their time do not count."""
        end = time.monotonic() + limit
        while self._busy:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), max(0.001, end - time.monotonic()))
