"""canvases.* and conversations.canvases.*: documents beside a channel, which people edit in Slack.

Source: docs.slack.dev, the canvas surface (headings to the third level, 300 cells a table) and each method's reference.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from sandbox import world
from sandbox.slack.blocks import parsed
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

LONGEST: Final = 1_048_576
CELLS: Final = 300
_HEADING: Final = re.compile(r"(#{1,6}) +(.*)")
_ITEM: Final = re.compile(r" *(?:[-*+]|\d+[.)]) +")
_RULE: Final = re.compile(r"\|?[ :|-]+\|?")
_TYPES: Final = ("h1", "h2", "h3", "any_header")


def _markdown(args: Arguments, refusal: str) -> str:
    content = parsed(args.get("document_content") or {"type": "markdown", "markdown": ""}, "invalid_arguments")
    if not isinstance(content, dict) or content.get("type") != "markdown":
        raise RefusedError("invalid_arguments")
    text = str(content.get("markdown", ""))
    if len(text) > LONGEST:
        raise RefusedError(refusal, detail="The content is too long.")
    for kind, block in sections(text):
        if kind == "table" and sum(len(_cells(row)) for row in block.splitlines() if not _RULE.fullmatch(row)) > CELLS:
            raise RefusedError(refusal, detail=f"A table may have {CELLS} cells.")
    return text


def _cells(row: str) -> list[str]:
    return re.split(r"(?<!\\)\|", row.strip().removeprefix("|").removesuffix("|"))


def sections(text: str) -> list[tuple[str, str]]:
    """The sections of a canvas, each with its type: h1 to h3, table, item, or text (a paragraph)."""
    found: list[tuple[str, str]] = []
    open_kind = ""
    for row in text.splitlines():
        heading = _HEADING.fullmatch(row)
        if not row.strip():
            open_kind = ""
        elif heading:
            found.append((f"h{min(3, len(heading[1]))}", heading[2]))
            open_kind = ""
        elif _ITEM.match(row):
            found.append(("item", _ITEM.sub("", row, count=1)))
            open_kind = "item"
        else:
            kind = "table" if row.lstrip().startswith("|") else "text"
            if open_kind in (kind, "item"):
                found[-1] = (found[-1][0], f"{found[-1][1]}\n{row}")
            else:
                found.append((kind, row))
                open_kind = kind
    return found


def _permit(workspace: Workspace) -> None:
    if workspace.canvases == "disabled":
        raise RefusedError("canvas_disabled_user_team")


def _create(workspace: Workspace, args: Arguments, channel: str) -> str:
    written = _markdown(args, "canvas_creation_failed")
    canvas_id = workspace.next_id("F")
    workspace.state.canvases[canvas_id] = {
        "id": canvas_id,
        "title": args.text("title"),
        "channel": channel,
        "markdown": written,
        "user": world.BOT_USER_ID,
        "edited_by": "",
    }
    return canvas_id


def create_in_channel(workspace: Workspace, args: Arguments) -> Json:
    """Give a channel its canvas; there is one a channel, and on some plans none."""
    _permit(workspace)
    channel = args.own_channel(workspace, "channel_id")
    if workspace.canvases == "none":
        raise RefusedError("team_tier_cannot_create_channel_canvases")
    if channel.canvas:
        raise RefusedError("channel_canvas_already_exists")
    channel.canvas = _create(workspace, args, channel.id)
    workspace.push({"type": "channels"})
    return {"canvas_id": channel.canvas}


def create(workspace: Workspace, args: Arguments) -> Json:
    """Create a canvas that stands alone, which free teams cannot."""
    _permit(workspace)
    if workspace.canvases == "none":
        raise RefusedError("free_teams_cannot_create_non_tabbed_canvases")
    return {"canvas_id": _create(workspace, args, "")}


def edit(workspace: Workspace, args: Arguments) -> Json:
    """Change a canvas: one change a call, at its start, its end, or all of it."""
    _permit(workspace)
    canvas = _found(workspace, args)
    changes = parsed(args.required("changes"), "invalid_arguments")
    if not isinstance(changes, list) or len(changes) != 1 or not isinstance(changes[0], dict):
        raise RefusedError("invalid_arguments")
    change = changes[0]
    operation = change.get("operation")
    if operation not in ("insert_at_start", "insert_at_end", "replace") or change.get("section_id"):
        raise RefusedError("canvas_editing_failed")
    written = _markdown(Arguments(change), "canvas_editing_failed")
    if operation == "replace":
        canvas["markdown"] = written
    elif operation == "insert_at_end":
        canvas["markdown"] += "\n" + written
    else:
        canvas["markdown"] = written + "\n" + canvas["markdown"]
    return {}


def lookup(workspace: Workspace, args: Arguments) -> Json:
    """The ids of the sections that fit: of a type of heading, holding a text, or both."""
    _permit(workspace)
    canvas = _found(workspace, args)
    criteria = parsed(args.required("criteria"), "invalid_arguments")
    if not isinstance(criteria, dict) or not criteria.keys() <= {"section_types", "contains_text"} or not criteria:
        raise RefusedError("invalid_arguments")
    types = criteria.get("section_types")
    if types is not None and (not types or len(types) > 3 or not set(types) <= set(_TYPES)):
        raise RefusedError("invalid_arguments")
    text = str(criteria.get("contains_text", ""))
    fitting = [
        f"{kind}{number}{block}"
        for number, (kind, block) in enumerate(sections(canvas["markdown"]))
        if text.casefold() in block.casefold()
        and (types is None or kind in types or (kind.startswith("h") and "any_header" in types))
    ]
    return {"sections": [{"id": "temp:C:" + hashlib.sha256(one.encode()).hexdigest()[:28]} for one in fitting]}


def _found(workspace: Workspace, args: Arguments) -> Json:
    canvas = workspace.state.canvases.get(str(args.required("canvas_id")))
    if canvas is None:
        raise RefusedError("canvas_not_found")
    return canvas
