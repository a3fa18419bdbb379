"""Two kinds of failure: what a person can act on (`UserError` and its children), and everything else, which is a fault.

A `UserError` is shown as it is. A fault is logged under the request's id and shown as that id, in `bot.runner`. What runs
outside a request has a funnel of its own where it starts, and says so there: the inbox, the loops, a probe.
"""

from __future__ import annotations

import re
from typing import Final

_SETTING: Final = re.compile(r"(?<![`\w])(ILAB_\w+|…__\w+)")


class UserError(Exception):
    """Something the person who asked can understand and act on: what was wrong, why, and what to do next."""

    def __init__(self, what: str, *, why: str = "", todo: str = "") -> None:
        """Keep the sentences apart, so that each surface can lay them out its own way."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    @property
    def sentences(self) -> str:
        """The whole of it as one paragraph."""
        return " ".join(part for part in (self.what, self.why, self.todo) if part)


class UsageError(UserError):
    """The words were not understood. `todo` holds the usage line and, where one is near, the suggestion."""

    form: str = ""
    """What was typed, where a form can ask for the same."""


class DeniedError(UserError):
    """The actor may not do this; `why` names the role that may."""


class NotConfiguredError(UserError):
    """The settings lack what this needs; `todo` names the setting, which is shown so that it can be copied."""

    def __init__(self, what: str, *, why: str = "", todo: str = "") -> None:
        """Set the names of settings off from the words around them."""
        super().__init__(what, why=why, todo=_SETTING.sub(r"`\1`", todo))


class StaleError(UserError):
    """A plan no longer matches reality; `what` says how reality is."""


class ProviderError(UserError):
    """A vendor's answer could not be used.

    `kind` says how it failed: `refused` (no connection), `timeout`, `rate_limited`, `unauthorized`, `not_found`,
    `rejected` (another 4xx), `server` (5xx), `garbled` (an answer that is not what the vendor documents).
    For writes, `ambiguous` is true when the vendor may have acted although no usable answer came back.
    """

    def __init__(
        self,
        what: str,
        *,
        provider: str,
        kind: str,
        status: int | None = None,
        retry_after: float | None = None,
        ambiguous: bool = False,
        why: str = "",
        todo: str = "",
    ) -> None:
        """Keep what the caller needs to decide by; never the vendor's whole body, which may hold personal data."""
        super().__init__(what, why=why, todo=todo)
        self.provider = provider
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.ambiguous = ambiguous

    @property
    def transient(self) -> bool:
        """Whether the same call may work later: the vendor was out of reach, overloaded, or asked to wait."""
        return self.kind in ("rate_limited", "refused", "timeout", "server")
