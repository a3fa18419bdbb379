"""What people can see and do, as methods and through their JSON door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Config, Sandbox
from sandbox.slack.interactions import in_message
from sandbox.slack.refusal import NotAllowedError
from sandbox.slack.workspace import Workspace

CHOICES = [
    {
        "type": "actions",
        "block_id": "row",
        "elements": [
            {
                "type": "static_select",
                "action_id": "severity",
                "options": [
                    {"text": {"type": "plain_text", "text": name.upper()}, "value": name} for name in ("p0", "p1")
                ],
            },
            {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-23"},
            {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}},
        ],
    }
]


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser of sorts at the sandbox's address."""
    async with aiohttp.ClientSession(sandbox.url) as opened:
        yield opened


async def get(session: aiohttp.ClientSession, path: str) -> Any:
    """The JSON at a path."""
    async with session.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def post(session: aiohttp.ClientSession, path: str, **body: Any) -> tuple[int, Any]:
    """The status and JSON of a POST."""
    async with session.post(path, json=body) as answer:
        return answer.status, await answer.json()


NOT_ALLOWED = [
    ("U0GUS0007", "C0INCIDNT", "hello", "There is no channel"),
    ("U0STRANG9", "C0INCIDNT", "hello", "There is no channel"),
    ("U0HANNA08", "C0INCIDNT", "hello", "deactivated"),
    ("U0ILABBOT", "C0INCIDNT", "hello", "no person"),
    ("U0NOBODY0", "C0INCIDNT", "hello", "nobody"),
    ("U0ALICE01", "C0LEADERS", "hello", "There is no channel"),
    ("U0ALICE01", "D0BOB0002", "hello", "There is no channel"),
    ("U0ALICE01", "C0NOWHERE", "hello", "There is no channel"),
    ("U0ALICE01", "C0INCIDNT", "/deploy", "not a valid command"),
    ("U0ALICE01", "C0INCIDNT", "  ", "nothing to send"),
]


@pytest.mark.parametrize(("user", "channel", "text", "sentence"), NOT_ALLOWED, ids=[case[3] for case in NOT_ALLOWED])
async def test_slack_itself_refuses(
    workspace: Workspace, session: aiohttp.ClientSession, user: str, channel: str, text: str, sentence: str
) -> None:
    """What Slack's client would not send raises, and is a 4xx with a sentence for the page."""
    with pytest.raises(NotAllowedError, match=sentence):
        await workspace.say(user, channel, text)
    status, answer = await post(session, f"/person/{user}/say", channel=channel, text=text)
    assert 400 <= status < 500
    assert isinstance(answer["error"], str)
    assert workspace.delivery.log == []


async def test_slash_commands_do_not_work_in_threads(workspace: Workspace) -> None:
    """Slack refuses them before the app hears anything."""
    said = await workspace.say("U0ALICE01", "C0GENERAL", "look")
    with pytest.raises(NotAllowedError, match="not supported in threads"):
        await workspace.say("U0ALICE01", "C0GENERAL", "/ilab status", said.ts)


async def test_a_guest_sees_their_channels_alone(session: aiohttp.ClientSession) -> None:
    """Gus sees #support and the direct message with the bot; Bob sees #leadership, Alice does not."""

    async def names(user: str) -> set[str]:
        return {channel["name"] for channel in (await get(session, f"/person/{user}/state"))["channels"]}

    assert await names("U0GUS0007") == {"support", ""}
    assert "leadership" in await names("U0BOB0002")
    assert await names("U0ALICE01") == {"general", "incidents", "ops-approvals", "support", ""}
    assert await names("U0HANNA08") == set()


async def test_the_state_has_what_the_page_draws(session: aiohttp.ClientSession, workspace: Workspace) -> None:
    """Me, everybody, groups, channels with unread counts, shortcuts, and the clock."""
    await workspace.people.say("U0BOB0002", "C0GENERAL", "news")
    state = await get(session, "/person/U0ALICE01/state")
    general = next(channel for channel in state["channels"] if channel["name"] == "general")
    direct = next(channel for channel in state["channels"] if channel["is_im"])
    assert state["me"]["real_name"] == "Alice Ito"
    assert {person["kind"] for person in state["people"]} == {"member", "guest", "deactivated", "stranger", "bot"}
    assert state["groups"][0]["handle"] == "responders"
    assert {shortcut["callback_id"] for shortcut in state["shortcuts"]} == {
        "declare_incident",
        "declare_from_message",
        "add_to_timeline",
    }
    assert general["unread"] == 1
    assert direct["user"] == "U0ILABBOT"
    assert state["speed"] == 1.0
    messages = await get(session, "/person/U0ALICE01/messages?channel=C0GENERAL")
    state = await get(session, "/person/U0ALICE01/state")
    assert [message["text"] for message in messages["messages"]] == ["news"]
    assert next(channel for channel in state["channels"] if channel["name"] == "general")["unread"] == 0


async def test_messages_and_threads_are_apart(
    session: aiohttp.ClientSession, workspace: Workspace, client: AsyncWebClient
) -> None:
    """A channel shows parents with their counts and the person's own ephemerals; a thread shows its replies."""
    said = await workspace.say("U0BOB0002", "C0INCIDNT", "look")
    await workspace.say("U0BOB0002", "C0INCIDNT", "deeper", said.ts)
    await client.chat_postEphemeral(channel="C0INCIDNT", user="U0ALICE01", text="psst")
    await client.pins_add(channel="C0INCIDNT", timestamp=said.ts)
    await client.bookmarks_add(channel_id="C0INCIDNT", title="Runbook", type="link", link="https://x.io")
    mine = await get(session, "/person/U0ALICE01/messages?channel=C0INCIDNT")
    others = await get(session, "/person/U0BOB0002/messages?channel=C0INCIDNT")
    thread = await get(session, f"/person/U0BOB0002/messages?channel=C0INCIDNT&thread_ts={said.ts}")
    assert [(message["text"], message.get("is_ephemeral", False)) for message in mine["messages"]] == [
        ("look", False),
        ("psst", True),
    ]
    assert mine["messages"][0]["reply_count"] == 1
    assert [message["text"] for message in others["messages"]] == ["look"]
    assert [message["text"] for message in thread["messages"]] == ["look", "deeper"]
    assert mine["pins"] == [said.ts]
    assert mine["bookmarks"][0]["title"] == "Runbook"
    assert "U0ILABBOT" in mine["members"]


async def test_the_page_hears_what_happens(session: aiohttp.ClientSession, workspace: Workspace) -> None:
    """Messages, toasts and the clock are pushed to those whom they concern."""
    async with (
        session.ws_connect("/person/U0ALICE01/events") as alice,
        session.ws_connect("/person/U0GUS0007/events") as gus,
    ):
        said = await workspace.say("U0BOB0002", "C0GENERAL", "news")
        first = await alice.receive_json(timeout=2)
        await workspace.say("U0ALICE01", "C0GENERAL", "/ilab")
        toast = await alice.receive_json(timeout=2)
        await post(session, "/panel/clock", speed=60)
        clock = await gus.receive_json(timeout=2)
    assert first == {"type": "message", "channel": "C0GENERAL", "ts": said.ts}
    assert toast == {"type": "toast", "text": "/ilab failed with the error “dispatch_failed”"}
    assert (clock["type"], clock["speed"]) == ("clock", 60.0), "gus hears nothing of #general"


async def test_choices_in_a_message_are_in_the_state_of_the_next_press(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """What one person chose in a message comes with their next press, and with nobody else's."""
    ts = (await client.chat_postMessage(channel="C0INCIDNT", text="choose", blocks=CHOICES))["ts"]
    where = in_message("C0INCIDNT", ts)
    await workspace.click("U0ALICE01", where, "severity", value="p1")
    await workspace.click("U0ALICE01", where, "go")
    await workspace.click("U0BOB0002", where, "go")
    await workspace.settled()
    sent = [entry.payload for entry in workspace.delivery.log if entry.kind == "interactive"]
    assert sent[0]["actions"][0]["selected_option"]["value"] == "p1"
    assert sent[1]["state"]["values"]["row"]["severity"]["selected_option"]["value"] == "p1"
    assert sent[1]["state"]["values"]["row"]["day"]["selected_date"] == "2026-11-23"
    assert sent[2]["state"]["values"]["row"]["severity"]["selected_option"] is None


@pytest.mark.parametrize(
    ("action_id", "value", "sentence"),
    [("severity", "p9", "there is no option"), ("nothing", None, "nothing here with the action id")],
)
async def test_an_element_yields_only_what_it_offers(
    workspace: Workspace, client: AsyncWebClient, action_id: str, value: Any, sentence: str
) -> None:
    """An option that is not offered and an element that is not there cannot be used."""
    ts = (await client.chat_postMessage(channel="C0INCIDNT", text="choose", blocks=CHOICES))["ts"]
    with pytest.raises(NotAllowedError, match=sentence):
        await workspace.click("U0ALICE01", in_message("C0INCIDNT", ts), action_id, value=value)


async def test_the_life_of_a_channel(workspace: Workspace, client: AsyncWebClient) -> None:
    """Archived, no one writes; unarchived by a person, a public channel has neither its members nor the bot."""
    channel = (await client.conversations_create(name="inc-1"))["channel"]["id"]
    await client.conversations_invite(channel=channel, users="U0ALICE01,U0BOB0002")
    await workspace.people.rename("U0ALICE01", channel, "inc-1-db")
    await workspace.people.archive("U0ALICE01", channel)
    with pytest.raises(NotAllowedError, match="archived"):
        await workspace.say("U0BOB0002", channel, "too late")
    await workspace.people.unarchive("U0BOB0002", channel)
    await workspace.settled()
    kinds = [entry.payload["event"]["type"] for entry in workspace.delivery.log if entry.attempt == 0]
    assert workspace.channel(channel).members == ["U0BOB0002"]
    assert [kind for kind in kinds if kind.startswith("channel_")] == [
        "channel_rename",
        "channel_archive",
        "channel_unarchive",
    ]
    assert kinds.count("member_joined_channel") == 2


async def test_people_change_their_own_words_alone(workspace: Workspace) -> None:
    """An edit is a message_changed event; another's message cannot be edited or deleted."""
    said = await workspace.say("U0ALICE01", "C0INCIDNT", "frist")
    await workspace.edit("U0ALICE01", "C0INCIDNT", said.ts, "first")
    with pytest.raises(NotAllowedError):
        await workspace.edit("U0BOB0002", "C0INCIDNT", said.ts, "mine")
    changed = [
        entry.payload["event"]
        for entry in workspace.delivery.log
        if entry.payload["event"].get("subtype") == "message_changed"
    ]
    await workspace.people.delete("U0ALICE01", "C0INCIDNT", said.ts)
    assert changed[0]["previous_message"]["text"] == "frist"
    assert changed[0]["message"]["text"] == "first"
    assert workspace.channel("incidents").messages == []


async def test_events_stop_with_their_scope_and_subscription(manifest: dict[str, Any]) -> None:
    """Slack sends an event only where the manifest asks for it and has its scope."""
    manifest["oauth_config"]["scopes"]["bot"].remove("reactions:read")
    manifest["settings"]["event_subscriptions"]["bot_events"].remove("app_mention")
    async with Sandbox.running(Config(manifest=manifest)) as running:
        workspace = running.workspace
        said = await workspace.say("U0ALICE01", "C0INCIDNT", "@ilab status")
        await workspace.react("U0BOB0002", "C0INCIDNT", said.ts, "eyes")
        await workspace.settled()
        assert {entry.payload["event"]["type"] for entry in workspace.delivery.log} == {"message"}


async def test_the_home_door_tells_the_app_once(session: aiohttp.ClientSession, workspace: Workspace) -> None:
    """Opening the Home is an event; looking again at an open one is none."""
    assert await get(session, "/person/U0ALICE01/home") == {"view": None}
    workspace.views.publish("U0ALICE01", {"type": "home", "blocks": []})
    looked = await get(session, "/person/U0ALICE01/home?look=1")
    assert looked["view"]["type"] == "home"
    opened = [entry for entry in workspace.delivery.log if entry.payload["event"]["type"] == "app_home_opened"]
    assert len([entry for entry in opened if entry.attempt == 0]) == 1


async def test_the_door_answers_nonsense_with_a_sentence(session: aiohttp.ClientSession) -> None:
    """A missing field, a wrong shape and an unknown deed are 4xx."""
    assert (await post(session, "/person/U0ALICE01/say", channel="C0GENERAL"))[0] == 403
    assert (await post(session, "/person/U0ALICE01/click", action_id="x"))[0] == 400
    assert (await post(session, "/person/U0ALICE01/fly"))[0] == 403
    async with session.post("/person/U0ALICE01/say", data=b"no json") as answer:
        assert answer.status == 400


async def test_the_workspace_survives_in_its_file(tmp_path: Path) -> None:
    """With a state file, channels, messages and views are there after a restart, and timestamps go on."""
    config = Config(state_file=tmp_path / "slack" / "workspace.json")
    async with Sandbox.running(config) as running:
        said = await running.workspace.say("U0ALICE01", "C0GENERAL", "remember")
        running.workspace.views.publish("U0ALICE01", {"type": "home", "blocks": []})
        running.workspace.state.last_ts += 10**12
    async with Sandbox.running(config) as running:
        workspace = running.workspace
        assert workspace.channel("general").messages[0]["ts"] == said.ts
        assert workspace.state.homes["U0ALICE01"].json["type"] == "home"
        assert float(workspace.next_ts()) > float(said.ts) + 10**6
    async with Sandbox.running(Config()) as running:
        assert running.workspace.channel("general").messages == []


async def test_ten_people_at_once_get_ten_answers(workspace: Workspace) -> None:
    """Whatever happens at once has its own ts, trigger and place."""
    outcomes = await asyncio.gather(*(workspace.say("U0ALICE01", "C0GENERAL", f"{number}") for number in range(10)))
    assert len({outcome.ts for outcome in outcomes}) == 10
