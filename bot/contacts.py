"""Whom to turn to at a vendor, how fast they answer, and what they will ask for: the runbook's "External Support".

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A vendor's support."""

    name: str
    where: str
    answers_within: str
    ticket: tuple[str, ...]
    """What belongs into the ticket, so that the first answer is not a question."""


CONTACTS: Final[Mapping[str, Contact]] = {
    "vercel": Contact(
        name="Vercel",
        where="support@vercel.com",
        answers_within="4 hours",
        ticket=(
            "the team, the project and the deployment's id (`deploy list` shows what serves production)",
            "the address that fails, when it failed in UTC, and the answer's `x-vercel-id`",
            "since when, for how many users, and what was deployed before",
        ),
    ),
    "supabase": Contact(
        name="Supabase",
        where="Dashboard → Help",
        answers_within="8 hours",
        ticket=(
            "the project's reference and region",
            "which part fails (database, Auth, Storage, REST), with the error's own words and the time in UTC",
            "connections, CPU and disk at that time (`db health`)",
        ),
    ),
    "stripe": Contact(
        name="Stripe",
        where="Dashboard → Support",
        answers_within="24 hours",
        ticket=(
            "the account's id and whether it is live mode",
            "ids, not names: the event (`evt_…`), the session (`cs_…`), the request (`req_…`)",
            "what the webhook endpoint answered (`payment trace` shows it)",
        ),
    ),
    "openai": Contact(
        name="OpenAI",
        where="help.openai.com",
        answers_within="48 hours",
        ticket=(
            "the organization's id and the model",
            "the answer's `x-request-id`, its status, and the time in UTC",
            "how many requests failed of how many, and the rate limit's headers",
        ),
    ),
}
