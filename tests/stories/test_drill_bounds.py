"""What is asked for in a drill's channel changes nothing real, whatever it is."""

from __future__ import annotations

import pytest
from drills import played, room, writes
from incidents import declared, done, later, state_of, types
from storytelling import Said, Story, until

from bot.app import registry
from bot.operation import Act, Change
from sandbox.product.books import CASES

CHANGING = [operation for operation in registry() if isinstance(operation, Act | Change)]
PLAYED = [one for one in CHANGING if isinstance(one, Act) and one.in_drills]
WRITTEN_DOWN = [one for one in CHANGING if one not in PLAYED]
THERE = {"3": "1", "7": "1", "12": "1", "42": "2", "INC-12": "INC-1", "INC-13": "INC-1"}
"""What the registry's examples speak of, and what of its kind there is in these stories."""


def examples(operations: list[Act | Change]) -> list[str]:
    """Their examples, about what is really there."""
    lines = [example for operation in operations for example in operation.examples]
    return [" ".join(THERE.get(word, word) for word in line.split()) for line in lines]


@pytest.fixture
async def surrounded(stage: Story) -> Story:
    """A story with a real incident, a maintenance that runs, a request that waits and an alert that fires."""
    bot = await stage.start(ILAB_WEB__PORT="0")
    assert bot.address is not None
    stage.sandbox.world.webhooks.url = bot.address
    await types(stage, "alice", "/ilab maintenance schedule next --what faster search")
    await types(stage, "bob", "/ilab approve 1")
    await until(lambda: is_announced(stage), "customers were never told", 60)
    ((start_at,),) = await stage.rows("select start_at from maintenances")
    stage.sandbox.world.clock.jump((start_at - stage.sandbox.world.clock.now()).total_seconds())
    await done(stage)
    await declared(stage, "P0 checkout answers 500")
    await types(stage, "alice", "/ilab incident ack INC-1")
    body = {"title": "Search fails", "state": "firing", "at": stage.sandbox.world.clock.now().isoformat()}
    stage.sandbox.world.webhooks.send("generic", body)
    await stage.sandbox.world.webhooks.settled()
    await types(
        stage, "erin", f"/ilab grant {CASES['never_bought']} 5 --tier professional --reason the webhook was lost"
    )
    await done(stage)
    return stage


async def is_announced(story: Story) -> bool:
    """Whether customers were told of the maintenance."""
    return "announced" in (await story.rows("select told from maintenances"))[0][0]


async def real(story: Story) -> list[object]:
    """How all stands that is no drill."""
    return [
        await story.rows("select state, severity, title, lead from incidents where drill is null"),
        await story.rows("select state from requests order by id"),
        await story.rows("select state from maintenances"),
        await story.rows("select state from alerts"),
    ]


async def says(story: Story, words: str, place: str) -> Said:
    """Carol, who may do everything, types in the drill's channel, and reads what she alone is told."""
    await story.says("carol", f"/ilab {words}", place)
    await story.settled()
    return [said for said in story.sees("carol", place) if said.ephemeral][-1]


async def test_nothing_real_is_touched(surrounded: Story) -> None:
    """Every command that changes something, in a drill's channel: written down, refused, or about the drill; no vendor hears."""
    story = surrounded
    place = await played(story)
    await types(story, "carol", "/ilab incident join INC-2")
    stood, before = await real(story), writes(story)
    for words in examples(WRITTEN_DOWN):
        said = await says(story, words, place)
        assert "is written down, and nothing was asked for or changed" in said.first_line, (words, said.text)
        assert "ask in any other channel" in said.text
    for words in examples(PLAYED):
        said = await says(story, words, place)
        if "INC-1" in words or words.startswith(("incident join", "incident retry")):
            assert said.first_line == "DRILL INC-2 is only played here, and INC-1 is no drill.", (words, said.text)
    await done(story)
    assert writes(story) == before
    assert await real(story) == stood
    over = await says(story, "rollback", place)
    assert over.first_line == "DRILL INC-2 is cancelled, and in its channel nothing real is asked for."


async def test_a_form_that_was_opened_there(story: Story) -> None:
    """What is filled in and sent from a form of the drill's channel is written down, too, as is a button's press."""
    place = await played(story, "incident drill bad-deployment")
    before = writes(story)
    assert (await story.says("alice", "/ilab user confirm", place)).ok
    await until(lambda: story.modal("alice") is not None, "no form opened")
    shown = await story.submits("alice", email=CASES["never_bought"])
    assert "`user confirm` is written down" in shown.text
    await types(story, "alice", "/ilab incident assess deployment --share 40", place)
    await story.presses("alice", "Roll back", place)
    moves = await story.rows("select said from timeline where kind = 'change' order by id")
    assert [said for (said,) in moves] == [
        "alice would have asked for `user confirm`; in a drill nothing is changed.",
        "alice would have asked for `rollback`; in a drill nothing is changed.",
    ]
    assert await story.rows("select id from requests") == []
    assert writes(story) == before


async def is_acknowledged(story: Story) -> bool:
    """Whether our database knows that somebody has it."""
    return await state_of(story) == "acknowledged"


async def test_a_drill_while_our_database_is_silent(story: Story) -> None:
    """It is acknowledged, and PagerDuty hears nothing; what is meant in earnest is asked for elsewhere."""
    place = await played(story)
    before = writes(story)
    keeper = story.bots[0].core.runner.keeper
    assert keeper is not None
    await until(lambda: list(keeper._ledger), "the drill was never mirrored")
    story.sandbox.databases["own"].set("down")
    await until(lambda: keeper.silent, "nobody noticed that the database is silent")
    await story.says("alice", "/ilab incident ack", place)
    await until(lambda: any("is acknowledged by alice" in said.text for said in story.sees("bob", place)), "never told")
    await story.says("alice", "/ilab incident declare P0 checkout is down", place)
    refused = "My own database does not answer, and DRILL INC-1 is only played here."
    await until(lambda: refused in [said.first_line for said in story.sees("alice", place)], "it was not refused")
    story.sandbox.databases["own"].set("up")
    await until(lambda: is_acknowledged(story), "it was never brought in", 30)
    await later(story, 1)
    assert writes(story) == before
    assert room(story).topic["value"].startswith("DRILL INC-1 P0")
