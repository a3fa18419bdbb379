"""What the product's own numbers say of an incident: how many it hits, and what most likely is behind it.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.operation import Line, Mark

FEW: Final = 5
"""Fewer than so many say nothing of a share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interviews:
    """The interviews since it began, and how many usually start in such a time."""

    started: int
    failed: int
    people: int
    people_hit: int
    usual: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The share of users that it hits, in percent, and from what that is concluded; None where nothing can be said."""

    share: float | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """What is most likely behind it; empty where nothing points anywhere."""

    cause: str = ""
    why: str = ""


def estimate(interviews: Interviews | None, *, site_down: bool) -> Estimate:
    """How many of those who use the product now are hit. Guessed high rather than low: the runbook asks for impact."""
    if site_down:
        return Estimate(share=100.0, why="the site itself is down")
    if interviews is None:
        return Estimate(share=None, why="the product's database could not be asked")
    shares = []
    if interviews.people >= FEW or interviews.people_hit:
        share = 100 * interviews.people_hit / max(1, interviews.people)
        shares.append((share, f"{interviews.people_hit} of {interviews.people} people had an interview that failed"))
    if interviews.usual >= FEW:
        fewer = max(0.0, 100 * (1 - interviews.started / interviews.usual))
        shares.append((fewer, f"{interviews.started} interviews began, where {interviews.usual:.0f} are usual"))
    if not shares:
        return Estimate(share=None, why="too few use the product at this hour to say")
    share, why = max(shares)
    return Estimate(share=round(share, 1), why=why)


def suspect(*, blame: str, database_wrong: bool, deployed: str) -> Suspect:
    """What the probes and the deployments point at: a database that is red, a vendor's trouble, a fresh deployment."""
    if blame == "them":
        return Suspect(cause="third-party", why="the probes and the vendors' pages say that it is them")
    if database_wrong:
        return Suspect(cause="database", why="the product's database is not well")
    if deployed:
        return Suspect(cause="deployment", why=deployed)
    return Suspect()


def numbers(interviews: Interviews, payments: tuple[int, int] | None) -> Sequence[Line]:
    """The product's own numbers, line by line."""
    hit = Mark.DEGRADED if interviews.failed else Mark.NONE
    usual = f", {interviews.usual:.0f} are usual" if interviews.usual >= FEW else ""
    lines = [
        Line(title="Interviews", text=f"{interviews.started} began{usual}; {interviews.failed} failed", mark=hit),
        Line(title="People", text=f"{interviews.people_hit} of {interviews.people} active had a failed interview"),
    ]
    if payments is not None:
        paid, failed = payments
        lines.append(
            Line(
                title="Checkouts",
                text=f"{paid} payments went through, {failed} failed",
                mark=Mark.DEGRADED if failed else Mark.NONE,
            )
        )
    return lines
