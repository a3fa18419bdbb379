"""Words ⇄ Invocation, in tables."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest

from bot.app import registry
from bot.context import Context
from bot.errors import UsageError
from bot.operation import Answer, Arg, Args, Email, Family, IncidentNumber, Invocation, Read, Registry
from bot.people import Role
from bot.words import Incomplete, parse, render, shorten, split, undo_typography


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveArgs(Args):
    """One argument of every kind."""

    who: Annotated[Email, Arg(help="Who.", positional=True)]
    count: Annotated[int, Arg(help="How many.", positional=True, minimum=1, maximum=20)]
    reason: Annotated[str, Arg(help="Why.", rest=True, personal=True)]
    tier: Annotated[Literal["basic", "professional"], Arg(help="Which.")] = "basic"
    lasting: Annotated[timedelta, Arg(help="For how long.")] = timedelta(days=30)
    ratio: Annotated[float, Arg(help="A share.")] = 0.5
    quietly: Annotated[bool, Arg(help="Tell nobody.")] = False


async def give(args: GiveArgs, context: Context) -> Answer:
    """Answer nothing of interest."""
    del args, context
    return Answer(verdict="given")


GIVE = Read(
    words="give",
    summary="For these tests.",
    who=Role.VIEWER,
    args=GiveArgs,
    examples=("give ann@example.com 3 --reason why",),
    read=give,
)
GIVEN = Registry((Family(name="give", summary="Give", operations=(GIVE,)),))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("status —deep", "status --deep"),
        ("status –deep", "status --deep"),
        ("status ——deep", "status --deep"),
        ("a — b", "a — b"),
        ("well-known", "well-known"),
        ("“two words”", '"two words"'),
        ("it’s", "it's"),
        ("<mailto:ann@example.com|ann@example.com>", "ann@example.com"),
        ("<https://interviewlab.io|interviewlab.io>", "https://interviewlab.io"),
        ("<@U0ALICE01|alice>", "@U0ALICE01"),
        ("<#C0INCIDNT|incidents>", "#C0INCIDNT"),
        ("<#C0LEADERS|>", "#C0LEADERS"),
        ("<!subteam^S0RESPOND|@responders>", "@S0RESPOND"),
        ("<!channel>", "@channel"),
        ("a &amp; b &lt;!here&gt;", "a & b <!here>"),
        ("status\u00a0\u00a0 watch\u200b", "status watch"),
        ("  two   spaces  ", "two spaces"),
    ],
)
def test_slack_typography_is_undone(typed: str, meant: str) -> None:
    """What was typed comes back from what Slack and a phone made of it."""
    assert undo_typography(typed) == meant


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('a "b c" d', ["a", "b c", "d"]),
        ("don't stop", ["don't", "stop"]),
        ("a 'b c' d", ["a", "b c", "d"]),
        ('--reason="two words" x', ["--reason=two words", "x"]),
        ('lone " quote', ["lone", '"', "quote"]),
        ("", []),
        ('""', [""]),
    ],
)
def test_a_line_is_cut_into_words(line: str, words: list[str]) -> None:
    """Quotes keep words together; an apostrophe or a lone quote is only a character."""
    assert split(line) == words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "help"),
        ("   ", "help"),
        ("STATUS", "status"),
        ("Status  Watch 30", "status watch"),
        ("status", "status"),
        ("token revoke 3", "token revoke"),
    ],
)
def test_the_longest_words_win(line: str, expected: str) -> None:
    """Case and spaces do not matter; nothing at all asks for help."""
    understood = parse(registry(), line)
    assert isinstance(understood, Invocation)
    assert understood.operation.words == expected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("stats", "Did you mean `/ilab status`?"),
        ("status wach", "I did not understand “wach” after `status`."),
        ("status deep", "Did you mean `--deep`?"),
        ("status --depe", "Did you mean `--deep`?"),
        ("status --deep=yes", "`--deep` takes no value."),
        ("status watch soon", "“soon” does not fit “minutes”: it must be a number from 1 to 10080."),
        ("status watch nan", "it must be a number from 1 to 10080."),
        ("status watch -5", "it must be a number from 1 to 10080."),
        ("status watch 99999", "it must be a number from 1 to 10080."),
        ("token revoke one", "it must be a whole number of at least 1."),
        ("token frobnicate", "I did not understand “frobnicate” after `token`."),
        ("xyzzy plugh", "There is no command “xyzzy plugh”."),
        ("x" * 200, "…”."),
        ("<!channel> " + "x" * 5000, "characters; a command may have 3,000."),
    ],
)
def test_wrong_words_get_a_sentence(line: str, says: str) -> None:
    """What was wrong, what was perhaps meant, and what to do; short, whatever was sent."""
    with pytest.raises(UsageError) as caught:
        parse(registry(), line)
    assert says in caught.value.sentences
    assert len(caught.value.sentences) < 400
    assert caught.value.todo


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("give ann 3 --reason x", "“ann” does not fit “who”: it must be an e-mail address"),
        ("give ann@example.com 3 --tier profesional --reason x", "Did you mean “professional”?"),
        ("give ann@example.com 3 --lasting long --reason x", "it must be a time such as 30m, 2h or 7d."),
        ("give ann@example.com 3 --reason", "`--reason` needs a value."),
        ("give ann@example.com 3 --tier --reason x", "`--tier` needs a value."),
        ("give ann@example.com 30 --reason x", "it must be a whole number from 1 to 20."),
    ],
)
def test_each_kind_of_argument_is_checked(line: str, says: str) -> None:
    """Every kind says what it must be."""
    with pytest.raises(UsageError) as caught:
        parse(GIVEN, line)
    assert says in caught.value.sentences


def test_every_kind_of_argument_is_read() -> None:
    """One line holds all of them, in any order, with Slack's typography in it."""
    line = (
        "give <mailto:Ann@Example.com|Ann@Example.com> 3 —tier Professional --lasting=2h --ratio 0.25 "
        "--quietly --reason the webhook’s “lost” event"
    )
    understood = parse(GIVEN, line)
    assert isinstance(understood, Invocation)
    assert understood.args == GiveArgs(
        who=Email("ann@example.com"),
        count=3,
        reason="the webhook's lost event",
        tier="professional",
        lasting=timedelta(hours=2),
        ratio=0.25,
        quietly=True,
    )


def test_what_is_missing_is_named_and_the_rest_kept() -> None:
    """An incomplete line keeps what was given, for the form to fill in."""
    understood = parse(GIVEN, "give ann@example.com --tier professional")
    assert isinstance(understood, Incomplete)
    assert [field.name for field in understood.missing] == ["count", "reason"]
    assert understood.given == {"who": "ann@example.com", "tier": "professional"}


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"tier": "professional", "quietly": True},
        {"lasting": timedelta(minutes=90)},
        {"lasting": timedelta(seconds=45), "ratio": 1.25},
    ],
)
def test_words_and_invocation_are_the_same(args: dict[str, Any]) -> None:
    """What `render` says, `parse` understands."""
    invocation = Invocation(
        operation=GIVE, args=GiveArgs(who=Email("ann@example.com"), count=2, reason="why not", **args)
    )
    assert parse(GIVEN, render(invocation)) == invocation


def test_every_example_is_understood_and_said_again() -> None:
    """The examples of every declaration parse, and survive being rendered."""
    for operation in registry():
        for example in operation.examples:
            understood = parse(registry(), example)
            assert isinstance(understood, Invocation)
            assert understood.operation is operation
            assert parse(registry(), render(understood)) == understood


@pytest.mark.parametrize("piece", ["<https:", "<https:a|", "<@a|", "<!a|", "&#", "—-", '"', "'x ", "--a-", "a@b."])
def test_no_words_hold_the_bot_up(piece: str) -> None:
    """All that a message can hold is read at once, whatever it begins and never ends: there is one thread for everybody."""
    started = time.perf_counter()
    with pytest.raises(UsageError):
        parse(registry(), "status " + piece * (40_000 // len(piece)))
    assert time.perf_counter() - started < 5


def test_a_number_without_end_is_no_fault() -> None:
    """Python refuses to read it: it stays as it was typed."""
    assert undo_typography("a&amp;b &#39; &#x2014; &#" + "9" * 5000 + ";") == "a&b ' — &#" + "9" * 5000 + ";"


def test_what_is_quoted_back_is_short() -> None:
    """Long words are cut with an ellipsis."""
    assert shorten("x" * 100, 10) == "x" * 9 + "…"
    assert shorten("short") == "short"


@dataclass(frozen=True, kw_only=True, slots=True)
class SayArgs(Args):
    """An incident that may be left out before a free text."""

    id: Annotated[IncidentNumber | None, Arg(help="Which.", positional=True)] = None
    text: Annotated[str, Arg(help="What.", positional=True, rest=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkArgs(Args):
    """An incident that may be left out before a choice."""

    id: Annotated[IncidentNumber | None, Arg(help="Which.", positional=True)] = None
    name: Annotated[Literal["started", "resolved"], Arg(help="What.", positional=True)]


async def nothing(args: Args, context: Context) -> Answer:
    """Answer nothing of interest."""
    del args, context
    return Answer(verdict="said")


SAYING = Registry(
    (
        Family(
            name="say",
            summary="Say",
            operations=(
                Read(words="say", summary="Say.", who=Role.VIEWER, args=SayArgs, examples=("say x",), read=nothing),
                Read(
                    words="mark",
                    summary="M.",
                    who=Role.VIEWER,
                    args=MarkArgs,
                    examples=("mark resolved",),
                    read=nothing,
                ),
            ),
        ),
    )
)


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("say it is back", SayArgs(text="it is back")),
        ("say INC-12 it is back", SayArgs(id=IncidentNumber(12), text="it is back")),
        ("say inc12 it is back", SayArgs(id=IncidentNumber(12), text="it is back")),
        ("say 500 errors a minute", SayArgs(text="500 errors a minute")),
        ("say INC-12", None),
        ("say 12", None),
        ('say "INC-12 is the same"', SayArgs(text="INC-12 is the same")),
        ("say --text INC-12", SayArgs(text="INC-12")),
        ("mark resolved", MarkArgs(name="resolved")),
        ("mark 12 resolved", MarkArgs(id=IncidentNumber(12), name="resolved")),
        ("mark --id INC-12 resolved", MarkArgs(id=IncidentNumber(12), name="resolved")),
    ],
)
def test_an_incident_may_be_left_out(line: str, args: Args | None) -> None:
    """Before a text only `INC-12` names one, since a number may be part of it; what is said back means the same."""
    understood = parse(SAYING, line)
    if args is None:
        assert isinstance(understood, Incomplete)
        assert understood.given == {"id": 12}
        return
    assert isinstance(understood, Invocation)
    assert understood.args == args
    assert parse(SAYING, render(understood)) == understood


@pytest.mark.parametrize("line", ["mark INC-0 resolved", "mark INC-x resolved", "mark --id twelve resolved"])
def test_what_names_no_incident_is_said(line: str) -> None:
    """It is a usage error, with a sentence."""
    with pytest.raises(UsageError):
        parse(SAYING, line)
