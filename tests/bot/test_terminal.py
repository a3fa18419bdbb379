"""The same commands in a terminal: known by a token, answered in plain text, with a status for scripts."""

from __future__ import annotations

import io
import os
import pty
import select
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import app, terminal
from bot.app import Core
from bot.errors import DeniedError, UsageError, UserError
from bot.operation import Answer, Line, Lines, Mark, Offer, Secret
from bot.people import Standing
from bot.settings import RoleSettings, Settings
from bot.store import people, tokens
from bot.store.people import Known
from sandbox.world import Clock


@pytest.fixture
async def core(conninfo: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Core]:
    """A terminal's part of the bot; ann is an approver, guy is a guest."""
    settings = Settings(database_url=SecretStr(conninfo), roles=RoleSettings(approvers="U0ANN,U0GUY", cache_seconds=0))
    async with app.core(settings, data_dir=tmp_path, clock=clock.now) as made:
        async with made.services.database.transaction() as transaction:
            for person, standing in (("U0ANN", Standing.MEMBER), ("U0GUY", Standing.GUEST)):
                known = Known(
                    id=person, name=person[2:], standing=standing, member_of=frozenset(), checked_at=clock.now()
                )
                await people.put(transaction, known)
        yield made


async def token(core: Core, person: str = "U0ANN") -> str:
    """A token of theirs."""
    async with core.services.database.transaction() as transaction:
        _, secret = await tokens.issue(
            transaction, person=person, label="laptop", request=f"r-{person}", at=core.services.now()
        )
    return secret


async def run(core: Core, *words: str, secret: str) -> tuple[int, str]:
    """Exit status and what was printed."""
    out = io.StringIO()
    status = await terminal.run(core, words, token=secret, key="terminal:1", out=out)
    return status, out.getvalue()


async def test_a_command_is_answered_in_plain_text(core: Core, clock: Clock) -> None:
    """With the role that Slack last gave, and how old that is."""
    secret = await token(core)
    clock.jump(3 * 3600)
    status, printed = await run(core, "whoami", secret=secret)
    assert status == 0
    assert printed.splitlines()[0] == "You are ANN, an approver."
    assert "from Slack, 3 h ago" in printed
    assert "`" not in printed
    assert "\033" not in printed


@pytest.mark.parametrize("secret", ["", "ilab_wrong", "x" * 5000])
async def test_without_a_token_of_ours_nothing_runs(core: Core, secret: str) -> None:
    """And it is said how to get one."""
    with pytest.raises(DeniedError) as caught:
        await run(core, "whoami", secret=secret)
    assert "/ilab token issue" in caught.value.todo


async def test_a_revoked_token_is_none(core: Core) -> None:
    """From that moment."""
    secret = await token(core)
    status, printed = await run(core, "token", "revoke", "1", secret=secret)
    assert (status, printed.splitlines()[0]) == (0, "Token 1, “laptop”, no longer works.")
    with pytest.raises(DeniedError):
        await run(core, "token", secret=secret)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("xyzzy",), "There is no command “xyzzy”."),
        (("token", "revoke", "99"), "You have no token 99, or it no longer works."),
        (("status", "watch"), "works in Slack only."),
        (("token", "issue", "more"), "works in Slack only."),
        (("help", "no such thing"), "There is no command “no such thing” that you may use."),
    ],
)
async def test_a_refusal_is_said_with_status_1(core: Core, words: tuple[str, ...], says: str) -> None:
    """In words without marks."""
    status, printed = await run(core, *words, secret=await token(core))
    assert status == 1
    assert says in printed
    assert "`" not in printed


async def test_what_is_missing_is_named(core: Core) -> None:
    """No form can be opened here."""
    with pytest.raises(UsageError, match="needs <id>"):
        await run(core, "token", "revoke", secret=await token(core))


async def test_a_guests_token_gives_no_rights(core: Core) -> None:
    """It says who one is; what one may is decided as everywhere."""
    status, printed = await run(core, "whoami", secret=await token(core, "U0GUY"))
    assert status == 1
    assert "Guests of the workspace have no rights here." in printed


async def test_a_role_that_is_too_old_is_none(core: Core, clock: Clock) -> None:
    """A week after Slack last said it."""
    secret = await token(core)
    clock.jump(timedelta(days=8).total_seconds())
    status, printed = await run(core, "whoami", secret=secret)
    assert status == 1
    assert "I could not find out who you are" in printed


@pytest.mark.parametrize("word", ["two words", 'a "quoted" word', "--flag", "", "it's", "“typed”"])
async def test_a_shells_words_stay_words(core: Core, word: str) -> None:
    """Whatever is in them, an answer comes."""
    status, printed = await run(core, "help", word, secret=await token(core))
    assert status in (0, 1)
    assert printed.strip()
    assert "broke" not in printed


@pytest.mark.parametrize(
    ("mark", "refused", "status"),
    [
        (Mark.OK, False, 0),
        (Mark.NONE, False, 0),
        (Mark.DEGRADED, False, 0),
        (Mark.DOWN, False, 1),
        (Mark.UNKNOWN, False, 1),
        (Mark.NONE, True, 1),
    ],
)
def test_the_exit_status_is_for_scripts(mark: Mark, *, refused: bool, status: int) -> None:
    """0 where it is well, or well enough; what could not be checked is not well."""
    assert terminal.exit_status(Answer(verdict="x", mark=mark, refused=refused)) == status


async def test_an_answer_is_laid_out_in_lines(core: Core, clock: Clock) -> None:
    """The verdict first, then the evidence, the secret, the next commands, the small print."""
    now = clock.now()
    answer = Answer(
        verdict="Stripe is down, `not us`",
        mark=Mark.DOWN,
        evidence=(
            Lines(
                heading="Vendors `x`",
                lines=(
                    Line(title="Stripe", text="answers `500`", mark=Mark.DOWN, at=now - timedelta(minutes=5)),
                    Line(title="OpenAI", mark=Mark.OK),
                    Line(title="Sentry", text="no answer", mark=Mark.UNKNOWN),
                ),
            ),
        ),
        secret=Secret(label="Keep it:", value="export A=`b`\nsecond line"),
        offers=(
            Offer(label="Recheck", words="status --fresh"),
            Offer(label="All", words="status --deep"),
            Offer(label="Watch", words="status watch"),  # works in Slack only
        ),
        section="Health Checks",
        at=now - timedelta(seconds=4),
    )
    printed = terminal.render(answer, core, colour=False).splitlines()
    assert printed[:5] == [
        "✖ Stripe is down, not us",
        "",
        "Vendors x",
        "  ✖ Stripe                 answers 500 (5 min ago)",
        "  ✔ OpenAI",
    ]
    assert printed[5] == "  ? Sentry                 no answer"
    assert printed[6:12] == [
        "",
        "Keep it:",
        "export A=`b`",
        "second line",
        "",
        "Next: ilab run status --fresh   ilab run status --deep",
    ]
    assert printed[13] == f"{now - timedelta(seconds=4):%H:%M:%S} UTC, 4 s ago · runbook: Health Checks"
    assert len(printed) == 14


async def test_colour_is_only_for_terminals(core: Core) -> None:
    """And signs differ without it."""
    for mark in Mark:
        plain = terminal.render(Answer(verdict="x", mark=mark), core, colour=False)
        coloured = terminal.render(Answer(verdict="x", mark=mark), core, colour=True)
        assert "\033" not in plain
        assert ("\033" in coloured) == (mark is not Mark.NONE)
    assert len(set(terminal.SIGNS.values())) == len(Mark)
    assert terminal.SIGNS[Mark.UNKNOWN] != terminal.SIGNS[Mark.OK]


@pytest.mark.parametrize(
    "words", ["\033[2J\033]0;owned\007", "a\nb\r✔ all is well", "\x9b31m", "tab\tbell\a", "\u202eright to left"]
)
async def test_what_others_wrote_steers_no_terminal(core: Core, words: str) -> None:
    """No escape, no line of its own."""
    answer = Answer(
        verdict=f"v {words}",
        evidence=(Lines(heading=f"h {words}", lines=(Line(title=f"t {words}", text=f"x {words}"),)),),
    )
    printed = terminal.render(answer, core, colour=False)
    assert len(printed.splitlines()) == 4
    assert all(sign.isprintable() for sign in printed.replace("\n", ""))
    explained = terminal.explain(UserError(f"w {words}", why=words, todo=words))
    assert all(sign.isprintable() for sign in explained.replace("\n", ""))


def test_an_error_is_explained_in_lines() -> None:
    """What, why, what to do; what is empty is left out, and lists keep their lines."""
    error = UserError("It is `wrong`.", why="ILAB_A: no\nILAB_B: no", todo="Try `ilab docs settings`.")
    assert terminal.explain(error) == "It is wrong.\nILAB_A: no\nILAB_B: no\nTry ilab docs settings."
    assert terminal.explain(UserError("Only this.")) == "Only this."


async def test_progress_is_one_line_and_only_on_a_terminal() -> None:
    """Written over, and gone at the end; in a pipe nothing of it is seen."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as out:
        shown = terminal._Progress(out)
        await shown(3, 14)
        shown.clear()
        out.flush()
        seen = b""
        while not seen.endswith(b"\033[K") and select.select([leader], [], [], 5)[0]:
            seen += os.read(leader, 1000)  # as much as has come by then
        assert seen.decode() == "\rChecking… 3/14\r\033[K"
    os.close(leader)
    pipe = io.StringIO()
    shown = terminal._Progress(pipe)
    await shown(3, 14)
    shown.clear()
    assert pipe.getvalue() == ""
