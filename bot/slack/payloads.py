"""What Slack's payloads say, read without I/O: which kind, under which key, and whether it is ours to handle.

Shapes: docs.slack.dev reference; samples in the tests. Outside data: whatever is missing makes a payload invalid.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Payload = Mapping[str, Any]

REPLACES: Final = "replace:"
"""How the `action_id` of a button begins whose answer takes the place of its message."""
FILLS: Final = "fill:"
"""How it begins for a button that opens the form of what was typed amiss."""
WORDS: Final = "w:"
"""How the value of a button begins that carries its words."""
PIN: Final = "pushpin"
"""Slack's name of 📌, which marks a message for the timeline."""
KEPT: Final = "o:"
"""How it begins where it carries the id of words that are kept in our database."""


JOINED: Final = "member_joined_channel"
LEFT: Final = "member_left_channel"
LOST: Final = {
    "channel_archive": "archived",
    "group_archive": "archived",
    "channel_deleted": "deleted",
    "group_deleted": "deleted",
}
"""Events after which a channel takes no more messages."""
FOUND: Final = ("channel_unarchive", "group_unarchive")
FROM_MESSAGE: Final = "_from_message"
"""How the callback id of a message shortcut ends; what comes before are its words."""


class InvalidPayloadError(ValueError):
    """The payload lacks what every one of its kind has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Words that came from a person, and where an answer can go."""

    person: str
    text: str
    channel: str = ""
    trigger_id: str = ""
    response_url: str = ""
    thread_ts: str = ""
    has_thread: bool = False
    """It was asked in a thread; else `thread_ts` is that of the message that may begin one."""
    view_id: str = ""
    on_home: bool = False
    replaces: bool = False
    """The answer takes the place of the message that holds the button."""
    fills: bool = False
    """The words may not be understood: a form shows them, to be put right."""
    in_private: bool = False
    """The button stands in a message that only this person sees."""
    bot_id: str = ""
    """Set where no person asks, but another bot."""
    offer_id: str = ""
    """Where set, the words are kept under this id, and `text` is empty."""
    message_ts: str = ""
    """Where it was asked of a message: that message."""
    message_text: str = ""


def key_of(kind: str, payload: Payload) -> str:
    """The key by which a second delivery is known: `event_id`, else `trigger_id`."""
    found = payload.get("event_id") if kind == "event" else payload.get("trigger_id")
    if not isinstance(found, str) or not found:
        raise InvalidPayloadError(f"a payload of kind {kind} without its key")
    return f"{kind}:{found}"


def storable(value: Any) -> Any:
    """The same, as PostgreSQL can hold it in JSON: without NUL, and without halves of a surrogate pair."""
    if isinstance(value, str):
        if value.isascii():
            return value.replace("\0", "")
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {storable(key): storable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [storable(part) for part in value]
    return value


def handled_event(payload: Payload, bot_user_id: str) -> bool:
    """Say whether an event is one that the bot does something about; the others are acked and dropped.

    A mention comes twice, as `app_mention` and as `message`, under two event ids: only the first counts. What other
    bots say in threads is dropped: two bots that answer each other never stop.
    """
    event = payload.get("event") or {}
    if event.get("user") == bot_user_id:
        return False
    if followed_event(payload):
        return True
    if event.get("type") == "app_mention":
        return "edited" not in event and not ("bot_id" in event and "thread_ts" in event)
    if event.get("type") == "message":
        is_said = event.get("subtype") in (None, "file_share") and "bot_id" not in event
        return event.get("channel_type") == "im" and is_said
    if event.get("type") in (JOINED, LEFT, *LOST, *FOUND):
        return True
    return event.get("type") == "app_home_opened" and event.get("tab") == "home"


def followed_event(payload: Payload) -> bool:
    """Say whether an event is about a message that may stand in a timeline: a 📌, or an edit of what a person wrote.

    The bot's own cards are edited all the time: those, and every other bot's, are dropped.
    """
    event = payload.get("event") or {}
    if event.get("type") in ("reaction_added", "reaction_removed"):
        item = event.get("item") or {}
        return event.get("reaction") == PIN and item.get("type") == "message"
    if event.get("type") != "message" or event.get("channel_type") == "im":
        return False
    message = event.get("previous_message" if event.get("subtype") == "message_deleted" else "message") or {}
    return event.get("subtype") in ("message_changed", "message_deleted") and not message.get("bot_id")


def command(payload: Payload) -> Asked:
    """A slash command."""
    return Asked(
        person=payload["user_id"],
        text=payload.get("text") or "",
        channel=payload["channel_id"],
        trigger_id=payload["trigger_id"],
        response_url=payload["response_url"],
    )


def action(payload: Payload) -> Asked:
    """A pressed button: on a message, in a modal, or on the Home tab."""
    pressed = payload["actions"][0]
    value = str(pressed.get("value") or "")
    view = payload.get("view") or {}
    container = payload.get("container") or {}
    channel = (payload.get("channel") or {}).get("id") or container.get("channel_id") or ""
    return Asked(
        person=payload["user"]["id"],
        text=value.removeprefix(WORDS) if value.startswith(WORDS) else "",
        offer_id=value.removeprefix(KEPT) if value.startswith(KEPT) else "",
        channel=channel,
        trigger_id=payload["trigger_id"],
        response_url=payload.get("response_url") or "",
        thread_ts=container.get("thread_ts") or "",
        # a message that a thread hangs on names that thread, too, and is not in it: there the answer would be overlooked
        has_thread=container.get("thread_ts", container.get("message_ts")) != container.get("message_ts"),
        view_id=view.get("id") or "",
        on_home=view.get("type") == "home",
        replaces=str(pressed.get("action_id")).startswith(REPLACES),
        fills=str(pressed.get("action_id")).startswith(FILLS),
        in_private=bool(container.get("is_ephemeral")) or channel.startswith("D"),
    )


def shortcut(payload: Payload) -> Asked:
    """A global or a message shortcut; its callback id holds the words, `status_watch` for `status watch`."""
    message = payload.get("message") or {}
    return Asked(
        person=payload["user"]["id"],
        text=str(payload["callback_id"]).removesuffix(FROM_MESSAGE).replace("_", " "),
        channel=(payload.get("channel") or {}).get("id") or "",
        trigger_id=payload["trigger_id"],
        message_ts=str(payload.get("message_ts") or ""),
        message_text=str(message.get("text") or ""),
    )


def message(payload: Payload, bot_user_id: str) -> Asked:
    """A mention, or a direct message: the words without the mention."""
    event = payload["event"]
    text = re.sub(rf"<@{re.escape(bot_user_id)}(?:\|[^>]*)?>", " ", str(event.get("text") or ""))
    direct = event.get("channel_type") == "im"
    return Asked(
        person=str(event.get("user") or ""),
        text=text.strip(),
        channel=event["channel"],
        thread_ts=str(event.get("thread_ts") or ("" if direct else event["ts"])),
        has_thread="thread_ts" in event,
        bot_id=str(event.get("bot_id") or ""),
    )
