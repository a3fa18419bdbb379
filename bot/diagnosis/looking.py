"""Everything a diagnosis wants to know, asked at once; what cannot be had is a fact, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Generic, NoReturn, Self, TypeVar

from bot.context import Progress, Services
from bot.diagnosis.chain import Unchecked
from bot.errors import NotConfiguredError, ProviderError

T = TypeVar("T")

WITHIN: Final = 10.0
"""Seconds after which a fact counts as one that could not be had."""


class Look(Generic[T]):
    """One fact under way. `found` may be read once the looking has ended."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._found: T | Unchecked | None = None
        self._known = False

    @property
    def found(self) -> T | Unchecked:
        """The fact, or why it could not be had."""
        if not self._known:
            raise RuntimeError("the looking has not ended")
        return self._found  # type: ignore[return-value]  # None is then a fact like any other

    def know(self, found: T | Unchecked) -> None:
        """That is the fact."""
        self._found, self._known = found, True


class Looking:
    """Looks at many things at once, until the block ends, and tells of its progress."""

    def __init__(self, progress: Progress) -> None:
        """`progress(done, total)` is called as facts come in."""
        self._progress = progress
        self._tasks: list[asyncio.Task[None]] = []
        self._done = 0

    def at(self, work: Awaitable[T]) -> Look[T]:
        """Begin to find one fact out."""
        look: Look[T] = Look()
        self._tasks.append(asyncio.create_task(self._find(look, work)))
        return look

    async def _find(self, look: Look[T], work: Awaitable[T]) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                look.know(await work)
        except ProviderError as error:
            look.know(Unchecked(why=error.sentences, kind=error.kind, status=error.status))
        except NotConfiguredError as error:
            look.know(Unchecked(why=error.sentences))
        except TimeoutError:
            look.know(Unchecked(why=f"no answer within {WITHIN:g} s", kind="timeout"))
        self._done += 1
        if self._done < len(self._tasks):
            await self._progress(self._done, len(self._tasks))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            for task in self._tasks:
                task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if error is None and isinstance(result, BaseException):
                raise result


async def lacking(*settings: str) -> NoReturn:
    """Raise NotConfiguredError: the settings do not say whom to ask."""
    named = " and ".join(f"`{setting}`" for setting in settings)
    raise NotConfiguredError("not configured", todo=f"(set {named})")


async def shared(services: Services, name: str, work: Callable[[], Awaitable[T]]) -> T:
    """Return what concerns all customers alike: asked once for all who diagnose at this time."""
    return await services.flights.join(name, work, keep=services.settings.status.cache_seconds)
