"""What Slack's payloads say: small ones of the same shape as the real ones."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack import payloads
from bot.slack.payloads import Asked, InvalidPayloadError, handled_event, key_of, storable

BOT = "U0ILABBOT"
Json = dict[str, Any]


def event(**inner: Any) -> Json:
    """An `event_callback`."""
    return {
        "type": "event_callback",
        "team_id": "T0ILAB001",
        "api_app_id": "A0ILABAPP",
        "event_id": "Ev0000001",
        "event_time": 1748781015,
        "authorizations": [{"team_id": "T0ILAB001", "user_id": BOT, "is_bot": True}],
        "event": inner,
    }


MENTION: Json = {
    "type": "app_mention",
    "user": "U0ALICE01",
    "text": f"<@{BOT}> status",
    "ts": "1748781015.000100",
    "channel": "C0INCIDNT",
    "event_ts": "1748781015.000100",
}
DIRECT: Json = {
    "type": "message",
    "channel_type": "im",
    "user": "U0ALICE01",
    "text": "status",
    "ts": "1748781015.000100",
    "channel": "D0ALICE01",
}
COMMAND: Json = {
    "command": "/ilab",
    "text": "status",
    "user_id": "U0ALICE01",
    "user_name": "alice",
    "channel_id": "C0INCIDNT",
    "team_id": "T0ILAB001",
    "trigger_id": "1.2.abc",
    "response_url": "https://hooks.slack.com/commands/T0/1/x",
}
PRESS: Json = {
    "type": "block_actions",
    "user": {"id": "U0ALICE01", "team_id": "T0ILAB001"},
    "trigger_id": "1.2.abc",
    "response_url": "https://hooks.slack.com/actions/T0/1/x",
    "container": {"type": "message", "message_ts": "1.1", "channel_id": "C0INCIDNT", "is_ephemeral": False},
    "channel": {"id": "C0INCIDNT", "name": "incidents"},
    "actions": [{"type": "button", "action_id": "offer:0", "block_id": "b", "value": "w:status --fresh"}],
}


@pytest.mark.parametrize(
    ("kind", "payload", "key"),
    [
        ("event", event(**MENTION), "event:Ev0000001"),
        ("command", COMMAND, "command:1.2.abc"),
        ("action", PRESS, "action:1.2.abc"),
        ("view", {"type": "view_submission", "trigger_id": "9.9"}, "view:9.9"),
        ("shortcut", {"type": "shortcut", "trigger_id": "9.9"}, "shortcut:9.9"),
    ],
)
def test_each_kind_has_its_key(kind: str, payload: Json, key: str) -> None:
    """The id of the event, or the trigger of the interaction: a second delivery has the same."""
    assert key_of(kind, payload) == key


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("event", {"type": "event_callback"}),
        ("event", {"event_id": ""}),
        ("event", {"event_id": 7}),
        ("event", {"trigger_id": "1.2"}),
        ("command", {"event_id": "Ev1"}),
        ("action", {"trigger_id": None}),
        ("view", {}),
    ],
)
def test_a_payload_without_its_key_is_invalid(kind: str, payload: Json) -> None:
    """It could not be known when it comes again."""
    with pytest.raises(InvalidPayloadError):
        key_of(kind, payload)


@pytest.mark.parametrize(
    ("inner", "handled"),
    [
        (MENTION, True),
        (MENTION | {"thread_ts": "1748781000.000100"}, True),
        (MENTION | {"edited": {"user": "U0ALICE01", "ts": "1748781016.000000"}}, False),
        (MENTION | {"user": BOT}, False),
        (MENTION | {"bot_id": "B0OTHERBOT", "user": "U0OTHERBOT"}, True),
        (MENTION | {"bot_id": "B0OTHERBOT", "user": "U0OTHERBOT", "thread_ts": "1748781000.000100"}, False),
        (DIRECT, True),
        (DIRECT | {"thread_ts": "1748781000.000100"}, True),
        (DIRECT | {"user": BOT}, False),
        (DIRECT | {"bot_id": "B0ILABBOT", "user": BOT}, False),
        (DIRECT | {"bot_id": "B0OTHERBOT"}, False),
        (DIRECT | {"subtype": "message_changed", "hidden": True}, False),
        (DIRECT | {"subtype": "message_deleted"}, False),
        (DIRECT | {"subtype": "bot_message"}, False),
        (DIRECT | {"subtype": "file_share", "files": []}, True),
        (DIRECT | {"subtype": "file_share", "bot_id": "B0OTHERBOT"}, False),
        (DIRECT | {"channel_type": "channel", "channel": "C0INCIDNT"}, False),
        (DIRECT | {"channel_type": "group"}, False),
        (DIRECT | {"channel_type": "mpim"}, False),
        ({"type": "app_home_opened", "user": "U0ALICE01", "tab": "home"}, True),
        ({"type": "app_home_opened", "user": "U0ALICE01", "tab": "messages"}, False),
        ({"type": "app_home_opened", "user": "U0ALICE01"}, False),
        ({"type": "reaction_added", "user": "U0ALICE01", "reaction": "eyes"}, False),
        ({"type": "member_joined_channel", "user": BOT}, False),
        ({"type": "member_joined_channel", "user": "U0ALICE01"}, True),
        ({"type": "member_left_channel", "user": "U0ALICE01"}, True),
        ({"type": "something_new_of_2030"}, False),
        ({}, False),
    ],
)
def test_events_are_ours_or_are_dropped(inner: Json, *, handled: bool) -> None:
    """Mentions, direct messages and the Home tab, as first written; of other bots only a mention outside threads."""
    assert handled_event(event(**inner), BOT) is handled


def test_an_event_without_an_inside_is_dropped() -> None:
    """Whatever it is."""
    assert not handled_event({"type": "event_callback"}, BOT)
    assert not handled_event({"type": "event_callback", "event": None}, BOT)


def test_a_command_is_its_words() -> None:
    """With where to answer; an empty text is empty words."""
    assert payloads.command(COMMAND) == Asked(
        person="U0ALICE01",
        text="status",
        channel="C0INCIDNT",
        trigger_id="1.2.abc",
        response_url="https://hooks.slack.com/commands/T0/1/x",
    )
    assert payloads.command({key: value for key, value in COMMAND.items() if key != "text"}).text == ""


@pytest.mark.parametrize(
    ("value", "text", "offer_id"),
    [
        ("w:status --fresh", "status --fresh", ""),
        ("o:AbC-_9", "", "AbC-_9"),
        ("w:o:x", "o:x", ""),
        ("", "", ""),
        (None, "", ""),
        ("status", "", ""),
        ("x:status", "", ""),
    ],
)
def test_a_button_carries_words_or_where_they_are_kept(value: str | None, text: str, offer_id: str) -> None:
    """What carries neither, such as a link button, asks for nothing."""
    press = PRESS | {"actions": [PRESS["actions"][0] | {"value": value}]}
    asked = payloads.action(press)
    assert (asked.text, asked.offer_id, asked.person, asked.channel) == (text, offer_id, "U0ALICE01", "C0INCIDNT")


def test_a_button_knows_where_it_stands() -> None:
    """On a message, in a modal, or on the Home tab."""
    on_message = payloads.action(PRESS)
    assert (on_message.response_url, on_message.view_id, on_message.on_home) == (PRESS["response_url"], "", False)
    inside = {key: value for key, value in PRESS.items() if key not in ("response_url", "channel", "container")}
    in_modal = payloads.action(inside | {"view": {"id": "V1", "type": "modal"}, "container": {"type": "view"}})
    assert (in_modal.view_id, in_modal.on_home, in_modal.channel, in_modal.response_url) == ("V1", False, "", "")
    on_home = payloads.action(inside | {"view": {"id": "V2", "type": "home"}, "channel": None})
    assert (on_home.view_id, on_home.on_home) == ("V2", True)
    without_channel = payloads.action(PRESS | {"channel": None})
    assert without_channel.channel == "C0INCIDNT"
    container = {"type": "message", "thread_ts": "5.5", "channel_id": "C0INCIDNT", "is_ephemeral": True}
    in_thread = payloads.action(PRESS | {"container": container})
    assert (in_thread.thread_ts, in_thread.has_thread, in_thread.in_private) == ("5.5", True, True)
    assert (on_message.thread_ts, on_message.has_thread, on_message.in_private) == ("", False, False)


@pytest.mark.parametrize(("action_id", "replaces"), [("offer:0", False), ("replace:0", True), (None, False)])
def test_a_button_says_whether_its_answer_replaces_the_message(action_id: str | None, *, replaces: bool) -> None:
    """By the beginning of its action id."""
    press = PRESS | {"actions": [PRESS["actions"][0] | {"action_id": action_id}]}
    assert payloads.action(press).replaces is replaces


@pytest.mark.parametrize(
    ("callback_id", "words"),
    [("status", "status"), ("status_watch", "status watch"), ("declare_incident", "declare incident")],
)
def test_a_shortcut_names_its_words(callback_id: str, words: str) -> None:
    """Underscores stand for spaces."""
    payload = {"type": "shortcut", "callback_id": callback_id, "trigger_id": "1.2", "user": {"id": "U0ALICE01"}}
    assert payloads.shortcut(payload) == Asked(person="U0ALICE01", text=words, trigger_id="1.2")
    on_message = payload | {"type": "message_action", "channel": {"id": "C0INCIDNT"}, "message_ts": "1.1"}
    assert payloads.shortcut(on_message).channel == "C0INCIDNT"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (f"<@{BOT}> status", "status"),
        (f"<@{BOT}|ilab> status --deep", "status --deep"),
        (f"status <@{BOT}>", "status"),
        (f"<@{BOT}>", ""),
        (f"<@{BOT}> <@{BOT}> help", "help"),
        (f"<@{BOT}>status", "status"),
        (f"<@{BOT}2> status", f"<@{BOT}2> status"),
        ("<@U0BOB0002> status", "<@U0BOB0002> status"),
        (None, ""),
    ],
)
def test_a_mention_is_the_words_around_it(typed: str | None, words: str) -> None:
    """Only our own mention goes."""
    assert payloads.message(event(**MENTION | {"text": typed}), BOT).text == words


def test_a_mention_is_answered_in_its_thread() -> None:
    """A new one begins where there is none; in a direct message no thread is needed, and one that is there is kept."""
    assert payloads.message(event(**MENTION), BOT).thread_ts == MENTION["ts"]
    assert payloads.message(event(**MENTION | {"thread_ts": "5.5"}), BOT).thread_ts == "5.5"
    assert payloads.message(event(**DIRECT), BOT).thread_ts == ""
    assert payloads.message(event(**DIRECT | {"thread_ts": "5.5"}), BOT).thread_ts == "5.5"
    assert payloads.message(event(**MENTION | {"thread_ts": "5.5"}), BOT).has_thread
    assert not payloads.message(event(**MENTION), BOT).has_thread


def test_another_bot_is_known_as_one() -> None:
    """It may have no user."""
    inner = {key: value for key, value in MENTION.items() if key != "user"} | {"bot_id": "B0OTHERBOT"}
    asked = payloads.message(event(**inner), BOT)
    assert (asked.person, asked.bot_id) == ("", "B0OTHERBOT")
    assert payloads.message(event(**MENTION), BOT).bot_id == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("a\0b", "ab"),
        ("ü\0😀", "ü😀"),
        ("\ud83d", "?"),
        ({"a\0": ["\0", 1, None, True, 1.5]}, {"a": ["", 1, None, True, 1.5]}),
    ],
)
def test_payloads_are_made_storable(given: object, kept: object) -> None:
    """Without what PostgreSQL's JSON cannot hold; everything else as it was."""
    assert storable(given) == kept
