"""What changed in the two hours before an incident: the first thing that its channel says."""

from __future__ import annotations

from storytelling import Story, until

from sandbox.product.books import CASES
from sandbox.vendors.vercel_deployments import Deployments


def deployments(story: Story) -> Deployments:
    """Vercel's deployments."""
    return story.sandbox.vendors["vercel"].deployments


async def said_in_the_room(story: Story) -> str:
    """Frank declares a P0; what its channel says of what changed."""
    await story.asks("frank", "/ilab incident declare P0 everything fails")
    channels = story.sandbox.workspace.state.channels

    def found() -> list[str]:
        rooms = [channel.id for channel in channels.values() if channel.name.startswith("inc-")]
        texts = [said.text for room in rooms for said in story.sees("frank", room)]
        return [text for text in texts if "in the last 2 hours" in text]

    await until(found, "what changed was never said", 30)
    await story.settled()
    return found()[0]


async def test_what_changed(stage: Story) -> None:
    """Deployments with author, the migration that came with one, a rollback in the dashboard, and a change through us."""
    await stage.start(ILAB_DEPLOYS__POLL_SECONDS="0.05")
    held = deployments(stage)
    first = held.push("Add sessions.mood", ("db/migrations/015_session_mood.sql", "lib/mood.ts"), age=3600)
    held.push("Interviewer personas", ("lib/personas.ts",), age=1800, outcome="ERROR")
    held.settle(stage.sandbox.world.clock.timestamp())
    await stage.asks("alice", f"/ilab grant {CASES['never_bought']} 5 --reason a customer's own business")
    await stage.presses("bob", "Approve", "ops-approvals")
    await until(lambda: stage.state_of(1, "succeeded"), "it was never granted")
    await stage.asks("alice", "/ilab rollback")
    await stage.settled()
    await stage.presses("bob", "Approve", "ops-approvals")
    await until(lambda: held.job is not None, "Vercel was never asked")
    stage.sandbox.world.clock.jump(3)
    await until(lambda: stage.state_of(2, "succeeded"), "it was never rolled back")
    said = await said_in_the_room(stage)
    head = said.splitlines()[0]
    for counted in ("2 deployments", "1 migration", "1 rollback", "1 change through me"):
        assert counted in head
    assert f"Deployment {first.commit.sha[:7]}  Add sessions.mood · {first.commit.author.login} · served before" in said
    assert ":red_circle: Deployment" in said
    assert "Interviewer personas" in said
    assert "Migration 015_session_mood.sql  came with these deployments" in said
    assert f"Rollback  from {first.commit.sha[:7]} to {held.current.commit.sha[:7]}: succeeded" in said
    assert "Request 2  roll production back" in said
    assert "across 1 migration: succeeded" in said
    assert "grant" not in said


async def test_nothing_changed(story: Story) -> None:
    """Nothing did: that is said, and no button offers to undo it."""
    said = await said_in_the_room(story)
    assert said.startswith(
        "Nothing changed in the last 2 hours: no deployment, no move, no migration, nothing through me."
    )
    assert "Roll back" not in said


async def test_the_way_back_is_offered(story: Story) -> None:
    """What serves is ten minutes old: the channel offers the rollback, whose card stands there; GitHub fails, and is said."""
    story.sandbox.vendors["vercel"].set_switch("production", "broken")
    story.sandbox.faults.add("github", kind="status", status=500)
    said = await said_in_the_room(story)
    assert said.startswith("What changed in the last 2 hours: 1 deployment.")
    assert ":grey_question: Migrations: GitHub fails (500)." in said
    assert "[Roll back…]" in said
    story.sandbox.faults.clear("github")
    room = next(one.id for one in story.sandbox.workspace.state.channels.values() if one.name.startswith("inc-"))
    await story.presses("alice", "Roll back…", room)
    told = [one.text for one in story.sees("alice", room) if one.ephemeral]
    assert any("Request 1 waits for approval: roll production back" in text for text in told)
    await until(lambda: [one for one in story.sees("bob", room) if "Rollback · request 1" in one.text], "no card")
    assert not [one for one in story.sees("bob", "ops-approvals") if "Rollback" in one.text]


async def test_it_cannot_be_said(story: Story) -> None:
    """Vercel does not answer: that is no "nothing changed"."""
    story.sandbox.faults.add("vercel", kind="status", status=500)
    said = await said_in_the_room(story)
    assert said.startswith(":grey_question: Whether anything changed in the last 2 hours could not be checked.")
    assert "Deployments: Vercel fails (500)." in said
