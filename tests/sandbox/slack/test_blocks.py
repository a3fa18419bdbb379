"""Block Kit's limits, and what in a message pings somebody."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack import blocks, markup
from sandbox.slack.elements import check_options
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import first_state

STATE = first_state()


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def section(text: str = "x", **parts: Any) -> dict[str, Any]:
    """A section."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **parts}


def button(**parts: Any) -> dict[str, Any]:
    """A button."""
    return {"type": "button", "action_id": "b", "text": plain("B"), **parts}


def actions(*elements: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """An actions block."""
    return {"type": "actions", "elements": list(elements), **parts}


def select(count: int, **parts: Any) -> dict[str, Any]:
    """A static select with so many options."""
    options = [{"text": plain(f"o{number}"), "value": f"v{number}"} for number in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options, **parts}


CONFIRM = {"title": plain("Sure?"), "text": plain("Really?"), "confirm": plain("Yes"), "deny": plain("No")}
FIELD = {"type": "input", "label": plain("L"), "element": {"type": "plain_text_input", "action_id": "t"}}

GOOD: list[list[dict[str, Any]]] = [
    [section("x" * 3000)],
    [section()] * 50,
    [{"type": "section", "fields": [plain("x" * 2000)] * 5}],
    [{"type": "header", "text": plain("x" * 150)}, {"type": "divider"}],
    [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10}],
    [actions(*[button(action_id=f"b{number}", value="x" * 2000) for number in range(25)])],
    [actions(button(confirm=CONFIRM, style="danger", url="https://x.io"))],
    [actions(select(100))],
    [section(accessory={"type": "overflow", "action_id": "o", "options": select(5)["options"]})],
    [section(accessory={"type": "image", "image_url": "https://x.io/x.png", "alt_text": "x"})],
    [{"type": "image", "image_url": "https://x.io/x.png", "alt_text": "a plot"}],
    [{"type": "markdown", "text": "# x"}],
    [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}],
    [FIELD],
    [actions(select(2, initial_option={"text": plain("o1"), "value": "v1"}))],
]

BAD: list[tuple[list[Any], str]] = [
    ([section()] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
    ([{"type": "section", "fields": [plain("x")] * 11}], "no more than 10 items allowed"),
    ([{"type": "section", "fields": [plain("x" * 2001)]}], "must be less than 2001 characters"),
    ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters"),
    ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "must be a `plain_text` object"),
    ([{"type": "card"}], "unsupported type: card [json-pointer:/blocks/0/type]"),
    ([{"type": "section", "text": "x"}], "must be a text object [json-pointer:/blocks/0/text]"),
    ([section(colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
    ([section(block_id="x" * 256)], "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    ([section(block_id="a"), section(block_id="a")], "`block_id` a already exists"),
    (["x"], "must be an object [json-pointer:/blocks/0]"),
    ([actions()], "no fewer than 1 items allowed"),
    ([actions(*[button(action_id=f"b{number}") for number in range(26)])], "no more than 25 items allowed"),
    ([actions(button(), button())], "`action_id` b already exists"),
    ([actions(button(action_id="x" * 256))], "must be less than 256 characters"),
    ([actions(button(value="x" * 2001))], "must be less than 2001 characters"),
    ([actions(button(url="x" * 3001))], "must be less than 3001 characters"),
    ([actions(button(text=plain("x" * 76)))], "must be less than 76 characters"),
    ([actions(button(text={"type": "mrkdwn", "text": "x"}))], "must be a `plain_text` object"),
    ([actions(button(style="loud"))], "must be `primary` or `danger`"),
    ([actions({"type": "button", "action_id": "b"})], "missing required field: text"),
    ([actions(button(confirm={"title": plain("x")}))], "missing required field: confirm"),
    ([actions(button(confirm={**CONFIRM, "text": plain("x" * 301)}))], "must be less than 301 characters"),
    ([actions(button(confirm={**CONFIRM, "confirm": plain("x" * 31)}))], "must be less than 31 characters"),
    ([actions(select(101))], "no more than 100 items allowed"),
    ([actions(select(0))], "no fewer than 1 items allowed"),
    ([actions(select(1, placeholder=plain("x" * 151)))], "must be less than 151 characters"),
    ([actions(select(1, initial_option={"text": plain("?"), "value": "?"}))], "initial option must match"),
    ([actions({"type": "plain_text_input", "action_id": "t"})], "unsupported type: plain_text_input"),
    ([actions({"type": "overflow", "action_id": "o", "options": select(6)["options"]})], "no more than 5 items"),
    ([actions({"type": "checkboxes", "action_id": "o", "options": select(11)["options"]})], "no more than 10 items"),
    ([{"type": "context", "elements": [plain("x")] * 11}], "no more than 10 items allowed"),
    ([{"type": "context", "elements": [button()]}], "unsupported type: button"),
    ([{"type": "image", "image_url": "https://x.io/x.png"}], "missing required field: alt_text"),
    ([{"type": "markdown", "text": "x" * 12_001}], "must be less than 12001 characters"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}], "no more than 20 items allowed"),
    ([{**FIELD, "label": {"type": "mrkdwn", "text": "x"}}], "must be a `plain_text` object"),
    ([{"type": "input", "label": plain("L"), "element": button()}], "unsupported type: button"),
]


@pytest.mark.parametrize("given", GOOD)
def test_blocks_within_the_limits_are_accepted(given: list[dict[str, Any]]) -> None:
    """What stands at a limit passes."""
    assert len(blocks.message_blocks(given)) == len(given)


@pytest.mark.parametrize(("given", "sentence"), BAD, ids=[case[1] for case in BAD])
def test_blocks_beyond_a_limit_are_refused(given: list[Any], sentence: str) -> None:
    """What is one beyond a limit, lacks a field or stands where it does not belong is refused with its place."""
    with pytest.raises(RefusedError) as refused:
        blocks.message_blocks(given)
    assert refused.value.code == "invalid_blocks"
    assert any(sentence in message for message in refused.value.extra["errors"]), refused.value.extra["errors"]


def test_a_message_has_a_limit_as_a_whole() -> None:
    """9,500 characters of text pass; 11,001 do not."""
    assert blocks.message_blocks([section("x" * 1900)] * 5)
    with pytest.raises(RefusedError, match="msg_blocks_too_long"):
        blocks.message_blocks([section("x" * 2750)] * 4 + [section("x")])


def test_slack_writes_out_what_was_left_open() -> None:
    """Ids, `emoji` and `verbatim` are in what is stored; the given value is left alone."""
    given = [section(), actions({"type": "button", "text": plain("B")})]
    stored = blocks.message_blocks(given)
    assert stored[0]["block_id"]
    assert stored[0]["text"]["verbatim"] is False
    assert stored[1]["elements"][0]["action_id"]
    assert stored[1]["elements"][0]["text"]["emoji"] is True
    assert "block_id" not in given[0]


def modal(**parts: Any) -> dict[str, Any]:
    """A modal with an input."""
    return {"type": "modal", "title": plain("T"), "submit": plain("Go"), "blocks": [FIELD], **parts}


VIEWS: list[tuple[dict[str, Any], str]] = [
    (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    (modal(submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
    (modal(close=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/close/text]"),
    (modal(title={"type": "mrkdwn", "text": "x"}), "must be a `plain_text` object"),
    (modal(submit=None), "missing required field: submit [json-pointer:/view]"),
    (modal(private_metadata="x" * 3001), "must be less than 3001 characters"),
    (modal(callback_id="x" * 256), "must be less than 256 characters"),
    (modal(external_id="x" * 256), "must be less than 256 characters"),
    (modal(blocks=[section()] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    (modal(blocks=[{"type": "markdown", "text": "x"}]), "unsupported type: markdown"),
    (modal(colour="red"), "invalid additional property: colour [json-pointer:/view]"),
    ({"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
    ({"type": "modal", "title": plain("T")}, "missing required field: blocks [json-pointer:/view]"),
    ({"type": "home", "blocks": []}, "must be `modal` [json-pointer:/view/type]"),
]


@pytest.mark.parametrize(("given", "sentence"), VIEWS, ids=[case[1] for case in VIEWS])
def test_a_view_beyond_a_limit_is_refused(given: dict[str, Any], sentence: str) -> None:
    """Views are refused with `invalid_arguments` and the place."""
    with pytest.raises(RefusedError) as refused:
        blocks.view(given, home=False)
    assert refused.value.code == "invalid_arguments"
    messages = refused.value.extra["response_metadata"]["messages"]
    assert any(sentence in message for message in messages), messages


def test_a_modal_without_inputs_needs_no_submit() -> None:
    """Only an input makes `submit` required."""
    assert blocks.view(modal(submit=None, blocks=[section()]), home=False)["blocks"]


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        ({"options": select(2)["options"]}, True),
        ({"options": []}, True),
        ({"option_groups": [{"label": plain("G"), "options": select(1)["options"]}]}, True),
        ({"options": select(101)["options"]}, False),
        ({"options": [{"text": plain("x" * 76), "value": "x"}]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_options_are_checked(answer: Any, good: bool) -> None:  # noqa: FBT001
    """At most a hundred options, each within its limits."""
    assert (not check_options(answer).messages) is good


TYPED = [
    ("status", "status", "status"),
    ("a & b < c", "a &amp; b &lt; c", "a &amp; b &lt; c"),
    ("ask @bob", "ask <@U0BOB0002>", "ask <@U0BOB0002|bob>"),
    ("ask <@U0BOB0002>", "ask <@U0BOB0002>", "ask <@U0BOB0002|bob>"),
    ("ask <@U0NOBODY0>", "ask &lt;@U0NOBODY0&gt;", "ask &lt;@U0NOBODY0&gt;"),
    ("in #incidents", "in <#C0INCIDNT|>", "in <#C0INCIDNT|incidents>"),
    ("in #leadership", "in <#C0LEADERS|>", "in <#C0LEADERS|>"),
    ("@responders", "<!subteam^S0RESPOND>", "<!subteam^S0RESPOND|@responders>"),
    ("@channel @here", "<!channel> <!here>", "<!channel> <!here>"),
    ("<!channel>", "&lt;!channel&gt;", "&lt;!channel&gt;"),
    ("see https://x.io/a?b=1.", "see <https://x.io/a?b=1>.", "see <https://x.io/a?b=1>."),
    ("ann@example.com", "<mailto:ann@example.com|ann@example.com>", "<mailto:ann@example.com|ann@example.com>"),
    ("interviewlab.io", "<http://interviewlab.io|interviewlab.io>", "<http://interviewlab.io|interviewlab.io>"),
    ("lib/openai.ts 3.5 P0", "lib/openai.ts 3.5 P0", "lib/openai.ts 3.5 P0"),
    ("`@bob https://x.io`", "`@bob https://x.io`", "`@bob https://x.io`"),
]


@pytest.mark.parametrize(("typed", "message", "command"), TYPED, ids=[case[0] for case in TYPED])
def test_typed_text_is_encoded_as_slack_does(typed: str, message: str, command: str) -> None:
    """Messages and commands with `should_escape` have their own encodings."""
    found = markup.pieces(typed, STATE)
    assert markup.message_text(found) == message
    assert markup.command_text(found, STATE) == command


@pytest.mark.parametrize(
    ("given", "pings"),
    [
        (section("<!channel> <@U0BOB0002>"), [("channel", ""), ("user", "U0BOB0002")]),
        (section("&lt;!channel&gt; bob"), []),
        (section("now @here"), [("here", "")]),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "now @here", "verbatim": True}}, []),
        ({"type": "section", "text": plain("<!here>")}, []),
        (section("<!subteam^S0RESPOND|@responders>"), [("group", "S0RESPOND")]),
        (markup.rich_text(markup.pieces("@everyone @bob", STATE), "b")[0], [("everyone", ""), ("user", "U0BOB0002")]),
    ],
)
def test_pings_are_seen_in_blocks(given: dict[str, Any], pings: list[tuple[str, str]]) -> None:
    """What Slack would turn into a notification counts, what is escaped, verbatim or plain does not."""
    assert markup.pings_in_blocks([given]) == pings
