"""The links of generating questions, in tables."""

from __future__ import annotations

from typing import Any

import pytest

from bot.diagnosis import ai
from bot.diagnosis.chain import Unchecked
from bot.operation import Mark
from bot.providers.openai import Generation

WELL: dict[str, Any] = {
    "turns": 100,
    "timed_out": 0,
    "limited": 0,
    "p95_ms": 4000.0,
    "p95_chars": 5000.0,
    "longest_chars": 6000,
    "timed_out_chars": None,
    "answered_chars": 3000,
}
NOW = Generation(seconds=1.0, model="gpt", limit=5000, left=4999)
LOG = ai.Logged(limited=0, timed_out=0, more=False)
SILENT = Unchecked(why="silent", kind="timeout")


def facts(**changed: Any) -> ai.Facts:
    """All is well, but for what is changed."""
    known: dict[str, Any] = {
        "page": Unchecked(why="x"),
        "generation": NOW,
        "log": LOG,
        "turns": WELL,
        "slow_seconds": 3.0,
        "most_seconds": 30.0,
        "long_chars": 8000,
    }
    return ai.Facts(**known | changed)


@pytest.mark.parametrize(
    ("found", "mark", "todo"),
    [
        (NOW, Mark.OK, ""),
        (Generation(seconds=4.0, model="gpt", limit=None, left=None), Mark.DEGRADED, "their side"),
        (Unchecked(why="429", kind="rate_limited", status=429), Mark.DOWN, "60 s"),
        (Unchecked(why="401", kind="unauthorized", status=401), Mark.DEGRADED, "API_KEY"),
        (Unchecked(why="503", kind="server", status=503), Mark.DOWN, "maintenance message"),
        (Unchecked(why="not configured"), Mark.UNKNOWN, ""),
    ],
)
def test_one_generation(found: Generation | Unchecked, mark: Mark, todo: str) -> None:
    """What an answer, a slow one, and each kind of failure say."""
    link = ai.generation(found, 3.0)
    assert link.mark is mark
    assert todo in link.todo


@pytest.mark.parametrize(
    ("now", "logged", "limited", "mark"),
    [
        (NOW, 0, 0, Mark.OK),
        (NOW, 1, 0, Mark.DEGRADED),
        (NOW, 0, 3, Mark.DOWN),
        (NOW, 7, 0, Mark.DOWN),
        (Generation(seconds=1, model="gpt", limit=500, left=20), 0, 0, Mark.DEGRADED),
        (SILENT, 0, 0, Mark.OK),
        (NOW, None, 0, Mark.UNKNOWN),
        (NOW, None, 4, Mark.DOWN),
    ],
)
def test_the_rate_limits(now: Generation | Unchecked, logged: int | None, limited: int, mark: Mark) -> None:
    """429s of the log and of the questions, and what is left of this minute; without the log it is not known to be well."""
    log = SILENT if logged is None else ai.Logged(limited=logged, timed_out=0, more=False)
    assert ai.limits(now, log, WELL | {"limited": limited}).mark is mark


@pytest.mark.parametrize(
    ("changed", "mark", "todo"),
    [
        ({}, Mark.OK, ""),
        ({"turns": WELL | {"timed_out": 1}}, Mark.NONE, ""),
        ({"turns": WELL | {"timed_out": 5}}, Mark.DOWN, "Raise the time-out"),
        ({"turns": WELL | {"timed_out": 5}, "generation": Unchecked(why="x", kind="server")}, Mark.DOWN, ""),
        ({"turns": WELL | {"timed_out": 5, "timed_out_chars": 9000}}, Mark.DOWN, ""),
        ({"log": ai.Logged(limited=0, timed_out=9, more=True)}, Mark.DOWN, "Raise the time-out"),
        ({"turns": WELL | {"p95_ms": 25_000}}, Mark.DEGRADED, "Raise the time-out"),
        ({"turns": SILENT}, Mark.UNKNOWN, ""),
        ({"log": SILENT}, Mark.OK, ""),
        ({"turns": WELL | {"turns": 0, "p95_ms": None, "p95_chars": None}}, Mark.NONE, ""),
    ],
)
def test_the_time_outs(changed: dict[str, Any], mark: Mark, todo: str) -> None:
    """Raising the time-out is advised only where nothing else explains them."""
    link = ai.time_outs(facts(**changed))
    assert link.mark is mark
    assert link.todo.startswith(todo)
    assert bool(link.todo) == bool(todo)


@pytest.mark.parametrize(
    ("turns", "mark"),
    [
        (WELL, Mark.OK),
        (WELL | {"p95_chars": 9000}, Mark.DEGRADED),
        (WELL | {"timed_out": 5, "timed_out_chars": 9000}, Mark.DOWN),
        (WELL | {"timed_out": 5, "timed_out_chars": 3100}, Mark.OK),
        (WELL | {"p95_chars": None}, Mark.NONE),
        (SILENT, Mark.UNKNOWN),
    ],
)
def test_the_prompts(turns: Any, mark: Mark) -> None:
    """Long ones strain; where it is the long ones that time out, they are the cause."""
    assert ai.prompts(facts(turns=turns)).mark is mark
