"""Text on its way into Slack."""

from __future__ import annotations

import html
import random

import pytest

from bot.slack.blocks.text import characters, context, cut, escape, mrkdwn, paragraphs, plain, section


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<@U0ALICE01> & co", "&lt;@U0ALICE01&gt; &amp; co"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;", "&amp;lt;"),
        ("<https://evil.example|Runbook>", "&lt;https://evil.example|Runbook&gt;"),
        ("", ""),
    ],
)
def test_what_somebody_wrote_is_harmless(written: str, sent: str) -> None:
    """No mention, no link, no entity comes of it, and it reads as it was written."""
    assert escape(written) == sent
    assert html.unescape(sent) == written


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("ab&amp;cd", 9, "ab&amp;cd"),
        ("ab&amp;cd", 8, "ab&amp;…"),
        ("ab&amp;cd", 7, "ab…"),
        ("ab&amp;cd", 4, "ab…"),
        ("ab&amp;cd", 3, "ab…"),
        ("&amp;xx", 5, "…"),
        ("&lt;&gt;", 7, "&lt;…"),
        ("a & b and more", 6, "a & b…"),
    ],
)
def test_text_is_cut_with_an_ellipsis_and_never_inside_an_entity(text: str, most: int, left: str) -> None:
    """Half an entity would be shown as rubbish."""
    assert cut(text, most) == left


def test_any_escaped_text_can_be_cut_anywhere() -> None:
    """Whatever remains is the beginning of what was written."""
    dice = random.Random(7)  # noqa: S311 -- a test's dice
    for _ in range(500):
        written = "".join(dice.choice("&<>ab;") for _ in range(40))
        for most in range(2, 60):
            left = cut(escape(written), most)
            assert len(left) <= most
            assert written.startswith(html.unescape(left.removesuffix("…"))) or left == escape(written)


def test_lines_are_put_together_whole() -> None:
    """Each text is within the limit, in order, and as few as that allows."""
    assert paragraphs([]) == []
    assert paragraphs(["a", "b"], 10) == ["a\nb"]
    assert paragraphs(["aaaa", "bbbb", "cccc"], 9) == ["aaaa\nbbbb", "cccc"]
    assert paragraphs(["x" * 20], 10) == ["x" * 9 + "…"]
    lines = [f"line {number} " + "x" * (number % 50) for number in range(300)]
    texts = paragraphs(lines, 200)
    assert all(len(text) <= 200 for text in texts)
    assert "\n".join(texts).split("\n") == lines


def test_objects_are_what_slack_wants() -> None:
    """Verbatim, so that what merely looks like a mention is none; cut to the limit."""
    assert mrkdwn("x" * 4000)["text"] == "x" * 2999 + "…"
    assert mrkdwn("@here")["verbatim"] is True
    assert plain("x" * 100, 24)["text"] == "x" * 23 + "…"
    assert section("a") == {"type": "section", "text": mrkdwn("a")}
    assert context("a") == {"type": "context", "elements": [mrkdwn("a")]}


def test_characters_are_counted_as_slack_counts() -> None:
    """All texts, however deep."""
    assert characters([section("abc"), context("de"), {"type": "divider"}]) == 5
