"""What piled up in a stream while Slack was silent, as one message: a channel that fills with yesterday helps nobody.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bot.slack.blocks.text import MESSAGE, characters, context, cut, paragraphs, section

if TYPE_CHECKING:
    from bot.store.posts import Post

FEW: Final = 2
"""So many posts are said one by one, as they were meant."""
_LINE: Final = 600
_ROOM: Final = 1500
"""Characters kept for the buttons and the small print of the newest."""


def lasting(posts: Sequence[Post]) -> list[Post]:
    """Those that still tell something: a reminder says how it stands, and what was said after it knows better."""
    return [post for number, post in enumerate(posts) if not post.reminder or number == len(posts) - 1]


def folded(posts: Sequence[Post]) -> dict[str, Any]:
    """The posts, oldest first, as the `text` and `blocks` of one message, with the buttons of the newest."""
    first, last = posts[0].wanted_at, posts[-1].wanted_at
    head = f"Said late, in short: what was to be said here between {_clock(first)} and {_clock(last)}."
    below = [block for block in posts[-1].body.get("blocks", []) if block["type"] in ("actions", "context")]
    room = MESSAGE - _ROOM - len(head)
    lines: list[str] = []
    for left, post in zip(range(len(posts), 0, -1), posts, strict=True):
        line = cut(f"{_clock(post.wanted_at)}  {_verdict(post)}", _LINE)
        room -= len(line) + 1
        if room < 0:
            lines.append(f"… and {left} more")
            break
        lines.append(line)
    blocks = [section(f"*{head}*"), *(section(text) for text in paragraphs(lines)), *below]
    if characters(blocks) > MESSAGE:
        blocks = [block for block in blocks if block not in below]
    return {"text": head, "blocks": [*blocks, *(() if below else (context("Said later than it was meant."),))]}


def _verdict(post: Post) -> str:
    """The first line of what was to be said, as it would have looked."""
    for block in post.body.get("blocks", []):
        if block["type"] == "section":
            return str(block["text"]["text"]).partition("\n")[0].replace("*", "")
    return str(post.body.get("text", ""))


def _clock(at: datetime) -> str:
    return f"<!date^{int(at.timestamp())}^{{time}}|{at:%H:%M} UTC>"
