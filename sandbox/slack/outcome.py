"""What becomes of what a person does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Final

from sandbox.slack.delivery import Answer
from sandbox.slack.state import Json

TROUBLE: Final = "We had some trouble connecting. Try again?"
"""What Slack says when a modal's submission gets no answer, or one that makes no sense."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of what a person did; `took` seconds of real time to the acknowledgement."""

    ok: bool
    took: float = 0.0
    error: str = ""
    """operation_timeout | dispatch_failed | invalid_input | errors | timeout | no_connection | http_error"""
    trigger_id: str = ""
    ts: str = ""
    options: list[Json] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The answer to the page."""
        return asdict(self)


def error_of(answer: Answer) -> str:
    """Slack's word for an acknowledgement that did not come."""
    return "operation_timeout" if answer.error == "timeout" else "dispatch_failed"
