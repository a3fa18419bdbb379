"""What one check found, in words and in values that the verdict can reason about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.errors import ProviderError
from bot.operation import Mark

Fact = str | int | float | bool


class State(StrEnum):
    """How a checked part is. `UNKNOWN` is "could not check" and is never shown as ok."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"
    NOT_CONFIGURED = "not_configured"

    @property
    def label(self) -> str:
        """The state as people read it."""
        return {"unknown": "could not check", "not_configured": "not configured"}.get(self.value, self.value)

    @property
    def mark(self) -> Mark:
        """The state as the sign in front of a line."""
        return Mark.NONE if self is State.NOT_CONFIGURED else Mark(self.value)


class Group(StrEnum):
    """Under which heading a reading stands."""

    PRODUCT = "Product"
    VENDORS = "Vendors"
    MONITORS = "Monitors"
    PAGES = "Vendors' own pages"


class Cause(StrEnum):
    """Where the failing hop is, as far as the failure itself tells."""

    OURS = "ours"
    """Our key, our quota, our configuration: the vendor answered and said so."""
    THEIRS = "theirs"
    """A host that a vendor runs for all its customers fails by itself (5xx, no connection, no answer)."""
    UNCLEAR = "unclear"
    """A part that is ours and runs at a vendor: the vendor's own page decides."""


class Kind(StrEnum):
    """What is behind a check, which decides what a failed call means."""

    OWN = "own part"
    """The site, the API, our Supabase project, the product's database: ours, running at a vendor."""
    SHARED = "vendor's host"
    """A vendor's API that the product itself needs: Stripe, OpenAI."""
    WATCHER = "watcher"
    """A vendor's API that only tells us about something else: its failure says nothing about the product."""
    PAGE = "status page"
    """A vendor's public page about itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """An incident on a vendor's page that concerns us. `parts` are the keys of `bot.health.components` it touches."""

    title: str
    parts: tuple[str, ...]
    state: State
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a probe says about its part; `phrase` is how a headline begins when it fails."""

    state: State
    reason: str
    phrase: str = ""
    cause: Cause = Cause.UNCLEAR
    alert: bool = False
    """Beyond the runbook's alert threshold: red, although not down."""
    notice: bool = False
    """Worth saying, and nobody's failure: a vendor's incident that does not hit us, deployments held after a rollback."""
    reached: bool = True
    """False where nothing answered at all: the first sign that the bot's own network is the trouble."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The state of one part at one moment. `took` is in seconds of real time, `checked_at` in the bot's time."""

    name: str
    """Stable, for example `stripe.events`; pages are `page.<vendor>`."""
    title: str
    group: Group
    state: State
    reason: str
    """One line, plain text. It may hold a vendor's own words: escape it before Slack sees it."""
    checked_at: datetime
    took: float = 0.0
    facts: Mapping[str, Fact] = field(default_factory=dict)
    kind: Kind = Kind.OWN
    phrase: str = ""
    cause: Cause = Cause.UNCLEAR
    needs: tuple[str, ...] = ()
    """The vendors' components this part depends on, as `<vendor>.<component>`; the first is the nearest."""
    symptom: bool = False
    """It fails because something else does: it has no blame of its own where another check fails."""
    alert: bool = False
    notice: bool = False
    reached: bool = True
    kept: bool = False
    """Whether this is an earlier reading, used again for the sake of the vendor's limits."""
    troubles: tuple[Trouble, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether this is a failure of ours or of a vendor, as opposed to a notice."""
        return self.state in (State.DEGRADED, State.DOWN) and not self.notice

    @property
    def red(self) -> bool:
        """Whether the runbook would have somebody woken: down, or beyond the alert threshold."""
        return self.failing and (self.state is State.DOWN or self.alert)


_SHUT_OFF: Final = {402: "over the plan's limits (402)", 540: "the project is paused (540)"}
"""What Supabase answers for a project that it does not serve: ours to pay for, or to wake."""


def failure(error: ProviderError, *, kind: Kind, what: str, setting: str) -> Finding:
    """Say what a failed call means for the part behind it; the table is in docs/verdict.md.

    `what` is what a headline calls the part, `setting` the place to mend when a vendor refuses our key or request.
    """
    reached = error.kind not in ("refused", "timeout")
    reason = _said(error)
    if kind in (Kind.WATCHER, Kind.PAGE) or error.kind == "garbled":
        mend = f": check {setting}" if error.kind in ("unauthorized", "not_found") and setting else ""
        return Finding(state=State.UNKNOWN, reason=reason + mend, reached=reached)
    if error.status in _SHUT_OFF:
        return Finding(state=State.DOWN, reason=reason, phrase=f"{what} is shut off ({reason})", cause=Cause.OURS)
    if error.kind in ("refused", "timeout", "server"):
        cause = Cause.THEIRS if kind is Kind.SHARED else Cause.UNCLEAR
        return Finding(
            state=State.DOWN, reason=reason, phrase=f"{what} is down ({reason})", cause=cause, reached=reached
        )
    mend = f": check {setting}" if error.kind != "rate_limited" and setting else ""
    return Finding(state=State.DEGRADED, reason=reason + mend, phrase=f"{what} refuses us ({reason})", cause=Cause.OURS)


def _said(error: ProviderError) -> str:
    """Return the failure in a few words."""
    status = error.status
    wait = f", again in {error.retry_after:.0f} s" if error.retry_after else ""
    fixed = {
        "refused": "no connection",
        "timeout": error.why or "no answer in time",
        "rate_limited": f"too many requests ({status or 429}){wait}",
        "unauthorized": f"our key is refused ({status})" if status else "our credentials are refused",
        "garbled": error.why or "answers something else than documented",
    }
    if error.kind in fixed:
        return fixed[error.kind]
    if status in _SHUT_OFF:
        return _SHUT_OFF[status]
    return error.why or (f"answers {status}" if status else error.what)
