"""What the bot writes, in the order in which the stand-ins meet it, and the moments at which somebody may strike.

Every stand-in tells of a write twice: before it is done, and when it is done and not yet answered. Whoever tries out
crashes strikes at one of these moments: before, the write is not done; after, it is done, and nobody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Moment = Literal["before", "after"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One write. `place` is the vendor, slack, or a database; `what` the call, or the tables of a transaction."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


Strike = Callable[[Write, Moment], bool]
"""Asked at each moment; True where the writer is dead by now: it gets no answer, and before, nothing is done."""


class Writes:
    """The writes of one sandbox."""

    def __init__(self) -> None:
        """Nobody strikes yet."""
        self.strike: Strike | None = None
        self.log: list[Write] = []
        """Those that were done, oldest first."""

    def begun(self, place: str, what: str) -> bool:
        """Say that a write is about to be done; True where it must not be."""
        return self.strike is not None and self.strike(Write(place=place, what=what), "before")

    def done(self, place: str, what: str) -> bool:
        """Say that it is done; True where its answer must not be given."""
        write = Write(place=place, what=what)
        self.log.append(write)
        del self.log[:-5000]
        return self.strike is not None and self.strike(write, "after")
