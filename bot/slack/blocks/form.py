"""The modal that asks for missing arguments, and the one that shows an answer.

The modal is derived from the operation's declaration: one input a field, the fields already given filled in.
Source: docs.slack.dev, surfaces/modals: titles of 24 characters, errors under the `block_id` of an input.

[pure]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from bot.errors import UsageError
from bot.operation import Field, Invocation, Kind, Operation, Registry
from bot.people import PERSON_ID
from bot.slack.blocks.answer import Message
from bot.slack.blocks.text import PLAIN_TITLE, Block, escape, plain, section
from bot.words import Incomplete, complete, said, value_of

CALLBACK: Final = "form"
SHOWING: Final = "answer"


def form(
    incomplete: Incomplete,
    *,
    channel: str,
    given: Mapping[str, Any] | None = None,
    note: Message | None = None,
    more: Message | None = None,
    refused: Message | None = None,
) -> Block:
    """The view that asks for the operation's arguments, those already given filled in.

    `given` fills in more, where nothing was typed; `note` stands above the fields, `more` below. `refused` says why what was typed
    before led to nothing.
    """
    operation = incomplete.operation
    filled = {**(given or {}), **incomplete.given}
    # which one is meant stands in the title, not in a field above those to be filled in; what was refused can be changed
    subject = operation.subject if refused is None else None
    named = filled.get(subject.name) if subject else None
    meta = {"words": operation.words, "channel": channel}
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": plain(heading(operation, named), PLAIN_TITLE),
        "submit": plain(operation.submit or "Go on", PLAIN_TITLE),
        "close": plain("Leave it", PLAIN_TITLE),
        "private_metadata": json.dumps(meta if named is None else {**meta, "subject": said(named)}),
        "blocks": [
            *(refused.blocks if refused else ()),
            section(escape(operation.summary)),
            *(note.blocks if note else ()),
            *(
                _input(field, filled.get(field.name), incomplete.amiss.get(field.name, ""))
                for field in _in_order(operation)
                if named is None or field is not subject
            ),
            *(more.blocks if more else ()),
        ],
    }


def heading(operation: Operation, named: Any = None) -> str:
    """What heads a form or an answer: what is done, and to which one where that is known."""
    title = operation.title or operation.words.capitalize()
    if named is None or operation.subject is None:
        return title
    return f"{title} INC-{named}" if operation.subject.kind is Kind.INCIDENT else f"{title} {named}"


def _in_order(operation: Operation) -> tuple[Field, ...]:
    """As they are declared; but the incident, which its channel implies, stands last where it may be left out."""
    subject = operation.subject
    if subject is None or subject.required:
        return operation.fields
    return (*(field for field in operation.fields if field is not subject), subject)


def read(view: Mapping[str, Any], registry: Registry) -> Invocation | dict[str, str]:
    """The invocation that a submitted form stands for, or the errors to show, by `block_id`."""
    meta = json.loads(view["private_metadata"])
    operation = registry.by_words[meta["words"]]
    given: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in operation.fields:
        state = view["state"]["values"].get(field.name, {}).get("value", {})
        if operation.subject is field and "subject" in meta:
            given[field.name] = value_of(operation, field, meta["subject"])
            continue
        try:
            value = _value(operation, field, state)
        except UsageError as error:
            errors[field.name] = error.what
            continue
        if value is not None:
            given[field.name] = value
    if errors:
        return errors
    understood = complete(operation, given)
    if isinstance(understood, Incomplete):
        return {field.name: "Please fill this in." for field in understood.missing}
    return understood


def channel_of(view: Mapping[str, Any]) -> str:
    """The channel in which the form was asked for."""
    return str(json.loads(view["private_metadata"])["channel"])


def working(title: str) -> Block:
    """The view that stands there while an answer is being made."""
    return showing(title, Message(text="", blocks=[section("Working on it…")]))


def showing(title: str, message: Message) -> Block:
    """The view that shows an answer."""
    return {
        "type": "modal",
        "callback_id": SHOWING,
        "title": plain(title.capitalize(), PLAIN_TITLE),
        "close": plain("Close", PLAIN_TITLE),
        "blocks": message.blocks,
    }


def _value(operation: Operation, field: Field, state: Mapping[str, Any]) -> Any:
    if field.kind is Kind.FLAG:
        return bool(state.get("selected_options")) or None
    if field.kind is Kind.CHOICE:
        option = state.get("selected_option")
        return value_of(operation, field, option["value"]) if option else None
    if field.kind is Kind.PERSON:
        chosen = state.get("selected_user")
        return value_of(operation, field, chosen) if chosen else None
    text = (state.get("value") or "").strip()
    return value_of(operation, field, text) if text else None


def _input(field: Field, value: Any, amiss: str) -> Block:
    return {
        "type": "input",
        "block_id": field.name,
        "optional": not field.required,
        "label": plain(_label(field), 2000),
        "hint": plain(field.help, 2000),
        "element": _element(field, value, amiss),
    }


def _label(field: Field) -> str:
    if field.kind is Kind.INCIDENT and field.name == "id":
        return "Incident"
    return field.name.replace("_", " ").capitalize()


def _element(field: Field, value: Any, amiss: str) -> Block:
    element: Block = {"action_id": "value"}
    if field.kind is Kind.FLAG:
        option = {"text": plain("Yes"), "value": "yes"}
        element |= {"type": "checkboxes", "options": [option]}
        if value:
            element["initial_options"] = [option]
    elif field.kind is Kind.CHOICE:
        options = [
            {"text": plain(label, 75), "value": choice}
            for choice, label in zip(field.choices, field.labels, strict=True)
        ]
        element |= {"type": "static_select", "options": options}
        if value is not None:
            element["initial_option"] = options[field.choices.index(value)]
    elif field.kind is Kind.PERSON:
        element |= {"type": "users_select"}
        if value is not None and PERSON_ID.fullmatch(value):
            element["initial_user"] = value
    else:
        element |= {"type": "plain_text_input", "multiline": field.rest}
        if value is not None or amiss:
            element["initial_value"] = amiss or said(value)
    return element
