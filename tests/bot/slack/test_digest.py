"""What piled up while Slack was silent, as one message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.slack.blocks.text import MESSAGE, characters
from bot.slack.digest import folded, lasting
from bot.store.posts import Post

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def post(text: str, *, minutes: int = 0, reminder: bool = False, buttons: bool = False) -> Post:
    """A post that was wanted so many minutes after nine."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": f":red_circle: *{text}*\nmore"}}]
    if buttons:
        blocks.append({"type": "actions", "elements": []})  # type: ignore[dict-item]
    return Post(
        stream="a",
        key=text,
        channel="C1",
        body={"text": text, "blocks": blocks},
        wanted_at=AT + timedelta(minutes=minutes),
        reminder=reminder,
    )


def test_a_reminder_lasts_only_as_the_last() -> None:
    """What was said after it knows better."""
    one, two, three = post("one", reminder=True), post("two"), post("three", reminder=True)
    assert lasting([one, two, three]) == [two, three]
    assert lasting([one]) == [one]
    assert lasting([]) == []


def test_each_is_a_line_with_its_time_and_the_newest_keeps_its_buttons() -> None:
    """The verdicts, in order; the buttons of what stands now."""
    told = folded([post("one", buttons=True), post("two", minutes=5), post("three", minutes=9, buttons=True)])
    assert "|09:00 UTC> and" in told["text"]
    assert told["blocks"][1]["text"]["text"].splitlines()[1].endswith("|09:05 UTC>  :red_circle: two")
    assert [block["type"] for block in told["blocks"]] == ["section", "section", "actions"]


def test_a_long_outage_fits_into_one_message() -> None:
    """However much piled up, Slack takes it, and what found no room is counted."""
    told = folded([post("x" * 500, minutes=number) for number in range(200)])
    assert characters(told["blocks"]) <= MESSAGE
    assert "… and " in told["blocks"][-2]["text"]["text"].splitlines()[-1]
