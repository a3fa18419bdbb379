"""Who is who: asked once, remembered with its age, and nothing assumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.directory import ANEW_WITHIN, OLDEST, Directory
from bot.errors import UserError
from bot.people import Grants, Role, Standing
from bot.slack.client import Slack
from bot.slack.lookup import WorkspaceLookup, standing
from bot.store.database import Database
from sandbox.databases import DatabaseProxy
from sandbox.server import Sandbox
from sandbox.world import Clock

ALICE, BOB, CAROL, FRANK = "U0ALICE01", "U0BOB0002", "U0CAROL03", "U0FRANK06"
GRANTS = Grants(
    responders=frozenset({"S0RESPOND"}), approvers=frozenset({"S0APPROVE"}), admins=frozenset({"S0ADMINS1"})
)
FRESH = timedelta(minutes=5)
MakeDirectory = Callable[..., Directory]


@pytest.fixture
def make_directory(slack: Slack, database: Database, clock: Clock) -> MakeDirectory:
    """A process's directory: with Slack to ask, or without."""

    def make(*, asks: bool = True, grants: Grants = GRANTS, database: Database = database) -> Directory:
        lookup = WorkspaceLookup(slack, clock.now) if asks else None
        return Directory(lookup=lookup, database=database, grants=grants, now=clock.now, fresh_for=FRESH)

    return make


def asked(sandbox: Sandbox, method: str = "users.info") -> int:
    """How often the workspace was asked."""
    return sum(call.method == method for call in sandbox.workspace.calls)


async def kept(directory: Directory) -> Directory:
    """What it learned is in the database by now."""
    await asyncio.gather(*directory._keeping)
    return directory


@asynccontextmanager
async def slack_fails(sandbox: Sandbox, kind: str = "status") -> AsyncIterator[None]:
    """Meanwhile Slack answers nothing."""
    sandbox.faults.add("slack", "*", kind=kind)
    yield
    sandbox.faults.clear("slack")


@pytest.mark.parametrize(
    ("person", "is_what", "role", "by"),
    [
        (FRANK, Standing.MEMBER, Role.VIEWER, ()),
        (ALICE, Standing.MEMBER, Role.RESPONDER, ("S0RESPOND",)),
        (BOB, Standing.MEMBER, Role.APPROVER, ("S0APPROVE",)),
        (CAROL, Standing.MEMBER, Role.ADMIN, ("S0ADMINS1",)),
        ("U0GUS0007", Standing.GUEST, Role.NONE, ()),
        ("U0HANNA08", Standing.DEACTIVATED, Role.NONE, ()),
        ("U0STRANG9", Standing.STRANGER, Role.NONE, ()),
        ("U0ILABBOT", Standing.BOT, Role.NONE, ()),
        ("U0NOBODY", Standing.UNKNOWN, Role.NONE, ()),
        ("", Standing.UNKNOWN, Role.NONE, ()),
    ],
)
async def test_everybody_is_who_slack_says(
    make_directory: MakeDirectory, clock: Clock, person: str, is_what: Standing, role: Role, by: tuple[str, ...]
) -> None:
    """With the role of their group, and when that was asked."""
    before = clock.now()
    actor = await make_directory().actor(person)
    assert (actor.id, actor.standing, actor.role, actor.groups) == (person or "unknown", is_what, role, by)
    assert before <= actor.known_at <= clock.now()


async def test_an_answer_is_used_for_a_while(make_directory: MakeDirectory, sandbox: Sandbox, clock: Clock) -> None:
    """Then Slack is asked again, and what has changed counts."""
    directory = make_directory()
    first = await directory.actor(ALICE)
    assert await directory.actor(ALICE) == first
    assert asked(sandbox) == 1
    sandbox.workspace.account(ALICE).kind = "deactivated"
    assert (await directory.actor(ALICE)).role is Role.RESPONDER
    clock.jump(FRESH.total_seconds())
    assert (await directory.actor(ALICE)).standing is Standing.DEACTIVATED
    assert asked(sandbox) == 2


async def test_one_question_answers_all_who_ask_meanwhile(make_directory: MakeDirectory, sandbox: Sandbox) -> None:
    """One a person and one a group, however many wait; also where one of them gives up waiting."""
    sandbox.faults.add("slack", "users.info", kind="slow", seconds=0.1)
    directory = make_directory()
    impatient = asyncio.create_task(directory.actor(ALICE))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(directory.actor(ALICE)) for _ in range(20)]
    await asyncio.sleep(0.01)
    impatient.cancel()
    found = await asyncio.gather(*others, directory.actor(BOB))
    assert {actor.role for actor in found} == {Role.RESPONDER, Role.APPROVER}
    assert asked(sandbox) == 2
    assert asked(sandbox, "usergroups.list") == 1


async def test_asked_anew_what_it_said_a_moment_ago_does_not_count(
    make_directory: MakeDirectory, sandbox: Sandbox
) -> None:
    """Neither about the person nor about the group; and what was found out counts for everybody who asks later."""
    directory = make_directory()
    assert (await directory.actor(ALICE)).role is Role.RESPONDER
    sandbox.workspace.state.groups["S0RESPOND"]["users"].remove(ALICE)
    assert (await directory.actor(ALICE)).role is Role.RESPONDER
    anew = await directory.actor(ALICE, anew=True)
    assert (anew.role, anew.confirmed) == (Role.VIEWER, True)
    assert (await directory.actor(ALICE)).role is Role.VIEWER


async def test_a_hundred_who_ask_anew_are_answered_by_two_questions(
    make_directory: MakeDirectory, sandbox: Sandbox
) -> None:
    """The second is asked after everybody had come: nobody is given an answer older than their question."""
    sandbox.faults.add("slack", "users.info", kind="slow", seconds=0.4)
    directory = make_directory()
    first = asyncio.create_task(directory.actor(BOB, anew=True))
    await asyncio.sleep(0.05)  # it is under way
    sandbox.workspace.account(BOB).kind = "deactivated"
    others = await asyncio.gather(*(directory.actor(BOB, anew=True) for _ in range(100)))
    assert {actor.standing for actor in others} == {Standing.DEACTIVATED}
    await first
    assert asked(sandbox) == 2


async def test_asked_anew_while_slack_is_silent_the_last_answer_counts(
    make_directory: MakeDirectory, sandbox: Sandbox, clock: Clock
) -> None:
    """With its age; also where Slack never answers at all."""
    directory = make_directory()
    known = await directory.actor(BOB)
    clock.jump(600)
    async with slack_fails(sandbox, "refused"):
        last = await directory.actor(BOB, anew=True)
        assert last == known
        assert not last.confirmed
    async with slack_fails(sandbox, "timeout"):
        before = asyncio.get_running_loop().time()
        assert await directory.actor(BOB, anew=True) == known
        assert asyncio.get_running_loop().time() - before < ANEW_WITHIN + 1


async def test_who_is_meant(make_directory: MakeDirectory, clock: Clock) -> None:
    """By id, as Slack makes it of a mention, or by a name that is known here; never by a guess."""
    directory = make_directory()
    assert (await directory.whom(f"@{BOB}")).name == "bob"
    await kept(directory)
    assert (await directory.whom("Bob")).id == BOB
    assert (await make_directory(asks=False).whom("@bob")).id == BOB
    for nobody in ("carol", "U0NOBODY0"):
        with pytest.raises(UserError):
            await directory.whom(nobody)


@pytest.mark.parametrize("kind", ["status", "refused", "html", "garbled"])
async def test_while_slack_is_silent_what_it_last_said_counts(
    make_directory: MakeDirectory, sandbox: Sandbox, clock: Clock, kind: str
) -> None:
    """With its age, in the process that asked and in any other; up to a week."""
    directory = make_directory()
    known = await directory.actor(ALICE)
    await kept(directory)
    clock.jump(OLDEST.total_seconds() - 60)
    async with slack_fails(sandbox, kind):
        assert await directory.actor(ALICE) == known
        assert await make_directory().actor(ALICE) == known
        assert await make_directory(asks=False).actor(ALICE) == known
        clock.jump(61)
        for another in (directory, make_directory(), make_directory(asks=False)):
            actor = await another.actor(ALICE)
            assert (actor.standing, actor.role) == (Standing.UNKNOWN, Role.NONE)
    assert (await directory.actor(ALICE)).role is Role.RESPONDER


async def test_who_was_never_asked_about_has_no_rights_while_slack_is_silent(
    make_directory: MakeDirectory, sandbox: Sandbox
) -> None:
    """Nothing is assumed; and it is asked again at once when Slack is back."""
    directory = make_directory()
    async with slack_fails(sandbox):
        actor = await directory.actor(CAROL)
        assert (actor.id, actor.standing, actor.role) == (CAROL, Standing.UNKNOWN, Role.NONE)
    assert (await directory.actor(CAROL)).role is Role.ADMIN


async def test_the_settings_count_as_they_are_now(make_directory: MakeDirectory) -> None:
    """What is kept is what Slack said; the role is derived anew."""
    directory = make_directory()
    await directory.actor(FRANK)
    await kept(directory)
    by_name = Grants(responders=frozenset(), approvers=frozenset(), admins=frozenset({FRANK}))
    actor = await make_directory(asks=False, grants=by_name).actor(FRANK)
    assert (actor.role, actor.groups) == (Role.ADMIN, (FRANK,))


async def test_a_deleted_group_gives_nothing_and_takes_nothing(make_directory: MakeDirectory, sandbox: Sandbox) -> None:
    """Slack's `no_such_subteam`: the other lists still hold."""
    del sandbox.workspace.state.groups["S0RESPOND"]
    directory = make_directory()
    assert (await directory.actor(ALICE)).role is Role.VIEWER
    assert (await directory.actor(BOB)).role is Role.APPROVER


async def test_somebody_who_is_gone_is_not_remembered(
    make_directory: MakeDirectory, sandbox: Sandbox, clock: Clock
) -> None:
    """Slack knows them no more, so an outage after that gives no process, and no terminal, an older word to go by."""
    directory = make_directory()
    assert (await directory.actor(ALICE)).role is Role.RESPONDER
    await kept(directory)
    del sandbox.workspace.state.accounts[ALICE]
    clock.jump(FRESH.total_seconds())
    assert (await directory.actor(ALICE)).standing is Standing.UNKNOWN
    await kept(directory)
    assert (await make_directory(asks=False).actor(ALICE)).standing is Standing.UNKNOWN
    async with slack_fails(sandbox):
        assert (await directory.actor(ALICE)).standing is Standing.UNKNOWN


async def test_the_newest_answer_counts_whichever_process_had_it(
    make_directory: MakeDirectory, sandbox: Sandbox, clock: Clock
) -> None:
    """One process knows that somebody left: in an outage another goes by that, and not by what it was told before."""
    first, second = make_directory(), make_directory()
    assert (await first.actor(ALICE)).role is Role.RESPONDER
    sandbox.workspace.account(ALICE).kind = "deactivated"
    clock.jump(FRESH.total_seconds())
    assert (await second.actor(ALICE)).standing is Standing.DEACTIVATED
    await kept(second)
    async with slack_fails(sandbox):
        assert (await first.actor(ALICE)).standing is Standing.DEACTIVATED


async def test_a_silent_database_hides_nobody(
    make_directory: MakeDirectory, proxy: DatabaseProxy, shaky: Database, sandbox: Sandbox, clock: Clock
) -> None:
    """Slack's answer counts, and is kept in the process; without Slack as well, who is not known there has no rights."""
    proxy.set("down")
    directory = make_directory(database=shaky)
    assert (await directory.actor(ALICE)).role is Role.RESPONDER
    clock.jump(FRESH.total_seconds())
    async with slack_fails(sandbox):
        assert (await directory.actor(ALICE)).role is Role.RESPONDER
        assert (await directory.actor(BOB)).standing is Standing.UNKNOWN
    assert (await make_directory(asks=False, database=shaky).actor(ALICE)).standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("user", "is_what"),
    [
        ({"id": "U1", "team_id": "T1"}, Standing.MEMBER),
        ({"id": "U1", "team_id": "T1", "is_admin": True}, Standing.MEMBER),
        ({"id": "U1", "team_id": "T1", "deleted": True}, Standing.DEACTIVATED),
        ({"id": "U1", "team_id": "T1", "is_bot": True}, Standing.BOT),
        ({"id": "USLACKBOT", "team_id": "T1"}, Standing.BOT),
        ({"id": "U1", "team_id": "T1", "is_restricted": True}, Standing.GUEST),
        ({"id": "U1", "team_id": "T1", "is_ultra_restricted": True}, Standing.GUEST),
        ({"id": "U1", "team_id": "T2"}, Standing.STRANGER),
        ({"id": "U1", "team_id": "T1", "is_stranger": True}, Standing.STRANGER),
        ({"id": "U1"}, Standing.STRANGER),
        ({"id": "U1", "team_id": "T2", "is_restricted": True}, Standing.STRANGER),
        ({"id": "U1", "team_id": "T2", "deleted": True}, Standing.DEACTIVATED),
    ],
)
def test_only_full_members_of_the_home_workspace_are_members(user: dict[str, Any], is_what: Standing) -> None:
    """Whatever is said of anybody else."""
    assert standing(user, "T1") is is_what
