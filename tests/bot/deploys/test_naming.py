"""What people type for a deployment, and what deployments are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.deploys.naming import key_of, serving, spoken, standing
from bot.deploys.targets import earlier, later
from bot.providers.vercel import Deployment, Project

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OLD = Deployment(
    id="dpl_old", url="web-old.vercel.app", state="READY", substate="PROMOTED", created_at=NOW - timedelta(hours=5),
    project="prj_1", target="production", commit="1111111aaaa", message="Old one\n\nwith a body", author="ann",
)  # fmt: skip
NEW = replace(OLD, id="dpl_new", created_at=NOW - timedelta(hours=1), commit="2222222bbbb")
PROJECT = Project(
    id="prj_1", name="web", auto_assign=True, paused=False, protection="", challenged=False, production=NEW,
    last_move=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("dpl_9xK2", "dpl_9xK2"),
        ("a1b2c3d", "a1b2c3d"),
        ("A1B2C3D", "a1b2c3d"),
        ("https://Web-abc.vercel.app/", "web-abc.vercel.app"),
        ("http://web-abc.vercel.app/pricing?x=1", "web-abc.vercel.app"),
        ("https://vercel.com/team/web/9xK2", "dpl_9xK2"),
        ("vercel.com/team/web/dpl_9xK2?tab=logs", "dpl_9xK2"),
    ],
)
def test_what_is_pasted(typed: str, key: str) -> None:
    """An id, a host, the dashboard's address, a commit: each as what it stands for."""
    assert key_of(typed) == key


def test_what_serves() -> None:
    """What the project names; where that failed to build, the newest that was promoted before."""
    assert serving(PROJECT, ()) is NEW
    failed = replace(NEW, state="ERROR", substate="")
    assert serving(replace(PROJECT, production=failed), (failed, OLD)) is OLD
    assert serving(replace(PROJECT, production=None), (OLD,)) is None


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (NEW, "serving"),
        (OLD, "served before"),
        (replace(OLD, deleted=True), "deleted, by hand or by the project's retention"),
        (replace(OLD, state="ERROR"), "build failed"),
        (replace(OLD, state="CANCELED"), "cancelled"),
        (replace(OLD, state="BUILDING"), "building"),
        (replace(OLD, substate="STAGED"), "staged: it has never served"),
        (replace(OLD, target=""), "preview"),
    ],
)
def test_how_each_stands(one: Deployment, said: str) -> None:
    """Each state has its words."""
    assert standing(one, NEW)[0] == said


def test_what_each_is_called() -> None:
    """The commit in short and the first line of its message; without a commit, the id."""
    assert spoken(OLD) == "1111111 “Old one” by ann"
    assert spoken(replace(OLD, commit="", message="", author="")) == "dpl_old “without a commit”"


def test_which_ones_production_may_be_moved_to() -> None:
    """Back to what is older, ready and there; forward to what is newer, ready and for production."""
    deleted, broken = replace(OLD, deleted=True), replace(OLD, state="ERROR")
    staged = replace(NEW, id="dpl_s", substate="STAGED", created_at=NOW)
    preview = replace(staged, target="")
    assert earlier(NEW, [staged, NEW, OLD, deleted, broken]) == [OLD]
    assert later(NEW, [staged, preview, NEW, OLD]) == [staged]
