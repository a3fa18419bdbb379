"""The same commands in a terminal: `ilab run status`. Same roles, same audit, no Slack needed.

A person is known by the token that `/ilab token issue` showed them; their role is what Slack last said of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from bot.ages import age, is_far
from bot.app import Core, reach_slack
from bot.context import Place, Surface
from bot.errors import DeniedError, UserError
from bot.operation import FILL_IN, Answer, Line, Mark
from bot.policy import asks_anew
from bot.runner import Request
from bot.store import tokens
from bot.words import Incomplete, operation_of, parse, refuse_incomplete

SIGNS = {Mark.OK: "✔ ", Mark.DEGRADED: "! ", Mark.DOWN: "✖ ", Mark.UNKNOWN: "? ", Mark.NONE: ""}
_COLOURS = {Mark.OK: "32", Mark.DEGRADED: "33", Mark.DOWN: "31", Mark.UNKNOWN: "36"}


async def run(core: Core, words: Sequence[str], *, token: str, key: str, out: TextIO = sys.stdout) -> int:
    """Run one command and print its answer; return the exit status: 0, or 1 where it was refused or is not well.

    Raises UserError where the token is none.
    """
    bearer = await core.services.database.call(lambda connection: tokens.use(connection, token, at=core.services.now()))
    if bearer is None:
        raise DeniedError(
            "This token is none of mine, or it was revoked.", todo="Type `/ilab token issue` in Slack for a new one."
        )
    asked = " ".join(_quoted(word) for word in words)
    anew = asks_anew(operation_of(core.services.registry, asked))
    if anew:
        await reach_slack(core)
    actor = await core.services.people.actor(bearer.person, anew=anew)
    place = Place(surface=Surface.TERMINAL)
    shown = _Progress(out)
    request = Request(key=key, asked=asked, actor=actor, place=place)
    answer = await core.runner.hear(request, shown)
    shown.clear()
    if isinstance(answer, Incomplete):
        known = await core.runner.form(answer, request)
        if known.note is not None:
            _print(known.note, core, out)
        raise refuse_incomplete(answer)
    _print(answer, core, out)
    return max(exit_status(answer), await _followed(core, key, out))


async def _followed(core: Core, key: str, out: TextIO) -> int:
    """What the request made due is taken by a bot; where none serves, or Slack takes nothing, that is printed."""
    if not core.due.is_set():
        return 0
    from bot.degraded import (
        unserved,
    )

    told = await unserved.follow(core.services, key) or await unserved.unheard(core.services)
    if told is None:
        return 0
    print(file=out)
    _print(told, core, out)
    return exit_status(told)


def _print(answer: Answer, core: Core, out: TextIO) -> None:
    """Print the answer, and what text is attached. Into a file or a pipe goes the attached text alone."""
    texts = [attachment for attachment in answer.attachments if attachment.is_text]
    alone = bool(texts) and not out.isatty()
    print(render(answer, core, colour=out.isatty()), file=sys.stderr if alone else out)
    for attachment in texts:
        print(*(() if alone else ("",)), attachment.content.decode(), sep="\n", file=out)


def exit_status(answer: Answer) -> int:
    """0, or 1 where it was refused, is down, or could not be checked."""
    return 1 if answer.refused or answer.mark in (Mark.DOWN, Mark.UNKNOWN) else 0


def render(answer: Answer, core: Core, *, colour: bool) -> str:
    """The answer as text: the verdict first, and the buttons as the commands they stand for."""
    registry = core.services.registry
    offers = [
        offer.words
        for offer in answer.offers
        if offer.label != FILL_IN and not parse(registry, offer.words).operation.slack_only
    ]
    following = ""
    if offers:
        following = "Next: " + "   ".join(f"{core.settings.terminal_command} run {words}" for words in offers)
    return page(answer, core.services.now(), colour=colour, following=following)


def page(answer: Answer, now: datetime, *, colour: bool, following: str = "") -> str:
    """The answer as text; `following` says what may be typed next."""
    lines = [_signed(answer.mark, _plain(answer.verdict), colour=colour)]
    for group in answer.evidence:
        if group.heading:
            lines += ["", _plain(group.heading)]
        lines += [_row(line, now, colour=colour) for line in group.lines]
        lines += [f"    {_plain(line)}" for line in group.code.splitlines()]
    if answer.secret is not None:
        lines += ["", answer.secret.label, answer.secret.value]
    if following:
        lines += ["", following]
    lines += [
        f"({attachment.title}: a picture, shown in Slack alone)"
        for attachment in answer.attachments
        if not attachment.is_text
    ]
    small = []
    if answer.at is not None:
        small.append(f"{answer.at:%H:%M:%S} UTC, {age(answer.at, now)} ago")
    if answer.section:
        small.append(f"runbook: {answer.section}")
    if small:
        lines += ["", " · ".join(small)]
    return "\n".join(lines)


def explain(error: UserError) -> str:
    """A UserError as text."""
    return "\n".join(_plain(part, lines=True) for part in (error.what, error.why, error.todo) if part)


def _row(line: Line, now: datetime, *, colour: bool) -> str:
    said = _plain(line.title)
    if line.text:
        said = f"{said:<22} {_plain(line.text)}"
    if line.at is not None:
        said += f" ({age(line.at, now)} ago)"
    if line.when is not None:
        said += f" at {line.when:%a %d %b %H:%M} UTC" if is_far(line.when, now) else f" at {line.when:%H:%M} UTC"
    if line.link:
        said += f" {_plain(line.link)}"
    return "  " + _signed(line.mark, said, colour=colour)


def _plain(text: str, *, lines: bool = False) -> str:
    """Without marks of code, and without what a terminal would obey: vendors' words are among it."""
    words = "\n".join(text.splitlines()) if lines else " ".join(text.splitlines())
    signs = (" " if sign.isspace() and sign != "\n" else sign for sign in words.replace("`", ""))
    return "".join(sign for sign in signs if sign == "\n" or sign.isprintable())


def _signed(mark: Mark, text: str, *, colour: bool) -> str:
    sign = SIGNS[mark]
    if colour and mark in _COLOURS:
        sign = f"\033[{_COLOURS[mark]}m{sign}\033[0m"
    return sign + text


def _quoted(word: str) -> str:
    """A shell's word as one word of ours."""
    return f'"{word}"' if " " in word and '"' not in word else word


class _Progress:
    """One line that is written over, on a real terminal only."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = False

    async def __call__(self, done: int, total: int) -> None:
        if self._out.isatty():
            self._shown = True
            print(f"\rChecking… {done}/{total}", end="", file=self._out, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\033[K", end="", file=self._out)
