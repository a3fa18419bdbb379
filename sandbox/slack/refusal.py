"""What the workspace answers when it will not do something: Slack's own error codes."""

from __future__ import annotations

from typing import Any


class RefusedError(Exception):
    """A call is refused with one of Slack's error codes; `extra` goes into the answer beside it."""

    def __init__(self, code: str, **extra: Any) -> None:
        """Keep the code and what goes beside it."""
        super().__init__(code)
        self.code = code
        self.extra = extra

    def answer(self) -> dict[str, Any]:
        """The body of the answer, as the Web API gives it."""
        return {"ok": False, "error": self.code, **self.extra}


class NotAllowedError(Exception):
    """A person tries what Slack's own client would not let them do; the sentence says why."""
