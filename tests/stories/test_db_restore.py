"""`db restore`: Supabase restores the database, in an open P0, once what is lost was read and a second person agreed."""

from __future__ import annotations

import re

import pytest
from storytelling import Said, Story, until

REF = "abcdefghijklmnopqrst"
POLL = {"ILAB_BACKUPS__POLL_SECONDS": "0.05"}


async def prepared(stage: Story, kept: str = "daily") -> str:
    """A bot, an open P0, and the number of the newest daily backup."""
    stage.sandbox.vendors["supabase_management"].set_switch("backups", kept)
    await stage.start(**POLL)
    await stage.asks("alice", "/ilab incident declare P0 half of the customers are gone")
    await stage.settled()
    found = re.search(r"^(\d{6})  completed", (await stage.asks("carol", "/ilab db backups")).text, re.MULTILINE)
    return found[1] if found else ""


def card(story: Story) -> Said:
    """The newest card of a restore, wherever it stands."""
    return [one for one in story.sees("bob", "ops-approvals") if "Db restore · request" in one.text][-1]


async def approves(story: Story) -> int:
    """Bob approves the restore that waits; its number."""
    query = "select id from requests where state = 'awaiting_approval' and operation = 'db restore'"

    async def waits() -> bool:
        return bool(await story.rows(query))

    await until(waits, "no restore waits")
    number = int((await story.rows(query))[0][0])
    await story.says("bob", f"/ilab approve {number}")
    return number


def restores(story: Story) -> list[dict[str, object]]:
    """What Supabase was asked to restore."""
    return list(story.sandbox.vendors["supabase_management"].restores)


async def followed(story: Story) -> None:
    """The bot has seen that Supabase restores, and says so on the card."""
    said = "select 1 from requests where progress like %s"

    async def says() -> bool:
        return bool(await story.rows(said, "Supabase restores it since % (restoring)%"))

    await until(says, "the bot never saw it", 30)


async def looked_again(story: Story, before: int) -> None:
    """Supabase was asked how the project is, and has answered, since so many calls were logged."""
    log = story.sandbox.vendors["supabase_management"].log
    await until(
        lambda: any(one.call == "management.project" and one.status == 200 for one in log[before:]),
        "nobody asked how the project is",
        30,
    )


async def test_restored_from_a_backup(stage: Story) -> None:
    """What is lost is said first; the reference typed, bob approves; the card follows it, and offers what comes next."""
    number = await prepared(stage)
    said = await stage.asks("carol", f"/ilab db restore {number}")
    assert said.first_line.startswith("This destroys everything that was written since ")
    assert re.search(r"\d+ signups, \d+ purchases, \d+ grants, \d+ interviews, \d+ answers", said.first_line)
    assert "The project is offline while Supabase restores it" in said.text
    assert f"/ilab db restore {number} {REF}" in said.text
    assert await stage.rows("select count(*) from requests where state <> 'denied'") == [(0,)]
    said = await stage.asks("carol", f"/ilab db restore {number} {REF}")
    assert f"waits for approval: restore backup {number} of " in said.first_line
    await stage.settled()
    assert "Undo  there is none but another restore" in card(stage).text
    request = await approves(stage)
    await followed(stage)
    await stage.news("bob", lambda one: "(restoring); the product is offline" in one.text, "ops-approvals")
    assert (await stage.asks("carol", f"/ilab db restore {number} {REF}")).first_line == (
        "Supabase is restoring the project already."
    )
    stage.sandbox.world.clock.jump(601)
    await until(lambda: stage.state_of(request, "succeeded"), "it never ended")
    await stage.settled()
    assert "Restored, and the project is healthy again after 10 min." in card(stage).text
    assert card(stage).buttons == ["Database health", "Sweep payments"]
    (restored,) = restores(stage)
    assert restored["id"] == int(number)


@pytest.mark.parametrize("to", ["30m", "time"])
async def test_restored_to_a_moment(stage: Story, to: str) -> None:
    """With point-in-time recovery any moment of its window: so long ago, or by its time in UTC."""
    await prepared(stage, "pitr")
    moment = stage.sandbox.world.clock.timestamp() - 1800
    words = to if to == "30m" else f"{stage.sandbox.world.clock.now():%Y-%m-%d}T00:00"
    said = await stage.asks("carol", f"/ilab db restore {words} {REF}")
    assert "waits for approval: restore the state of " in said.first_line
    request = await approves(stage)
    await until(lambda: bool(restores(stage)), "Supabase was never asked")
    asked = restores(stage)[0]["recovery_time_target_unix"]
    assert isinstance(asked, int)
    assert to == "time" or abs(asked - moment) < 20
    await followed(stage)
    stage.sandbox.world.clock.jump(601)
    await until(lambda: stage.state_of(request, "succeeded"), "it never ended")


async def test_the_answer_is_lost(stage: Story) -> None:
    """Supabase begins, and its answer is lost: that it restores is found, and it is asked only once."""
    number = await prepared(stage)
    stage.sandbox.faults.add("supabase_management", "management.restore_backup", kind="lost")
    await stage.asks("carol", f"/ilab db restore {number} {REF}")
    request = await approves(stage)
    await until(lambda: bool(restores(stage)), "Supabase was never asked")
    stage.sandbox.faults.clear()
    await stage.tries_again(request)
    stage.sandbox.world.clock.jump(11)
    await followed(stage)
    stage.sandbox.world.clock.jump(601)
    await until(lambda: stage.state_of(request, "succeeded"), "it never ended")
    assert len(restores(stage)) == 1


async def test_killed_while_it_is_restored(stage: Story) -> None:
    """Killed with -9 while Supabase restores: the next bot follows it to its end, and asks for nothing again."""
    stage.sandbox.vendors["supabase_management"].set_switch("backups", "daily")
    async with stage.process(**POLL) as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("alice", "/ilab incident declare P0 half of the customers are gone")
        await until(lambda: stage.has_rows("incidents", 1), "no incident")
        await stage.says("carol", "/ilab db backups")
        found = await stage.news("carol", lambda one: "completed" in one.text)
        number = re.search(r"^(\d{6})  completed", found.text, re.MULTILINE)[1]  # type: ignore[index]  # it is there
        await stage.says("carol", f"/ilab db restore {number} {REF}")
        await stage.news("carol", lambda one: "waits for approval: restore" in one.text)
        request = await approves(stage)
        await until(lambda: bool(restores(stage)), "Supabase was never asked", 30)
        process.kill()
        await process.wait()
    before = len(stage.sandbox.vendors["supabase_management"].log)
    await stage.start(**POLL)
    await stage.make_jobs_stalled()
    await looked_again(stage, before)
    await followed(stage)
    stage.sandbox.world.clock.jump(601)
    await until(lambda: stage.state_of(request, "succeeded"), "it never ended", 30)
    assert len(restores(stage)) == 1


async def test_what_is_wrong_is_said(stage: Story) -> None:
    """Each gets its sentence, and nothing is asked for."""
    number = await prepared(stage)
    for words, says in (
        ("739000", "Supabase keeps no whole backup 739000."),
        ("30m", "No moment can be restored: point-in-time recovery is not on."),
        ("yesterday", "“yesterday” is neither a backup nor a time."),
        ("2026-13-45T99:00", "is neither a backup nor a time."),
        ("NUMBER wrongref", "This destroys everything that was written since"),
    ):
        said = await stage.asks("carol", f"/ilab db restore {words.replace('NUMBER', number)}")
        assert says in said.first_line
        assert ("You typed “wrongref”" in said.text) == ("wrongref" in words)
    assert await stage.rows("select count(*) from requests where state <> 'denied'") == [(0,)]


async def test_when_it_may_be_asked_for(story: Story) -> None:
    """Not without an open P0, not in a P1, never in a drill, and by an admin alone."""
    assert "needs an admin" in (await story.asks("bob", f"/ilab db restore 739945 {REF}")).text
    needs = "A restore needs an open P0 that is no drill."
    assert (await story.asks("carol", f"/ilab db restore 739945 {REF}")).first_line == needs
    await story.asks("alice", "/ilab incident declare P1 slow")
    assert (await story.asks("carol", f"/ilab db restore 739945 {REF}")).first_line == needs
    async with story.bots[0].core.services.database.transaction() as transaction:
        await transaction.execute("update incidents set severity = 'P0', drill = 'database'")
    assert (await story.asks("carol", f"/ilab db restore 739945 {REF}")).first_line == needs


async def test_supabase_refuses(stage: Story) -> None:
    """A refusal is a failure, for certain, and says so; the database's silence while planning is said, too."""
    number = await prepared(stage)
    stage.sandbox.faults.add("supabase_management", "management.restore_backup", kind="status", status=403)
    stage.sandbox.databases["product"].set("down")
    said = await stage.asks("carol", f"/ilab db restore {number} {REF}")
    assert "lose what cannot be counted, since the database does not answer" in said.first_line
    request = await approves(stage)
    await until(lambda: stage.state_of(request, "failed"), "it never ended")
    await stage.settled()
    assert "refuses our key (403)" in card(stage).text
    assert restores(stage) == []
