"""An Answer as a message: within Slack's limits whatever is in it, harmless whoever wrote it, and clear."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.operation import Answer, Line, Lines, Mark, Offer, Secret
from bot.slack.blocks.answer import SIGNS, Message, anchor, message, progress, rich
from sandbox.slack.blocks import message_blocks
from sandbox.slack.markup import pings_in_blocks, pings_in_text

NOW = datetime(2025, 6, 1, 12, 30, 15, tzinfo=UTC)
RUNBOOK = "https://github.com/interviewlab/ops/blob/main/runbook.md"
HOSTILE = (
    "<!channel>",
    "<!here|here>",
    "<@U0ALICE01>",
    "<!subteam^S0RESPOND>",
    "@here @channel @everyone",
    "*bold* _it_ ~no~",
    "`code` ``` ``",
    "```\n<!channel>\n```",
    "<script>alert(1)</script>",
    "<https://evil.example|All is well>",
    "line\n:white_check_mark: everything is fine\r\u2028again",
    "&amp;&lt;",
    "😀 ü \u202e",
    "",
)


def shown(answer: Answer) -> Message:
    """The message, after Slack's own check of it."""
    made = message(
        answer, now=NOW, values={offer: "w:" + offer.words[:1900] for offer in answer.offers}, runbook_url=RUNBOOK
    )
    message_blocks(made.blocks)
    assert made.text
    assert len(made.text) <= 3000
    return made


def texts(made: Message) -> str:
    """All that is read."""
    return json.dumps(made.blocks, ensure_ascii=False)


def test_the_verdict_comes_first_then_evidence_buttons_and_small_print() -> None:
    """In this order, whatever else there is."""
    answer = Answer(
        verdict="InterviewLab is well",
        mark=Mark.OK,
        evidence=(
            Lines(
                heading="Ours", lines=(Line(title="Site", text="answers", mark=Mark.OK, at=NOW - timedelta(seconds=4)),)
            ),
            Lines(lines=(Line(title="Not configured: Resend"),)),
        ),
        offers=(Offer(label="Recheck", words="status --fresh", style="primary", confirm="Sure & certain?"),),
        section="Health Checks",
        at=NOW - timedelta(seconds=12),
    )
    made = shown(answer)
    assert made.text == "OK: InterviewLab is well"
    assert [block["type"] for block in made.blocks] == ["section", "section", "section", "actions", "context"]
    assert made.blocks[0]["text"]["text"] == ":white_check_mark: *InterviewLab is well*"
    assert made.blocks[1]["text"]["text"] == "*Ours*\n:white_check_mark: *Site*  answers  _4 s ago_"
    (button,) = made.blocks[3]["elements"]
    assert (button["text"]["text"], button["value"], button["style"]) == ("Recheck", "w:status --fresh", "primary")
    assert button["confirm"]["text"]["text"] == "Sure &amp; certain?"
    stamp = int((NOW - timedelta(seconds=12)).timestamp())
    assert made.blocks[4]["elements"][0]["text"] == (
        f"<!date^{stamp}^{{time_secs}}|12:30:03 UTC>, 12 s ago  ·  <{RUNBOOK}#health-checks|Runbook: Health Checks>"
    )


@pytest.mark.parametrize(
    ("mark", "sign", "text"),
    [
        (Mark.OK, ":white_check_mark:", "OK: so it is"),
        (Mark.DEGRADED, ":warning:", "Degraded: so it is"),
        (Mark.DOWN, ":red_circle:", "DOWN: so it is"),
        (Mark.UNKNOWN, ":grey_question:", "Could not check: so it is"),
        (Mark.NONE, "", "so it is"),
    ],
)
def test_each_mark_has_its_own_sign_and_word(mark: Mark, sign: str, text: str) -> None:
    """For the eye and for a screen reader; what could not be checked never looks like what is well."""
    made = shown(Answer(verdict="so it is", mark=mark))
    assert made.text == text
    assert made.blocks[0]["text"]["text"] == f"{sign} *so it is*".strip()


def test_no_two_marks_look_the_same() -> None:
    """Nor does any but OK carry the check mark."""
    assert set(SIGNS) == set(Mark)
    assert len(set(SIGNS.values())) == len(Mark)
    line = Line(title="Stripe", text="no answer", mark=Mark.UNKNOWN)
    made = shown(Answer(verdict="x", mark=Mark.UNKNOWN, evidence=(Lines(lines=(line,)),)))
    assert "check_mark" not in texts(made)
    assert "OK" not in made.text


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_ping_nobody_and_format_nothing(words: str) -> None:
    """Wherever they stand."""
    answer = Answer(
        verdict=f"a {words}",
        evidence=(Lines(heading=f"b {words}", lines=(Line(title=f"c {words}", text=words), Line(title=f"d {words}"))),),
        offers=(Offer(label=f"e {words}", words="status", confirm=f"f {words}"),),
        section=f"g {words}",
        at=NOW,
    )
    made = shown(answer)
    assert pings_in_blocks(made.blocks) == []
    assert pings_in_text(made.text) == []
    for block in made.blocks[:-1]:
        text = block.get("text", {}).get("text", "")
        assert "<" not in text
        assert "*bold*" not in text
        assert "_it_" not in text


def test_words_of_others_stay_on_their_line() -> None:
    """A vendor's message cannot look like a line of ours."""
    line = Line(title="Sentry", text="none\n:white_check_mark: *Stripe*  well", mark=Mark.DOWN)
    made = shown(Answer(verdict="two\nlines", evidence=(Lines(lines=(line,)),)))
    assert made.blocks[0]["text"]["text"] == "*two lines*"
    assert "\n" not in made.blocks[1]["text"]["text"]


def test_no_vendors_words_hold_the_bot_up() -> None:
    """However many spaces they hold: there is one thread for everybody."""
    started = time.perf_counter()
    assert rich("a" + " " * 100_000 + "b").startswith("a ")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("`/ilab status` works", "`/ilab status` works"),
        ("`a*b*` and *c*", "`a*b*` and *\u200bc*"),
        ("snake_case_word", "snake_case_word"),
        ("2 * 3", "2 * 3"),
        ("`<!here>`", "`&lt;!here&gt;`"),
    ],
)
def test_code_stays_code_and_other_signs_are_characters(written: str, sent: str) -> None:
    """So that commands can be shown, and nothing else is formatted."""
    assert rich(written) == sent


def test_a_secret_is_shown_as_it_is() -> None:
    """Whole, once, and not in the text of the notification."""
    secret = Secret(label="In a terminal:", value="export ILAB_TOKEN=ilab_x*y_z\nilab run whoami")
    made = shown(Answer(verdict="Token 1 is yours", secret=secret))
    assert "```export ILAB_TOKEN=ilab_x*y_z\nilab run whoami```" in made.blocks[1]["text"]["text"]
    assert "ilab_x" not in made.text


@pytest.mark.parametrize(
    ("ago", "says"),
    [
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (5400, "2 h"),
        (86400, "24 h"),
        (3 * 86400, "3 days"),
        (-5, "0 s"),
    ],
)
def test_small_print_says_how_old_it_is(ago: float, says: str) -> None:
    """In the one unit a person needs; a clock that is ahead makes nothing younger than now."""
    made = shown(Answer(verdict="x", at=NOW - timedelta(seconds=ago)))
    assert made.blocks[-1]["elements"][0]["text"].endswith(f", {says} ago")


def test_without_small_print_there_is_none() -> None:
    """No empty block: Slack refuses those."""
    assert [block["type"] for block in shown(Answer(verdict="x", section="")).blocks] == ["section"]
    no_address = message(Answer(verdict="x", section="Health Checks"), now=NOW, values={})
    assert [block["type"] for block in no_address.blocks] == ["section"]


def huge(dice: random.Random) -> Answer:
    """An answer of random size, hostile in places."""

    def words(most: int) -> str:
        return " ".join(dice.choice((*HOSTILE, "word", "longer-word", "&<>")) for _ in range(dice.randint(1, most)))

    def line() -> Line:
        return Line(
            title=words(dice.choice((2, 60))),
            text=words(dice.choice((1, 5, 200))) if dice.random() < 0.7 else "",
            mark=dice.choice(list(Mark)),
            at=NOW - timedelta(seconds=dice.randint(0, 10**6)) if dice.random() < 0.5 else None,
        )

    many = dice.choice((0, 1, 3, 30, 90))
    return Answer(
        verdict="x" + words(dice.choice((3, 40, 900))),
        mark=dice.choice(list(Mark)),
        evidence=tuple(
            Lines(
                heading=words(dice.choice((1, 100))) if dice.random() < 0.8 else "",
                lines=tuple(line() for _ in range(dice.choice((0, 1, 5, 60)))),
            )
            for _ in range(many)
        ),
        secret=Secret(label=words(20), value="s" * dice.choice((10, 800))) if dice.random() < 0.3 else None,
        offers=tuple(
            Offer(
                label="b" + words(dice.choice((1, 30))),
                words=f"status {number}",
                style=dice.choice(("", "primary", "danger")),
                confirm=words(60) if dice.random() < 0.5 else "",
            )
            for number in range(dice.choice((0, 1, 5, 60)))
        ),
        section=words(3) if dice.random() < 0.5 else "",
        at=NOW if dice.random() < 0.5 else None,
    )


@pytest.mark.parametrize("seed", range(150))
def test_slack_takes_whatever_is_in_an_answer(seed: int) -> None:
    """Random answers, most of them far too large: all within every limit, with verdict, buttons and small print."""
    answer = huge(random.Random(seed))  # noqa: S311 -- a test's dice
    made = shown(answer)
    assert pings_in_blocks(made.blocks) == []
    kinds = [block["type"] for block in made.blocks]
    assert kinds[0] == "section"
    assert ("actions" in kinds) == bool(answer.offers)
    assert (kinds[-1] == "context") == (answer.at is not None or bool(answer.section))
    if answer.secret is not None:
        assert f"```{answer.secret.value}```" in texts(made).replace("\\n", "\n")


def test_what_finds_no_room_is_counted() -> None:
    """Nothing is left out silently."""
    lines = tuple(Line(title=f"line {number} " + "x" * 200) for number in range(100))
    made = shown(Answer(verdict="Much", evidence=(Lines(heading="All", lines=lines),)))
    whole = texts(made)
    left = sum(f"line {number} " not in whole for number in range(100))
    assert left > 0
    assert f"… and {left} more" in whole


def test_many_groups_are_counted_too() -> None:
    """A message has fifty blocks at most."""
    groups = tuple(Lines(heading=f"g{number}", lines=(Line(title=f"line {number}."),)) for number in range(80))
    made = shown(Answer(verdict="Much", evidence=groups, offers=(Offer(label="Status", words="status"),), at=NOW))
    whole = texts(made)
    left = sum(f"line {number}." not in whole for number in range(80))
    assert left > 0
    assert f"… and {left} more" in whole
    assert [block["type"] for block in made.blocks][-2:] == ["actions", "context"]


@pytest.mark.parametrize(("done", "total", "bar"), [(0, 10, 0), (3, 10, 3), (10, 10, 10), (0, 0, 0)])
def test_progress_is_a_bar_and_a_number(done: int, total: int, bar: int) -> None:
    """And Slack takes it."""
    made = progress(done, total)
    message_blocks(made.blocks)
    assert made.text == f"Checking… {done}/{total}"
    assert made.blocks[0]["text"]["text"].count("▰") == bar


@pytest.mark.parametrize(
    ("heading", "fragment"),
    [("Health Checks", "health-checks"), ("1. P0: Database (down)", "1-p0-database-down"), ("A & B", "a--b")],
)
def test_headings_are_found_in_the_runbook(heading: str, fragment: str) -> None:
    """As GitHub makes the fragment."""
    assert anchor(heading) == fragment


def test_values_are_untouched() -> None:
    """A button carries exactly what it is given."""
    offer = Offer(label="x" * 100, words="status")
    made: Any = message(Answer(verdict="x", offers=(offer,)), now=NOW, values={offer: "o:abc"})
    (button,) = made.blocks[1]["elements"]
    assert button["value"] == "o:abc"
    assert len(button["text"]["text"]) == 75
