"""What the Web API does, and what is recorded: messages, threads, pings, files, faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Sandbox
from sandbox.slack.response_urls import USES
from sandbox.slack.workspace import Workspace

Refusal = Callable[[Awaitable[Any]], Awaitable[str]]


async def test_timestamps_are_unique_and_follow_the_bots_clock(client: AsyncWebClient, workspace: Workspace) -> None:
    """With the clock at rest every ts is still later than the last; a jump of the clock is seen in the next."""
    workspace.world.clock.set_speed(0)
    stamps = [(await client.chat_postMessage(channel="C0INCIDNT", text="x"))["ts"] for _ in range(3)]
    workspace.world.clock.jump(3600)
    later = (await client.chat_postMessage(channel="C0INCIDNT", text="x"))["ts"]
    assert stamps == sorted(set(stamps))
    assert float(later) - float(stamps[-1]) == pytest.approx(3600, abs=1)


async def test_a_thread_has_its_parent_its_replies_and_its_metadata(client: AsyncWebClient) -> None:
    """History shows the parent with its count; replies show all; metadata is whole only when asked for."""
    metadata = {"event_type": "incident", "event_payload": {"id": 42}}
    parent = await client.chat_postMessage(channel="C0INCIDNT", text="card", metadata=metadata)
    await client.chat_postMessage(channel="C0INCIDNT", text="one", thread_ts=parent["ts"])
    await client.chat_postMessage(channel="C0INCIDNT", text="two", thread_ts=parent["ts"], reply_broadcast=True)
    history = (await client.conversations_history(channel="C0INCIDNT"))["messages"]
    replies = await client.conversations_replies(channel="C0INCIDNT", ts=parent["ts"], include_all_metadata=True)
    assert [message["text"] for message in history] == ["two", "card"]
    assert history[1]["reply_count"] == 2
    assert history[1]["metadata"] == {"event_type": "incident"}
    assert [message["text"] for message in replies["messages"]] == ["card", "one", "two"]
    assert replies["messages"][0]["metadata"] == metadata
    link = await client.chat_getPermalink(channel="C0INCIDNT", message_ts=replies["messages"][1]["ts"])
    assert link["permalink"].endswith(f"?thread_ts={parent['ts']}&cid=C0INCIDNT")


async def test_an_update_keeps_what_slack_keeps(client: AsyncWebClient) -> None:
    """A text without blocks takes them away; blocks alone leave no *edited*; metadata stays until it is emptied."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*x*"}}]
    metadata = {"event_type": "card", "event_payload": {"id": 1}}
    ts = (await client.chat_postMessage(channel="C0INCIDNT", text="x", blocks=blocks, metadata=metadata))["ts"]
    same = (await client.chat_update(channel="C0INCIDNT", ts=ts, text="y", blocks=blocks))["message"]
    bare = (await client.chat_update(channel="C0INCIDNT", ts=ts, text="z", metadata={}))["message"]
    assert "edited" not in same
    assert same["metadata"] == metadata
    assert "blocks" not in bare
    assert "metadata" not in bare
    assert bare["edited"]["user"] == "B0ILABBOT"


async def test_pages_of_a_list_follow_each_other(client: AsyncWebClient) -> None:
    """Cursors lead through every channel once."""
    for number in range(5):
        await client.conversations_create(name=f"inc-{number}")
    found: list[str] = []
    async for page in await client.conversations_list(limit=2, exclude_archived=True):
        assert len(page["channels"]) <= 2
        found += [channel["name"] for channel in page["channels"]]
    assert sorted(found) == sorted({*found})
    assert {f"inc-{number}" for number in range(5)} < set(found)
    assert "leadership" not in found


async def test_pings_of_the_bot_are_recorded(client: AsyncWebClient, workspace: Workspace) -> None:
    """A mention pings once, an edit that adds one pings again, an escaped one never."""
    ts = (await client.chat_postMessage(channel="C0INCIDNT", text="<@U0BOB0002> &lt;!channel&gt; @here"))["ts"]
    await client.chat_update(channel="C0INCIDNT", ts=ts, text="<@U0BOB0002> <!here>")
    await client.chat_postMessage(channel="C0INCIDNT", text="@everyone", link_names=True)
    assert [(ping.kind, ping.target) for ping in workspace.pings] == [
        ("user", "U0BOB0002"),
        ("here", ""),
        ("everyone", ""),
    ]


async def test_people_are_what_the_cast_says(client: AsyncWebClient) -> None:
    """Guests, strangers and the deactivated are marked as Slack marks them."""
    users = {user["name"]: user for user in (await client.users_list())["members"]}
    assert users["gus"]["is_ultra_restricted"]
    assert users["hanna"]["deleted"]
    assert users["stan"]["is_stranger"]
    assert users["stan"]["team_id"] != users["alice"]["team_id"]
    assert users["ilab"]["is_bot"]
    assert users["alice"]["profile"]["email"] == "alice@interviewlab.io"
    groups = (await client.usergroups_list(include_users=True))["usergroups"]
    assert {group["handle"]: group["users"] for group in groups}["ops-admins"] == ["U0CAROL03", "U0IVY0010"]


async def test_a_file_goes_up_and_into_the_channel(client: AsyncWebClient, workspace: Workspace) -> None:
    """The SDK's three-step upload ends as a message with the file."""
    await client.files_upload_v2(
        channel="C0INCIDNT", filename="rows.csv", content="a,b\n1,2\n", title="Rows", initial_comment="here"
    )
    message = workspace.channel("incidents").messages[-1]
    assert message["text"] == "here"
    assert message["files"][0]["title"] == "Rows"
    assert (await client.files_info(file=message["files"][0]["id"]))["file"]["size"] == 8


async def test_a_canvas_is_written_and_edited(client: AsyncWebClient, workspace: Workspace) -> None:
    """A channel's canvas is found through the channel, and takes text at its end."""
    content = {"type": "markdown", "markdown": "# INC-1"}
    canvas_id = (await client.conversations_canvases_create(channel_id="C0INCIDNT", document_content=content))[
        "canvas_id"
    ]
    change = {"operation": "insert_at_end", "document_content": {"type": "markdown", "markdown": "more"}}
    await client.canvases_edit(canvas_id=canvas_id, changes=[change])
    shown = (await client.conversations_info(channel="C0INCIDNT"))["channel"]
    assert shown["properties"]["canvas"]["file_id"] == canvas_id
    assert workspace.state.canvases[canvas_id]["markdown"] == "# INC-1\nmore"


async def test_sections_of_a_canvas_are_found(client: AsyncWebClient, workspace: Workspace) -> None:
    """By the type of their heading, by a text, or by both; text that people took away is found no more."""
    text = (
        "# INC-1\n\nfirst\nstill first\n\n## Causes\n\n- one\n  goes on\n- two\n\n| a | b |\n|---|---|\n| 1 | two |\n"
    )
    content = {"type": "markdown", "markdown": text}
    canvas_id = (await client.conversations_canvases_create(channel_id="C0INCIDNT", document_content=content))[
        "canvas_id"
    ]

    async def found(**criteria: Any) -> int:
        answer = await client.canvases_sections_lookup(canvas_id=canvas_id, criteria=criteria)
        return len(answer["sections"])

    assert await found(section_types=["any_header"]) == 2
    assert await found(section_types=["h1"], contains_text="inc-1") == 1
    assert await found(contains_text="still first") == 1
    assert await found(contains_text="two") == 2
    assert await found(contains_text="goes on") == 1
    await workspace.people.edit_canvas("U0ALICE01", canvas_id, "# INC-1")
    assert await found(contains_text="two") == 0


async def test_what_a_plan_does_not_have(client: AsyncWebClient, workspace: Workspace) -> None:
    """Channels' canvases are refused on some plans, and all where they are disabled."""
    content = {"type": "markdown", "markdown": "x"}
    for plan, error in (
        ("none", "team_tier_cannot_create_channel_canvases"),
        ("disabled", "canvas_disabled_user_team"),
    ):
        workspace.canvases = plan
        with pytest.raises(SlackApiError, match=error):
            await client.conversations_canvases_create(channel_id="C0INCIDNT", document_content=content)


async def test_a_direct_message_reaches_its_user(client: AsyncWebClient, workspace: Workspace) -> None:
    """A user's id as channel is the direct message with them."""
    opened = (await client.conversations_open(users="U0BOB0002"))["channel"]["id"]
    posted = await client.chat_postMessage(channel="U0BOB0002", text="psst")
    assert posted["channel"] == opened == "D0BOB0002"
    assert workspace.channel(opened).messages[-1]["text"] == "psst"


async def test_a_response_url_takes_five_answers_in_half_an_hour(workspace: Workspace) -> None:
    """The sixth use and one after thirty minutes are 404, with Slack's words."""
    url = workspace.response_urls.issue("U0ALICE01", "C0INCIDNT")
    old = workspace.response_urls.issue("U0ALICE01", "C0INCIDNT")
    workspace.response_urls.given[old.rpartition("/")[2]].at -= 1801
    seen: list[tuple[int, str]] = []
    bad = {"text": "x", "blocks": [{"type": "section"}]}
    async with aiohttp.ClientSession() as session:
        for address, body in [(url, {"text": "x"})] * (USES - 1) + [
            (url, bad),
            (url, {"text": "x"}),
            (old, {"text": "x"}),
        ]:
            async with session.post(address, json=body) as answer:
                text = await answer.text()
                seen.append((answer.status, text if answer.status == 200 else (await answer.json())["error"]))
    assert seen == [(200, "ok")] * 4 + [(400, "invalid_blocks"), (404, "used_url"), (404, "expired_url")]
    assert len(workspace.channel("incidents").ephemerals) == 4


async def test_a_commands_response_url_has_no_original(workspace: Workspace) -> None:
    """`replace_original` from a slash command posts another message; in_channel is seen by all."""
    url = workspace.response_urls.issue("U0ALICE01", "C0INCIDNT")
    async with aiohttp.ClientSession() as session:
        for body in (
            {"text": "1/7 checks"},
            {"text": "7/7 checks", "replace_original": True},
            {"text": "said", "response_type": "in_channel"},
        ):
            async with session.post(url, json=body) as answer:
                assert answer.status == 200
    place = workspace.channel("incidents")
    assert [held["message"]["text"] for held in place.ephemerals] == ["1/7 checks", "7/7 checks"]
    assert place.messages[-1]["text"] == "said"


FAULTS = [
    ("refused", False),
    ("status", False),
    ("html", False),
    ("garbled", False),
    ("lost", True),
    ("slow", True),
]


@pytest.mark.parametrize(("kind", "acted"), FAULTS)
async def test_a_fault_strikes_one_call(sandbox: Sandbox, client: AsyncWebClient, kind: str, acted: bool) -> None:  # noqa: FBT001
    """Each kind fails as it says, acts only where it says so, and is gone after its times."""
    sandbox.faults.add("slack", "chat.postMessage", kind=kind, seconds=0.05, times=1)
    answered = True
    try:
        answer = await client.chat_postMessage(channel="C0INCIDNT", text="x")
        answered = bool(answer.get("ok"))
    except (SlackApiError, aiohttp.ClientError):
        answered = False
    messages = sandbox.workspace.channel("incidents").messages
    assert answered is (kind == "slow")
    assert len(messages) == int(acted)
    assert [call.fault for call in sandbox.workspace.calls] == [kind]
    assert (await client.chat_postMessage(channel="C0INCIDNT", text="again"))["ok"]


async def test_a_429_fault_says_when_to_come_back(sandbox: Sandbox, client: AsyncWebClient) -> None:
    """A status fault of 429 is Slack's own refusal with Retry-After."""
    sandbox.faults.add("slack", "users.info", kind="status", status=429, seconds=7, times=1)
    with pytest.raises(SlackApiError) as refused:
        await client.users_info(user="U0ALICE01")
    assert refused.value.response.headers["Retry-After"] == "7"
    assert refused.value.response["error"] == "ratelimited"


async def test_a_private_message_is_seen_only_in_a_thread_that_there_is(
    client: AsyncWebClient, workspace: Workspace
) -> None:
    """An ephemeral message cannot begin a thread: Slack takes it, and shows it to nobody."""
    place = workspace.channel("incidents")
    ts = (await workspace.say("U0ALICE01", place.id, "hello")).ts
    whisper = {"channel": place.id, "user": "U0ALICE01", "text": "psst", "thread_ts": ts}
    assert (await client.chat_postEphemeral(**whisper))["ok"]
    assert place.ephemerals == []
    await workspace.say("U0BOB0002", place.id, "hi", ts)
    assert (await client.chat_postEphemeral(**whisper))["ok"]
    assert [held["message"]["thread_ts"] for held in place.ephemerals] == [ts]
