"""Links to messages: what they say of the message's channel and of its own time.

Source: docs.slack.dev, chat.getPermalink: `https://<workspace>.slack.com/archives/<channel>/p<ts without its dot>`.

[pure]
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_LINK: Final = re.compile(
    r"https://[\w.-]+/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d{10})(?P<rest>\d{6})(?:\?\S*)?"
)


def is_link(text: str) -> bool:
    """Whether it is a link to a message."""
    return _LINK.fullmatch(text) is not None


def moment_of(link: str) -> datetime | None:
    """When the message was sent that the link leads to; None where it is no such link."""
    found = _LINK.fullmatch(link)
    if found is None:
        return None
    return datetime.fromtimestamp(int(found["seconds"]), UTC).replace(microsecond=int(found["rest"]))


def title_of(text: str, most: int = 120) -> str:
    """What a message says, in one line: a title to begin with."""
    line = " ".join(text.split()).replace('"', "'")
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"
