"""The parts of blocks as Slack accepts them: texts, options, confirm dialogs, and every interactive element."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.slack.state import Json

_SELECTS: Final = ("static", "external", "users", "conversations", "channels")
_SELECT: Final = tuple(f"{kind}_select" for kind in _SELECTS)
_MULTI: Final = tuple(f"multi_{kind}_select" for kind in _SELECTS)
_PICKERS: Final = ("datepicker", "timepicker")
_WRITTEN: Final = ("plain_text_input", "email_text_input", "url_text_input", "number_input")
_CHOICES: Final = ("checkboxes", "radio_buttons")

ALLOWED: Final[dict[str, frozenset[str]]] = {
    "section": frozenset({"button", "image", "overflow", *_SELECT, *_MULTI, *_PICKERS, *_CHOICES}),
    "actions": frozenset({"button", "overflow", "datetimepicker", *_SELECT, *_MULTI, *_PICKERS, *_CHOICES}),
    "context": frozenset({"image"}),
    "input": frozenset(
        {"datetimepicker", "rich_text_input", "file_input", *_SELECT, *_MULTI, *_PICKERS, *_CHOICES, *_WRITTEN}
    ),
}
"""Where an element stands → the elements Slack accepts there."""
INPUTS: Final = frozenset.union(*ALLOWED.values()) - {"image"}
"""Everything that has an `action_id`."""

_COMMON: Final = {"type", "action_id", "focus_on_load", "confirm", "placeholder"}
_KEYS: Final[dict[str, tuple[set[str], set[str]]]] = {
    "button": ({"text"}, {"url", "value", "style", "accessibility_label"}),
    "image": ({"alt_text"}, {"image_url", "slack_file"}),
    "overflow": ({"options"}, set()),
    "static_select": (set(), {"options", "option_groups", "initial_option"}),
    "multi_static_select": (set(), {"options", "option_groups", "initial_options", "max_selected_items"}),
    "external_select": (set(), {"initial_option", "min_query_length"}),
    "multi_external_select": (set(), {"initial_options", "min_query_length", "max_selected_items"}),
    "users_select": (set(), {"initial_user"}),
    "multi_users_select": (set(), {"initial_users", "max_selected_items"}),
    "conversations_select": (
        set(),
        {"initial_conversation", "default_to_current_conversation", "response_url_enabled", "filter"},
    ),
    "multi_conversations_select": (
        set(),
        {"initial_conversations", "default_to_current_conversation", "max_selected_items", "filter"},
    ),
    "channels_select": (set(), {"initial_channel", "response_url_enabled"}),
    "multi_channels_select": (set(), {"initial_channels", "max_selected_items"}),
    "datepicker": (set(), {"initial_date"}),
    "timepicker": (set(), {"initial_time", "timezone"}),
    "datetimepicker": (set(), {"initial_date_time"}),
    "checkboxes": ({"options"}, {"initial_options"}),
    "radio_buttons": ({"options"}, {"initial_option"}),
    "plain_text_input": (
        set(),
        {"initial_value", "multiline", "min_length", "max_length", "dispatch_action_config"},
    ),
    "email_text_input": (set(), {"initial_value", "dispatch_action_config"}),
    "url_text_input": (set(), {"initial_value", "dispatch_action_config"}),
    "number_input": (
        {"is_decimal_allowed"},
        {"initial_value", "min_value", "max_value", "dispatch_action_config"},
    ),
    "rich_text_input": (set(), {"initial_value", "dispatch_action_config"}),
    "file_input": (set(), {"filetypes", "max_files"}),
}
_MOST_OPTIONS: Final = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}


@dataclass(slots=True)
class Findings:
    """What is wrong, as Slack says it, each with a JSON pointer."""

    messages: list[str] = field(default_factory=list)

    def add(self, message: str, pointer: str) -> None:
        """Note one."""
        self.messages.append(f"{message} [json-pointer:{pointer}]")

    def length(self, value: Any, most: int, pointer: str) -> None:
        """Note a text that is none, or longer than `most` characters."""
        if not isinstance(value, str):
            self.add("must be a string", pointer)
        elif len(value) > most:
            self.add(f"must be less than {most + 1} characters", pointer)

    def items(self, value: Any, most: int, pointer: str, *, least: int = 1) -> list[Any]:
        """Return the list that this is; note one that is none, too short or too long."""
        if not isinstance(value, list):
            self.add("must be an array", pointer)
            return []
        if len(value) > most:
            self.add(f"no more than {most} items allowed", pointer)
        if len(value) < least:
            self.add(f"no fewer than {least} items allowed", pointer)
        return value


def keys_of(found: Findings, value: Json, required: set[str], optional: set[str], where: str) -> None:
    """Note the fields that are missing and those that do not belong there."""
    for key in sorted(required):
        if value.get(key) is None:
            found.add(f"missing required field: {key}", where)
    for key in sorted(value.keys() - required - optional):
        found.add(f"invalid additional property: {key}", where)


def check_text(found: Findings, text: Any, where: str, most: int, *, plain: bool = False) -> None:
    """Note what is wrong with a text object of at most `most` characters."""
    if not isinstance(text, dict):
        found.add("must be a text object", where)
        return
    kind = text.get("type")
    if kind not in ("plain_text", "mrkdwn") or (plain and kind != "plain_text"):
        found.add("must be a `plain_text` object" if plain else f"unsupported type: {kind}", f"{where}/type")
        return
    keys_of(found, text, {"text"}, {"type", "emoji" if kind == "plain_text" else "verbatim"}, where)
    if text.get("text") == "":
        found.add("must be more than 0 characters", f"{where}/text")
    found.length(text.get("text", ""), most, f"{where}/text")


def check_element(found: Findings, element: Any, where: str, parent: str) -> None:
    """Note what is wrong with an element that stands in a block of type `parent`."""
    if not isinstance(element, dict):
        found.add("must be an object", where)
        return
    kind = element.get("type")
    if not isinstance(kind, str) or kind not in ALLOWED[parent]:
        found.add(f"unsupported type: {kind}", f"{where}/type")
        return
    required, optional = _KEYS[kind]
    keys_of(found, element, required, optional | ({"type"} if kind == "image" else _COMMON), where)
    found.length(element.get("action_id", ""), 255, f"{where}/action_id")
    if element.get("placeholder") is not None:
        check_text(found, element["placeholder"], f"{where}/placeholder", 150, plain=True)
    if element.get("confirm") is not None:
        _confirm(found, element["confirm"], f"{where}/confirm")
    if kind == "button":
        _button(found, element, where)
    elif kind == "image":
        found.length(element.get("alt_text", ""), 2000, f"{where}/alt_text")
    elif "static_select" in kind:
        _static_select(found, element, where)
    elif kind in _MOST_OPTIONS:
        _options(found, element.get("options"), f"{where}/options", _MOST_OPTIONS[kind], plain=kind == "overflow")
    elif kind == "plain_text_input":
        _plain_text_input(found, element, where)
    _initial(found, element, where)


def _button(found: Findings, element: Json, where: str) -> None:
    check_text(found, element.get("text"), f"{where}/text", 75, plain=True)
    for key, most in (("value", 2000), ("url", 3000), ("accessibility_label", 75)):
        found.length(element.get(key, ""), most, f"{where}/{key}")
    if element.get("style", "primary") not in ("primary", "danger"):
        found.add("must be `primary` or `danger`", f"{where}/style")


def _confirm(found: Findings, confirm: Any, where: str) -> None:
    if not isinstance(confirm, dict):
        found.add("must be an object", where)
        return
    keys_of(found, confirm, {"title", "text", "confirm", "deny"}, {"style"}, where)
    for key, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if confirm.get(key) is not None:
            check_text(found, confirm[key], f"{where}/{key}", most, plain=key in ("title", "confirm", "deny"))


def _static_select(found: Findings, element: Json, where: str) -> None:
    groups = element.get("option_groups")
    if (groups is None) == (element.get("options") is None):
        found.add("only one of options and option_groups allowed, and one required", where)
        return
    if groups is None:
        _options(found, element["options"], f"{where}/options", 100, plain=True)
        return
    for index, group in enumerate(found.items(groups, 100, f"{where}/option_groups")):
        spot = f"{where}/option_groups/{index}"
        if not isinstance(group, dict):
            found.add("must be an object", spot)
            continue
        check_text(found, group.get("label"), f"{spot}/label", 75, plain=True)
        _options(found, group.get("options"), f"{spot}/options", 100, plain=True)


def _options(found: Findings, options: Any, where: str, most: int, *, plain: bool) -> None:
    for index, option in enumerate(found.items(options, most, where)):
        spot = f"{where}/{index}"
        if not isinstance(option, dict):
            found.add("must be an object", spot)
            continue
        keys_of(found, option, {"text"}, {"value", "description", "url"}, spot)
        check_text(found, option.get("text"), f"{spot}/text", 75, plain=plain)
        if not option.get("value"):
            found.add("must be more than 0 characters", f"{spot}/value")
        found.length(option.get("value", ""), 150, f"{spot}/value")
        if option.get("description") is not None:
            check_text(found, option["description"], f"{spot}/description", 75, plain=plain)


def _plain_text_input(found: Findings, element: Json, where: str) -> None:
    found.length(element.get("initial_value", ""), 3000, f"{where}/initial_value")
    for key in ("min_length", "max_length"):
        value = element.get(key, 1)
        if not isinstance(value, int) or not 0 <= value <= 3000:
            found.add("must be between 0 and 3000", f"{where}/{key}")


def _initial(found: Findings, element: Json, where: str) -> None:
    """An initial option that is not among the options is refused."""
    options = [*(element.get("options") or [])]
    for group in element.get("option_groups") or []:
        options.extend(group.get("options") or [] if isinstance(group, dict) else [])
    values = {option.get("value") for option in options if isinstance(option, dict)}
    chosen = [element["initial_option"]] if element.get("initial_option") else element.get("initial_options") or []
    if "external" in str(element.get("type")):
        return
    for option in chosen:
        if not isinstance(option, dict) or option.get("value") not in values:
            found.add("initial option must match one of the options", where)


def check_options(answer: Any) -> Findings:
    """Everything Slack finds wrong with the answer to a `block_suggestion`."""
    found = Findings()
    given = answer if isinstance(answer, dict) else {}
    if isinstance(given.get("option_groups"), list):
        for index, group in enumerate(found.items(given["option_groups"], 100, "/option_groups")):
            options = group.get("options") if isinstance(group, dict) else None
            _options(found, options, f"/option_groups/{index}/options", 100, plain=True)
    elif isinstance(given.get("options"), list):
        if given["options"]:
            _options(found, given["options"], "/options", 100, plain=True)
    else:
        found.add("missing required field: options", "")
    return found
