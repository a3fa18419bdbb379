"""Block Kit as Slack accepts it: limits, required fields, and what belongs where.

Source: Slack's Block Kit reference, and the undocumented limit on the text of a whole message (9,597 characters pass,
11,341 do not). Blocks that came in 2026 are refused, as in a workspace that the roll-out has not reached.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from sandbox.slack.elements import INPUTS, Findings, check_element, check_text, keys_of
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Json

T = TypeVar("T", Json, list[Json])

MESSAGE_TEXT: Final = 11_000
"""Characters of all text in one message's blocks."""
VIEW_BYTES: Final = 250_000

_BLOCKS: Final[dict[str, tuple[set[str], set[str]]]] = {
    "section": (set(), {"text", "fields", "accessory", "expand"}),
    "divider": (set(), set()),
    "image": ({"alt_text"}, {"image_url", "slack_file", "title"}),
    "actions": ({"elements"}, set()),
    "context": ({"elements"}, set()),
    "header": ({"text"}, {"level"}),
    "input": ({"label", "element"}, {"dispatch_action", "hint", "optional"}),
    "rich_text": ({"elements"}, set()),
    "markdown": ({"text"}, set()),
    "table": ({"rows"}, {"column_settings"}),
}
"""Type → (required, optional) beside `type` and `block_id`."""
_SURFACES: Final = {"markdown": ("message",), "table": ("message",)}
_VIEW_KEYS: Final = {
    "type",
    "title",
    "blocks",
    "close",
    "submit",
    "private_metadata",
    "callback_id",
    "clear_on_close",
    "notify_on_close",
    "external_id",
}


def parsed(value: Any, refusal: str = "invalid_blocks_format") -> Any:
    """The value of an argument that may have come as JSON text; refused where it is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise RefusedError(refusal) from None


def message_blocks(value: Any) -> list[Json]:
    """Check the blocks of a message and return them as Slack stores them. Raise RefusedError as Slack refuses them."""
    blocks = parsed(value)
    if not isinstance(blocks, list):
        raise RefusedError("invalid_blocks_format")
    findings = _checked(blocks, "message", 50)
    if findings.messages:
        raise RefusedError(
            "invalid_blocks",
            errors=findings.messages,
            response_metadata={"messages": [f"[ERROR] {message}" for message in findings.messages]},
        )
    if _characters(blocks) > MESSAGE_TEXT:
        raise RefusedError("msg_blocks_too_long")
    return stored(blocks)


def view(value: Any, *, home: bool) -> Json:
    """Check a view and return it as Slack stores it. Raise RefusedError as Slack refuses it."""
    given = parsed(value, "invalid_arguments")
    if not isinstance(given, dict):
        raise RefusedError("invalid_arguments", response_metadata={"messages": ["[ERROR] must be an object"]})
    if len(json.dumps(given).encode()) > VIEW_BYTES:
        raise RefusedError("view_too_large")
    findings = view_findings(given, home=home)
    if findings.messages:
        messages = [f"[ERROR] {message}" for message in findings.messages]
        raise RefusedError("invalid_arguments", response_metadata={"messages": messages})
    return stored(given)


def view_findings(given: Json, *, home: bool) -> Findings:
    """Everything Slack finds wrong with a view."""
    findings = Findings()
    kind = "home" if home else "modal"
    if given.get("type") != kind:
        findings.add(f"must be `{kind}`", "/view/type")
    for key in sorted(given.keys() - _VIEW_KEYS):
        findings.add(f"invalid additional property: {key}", "/view")
    for key in ("title", "close", "submit"):
        if key in given and given[key] is not None:
            check_text(findings, given[key], f"/view/{key}", 24, plain=True)
    if not home and "title" not in given:
        findings.add("missing required field: title", "/view")
    for key, limit in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        findings.length(given.get(key, ""), limit, f"/view/{key}")
    blocks = given.get("blocks")
    if not isinstance(blocks, list):
        findings.add("missing required field: blocks", "/view")
        return findings
    _checked(blocks, kind, 100, "/view/blocks", findings)
    has_input = any(isinstance(block, dict) and block.get("type") == "input" for block in blocks)
    if not home and has_input and not given.get("submit"):
        findings.add("missing required field: submit", "/view")
    return findings


def _checked(
    blocks: list[Any], surface: str, most: int, pointer: str = "/blocks", findings: Findings | None = None
) -> Findings:
    found = findings or Findings()
    if len(blocks) > most:
        found.add(f"no more than {most} items allowed", pointer)
        return found
    block_ids: set[str] = set()
    tables = 0
    for index, block in enumerate(blocks):
        where = f"{pointer}/{index}"
        if not isinstance(block, dict):
            found.add("must be an object", where)
            continue
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in _BLOCKS or surface not in _SURFACES.get(kind, (surface,)):
            found.add(f"unsupported type: {kind}", f"{where}/type")
            continue
        tables += kind == "table"
        required, optional = _BLOCKS[kind]
        keys_of(found, block, required, optional | {"type", "block_id"}, where)
        block_id = block.get("block_id", "")
        found.length(block_id, 255, f"{where}/block_id")
        if block_id and block_id in block_ids:
            found.add(f"`block_id` {block_id} already exists for another block", f"{where}/block_id")
        block_ids.add(block_id)
        check = _CHECKS.get(kind)
        if check is not None:
            check(found, block, where)
    if tables > 1:
        found.add("only one table allowed", pointer)
    return found


def _section(found: Findings, block: Json, where: str) -> None:
    if not block.get("text") and not block.get("fields"):
        found.add("missing required field: text", where)
    if block.get("text") is not None:
        check_text(found, block["text"], f"{where}/text", 3000)
    fields = block.get("fields")
    if fields is not None:
        for index, text in enumerate(found.items(fields, 10, f"{where}/fields")):
            check_text(found, text, f"{where}/fields/{index}", 2000)
    if block.get("accessory") is not None:
        check_element(found, block["accessory"], f"{where}/accessory", "section")


def _image(found: Findings, block: Json, where: str) -> None:
    if not block.get("image_url") and not block.get("slack_file"):
        found.add("missing required field: image_url", where)
    found.length(block.get("image_url", ""), 3000, f"{where}/image_url")
    found.length(block.get("alt_text", ""), 2000, f"{where}/alt_text")
    if block.get("title") is not None:
        check_text(found, block["title"], f"{where}/title", 2000, plain=True)


def _actions(found: Findings, block: Json, where: str) -> None:
    seen: set[str] = set()
    for index, element in enumerate(found.items(block.get("elements"), 25, f"{where}/elements")):
        spot = f"{where}/elements/{index}"
        check_element(found, element, spot, "actions")
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if action_id and action_id in seen:
            found.add(f"`action_id` {action_id} already exists for another element", f"{spot}/action_id")
        seen.add(action_id or "")


def _context(found: Findings, block: Json, where: str) -> None:
    for index, element in enumerate(found.items(block.get("elements"), 10, f"{where}/elements")):
        spot = f"{where}/elements/{index}"
        if isinstance(element, dict) and element.get("type") in ("mrkdwn", "plain_text"):
            check_text(found, element, spot, 3000)
        else:
            check_element(found, element, spot, "context")


def _header(found: Findings, block: Json, where: str) -> None:
    check_text(found, block.get("text"), f"{where}/text", 150, plain=True)


def _input(found: Findings, block: Json, where: str) -> None:
    check_text(found, block.get("label"), f"{where}/label", 2000, plain=True)
    if block.get("hint") is not None:
        check_text(found, block["hint"], f"{where}/hint", 2000, plain=True)
    check_element(found, block.get("element"), f"{where}/element", "input")


def _rich_text(found: Findings, block: Json, where: str) -> None:
    sections = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    for index, element in enumerate(found.items(block.get("elements"), 1000, f"{where}/elements", least=0)):
        if not isinstance(element, dict) or element.get("type") not in sections:
            found.add("unsupported type in rich_text", f"{where}/elements/{index}")


def _markdown(found: Findings, block: Json, where: str) -> None:
    if not isinstance(block.get("text"), str) or not block["text"]:
        found.add("must be a string", f"{where}/text")
    found.length(block.get("text", ""), 12_000, f"{where}/text")


def _table(found: Findings, block: Json, where: str) -> None:
    for index, row in enumerate(found.items(block.get("rows"), 100, f"{where}/rows")):
        for column, cell in enumerate(found.items(row, 20, f"{where}/rows/{index}")):
            if not isinstance(cell, dict) or cell.get("type") not in ("raw_text", "rich_text", "raw_number"):
                found.add("unsupported type of cell", f"{where}/rows/{index}/{column}")


_CHECKS: Final[Mapping[str, Callable[[Findings, Json, str], None]]] = {
    "section": _section,
    "image": _image,
    "actions": _actions,
    "context": _context,
    "header": _header,
    "input": _input,
    "rich_text": _rich_text,
    "markdown": _markdown,
    "table": _table,
}


def _characters(value: Any) -> int:
    if isinstance(value, list):
        return sum(_characters(part) for part in value)
    if isinstance(value, dict):
        return sum(
            len(part) if key == "text" and isinstance(part, str) else _characters(part) for key, part in value.items()
        )
    return 0


def stored(value: T) -> T:
    """Return a copy as Slack stores it: ids where the bot gave none, `emoji` and `verbatim` written out."""
    whole = copy.deepcopy(value)
    _name_all(whole["blocks"] if isinstance(whole, dict) else whole)
    _write_out(whole)
    return whole


def _name_all(blocks: list[Json]) -> None:
    for block in blocks:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        elements = [block.get("accessory"), block.get("element"), *(block.get("elements") or [])]
        for element in elements:
            if isinstance(element, dict) and element.get("type") in INPUTS:
                element.setdefault("action_id", secrets.token_urlsafe(4))


def _write_out(value: Any) -> None:
    if isinstance(value, list):
        for part in value:
            _write_out(part)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text" and "text" in value:
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn" and "text" in value:
            value.setdefault("verbatim", False)
        for part in value.values():
            _write_out(part)
