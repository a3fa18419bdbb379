"""The way to Slack: dropped sockets, dead addresses, limits, duplicates, and a bot that dies in the middle."""

from __future__ import annotations

import pytest
from storytelling import Story, until


async def test_the_socket_drops(story: Story) -> None:
    """A dropped socket comes back by itself: the next command is answered, without a restart."""
    hellos = story.sandbox.workspace.socket.hellos
    story.sandbox.workspace.socket.drop()
    await until(lambda: story.sandbox.workspace.socket.hellos > hellos, "the bot never came back", 30)
    assert (await story.asks("alice", "/ilab status")).first_line.endswith("17 of 17 checks ok")


async def test_slack_asks_to_reconnect(story: Story) -> None:
    """`refresh_requested` is followed at once."""
    hellos = story.sandbox.workspace.socket.hellos
    await story.sandbox.workspace.socket.disconnect("refresh_requested")
    await until(lambda: story.sandbox.workspace.socket.hellos > hellos, "the bot never came back", 30)
    assert (await story.asks("alice", "/ilab whoami")).first_line == "You are alice, a responder."


async def test_the_address_is_dead(story: Story) -> None:
    """An address whose ticket died is thrown away, which the SDK alone never does: the bot asks for a new one."""
    hellos = story.sandbox.workspace.socket.hellos
    story.sandbox.workspace.socket.break_next_ticket()
    await until(lambda: story.sandbox.workspace.socket.hellos > hellos, "the bot never came back", 60)
    assert (await story.asks("alice", "/ilab whoami")).first_line == "You are alice, a responder."


async def test_slack_says_429(story: Story) -> None:
    """A response address that asks to wait is waited for; the answer comes once."""
    story.sandbox.faults.add("slack", "response_url", kind="status", status=429, seconds=1, times=1)
    said = await story.asks("alice", "/ilab status")
    assert said.first_line.endswith("17 of 17 checks ok")
    assert len(story.sees("alice")) == 1


@pytest.mark.parametrize("kind", ["status", "refused"])
async def test_the_response_address_fails_for_good(story: Story, kind: str) -> None:
    """Where the response address never works, the answer comes as a message that only the asker sees."""
    story.sandbox.faults.add("slack", "response_url", kind=kind, status=404)
    said = await story.asks("alice", "/ilab whoami")
    assert said.first_line == "You are alice, a responder."
    assert said.ephemeral


async def test_slack_says_429_to_everything(story: Story) -> None:
    """While Slack holds back who somebody is, the last known role counts; the next command works as ever."""
    await story.asks("alice", "/ilab whoami")
    fault = story.sandbox.faults.add("slack", kind="status", status=429, seconds=1)
    outcome = await story.says("alice", "/ilab whoami")
    assert outcome.ok
    story.sandbox.faults.remove(fault.id)
    await story.settled()
    assert story.sees("alice")[-1].first_line == "You are alice, a responder."


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
async def test_the_same_payload_three_times(story: Story, at_once: bool) -> None:  # noqa: FBT001 -- a table's column
    """Slack delivers the same command three times: every delivery is acked, one answer comes."""
    payload = {
        "team_id": "T0ILAB001",
        "team_domain": "interviewlab",
        "channel_id": "C0INCIDNT",
        "channel_name": "incidents",
        "user_id": "U0ALICE01",
        "user_name": "alice",
        "command": "/ilab",
        "text": "whoami",
        "api_app_id": "A0ILABAPP",
        "is_enterprise_install": "false",
        "response_url": story.sandbox.workspace.response_urls.issue("U0ALICE01", "C0INCIDNT"),
        "trigger_id": "1.2.three",
    }
    answers = await story.sandbox.workspace.deliver_raw(payload, 3, at_once=at_once)
    assert [answer.ok for answer in answers] == [True, True, True]
    await story.settled()
    assert [said.first_line for said in story.sees("alice")] == ["You are alice, a responder."]


async def test_two_copies_answer_once(stage: Story) -> None:
    """Two copies on one database, and the same payload to each: one answer."""
    await stage.start()
    await stage.start()
    for _ in range(4):
        await stage.asks("alice", "/ilab whoami")
    await stage.sandbox.workspace.redeliver(times=4)
    await stage.settled()
    assert len(stage.sees("alice")) == 4


async def test_a_bot_that_is_killed_is_finished_by_the_next(stage: Story) -> None:
    """Killed with -9 after the ack and before the answer: the next bot answers what the dead one had taken, once."""
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        stage.sandbox.faults.add("openai", kind="slow", seconds=3)
        outcome = await stage.says("alice", "/ilab status")
        assert outcome.ok
        process.kill()
        await process.wait()
    stage.sandbox.faults.clear()
    assert stage.sees("alice") == []
    await stage.expire_claims()
    await stage.start()
    said = await stage.news("alice", lambda said: "17 of 17" in said.text)
    assert said.ephemeral
    await stage.settled()
    assert len(stage.sees("alice")) == 1
