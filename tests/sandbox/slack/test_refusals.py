"""What the Web API refuses, with Slack's own error codes, through Slack's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Config, Sandbox
from sandbox.slack.methods import METHODS
from sandbox.slack.scopes import NEEDS
from sandbox.slack.workspace import Workspace
from sandbox.world import CREDENTIALS

Refusal = Callable[[Awaitable[Any]], Awaitable[str]]
WIDE = "| a | b | c |\n|---|---|---|\n" + "| 1 | 2 | 3 |\n" * 100
"""A table of more cells than a canvas takes."""


def section(text: str) -> dict[str, Any]:
    """A section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def modal(**parts: Any) -> dict[str, Any]:
    """A modal without inputs."""
    return {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [section("x")], **parts}


@pytest.fixture
async def scene(workspace: Workspace, client: AsyncWebClient) -> dict[str, str]:
    """A channel of the bot, an archived one, a pinned message of the bot, one of Bob's, and a canvas."""
    own = (await client.conversations_create(name="inc-1-api"))["channel"]["id"]
    gone = (await client.conversations_create(name="inc-0-old"))["channel"]["id"]
    old = (await client.chat_postMessage(channel=gone, text="then"))["ts"]
    await client.conversations_archive(channel=gone)
    ts = (await client.chat_postMessage(channel=own, text="card"))["ts"]
    await client.pins_add(channel=own, timestamp=ts)
    await client.reactions_add(channel=own, timestamp=ts, name="eyes")
    await client.conversations_invite(channel=own, users="U0BOB0002")
    reply = (await client.chat_postMessage(channel=own, text="reply", thread_ts=ts))["ts"]
    await client.conversations_canvases_create(channel_id=own, document_content={"type": "markdown", "markdown": "x"})
    ephemeral = (await client.chat_postEphemeral(channel=own, user="U0BOB0002", text="psst"))["message_ts"]
    bobs = (await workspace.people.say("U0BOB0002", own, "mine")).ts
    found = {"own": own, "gone": gone, "old": old, "ts": ts, "reply": reply, "bobs": bobs}
    return {**found, "ephemeral": ephemeral, "none": "1700000000.000001"}


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": "C0LEADERS", "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": "{gone}", "text": "x"}, "is_archived"),
    ("chat.postMessage", {"channel": "{own}"}, "no_text"),
    ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "thread_ts": "{none}"}, "cannot_reply_to_message"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "thread_ts": "{reply}"}, "cannot_reply_to_message"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "blocks": "no json"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
    (
        "chat.postMessage",
        {"channel": "{own}", "text": "x", "blocks": [section("x" * 2900)] * 4},
        "msg_blocks_too_long",
    ),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "markdown_text": "x"}, "markdown_text_conflict"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "metadata": "x"}, "invalid_metadata_format"),
    ("chat.postMessage", {"channel": "{own}", "text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
    (
        "chat.postMessage",
        {"channel": "{own}", "text": "x", "metadata": {"event_type": "a", "event_payload": {"a": "x" * 20_000}}},
        "metadata_too_large",
    ),
    ("chat.update", {"channel": "{own}", "ts": "{none}", "text": "x"}, "message_not_found"),
    ("chat.update", {"channel": "{own}", "ts": "{bobs}", "text": "x"}, "cant_update_message"),
    ("chat.update", {"channel": "{own}", "ts": "{ts}", "text": "x" * 4001}, "msg_too_long"),
    ("chat.update", {"channel": "{own}", "ts": "{ephemeral}", "text": "x"}, "message_not_found"),
    ("chat.update", {"channel": "{gone}", "ts": "{old}", "text": "x"}, "is_inactive"),
    ("chat.delete", {"channel": "{own}", "ts": "{bobs}"}, "cant_delete_message"),
    ("chat.postEphemeral", {"channel": "C0GENERAL", "user": "U0BOB0002", "text": "x"}, "not_in_channel"),
    ("chat.postEphemeral", {"channel": "{own}", "user": "U0ALICE01", "text": "x"}, "user_not_in_channel"),
    ("chat.getPermalink", {"channel": "{own}", "message_ts": "{none}"}, "message_not_found"),
    ("conversations.create", {"name": "incidents"}, "name_taken"),
    ("conversations.create", {"name": "inc-0-old"}, "name_taken"),
    ("conversations.create", {"name": "Inc-1"}, "invalid_name_specials"),
    ("conversations.create", {"name": "inc 1"}, "invalid_name_specials"),
    ("conversations.create", {"name": "x" * 81}, "invalid_name_maxlength"),
    ("conversations.create", {"name": "--"}, "invalid_name_punctuation"),
    ("conversations.create", {"name": ""}, "invalid_name_required"),
    ("conversations.archive", {"channel": "{gone}"}, "already_archived"),
    ("conversations.archive", {"channel": "C0SUPPORT"}, "not_in_channel"),
    ("conversations.archive", {"channel": "C0GENERAL"}, "cant_archive_general"),
    ("conversations.unarchive", {"channel": "{gone}"}, "not_in_channel"),
    ("conversations.rename", {"channel": "C0INCIDNT", "name": "x"}, "not_authorized"),
    ("conversations.rename", {"channel": "{own}", "name": "general"}, "name_taken"),
    ("conversations.setTopic", {"channel": "{own}", "topic": "x" * 251}, "too_long"),
    ("conversations.setTopic", {"channel": "C0GENERAL", "topic": "x"}, "not_in_channel"),
    ("conversations.setTopic", {"channel": "{gone}", "topic": "x"}, "is_archived"),
    ("conversations.setPurpose", {"channel": "{own}", "purpose": "x" * 251}, "too_long"),
    ("conversations.info", {"channel": "C0LEADERS"}, "channel_not_found"),
    ("conversations.list", {"limit": 1001}, "invalid_limit"),
    ("conversations.list", {"cursor": "nonsense"}, "invalid_cursor"),
    ("conversations.list", {"types": "secret"}, "invalid_types"),
    ("conversations.history", {"channel": "C0GENERAL"}, "not_in_channel"),
    ("conversations.replies", {"channel": "{own}", "ts": "{none}"}, "thread_not_found"),
    ("conversations.invite", {"channel": "{own}", "users": "U0BOB0002"}, "already_in_channel"),
    ("conversations.invite", {"channel": "{own}", "users": "U0ILABBOT"}, "cant_invite_self"),
    ("conversations.invite", {"channel": "{own}", "users": "U0GUS0007"}, "ura_max_channels"),
    ("conversations.invite", {"channel": "{own}", "users": "U0STRANG9"}, "no_external_invite_permission"),
    ("conversations.invite", {"channel": "{own}", "users": "U0HANNA08"}, "cant_invite"),
    ("conversations.invite", {"channel": "{own}", "users": "U0NOBODY0"}, "user_not_found"),
    ("conversations.invite", {"channel": "{own}", "users": ""}, "no_user"),
    ("conversations.invite", {"channel": "C0GENERAL", "users": "U0BOB0002"}, "not_in_channel"),
    ("conversations.invite", {"channel": "{gone}", "users": "U0BOB0002"}, "is_archived"),
    ("conversations.kick", {"channel": "{own}", "user": "U0ILABBOT"}, "cant_kick_self"),
    ("conversations.kick", {"channel": "{own}", "user": "U0CAROL03"}, "not_in_channel"),
    ("conversations.join", {"channel": "{gone}"}, "is_archived"),
    ("conversations.join", {"channel": "D0ALICE01"}, "method_not_supported_for_channel_type"),
    ("conversations.leave", {"channel": "D0ALICE01"}, "method_not_supported_for_channel_type"),
    ("conversations.open", {"users": "U0HANNA08"}, "user_disabled"),
    ("conversations.open", {"users": "U0NOBODY0"}, "user_not_found"),
    ("conversations.open", {"users": "U0BOB0002,U0ALICE01"}, "missing_scope"),
    ("conversations.open", {}, "users_list_not_supplied"),
    ("conversations.canvases.create", {"channel_id": "{own}"}, "channel_canvas_already_exists"),
    ("canvases.edit", {"canvas_id": "F0NOWHERE", "changes": []}, "canvas_not_found"),
    ("canvases.sections.lookup", {"canvas_id": "F0NOWHERE", "criteria": {"contains_text": "x"}}, "canvas_not_found"),
    ("canvases.create", {"document_content": {"type": "markdown", "markdown": WIDE}}, "canvas_creation_failed"),
    ("users.info", {"user": "U0NOBODY0"}, "user_not_found"),
    ("users.lookupByEmail", {"email": "nobody@example.com"}, "users_not_found"),
    ("users.lookupByEmail", {"email": "hanna@interviewlab.io"}, "users_not_found"),
    ("usergroups.users.list", {"usergroup": "S0NOBODY0"}, "no_such_subteam"),
    ("views.open", {"trigger_id": "nonsense", "view": modal()}, "invalid_trigger_id"),
    ("views.open", {"trigger_id": "{expired}", "view": modal()}, "expired_trigger_id"),
    ("views.open", {"trigger_id": "{used}", "view": modal()}, "exchanged_trigger_id"),
    ("views.open", {"trigger_id": "{fresh}", "view": {"type": "modal"}}, "invalid_arguments"),
    ("views.open", {"trigger_id": "{fresh}", "view": modal(private_metadata="x" * 3001)}, "invalid_arguments"),
    ("views.open", {"trigger_id": "{fresh}", "view": modal(external_id="taken")}, "duplicate_external_id"),
    ("views.open", {"trigger_id": "{fresh}", "view": modal(blocks=[section("x" * 2999)] * 90)}, "view_too_large"),
    ("views.push", {"trigger_id": "{fresh}", "view": modal()}, "not_found"),
    ("views.push", {"trigger_id": "{third}", "view": modal()}, "push_limit_reached"),
    ("views.update", {"view_id": "V0NOWHERE", "view": modal()}, "not_found"),
    ("views.update", {"external_id": "taken", "view": modal(external_id="taken"), "hash": "old"}, "hash_conflict"),
    ("views.publish", {"user_id": "U0ALICE01", "view": modal()}, "invalid_arguments"),
    ("views.publish", {"user_id": "U0NOBODY0", "view": {"type": "home", "blocks": []}}, "invalid_arguments"),
    ("pins.add", {"channel": "{own}", "timestamp": "{ts}"}, "already_pinned"),
    ("pins.add", {"channel": "{own}", "timestamp": "{none}"}, "message_not_found"),
    ("pins.add", {"channel": "{own}", "timestamp": "yesterday"}, "bad_timestamp"),
    ("pins.add", {"channel": "{own}"}, "no_item_specified"),
    ("pins.remove", {"channel": "{own}", "timestamp": "{bobs}"}, "no_pin"),
    ("bookmarks.add", {"channel_id": "{own}", "title": "x", "type": "link", "link": "x"}, "invalid_link"),
    ("bookmarks.add", {"channel_id": "{own}", "title": "x", "type": "file"}, "invalid_bookmark_type"),
    (
        "bookmarks.add",
        {"channel_id": "{own}", "title": "x", "type": "link", "link": "https://x.io", "emoji": "no emoji"},
        "invalid_emoji",
    ),
    ("bookmarks.edit", {"channel_id": "{own}", "bookmark_id": "Bk0"}, "not_found"),
    ("reactions.add", {"channel": "{own}", "timestamp": "{ts}", "name": "eyes"}, "already_reacted"),
    ("reactions.add", {"channel": "{own}", "timestamp": "{ts}", "name": "No Emoji"}, "invalid_name"),
    ("reactions.remove", {"channel": "{own}", "timestamp": "{ts}", "name": "tada"}, "no_reaction"),
    ("files.info", {"file": "F0NOWHERE"}, "file_not_found"),
    ("files.completeUploadExternal", {"files": [{"id": "F0NOWHERE"}]}, "file_not_found"),
    ("api.test", {"error": "my_error"}, "my_error"),
]


@pytest.mark.parametrize(("method", "given", "code"), CASES, ids=[f"{case[0]}-{case[2]}" for case in CASES])
async def test_a_call_is_refused(
    workspace: Workspace,
    client: AsyncWebClient,
    scene: dict[str, str],
    method: str,
    given: dict[str, Any],
    code: str,
) -> None:
    """Each refusal has Slack's code, and is in the log of calls."""
    workspace.views.open("U0CAROL03", modal(external_id="taken"))
    for depth in range(3):
        (workspace.views.push if depth else workspace.views.open)("U0DAVE004", modal())
    scene["fresh"] = workspace.triggers.issue("U0ALICE01")
    scene["third"] = workspace.triggers.issue("U0DAVE004", workspace.views.stack("U0DAVE004")[-1].id)
    scene["expired"] = workspace.triggers.issue("U0ALICE01")
    workspace.triggers.age(scene["expired"], 3.01)
    scene["used"] = workspace.triggers.issue("U0ALICE01")
    workspace.triggers.exchange(scene["used"])
    args = {
        key: value.format(**scene) if isinstance(value, str) and value.startswith("{") else value
        for key, value in given.items()
    }
    with pytest.raises(SlackApiError) as refused:
        await client.api_call(method, json=args)
    assert refused.value.response["error"] == code
    assert (workspace.calls[-1].method, workspace.calls[-1].ok, workspace.calls[-1].error) == (method, False, code)


async def test_every_method_has_a_scope_and_a_tier() -> None:
    """The table of needs and the table of methods name the same methods."""
    assert METHODS.keys() == NEEDS.keys()


async def test_an_invitation_of_several_names_each_obstacle(client: AsyncWebClient, scene: dict[str, str]) -> None:
    """Without `force` nobody comes in; with it those who can."""
    users = "U0BOB0002,U0GUS0007,U0CAROL03"
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_invite(channel=scene["own"], users=users)
    assert refused.value.response["error"] == "already_in_channel"
    assert [error["error"] for error in refused.value.response["errors"]] == ["already_in_channel", "ura_max_channels"]
    assert "U0CAROL03" not in (await client.conversations_members(channel=scene["own"]))["members"]
    forced = await client.conversations_invite(channel=scene["own"], users=users, force=True)
    assert len(forced["errors"]) == 2
    assert "U0CAROL03" in (await client.conversations_members(channel=scene["own"]))["members"]


async def test_invalid_blocks_say_where(client: AsyncWebClient) -> None:
    """The refusal carries a JSON pointer, twice, as Slack's does."""
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0INCIDNT", text="x", blocks=[section("x" * 3001)])
    sentence = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    assert refused.value.response["errors"] == [sentence]
    assert refused.value.response["response_metadata"]["messages"] == [f"[ERROR] {sentence}"]


@pytest.mark.parametrize(
    ("token", "method", "code"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-unknown", "auth.test", "invalid_auth"),
        (CREDENTIALS["slack.app_token"], "auth.test", "not_allowed_token_type"),
        (CREDENTIALS["slack.bot_token"], "apps.connections.open", "not_allowed_token_type"),
    ],
)
async def test_tokens_are_checked(sandbox: Sandbox, token: str, method: str, code: str) -> None:
    """No token, an unknown one, and one of the wrong kind are refused, each in its way."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{sandbox.url}/slack/api/{method}", headers=headers) as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["error"] == code


async def test_an_unknown_method_fails_loudly(client: AsyncWebClient, workspace: Workspace, refusal: Refusal) -> None:
    """A method that the stand-in does not know is refused and kept for the tests to see."""
    assert await refusal(client.api_call("chat.scheduleMessage")) == "unknown_method"
    assert workspace.unknown_calls == ["chat.scheduleMessage"]


@pytest.mark.parametrize("encoding", ["json", "form", "query"])
async def test_arguments_come_as_json_form_or_query(sandbox: Sandbox, encoding: str) -> None:
    """The three encodings of one call do the same; the token may be an argument, too."""
    args = {"channel": "C0INCIDNT", "text": "hello", "blocks": json.dumps([section("hello")])}
    with_token = {**args, "token": CREDENTIALS["slack.bot_token"]}
    url = f"{sandbox.url}/slack/api/chat.postMessage"
    headers = {"Authorization": f"Bearer {CREDENTIALS['slack.bot_token']}"}
    async with aiohttp.ClientSession() as session:
        if encoding == "json":
            call = session.post(url, json=args, headers=headers)
        elif encoding == "form":
            call = session.post(url, data=with_token)
        else:
            call = session.get(url, params=with_token)
        async with call as answer:
            body = await answer.json()
            scopes = answer.headers["x-oauth-scopes"]
    assert body["ok"], body
    assert body["message"]["blocks"][0]["text"]["text"] == "hello"
    assert "chat:write" in scopes.split(",")
    assert "token" not in sandbox.workspace.calls[-1].args


SCOPED = [
    ("chat:write", "chat.postMessage", {"channel": "C0INCIDNT", "text": "x"}),
    ("channels:manage", "conversations.create", {"name": "new"}),
    ("groups:write", "conversations.create", {"name": "new", "is_private": True}),
    ("groups:read", "conversations.list", {"types": "public_channel,private_channel"}),
    ("users:read.email", "users.lookupByEmail", {"email": "bob@interviewlab.io"}),
    ("im:history", "conversations.history", {"channel": "D0ALICE01"}),
    ("pins:write", "pins.add", {"channel": "C0INCIDNT", "timestamp": "1.000000"}),
    ("usergroups:read", "usergroups.list", {}),
]


@pytest.mark.parametrize(("scope", "method", "args"), SCOPED, ids=[f"{case[1]}-{case[0]}" for case in SCOPED])
async def test_a_scope_that_the_manifest_lacks_is_missing(
    manifest: dict[str, Any], scope: str, method: str, args: dict[str, Any]
) -> None:
    """The answer names what is needed and what there is."""
    manifest["oauth_config"]["scopes"]["bot"].remove(scope)
    async with Sandbox.running(Config(manifest=manifest)) as running:
        client = AsyncWebClient(token=CREDENTIALS["slack.bot_token"], base_url=f"{running.url}/slack/api/")
        with pytest.raises(SlackApiError) as refused:
            await client.api_call(method, json=args)
    assert refused.value.response["error"] == "missing_scope"
    assert scope in refused.value.response["needed"].split(",")
    assert scope not in refused.value.response["provided"].split(",")


async def test_without_write_public_the_bot_must_be_in_the_channel(manifest: dict[str, Any], refusal: Refusal) -> None:
    """`chat:write.public` decides whether the bot may write where it is not."""
    manifest["oauth_config"]["scopes"]["bot"].remove("chat:write.public")
    async with Sandbox.running(Config(manifest=manifest)) as running:
        client = AsyncWebClient(token=CREDENTIALS["slack.bot_token"], base_url=f"{running.url}/slack/api/")
        assert await refusal(client.chat_postMessage(channel="C0GENERAL", text="x")) == "not_in_channel"
        assert await refusal(client.chat_postMessage(channel="C0INCIDNT", text="x")) == ""


@pytest.fixture
async def limited(manifest: dict[str, Any]) -> AsyncIterator[tuple[Sandbox, AsyncWebClient]]:
    """A sandbox that counts calls."""
    async with Sandbox.running(Config(manifest=manifest, rate_limits=True)) as running:
        base_url = f"{running.url}/slack/api/"
        yield running, AsyncWebClient(token=CREDENTIALS["slack.bot_token"], base_url=base_url, retry_handlers=[])


async def test_a_tier_two_method_is_limited_by_itself(limited: tuple[Sandbox, AsyncWebClient]) -> None:
    """Past its tier a method answers 429 with Retry-After, while others go on."""
    running, client = limited
    answers = await asyncio.gather(*(client.conversations_list() for _ in range(30)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, SlackApiError)]
    assert len(refused) == 6
    assert refused[0].response.status_code == 429
    assert refused[0].response["error"] == "ratelimited"
    assert 1 <= int(refused[0].response.headers["Retry-After"]) <= 60
    assert (await client.auth_test())["ok"]
    running.workspace.limits.on = False
    assert (await client.conversations_list())["ok"]


async def test_a_channel_takes_a_burst_and_then_one_message_a_second(
    limited: tuple[Sandbox, AsyncWebClient], refusal: Refusal
) -> None:
    """The sixth message at once is one too many, in that channel alone."""
    _, client = limited
    codes = [await refusal(client.chat_postMessage(channel="C0INCIDNT", text="x")) for _ in range(6)]
    assert codes == [""] * 5 + ["ratelimited"]
    assert await refusal(client.chat_postMessage(channel="C0APPROVE", text="x")) == ""
