"""What people put into elements: the state of each, what an action carries, and what Slack's own form checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from sandbox.slack.state import Json

Typed = dict[str, dict[str, Json]]

FIELDS: Final[dict[str, str]] = {
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "checkboxes": "selected_options",
    "radio_buttons": "selected_option",
}
"""Element type → the field of its state."""
_INITIAL: Final = {
    "value": "initial_value",
    "rich_text_value": "initial_value",
    "selected_option": "initial_option",
    "selected_user": "initial_user",
    "selected_conversation": "initial_conversation",
    "selected_channel": "initial_channel",
    "selected_options": "initial_options",
    "selected_users": "initial_users",
    "selected_conversations": "initial_conversations",
    "selected_channels": "initial_channels",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
}
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every interactive element, with the block it stands in."""
    for block in blocks:
        for element in (block.get("accessory"), block.get("element"), *(block.get("elements") or [])):
            if isinstance(element, dict) and element.get("action_id"):
                yield block, element


def find(blocks: list[Json], action_id: str, block_id: str | None = None) -> tuple[Json, Json] | None:
    """The element with this action id, in this block where one is named, and its block."""
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in (None, "", block["block_id"]):
            return block, element
    return None


def empty_state(element: Json) -> Json:
    """The state of an element that nobody has touched."""
    field = FIELDS[element["type"]]
    initial = element.get(_INITIAL.get(field, ""))
    if initial is None and field in (
        "selected_options",
        "selected_users",
        "selected_conversations",
        "selected_channels",
    ):
        initial = []
    return {"type": element["type"], field: initial}


def state_of(element: Json, value: Any) -> Json:
    """The state of an element into which `value` was put: a text, a date, an option or its value, or a list of them."""
    field = FIELDS[element["type"]]
    if isinstance(value, dict) and field in value:
        value = value[field]
    if field == "selected_option" and value is not None:
        value = _option(element, value)
    elif field == "selected_options":
        value = [_option(element, one) for one in value or []]
    elif field == "value" and value is not None:
        value = str(value) or None
    return {"type": element["type"], field: value}


def _option(element: Json, value: Any) -> Json:
    offered = [*(element.get("options") or [])]
    for group in element.get("option_groups") or []:
        offered.extend(group["options"])
    wanted = value.get("value") if isinstance(value, dict) else value
    for option in offered:
        if option.get("value") == wanted:
            return dict(option)
    if isinstance(value, dict) and "external" in element["type"]:
        return dict(value)
    raise KeyError(f"there is no option {wanted!r}")


def values(blocks: list[Json], typed: Typed) -> Typed:
    """`state.values` of a view or message: what was typed, else what stood there at first."""
    found: Typed = {}
    for block, element in elements(blocks):
        if element["type"] in FIELDS:
            state = typed.get(block["block_id"], {}).get(element["action_id"]) or empty_state(element)
            found.setdefault(block["block_id"], {})[element["action_id"]] = state
    return found


def surviving(typed: Typed, blocks: list[Json]) -> Typed:
    """What was typed into elements that are still there under the same ids."""
    kept: Typed = {}
    for block, element in elements(blocks):
        state = typed.get(block["block_id"], {}).get(element["action_id"])
        if state is not None and state["type"] == element["type"]:
            kept.setdefault(block["block_id"], {})[element["action_id"]] = state
    return kept


def wrong(blocks: list[Json], typed: Typed) -> dict[str, str]:
    """What Slack's own form says before it sends anything: block id → sentence."""
    found: dict[str, str] = {}
    for block, element in elements(blocks):
        if block["type"] != "input":
            continue
        state = typed.get(block["block_id"], {}).get(element["action_id"]) or empty_state(element)
        value = state[FIELDS[element["type"]]]
        sentence = _wrong_value(element, value) if value else "" if block.get("optional") else _MISSING
        if sentence:
            found[block["block_id"]] = sentence
    return found


_MISSING: Final = "Please complete this required field."


def _wrong_value(element: Json, value: Any) -> str:
    kind = element["type"]
    if kind == "number_input":
        return _wrong_number(element, str(value))
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
    most = element.get("max_selected_items") or 1000
    checks = (
        (kind == "plain_text_input" and len(value) < shortest, f"Please enter at least {shortest} characters."),
        (kind == "plain_text_input" and len(value) > longest, f"Please enter at most {longest} characters."),
        (kind == "email_text_input" and not _EMAIL.fullmatch(str(value)), "Please enter a valid email address."),
        (kind == "url_text_input" and not str(value).startswith(("http://", "https://")), "Please enter a valid URL."),
        (kind.startswith("multi_") and len(value) > most, f"Please select at most {most}."),
    )
    return next((sentence for wrong, sentence in checks if wrong), "")


def _wrong_number(element: Json, value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and not value.lstrip("-").isdigit():
        return "Please enter a whole number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return ""


def action(block: Json, element: Json, value: Any, ts: str) -> Json:
    """An entry of `actions` in a `block_actions` payload."""
    kind = element["type"]
    common = {"type": kind, "action_id": element["action_id"], "block_id": block["block_id"], "action_ts": ts}
    if kind == "button":
        return common | {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    if kind == "overflow":
        return {**common, "selected_option": _option(element, value)}
    shown = {**common, **state_of(element, value)}
    if "placeholder" in element:
        shown["placeholder"] = element["placeholder"]
    return shown
