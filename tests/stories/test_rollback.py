"""`rollback` and `deploy promote`: production moved once, followed until it is so, and looked after."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from storytelling import Said, Story, ilab, until

from sandbox.product.books import CASES, PASSWORD
from sandbox.vendors.vercel_deployments import Deployment, Deployments
from sandbox.world import CREDENTIALS


@pytest.fixture
async def story(stage: Story) -> Story:
    """The bot, which asks Vercel twenty times a second how far a move is."""
    await stage.start(ILAB_DEPLOYS__POLL_SECONDS="0.05")
    return stage


class Customer:
    """Somebody with interviews left, at the site."""

    def __init__(self, story: Story, http: httpx.AsyncClient) -> None:
        """Nobody is signed in yet."""
        self._url, self._http = story.sandbox.url, http

    async def starts_an_interview(self) -> int:
        """They sign in and start one; what the site answers."""
        key = {"apikey": CREDENTIALS["supabase.publishable_key"]}
        body = {"email": CASES["granted_twice"], "password": PASSWORD}
        signed_in = await self._http.post(
            f"{self._url}/supabase/auth/v1/token?grant_type=password", json=body, headers=key
        )
        token = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        started = await self._http.post(f"{self._url}/site/api/interview/start", json={"mode": "text"}, headers=token)
        return started.status_code


@pytest.fixture
async def customer(story: Story) -> AsyncIterator[Customer]:
    """A customer at the site of this story."""
    async with httpx.AsyncClient() as http:
        yield Customer(story, http)


def deployments(story: Story) -> Deployments:
    """Vercel's deployments."""
    return story.sandbox.vendors["vercel"].deployments


def jump(story: Story, seconds: float) -> None:
    """The time passes."""
    story.sandbox.world.clock.jump(seconds)


def asked_of_vercel(story: Story, call: str = "rollback") -> list[Any]:
    """The calls that moved something."""
    return [logged for logged in story.sandbox.vendors["vercel"].log if logged.call == call]


def break_site(story: Story) -> tuple[Deployment, Deployment]:
    """A push goes live that breaks everything: the bad deployment, and the good one before it."""
    good = deployments(story).current
    story.sandbox.vendors["vercel"].set_switch("production", "broken")
    return deployments(story).current, good


def card(story: Story, word: str = "Rollback") -> Said:
    """The newest card in the approvals channel."""
    return [said for said in story.sees("bob", "ops-approvals") if f"{word} · request" in said.text][-1]


async def asked(story: Story, words: str = "/ilab rollback", card_of: str = "Rollback") -> Said:
    """Alice asks, and the card is there."""
    said = await story.asks("alice", words)
    assert "waits for approval" in said.first_line, said.text
    await story.settled()
    return card(story, card_of)


async def approved(story: Story, words: str = "/ilab rollback", card_of: str = "Rollback") -> None:
    """Alice asks, bob approves."""
    await story.presses("bob", "Approve", "ops-approvals", said=await asked(story, words, card_of))


async def moved(story: Story, call: str = "rollback") -> None:
    """Vercel has been asked, and the time passes that it needs."""
    await until(lambda: asked_of_vercel(story, call), "Vercel was never asked")
    jump(story, 3)


async def ended(story: Story, state: str, card_of: str = "Rollback") -> Said:
    """The card, once it says how it ended."""
    await until(lambda: f"State  {state}" in card(story, card_of).text, f"it never was {state}")
    await story.settled()
    return card(story, card_of)


async def test_a_bad_deployment_is_rolled_back(story: Story, customer: Customer) -> None:
    """A customer fails, alice asks, bob approves, the domains move, every check runs again, and the customer succeeds."""
    assert await customer.starts_an_interview() == 201
    bad, good = break_site(story)
    assert await customer.starts_an_interview() == 500
    assert ":red_circle:" in (await story.asks("alice", "/ilab status --fresh")).first_line
    stood = await asked(story, "/ilab rollback --reason everything fails since the deployment")
    names = f"{bad.commit.sha[:7]} to {good.commit.sha[:7]}"
    assert f"Rollback · request 1: roll production back from {names}" in stood.first_line
    for text in (
        "Why  everything fails since the deployment",
        f"Now  {bad.commit.sha[:7]} “Rewrite the session middleware” by {bad.commit.author.login}, built ",
        "10 min before this was asked",
        f"Back to  {good.commit.sha[:7]} “{good.commit.message}” by {good.commit.author.login}, built ",
        "Database  no migration lies between",
        "In between  1 commit undone",
        f"{bad.commit.sha[:7]}  Rewrite the session middleware",
        "later pushes stay staged until one is promoted",
        f"Undo  `/ilab deploy promote {bad.commit.sha[:7]}`",
    ):
        assert text in stood.text
    assert stood.button("Approve")["confirm"]["text"]["text"] == f"roll production back from {names}"
    await story.presses("bob", "Approve", "ops-approvals", said=stood)
    await until(lambda: "Progress  Vercel says" in card(story).text, "no progress was shown")
    assert await customer.starts_an_interview() == 500
    await moved(story)
    done = await ended(story, "succeeded, approved by bob")
    assert re.search(rf"Outcome  production serves {good.commit.sha[:7]}, \d s after Vercel was asked", done.text)
    assert "Health  Nothing of ours fails, but deployments are held (rolled back)" in done.text
    assert done.buttons == ["Status", "Promote the newest…"]
    assert await customer.starts_an_interview() == 201
    assert deployments(story).current is good
    [call] = asked_of_vercel(story)
    assert call.query["description"] == "ilab request 1"
    told = [said.text for said in story.sees("alice", story.direct("alice"))]
    assert any("Request 1 succeeded: production serves" in text for text in told)


async def test_until_it_is_promoted_status_says_so(story: Story, customer: Customer) -> None:
    """After a rollback a push stays staged, and status says so with a button; promoting it ends both."""
    bad, _ = break_site(story)
    await approved(story)
    await moved(story)
    await ended(story, "succeeded")
    held = await story.asks("alice", "/ilab status --fresh")
    assert "rolled back: later pushes stay staged until you promote" in held.text
    assert "Deployments" in held.buttons
    nothing = await story.presses("alice", "Promote the newest…", "ops-approvals")
    assert nothing.first_line == "Nothing waits to be promoted."
    assert f"`/ilab deploy promote {bad.commit.sha[:7]}` brings back what was there before, as it was." in nothing.text
    again = await story.asks("alice", f"/ilab deploy promote {bad.commit.sha[:7]}")
    assert "Warning: again  this is what was rolled back from" in again.text
    await story.presses("alice", "Withdraw it", said=again)
    fix = deployments(story).push("Mend the session middleware", ("middleware.ts",), age=200)
    held = await story.asks("alice", "/ilab status --fresh")
    assert "1 staged" in held.text
    listed = await story.asks("frank", "/ilab deploy list")
    assert "later pushes stay staged until you promote" in listed.first_line
    assert f"1 waiting, the newest is {fix.commit.sha[:7]}" in listed.text
    asked = await story.presses("alice", "Promote…", said=held)
    assert f"promote production from {deployments(story).current.commit.sha[:7]} to {fix.commit.sha[:7]}" in asked.text
    assert "later pushes go live by themselves again" in asked.text
    await story.settled()
    await story.presses("bob", "Approve", "ops-approvals", said=card(story, "Deploy promote"))
    await moved(story, "promote")
    done = await ended(story, "succeeded", "Deploy promote")
    assert "Health  All well" in done.text
    assert done.buttons == ["Status", "Roll back…"]
    assert deployments(story).current is fix
    assert "stay staged" not in (await story.asks("alice", "/ilab status --fresh")).text
    assert await customer.starts_an_interview() == 201
    kinds = [
        row[0] for row in await story.rows("select kind from audit where starts_with(kind, 'request.') order by seq")
    ]
    once = ["request.asked", "request.approved", "request.executed"]
    assert kinds == [*once, "request.refused", "request.asked", "request.withdrawn", *once]


async def test_the_answer_is_lost(story: Story) -> None:
    """Vercel rolls back, and its answer never comes: the card ends true, and Vercel was asked once."""
    _, good = break_site(story)
    story.sandbox.faults.add("vercel", "rollback", kind="lost", times=1)
    await approved(story)
    await until(lambda: "I go on asking" in card(story).text, "it never said that it does not know")
    await story.tries_again(1)
    assert "State  executing" in card(story).text
    jump(story, 11)
    done = await ended(story, "succeeded")
    assert f"production serves {good.commit.sha[:7]}" in done.text
    assert len(asked_of_vercel(story)) == 1


async def test_the_call_never_arrived(story: Story) -> None:
    """The connection broke before Vercel heard: it is looked for, not found, and asked again."""
    break_site(story)
    story.sandbox.faults.add("vercel", "rollback", kind="refused", times=1)
    await approved(story)
    await until(lambda: "I go on asking" in card(story).text, "it never said that it failed")
    await story.tries_again(1)
    jump(story, 11)
    await until(lambda: len(asked_of_vercel(story)) == 2, "it was never asked again")
    jump(story, 3)
    await ended(story, "succeeded")
    assert [call.acted for call in asked_of_vercel(story)] == [False, True]


async def test_too_many_requests(story: Story) -> None:
    """429 to the call, then 429 to the looking: it goes on, says why it waits, and ends true."""
    break_site(story)
    story.sandbox.faults.add("vercel", "rollback", kind="status", status=429, seconds=1, times=1)
    await approved(story)
    await until(lambda: "Vercel had too many requests from us (429)." in card(story).text, "it never said why it waits")
    await story.tries_again(1)
    jump(story, 11)
    await until(lambda: len(asked_of_vercel(story)) == 2, "it was never asked again")
    story.sandbox.faults.add("vercel", "get project", kind="status", status=429, seconds=1, times=1)
    await until(lambda: "Vercel says nothing (Vercel had too many requests" in card(story).text, "it never said why")
    jump(story, 3)
    await ended(story, "succeeded")
    assert [call.acted for call in asked_of_vercel(story)] == [False, True]


@pytest.mark.parametrize(("switch", "word"), [("failing", "failed"), ("skipped", "skipped")])
async def test_vercel_gives_up(story: Story, switch: str, word: str) -> None:
    """Vercel's job fails, or is skipped: the request failed, the domains that did not move are named, nothing changed."""
    bad, _ = break_site(story)
    story.sandbox.vendors["vercel"].set_switch("alias_moves", switch)
    await approved(story)
    await moved(story)
    done = await ended(story, "failed")
    assert f"Outcome  Vercel says {word}: the domains did not move." in done.text
    if switch == "failing":
        assert "Not moved: interviewlab.io, www.interviewlab.io" in done.text
    assert done.buttons == ["Deployments", "Status"]
    assert deployments(story).current is bad


async def test_the_domains_never_move(story: Story) -> None:
    """Vercel says in-progress for ever: it is followed, and after ten minutes the card says that it cannot be known."""
    break_site(story)
    story.sandbox.vendors["vercel"].set_switch("alias_moves", "stuck")
    await approved(story)
    await until(lambda: "Vercel says in-progress" in card(story).text or jump(story, 1), "no progress was shown")
    jump(story, 200)
    late = "min: Vercel says in-progress. Its status page may say why: `/ilab status`. I go on asking."
    await until(lambda: late in card(story).text, "it never said that it is late")
    assert "State  executing" in card(story).text
    jump(story, 10 * 60)
    done = await ended(story, "unknown")
    assert "It cannot be known: The domains have not moved in" in done.text
    assert len(asked_of_vercel(story)) == 1


async def shown_as_it_is(story: Story) -> bool:
    """Whether no card is behind, or being shown."""
    return await story.rows("select 1 from cards where wanted > shown or claimed_until is not null") == []


async def test_killed_while_it_follows(stage: Story) -> None:
    """Killed with -9 between asking and the move: the next bot finds it, asks nothing again, and ends it true."""
    _, good = break_site(stage)
    async with stage.process(ILAB_DEPLOYS__POLL_SECONDS="0.05") as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("alice", "/ilab rollback")
        await until(lambda: any("Rollback ·" in said.text for said in stage.sees("bob", "ops-approvals")), "no card")
        shown = card(stage)
        element = shown.button("Approve")
        container = {"type": "message", "channel": stage.channel("ops-approvals"), "ts": shown.raw["ts"]}
        await stage.sandbox.workspace.click(
            stage.person("bob"), container, element["action_id"], value=element["value"]
        )
        jump(stage, 0.5)
        await until(lambda: "Vercel says in-progress" in card(stage).text, "it never followed")
        await until(lambda: shown_as_it_is(stage), "the card was never shown as it is")  # an edit in flight is let end
        process.kill()
        await process.wait()
    jump(stage, 3)
    await stage.start(ILAB_DEPLOYS__POLL_SECONDS="0.05")
    await stage.make_jobs_stalled()
    await until(lambda: "State  succeeded" in card(stage).text, "it never ended", 30)
    assert deployments(stage).current is good
    assert len(asked_of_vercel(stage)) == 1


async def test_a_migration_in_between(story: Story) -> None:
    """It is named, with what a rollback does not do, and the confirmation counts it."""
    old = next(one for one in deployments(story).all if "score of each answer" in one.commit.message)
    said = await story.asks("alice", f"/ilab rollback {old.commit.sha[:7]}")
    assert "across 1 migration" in said.first_line
    assert "1 migration lies between (014_session_score_version.sql); a rollback does not undo it" in said.text
    assert "In between  3 commits undone" in said.text


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "status", "status": 500}, "could not check: GitHub fails (500)"),
        ({"kind": "status", "status": 404}, "could not check: GitHub does not have both commits"),
    ],
)
async def test_what_lies_between_cannot_be_checked(story: Story, fault: dict[str, Any], says: str) -> None:
    """GitHub fails: that is said as a warning, and the rollback is planned all the same."""
    break_site(story)
    story.sandbox.faults.add("github", **fault)
    said = await story.asks("alice", "/ilab rollback")
    assert "waits for approval" in said.first_line
    assert says in said.text
    assert "Warning: database  whether a migration lies between could not be checked" in said.text


async def test_a_window_to_leave_alone(story: Story) -> None:
    """On a Friday afternoon the plan warns, of a rollback mildly; on a Wednesday it does not."""
    now = story.sandbox.world.clock.now()
    for weekday, hour, warned in ((2, 14, False), (4, 13, True)):
        then = (now + timedelta(days=(weekday - now.weekday()) % 7 or 7)).replace(hour=hour, minute=0)
        story.sandbox.world.clock.jump((then - story.sandbox.world.clock.now()).total_seconds())
        said = await story.asks("alice", "/ilab rollback", "general")
        assert ("Warning: window  no deployments on Friday from 12:00 (UTC)" in said.text) is warned
        await story.presses("alice", "Withdraw it", "general", said=said)
        now = story.sandbox.world.clock.now()
    assert "a mitigation may be made all the same" in said.text
    story.sandbox.vendors["vercel"].set_switch("production", "rolled_back")
    deployments(story).push("A fix", ("lib/fix.ts",), age=200)
    said = await story.asks("alice", "/ilab deploy promote --reason ann@example.com waits for it", "general")
    assert "should it go wrong, few people are there" in said.text
    assert "Why  a•••@example.com waits for it" in said.text


async def test_wrong_targets(story: Story) -> None:
    """Each is refused with its reason and the right ones, and no request is made."""
    held = deployments(story)
    now = story.sandbox.world.clock.timestamp()
    right = held.candidates(now)[0].commit.sha[:7]
    preview = next(one for one in held.all if not one.production)
    failed = next(one for one in held.all if one.outcome == "ERROR")
    deleted = next(one for one in held.all if one.deleted)
    for words, why in (
        (f"rollback {held.current.id}", "it serves production already"),
        (f"rollback {preview.id}", "it is a preview"),
        (f"rollback {failed.commit.sha[:7]}", "it is not ready (build failed)"),
        (f"rollback {deleted.id}", "it was deleted"),
        (f"rollback {held.foreign.id}", "it belongs to another project"),
        ("rollback dpl_none", "Vercel knows no deployment “dpl_none”."),
        ("rollback 0000000", "No deployment of commit 0000000"),
        (f"deploy promote {held.candidates(now)[2].id}", "it is older than what serves, which is a rollback"),
    ):
        said = await story.asks("alice", f"/ilab {words}")
        assert why in said.text, said.text
        if words.startswith("rollback"):
            assert f"For the first: `/ilab rollback {right}`" in said.text
    building = held.push("Half built", ("x.ts",), age=10)
    assert "it is not ready (building)" in (await story.asks("alice", f"/ilab rollback {building.id}")).text
    assert (await story.asks("alice", "/ilab deploy promote")).first_line == "Nothing waits to be promoted."
    assert "You may not do this." in (await story.asks("frank", "/ilab rollback")).text
    assert await story.rows("select count(*) from requests where state <> 'denied'") == [(0,)]


async def test_what_is_staged_cannot_be_rolled_back_to(story: Story) -> None:
    """What never served, or is newer than what serves, is for promote; what was built elsewhere names no commits."""
    bad, _ = break_site(story)
    await approved(story)
    await moved(story)
    await ended(story, "succeeded")
    staged = deployments(story).push("A fix", ("lib/fix.ts",), age=200)
    said = await story.asks("alice", f"/ilab rollback {staged.id}")
    assert "it has never served, so it can only be promoted" in said.first_line
    said = await story.asks("alice", f"/ilab rollback {bad.commit.sha[:7]}")
    assert "it is newer than what serves, so it can only be promoted" in said.first_line
    staged.prebuilt = True
    said = await story.asks("alice", f"/ilab deploy promote {staged.id}")
    assert "one of them was built elsewhere, without a commit" in said.text
    assert "Warning: database" in said.text


async def test_one_at_a_time(story: Story) -> None:
    """While one is open a second is refused, and says where the first is; withdrawn, it makes room."""
    break_site(story)
    first = await story.asks("alice", "/ilab rollback")
    said = await story.asks("erin", "/ilab rollback")
    assert said.first_line == "Another request of this kind is open, and only one may be at a time."
    assert "/ilab approvals" in said.text
    await story.presses("alice", "Withdraw it", said=first)
    assert "waits for approval" in (await story.asks("erin", "/ilab rollback")).first_line


async def test_production_moved_in_the_meantime(story: Story) -> None:
    """Somebody rolls back in the dashboard before bob approves: the plan is stale, and nothing is asked of Vercel."""
    break_site(story)
    await story.asks("alice", "/ilab rollback")
    await story.settled()
    story.sandbox.vendors["vercel"].set_switch("production", "rolled_back")
    said = await story.presses("bob", "Approve", "ops-approvals")
    assert said.first_line == "Request 1 is stale, and was not run."
    assert "Production serves" in said.text
    assert asked_of_vercel(story) == []


async def test_somebody_else_is_quicker(story: Story) -> None:
    """Another move begins between the approval and ours: Vercel refuses ours (409), and so it is said."""
    break_site(story)
    held = deployments(story)
    target = held.candidates(story.sandbox.world.clock.timestamp())[3]
    story.sandbox.faults.add("vercel", "get project", kind="slow", seconds=0.2)
    await approved(story)
    held.move("rollback", target, behaviour="stuck")
    done = await ended(story, "failed")
    assert re.search(r"Vercel is moving the domains for somebody else|Somebody else's move", done.text)


async def test_from_a_terminal(story: Story, customer: Customer) -> None:
    """Asked and approved in terminals, with the same plan and the same end."""
    break_site(story)
    tokens = {}
    for name in ("alice", "bob"):
        shown = await story.asks(name, "/ilab token issue")
        tokens[name] = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", shown.text)[1]
    status, out, _ = await ilab(story, "run", "deploy", "list", token=tokens["alice"])
    assert (status, "Production serves" in out.splitlines()[0]) == (0, True)
    status, out, _ = await ilab(story, "run", "rollback", token=tokens["alice"])
    assert (status, "Request 1 waits for approval: roll production back" in out) == (0, True)
    assert "Warning: database" in out or "no migration lies between" in out
    status, out, _ = await ilab(story, "approve", "1", token=tokens["bob"])
    assert (status, out.splitlines()[0]) == (0, "Approved. Request 1 runs now.")
    await moved(story)
    await ended(story, "succeeded")
    assert await customer.starts_an_interview() == 201


async def test_a_hundred_presses(story: Story) -> None:
    """Bob and dave press fifty times each: Vercel is asked once."""
    break_site(story)
    await story.asks("alice", "/ilab rollback")
    await story.settled()
    shown = card(story)
    element = shown.button("Approve")
    container = {"type": "message", "channel": story.channel("ops-approvals"), "ts": shown.raw["ts"]}
    presses = [
        story.sandbox.workspace.click(story.person(name), container, element["action_id"], value=element["value"])
        for name in ("bob", "dave") * 50
    ]
    await asyncio.gather(*presses)
    await moved(story)
    await ended(story, "succeeded")
    assert len(asked_of_vercel(story)) == 1
