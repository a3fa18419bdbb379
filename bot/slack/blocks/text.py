"""Text on its way into Slack: escaped, cut to Slack's limits.

Source: docs.slack.dev, formatting message text; Block Kit reference.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

SECTION: Final = 3000
BUTTON: Final = 75
PLAIN_TITLE: Final = 24
BLOCKS: Final = 50
"""Blocks of a message."""
BUTTONS: Final = 25
"""Elements of one `actions` block."""
MESSAGE: Final = 9500
"""Characters a message may have in all its blocks: Slack refuses at an undocumented 10,000 to 12,000."""

Block = dict[str, Any]

_HALF_ENTITY: Final = re.compile(r"&(?:a(?:mp?)?|lt?|gt?)?$")


def escape(text: str) -> str:
    """Make what a person or a vendor wrote harmless: no mention, no link, no entity comes of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """Cut to `most` characters, with an ellipsis, never inside an entity."""
    if len(text) <= most:
        return text
    return _HALF_ENTITY.sub("", text[: most - 1]) + "…"


def characters(blocks: Any) -> int:
    """How much of `MESSAGE` the blocks take: the characters of all their texts."""
    if isinstance(blocks, list):
        return sum(characters(part) for part in blocks)
    if isinstance(blocks, dict):
        return sum(
            len(part) if key == "text" and isinstance(part, str) else characters(part) for key, part in blocks.items()
        )
    return 0


def mention(id_: str) -> str:
    """Call a person (`U…`, `W…`) or a user group (`S…`). Ids come from the settings and from Slack, never from people."""
    return f"<!subteam^{id_}>" if id_.startswith("S") else f"<@{id_}>"


def mrkdwn(text: str) -> Block:
    """A mrkdwn object. Verbatim: Slack makes no links or mentions of what merely looks like them."""
    return {"type": "mrkdwn", "text": cut(text, SECTION), "verbatim": True}


def plain(text: str, most: int = SECTION) -> Block:
    """A plain_text object."""
    return {"type": "plain_text", "text": cut(text, most), "emoji": True}


def section(text: str) -> Block:
    """One section of mrkdwn."""
    return {"type": "section", "text": mrkdwn(text)}


def context(text: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(text)]}


def paragraphs(lines: Iterable[str], most: int = SECTION) -> list[str]:
    """Lines put together into texts of at most `most` characters, whole lines each."""
    texts: list[str] = []
    for line in (cut(line, most) for line in lines):
        if texts and len(texts[-1]) + 1 + len(line) <= most:
            texts[-1] += "\n" + line
        else:
            texts.append(line)
    return texts
