"""Slack's own encoding of text: what a person types, and what in a message would ping somebody.

Source: Slack's pages on formatting message text and on slash commands (`should_escape`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.slack.state import Json, State

_CODE: Final = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_TYPED: Final = re.compile(
    r"""
      <@(?P<user_id>[UW]\w+)(?:\|[^>]*)?>
    | <\#(?P<channel_id>C\w+)(?:\|[^>]*)?>
    | (?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?)'"\]])
    | (?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    | (?<![\w@./-])(?P<domain>(?:[a-z0-9-]+\.)+(?:com|io|net|org|dev|app|ai|co)(?:/[^\s<>|]*)?)(?![\w-])
    | (?<![\w@])@(?P<handle>[a-z0-9][a-z0-9._-]*)
    | (?<![\w#&])\#(?P<channel>[a-z0-9][a-z0-9_-]*)
    """,
    re.VERBOSE,
)
_PINGS: Final = re.compile(
    r"<(?:!(?P<all>channel|here|everyone)|!subteam\^(?P<group>S\w+)|@(?P<user>[UW]\w+))(?:\|[^>]*)?>"
)
_BARE: Final = re.compile(r"(?<![\w@<&])@(channel|here|everyone)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of typed text: `text`, `user`, `channel`, `link`, `broadcast` or `usergroup`."""

    kind: str
    value: str
    label: str = ""


def escape(text: str) -> str:
    """Replace the three characters that Slack's encoding uses itself."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pieces(text: str, state: State) -> list[Piece]:
    """What Slack's composer makes of typed text. Mentions that are encoded already (`<@U…>`) are taken as picked ones."""
    found: list[Piece] = []
    for part in _CODE.split(text):
        if part.startswith("`"):
            found.append(Piece(kind="text", value=part))
        else:
            found.extend(_parse(part, state))
    return found


def _parse(text: str, state: State) -> Iterator[Piece]:
    start = 0
    for match in _TYPED.finditer(text):
        piece = _meant(match, state)
        if piece is None:
            continue
        if match.start() > start:
            yield Piece(kind="text", value=text[start : match.start()])
        yield piece
        start = match.end()
    if start < len(text):
        yield Piece(kind="text", value=text[start:])


def _meant(match: re.Match[str], state: State) -> Piece | None:
    kind, word = str(match.lastgroup), match[str(match.lastgroup)]
    links = {"url": (word, ""), "email": (f"mailto:{word}", word), "domain": (f"http://{word}", word)}
    if kind in links:
        return Piece(kind="link", value=links[kind][0], label=links[kind][1])
    if kind == "handle":
        return _named(word, state)
    if kind == "user_id":
        return Piece(kind="user", value=word) if word in state.accounts else None
    channels = {channel.id if kind == "channel_id" else channel.name: channel.id for channel in state.channels.values()}
    return Piece(kind="channel", value=channels[word]) if word in channels else None


def _named(word: str, state: State) -> Piece | None:
    """Who an `@word` is, if anybody."""
    if word in ("channel", "here", "everyone"):
        return Piece(kind="broadcast", value=word)
    for account in state.accounts.values():
        if account.name == word:
            return Piece(kind="user", value=account.id)
    for group in state.groups.values():
        if group["handle"] == word:
            return Piece(kind="usergroup", value=group["id"])
    return None


def message_text(found: list[Piece]) -> str:
    """The `text` of a message that a person sends."""
    written = {
        "text": lambda piece: escape(piece.value),
        "user": lambda piece: f"<@{piece.value}>",
        "channel": lambda piece: f"<#{piece.value}|>",
        "link": lambda piece: f"<{piece.value}|{piece.label}>" if piece.label else f"<{escape(piece.value)}>",
        "broadcast": lambda piece: f"<!{piece.value}>",
        "usergroup": lambda piece: f"<!subteam^{piece.value}>",
    }
    return "".join(written[piece.kind](piece) for piece in found)


def command_text(found: list[Piece], state: State) -> str:
    """The `text` of a slash command whose manifest says `should_escape: true`; private channels have no name in it."""
    written: list[str] = []
    for piece in found:
        if piece.kind == "user":
            written.append(f"<@{piece.value}|{state.accounts[piece.value].name}>")
        elif piece.kind == "channel":
            channel = state.channels[piece.value]
            written.append(f"<#{channel.id}|{'' if channel.is_private else channel.name}>")
        elif piece.kind == "usergroup":
            written.append(f"<!subteam^{piece.value}|@{state.groups[piece.value]['handle']}>")
        else:
            written.append(message_text([piece]))
    return "".join(written)


def rich_text(found: list[Piece], block_id: str) -> list[Json]:
    """The `blocks` of a message that a person sends."""
    elements: list[Json] = []
    for piece in found:
        if piece.kind == "text":
            elements.append({"type": "text", "text": piece.value})
        elif piece.kind == "user":
            elements.append({"type": "user", "user_id": piece.value})
        elif piece.kind == "channel":
            elements.append({"type": "channel", "channel_id": piece.value})
        elif piece.kind == "link":
            link = {"type": "link", "url": piece.value}
            elements.append({**link, "text": piece.label} if piece.label else link)
        elif piece.kind == "broadcast":
            elements.append({"type": "broadcast", "range": piece.value})
        else:
            elements.append({"type": "usergroup", "usergroup_id": piece.value})
    return [
        {"type": "rich_text", "block_id": block_id, "elements": [{"type": "rich_text_section", "elements": elements}]}
    ]


def pings_in_text(text: str, *, bare: bool = False) -> list[tuple[str, str]]:
    """Whom encoded text pings, as (kind, target); `bare` where Slack also parses an `@here` without brackets."""
    found: list[tuple[str, str]] = []
    for match in _PINGS.finditer(text):
        if match["all"]:
            found.append((match["all"], ""))
        elif match["group"]:
            found.append(("group", match["group"]))
        else:
            found.append(("user", match["user"]))
    if bare:
        found.extend((match[1], "") for match in _BARE.finditer(text))
    return found


def pings_in_blocks(blocks: Any) -> list[tuple[str, str]]:
    """Whom blocks ping: mrkdwn texts (a bare `@here` too, unless `verbatim`), markdown blocks and rich text elements."""
    found: list[tuple[str, str]] = []
    if isinstance(blocks, list):
        for block in blocks:
            found.extend(pings_in_blocks(block))
    elif isinstance(blocks, Mapping):
        kind = blocks.get("type")
        if kind in ("mrkdwn", "markdown"):
            return pings_in_text(str(blocks.get("text", "")), bare=not blocks.get("verbatim"))
        if kind == "user":
            return [("user", str(blocks.get("user_id")))]
        if kind == "usergroup":
            return [("group", str(blocks.get("usergroup_id")))]
        if kind == "broadcast":
            return [(str(blocks.get("range")), "")]
        for value in blocks.values():
            found.extend(pings_in_blocks(value))
    return found
