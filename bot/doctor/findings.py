"""What a check found, and how all of it reads: the verdict first, then what needs something, each with its fix.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.errors import ProviderError
from bot.operation import Line, Lines, Mark


class State(StrEnum):
    """How a thing stands. `BY_HAND`: no API tells it, a person must look."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "could not check"
    BY_HAND = "look yourself"
    NOT_CONFIGURED = "not configured"


MARKS = {
    State.OK: Mark.OK,
    State.BROKEN: Mark.DOWN,
    State.UNKNOWN: Mark.UNKNOWN,
    State.BY_HAND: Mark.UNKNOWN,
    State.NOT_CONFIGURED: Mark.NONE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found; `fix` says what to type or click."""

    state: State
    said: str
    fix: str = ""

    @property
    def text(self) -> str:
        """The finding and its fix in one line."""
        said = self.said if self.state in (State.OK, State.BROKEN) else f"{self.state.value}: {self.said}"
        return f"{said} → {self.fix}" if self.fix else said


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found of one thing."""

    title: str
    group: str
    found: Found


def ok(said: str) -> Found:
    """It is as it must be."""
    return Found(state=State.OK, said=said)


def broken(said: str, fix: str) -> Found:
    """It needs something."""
    return Found(state=State.BROKEN, said=said, fix=fix)


def unknown(said: str, fix: str = "") -> Found:
    """It could not be checked."""
    return Found(state=State.UNKNOWN, said=said, fix=fix)


def by_hand(said: str, fix: str) -> Found:
    """No API tells it: a person must look there."""
    return Found(state=State.BY_HAND, said=said, fix=fix)


def refused(error: ProviderError, fix: str) -> Found:
    """What a failed call means: what the vendor refused needs the fix; what did not answer could not be checked."""
    if error.kind in ("unauthorized", "not_found", "rejected"):
        return broken(error.what.rstrip(".") + (f": {error.why}" if error.why else ""), fix)
    return unknown(error.what.rstrip("."), "ask again")


def verdict(findings: Sequence[Finding]) -> tuple[str, Mark]:
    """How it stands as a whole, in a line, and its sign."""
    asked = [finding for finding in findings if finding.found.state is not State.NOT_CONFIGURED]
    wrong, unsure, looks = (
        [one for one in asked if one.found.state is state] for state in (State.BROKEN, State.UNKNOWN, State.BY_HAND)
    )
    rest = f" {len(looks)} more no API tells: look yourself." if looks else ""
    if wrong:
        needs = "needs" if len(wrong) == 1 else "need"
        first = f"{wrong[0].title}: {wrong[0].found.text}"
        return f"{len(wrong)} of {len(asked)} {needs} something; first: {first}.", Mark.DOWN
    if unsure:
        return f"Nothing is broken, but {len(unsure)} of {len(asked)} could not be checked.{rest}", Mark.UNKNOWN
    if looks:
        return f"{len(asked) - len(looks)} of {len(asked)} are as they must be.{rest}", Mark.NONE
    return f"All {len(asked)} are as they must be.", Mark.OK


def evidence(findings: Sequence[Finding]) -> tuple[Lines, ...]:
    """What needs something under a heading each, one line for all that is well, and one for what is not set."""
    parts = [
        Lines(
            heading=heading,
            lines=tuple(
                Line(title=one.title, text=one.found.text, mark=MARKS[state])
                for one in findings
                if one.found.state is state
            ),
        )
        for heading, state in (
            ("Needs something", State.BROKEN),
            ("Could not be checked", State.UNKNOWN),
            ("Look yourself", State.BY_HAND),
        )
    ]
    groups = list(dict.fromkeys(one.group for one in findings))
    well = tuple(
        Line(title=group, text=", ".join(names), mark=Mark.OK)
        for group in groups
        if (names := [one.title for one in findings if one.group == group and one.found.state is State.OK])
    )
    absent = tuple(
        Line(title=one.title, text=one.found.said) for one in findings if one.found.state is State.NOT_CONFIGURED
    )
    whole = (*parts, Lines(heading="As it must be", lines=well), Lines(heading="Not configured", lines=absent))
    return tuple(part for part in whole if part.lines)
