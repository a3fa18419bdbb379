"""What a drill pretends: a closed list. It stands in the drill's own messages alone, and no vendor ever hears of it.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.operation import Line, Mark


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A fault that is played."""

    name: str
    title: str
    severity: str
    headline: str
    """What the probes would say."""
    evidence: tuple[tuple[str, str, Mark], ...]
    """What each source would show: its name, what it says, how it looks."""
    cause: str
    """What it is, in the words of `incident assess`."""
    share: float
    """Percent of the users that it hits."""
    moves: tuple[str, ...]
    """What the runbook has one do."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The evidence, as it is shown."""
        return tuple(Line(title=title, text=text, mark=mark) for title, text, mark in self.evidence)


SCENARIOS: Final[Mapping[str, Scenario]] = {
    one.name: one
    for one in (
        Scenario(
            name="checkout-down",
            title="checkout answers 500",
            severity="P0",
            headline="Not well: payments fail, and it is them",
            evidence=(
                ("Stripe", "3 of 4 payments fail with api_error", Mark.DOWN),
                ("Stripe's status page", "Payments: major outage", Mark.DOWN),
                ("InterviewLab's site", "answers in 210 ms", Mark.OK),
                ("What changed", "nothing was deployed in the last 2 hours", Mark.NONE),
            ),
            cause="third_party",
            share=30,
            moves=("Tell users on the status page", "Write to Stripe's support", "An update every 30 minutes"),
        ),
        Scenario(
            name="bad-deployment",
            title="interviews end with an error since the release",
            severity="P0",
            headline="Not well: the site answers 500, and it is us",
            evidence=(
                ("InterviewLab's site", "answers 500 to 4 of 10 requests", Mark.DOWN),
                ("Sentry", "240 errors a minute, TypeError, new since the release", Mark.DOWN),
                ("What changed", "a deployment went live 9 min before it began", Mark.DEGRADED),
                ("Vendors' status pages", "all operational", Mark.OK),
            ),
            cause="deployment",
            share=40,
            moves=("Roll back at once", "Tell users", "Find the commit afterwards"),
        ),
        Scenario(
            name="vendor-down",
            title="the interviewer does not answer",
            severity="P1",
            headline="Not well: interviews fail, and it is them",
            evidence=(
                ("OpenAI", "no answer within 10 s to 6 of 10 calls", Mark.DOWN),
                ("OpenAI's status page", "says nothing yet", Mark.UNKNOWN),
                ("Interviews", "18 of 25 failed in the last 30 min", Mark.DOWN),
                ("What changed", "nothing was deployed in the last 2 hours", Mark.NONE),
            ),
            cause="third_party",
            share=70,
            moves=("Tell users", "Write to OpenAI's support", "Watch their page"),
        ),
        Scenario(
            name="database-down",
            title="nobody can sign in, and rows are missing",
            severity="P0",
            headline="Not well: the database refuses, and it is us",
            evidence=(
                ("The database", "refuses connections: too many clients", Mark.DOWN),
                ("Sign-in", "fails for everybody", Mark.DOWN),
                ("What changed", "a migration ran 12 min before it began", Mark.DEGRADED),
                ("Supabase's status page", "all operational", Mark.OK),
            ),
            cause="database",
            share=100,
            moves=(
                "Maintenance mode, so that nothing more is lost",
                "Look at the backups",
                "Restore, with a second person",
            ),
        ),
    )
}
FIRST: Final = "checkout-down"
"""What is played where nobody says what."""


def scenario_of(drill: str | None) -> Scenario:
    """The scenario of that name; of an older bot's, which is on no list any more, the first. Pure."""
    return SCENARIOS.get(drill or "", SCENARIOS[FIRST])
