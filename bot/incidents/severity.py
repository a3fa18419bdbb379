"""The runbook's severities, and what each sets going.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Severity:
    """One of the runbook's levels. `room`: it gets a channel of its own, people, pages and clocks."""

    code: str
    word: str
    means: str
    room: bool


SEVERITIES: Final[Mapping[str, Severity]] = {
    severity.code: severity
    for severity in (
        Severity(code="P0", word="Critical", means="site down, payments failing, data loss", room=True),
        Severity(code="P1", word="High", means="a major feature broken, affecting many users", room=True),
        Severity(code="P2", word="Medium", means="a minor feature broken, a workaround is there", room=False),
        Severity(code="P3", word="Low", means="cosmetic, no functional impact", room=False),
    )
}

GRAVE: Final = ("P0", "P1")
"""The severities in which minutes count."""


def channel_name(incident: int, title: str, *, drill: bool = False, apart: str = "") -> str:
    """What an incident's channel is called; `apart` tells it from its earlier ones. A drill's says that it is one."""
    return "-".join(part for part in ("drill" if drill else "inc", str(incident), apart, slug(title)) if part)


def slug(title: str, most: int = 40) -> str:
    """A title as part of a channel's name: lower-case letters, digits and dashes."""
    words = "".join(character if character.isascii() and character.isalnum() else " " for character in title.lower())
    return "-".join(words.split())[:most].strip("-") or "incident"
