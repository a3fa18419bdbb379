"""The real Bolt app against the workspace, over Socket Mode."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Sandbox
from sandbox.slack.interactions import in_ephemeral, in_message, in_view
from sandbox.slack.workspace import Workspace
from sandbox.world import CREDENTIALS

Connected = Callable[[AsyncApp], AbstractAsyncContextManager[AsyncSocketModeHandler]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]

FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "Declare"},
    "submit": {"type": "plain_text", "text": "Go"},
    "notify_on_close": True,
    "private_metadata": "kept",
    "blocks": [
        {
            "type": "input",
            "block_id": "title",
            "label": {"type": "plain_text", "text": "Title"},
            "element": {"type": "plain_text_input", "action_id": "v", "min_length": 3},
        },
        {
            "type": "input",
            "block_id": "service",
            "optional": True,
            "dispatch_action": True,
            "label": {"type": "plain_text", "text": "Service"},
            "element": {"type": "external_select", "action_id": "service", "min_query_length": 2},
        },
    ],
}
BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*INC-1*"}},
    {
        "type": "actions",
        "block_id": "row",
        "elements": [
            {"type": "button", "action_id": "open", "text": {"type": "plain_text", "text": "Open"}, "value": "INC-1"}
        ],
    },
]


async def test_a_command_is_acknowledged_and_answered_by_its_response_url(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """A slash command reaches Bolt with Slack's encoding, and its answer is seen by its sender alone."""
    heard: list[dict[str, Any]] = []

    @app.command("/ilab")
    async def command(ack: AsyncAck, respond: AsyncRespond, body: dict[str, Any]) -> None:
        await ack()
        heard.append(body)
        await respond("all well")

    async with connected(app):
        outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab grant ann@example.com for @bob in #leadership")
        await until(lambda: bool(workspace.channel("incidents").ephemerals))
    assert outcome.ok
    assert outcome.took < 3
    assert heard[0]["command"] == "/ilab"
    assert heard[0]["text"] == ("grant <mailto:ann@example.com|ann@example.com> for <@U0BOB0002|bob> in <#C0LEADERS|>")
    held = workspace.channel("incidents").ephemerals[0]
    assert held["to"] == "U0ALICE01"
    assert held["message"]["text"] == "all well"
    assert workspace.toasts == []


async def test_an_acknowledgement_with_a_text_is_an_answer(
    app: AsyncApp, connected: Connected, workspace: Workspace
) -> None:
    """The body of an acknowledged command is shown as an ephemeral message."""

    @app.command("/ilab")
    async def command(ack: AsyncAck) -> None:
        await ack("usage: …")

    async with connected(app):
        await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab")
    assert workspace.channel("incidents").ephemerals[0]["message"]["text"] == "usage: …"


async def test_a_late_acknowledgement_is_a_time_out_for_the_person(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """Slack shows its own error when nobody acknowledges in time, and takes no notice of what comes later."""

    @app.command("/ilab")
    async def command(ack: AsyncAck) -> None:
        await asyncio.sleep(0.7)
        await ack("too late")

    async with connected(app):
        outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
        await until(lambda: len(workspace.socket.late_acks) == 1)
    assert not outcome.ok
    assert outcome.error == "operation_timeout"
    assert workspace.toasts == [("U0ALICE01", "/ilab failed with the error “operation_timeout”")]
    assert workspace.channel("incidents").ephemerals == []


async def test_without_a_connection_a_command_cannot_be_dispatched(workspace: Workspace) -> None:
    """With no app connected, the person sees so at once."""
    outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
    assert outcome.error == "dispatch_failed"
    assert workspace.toasts == [("U0ALICE01", "/ilab failed with the error “dispatch_failed”")]


async def test_a_button_opens_a_modal_whose_errors_are_mended_and_which_closes(
    app: AsyncApp, connected: Connected, workspace: Workspace, client: AsyncWebClient, until: Until
) -> None:
    """Button → views.open → errors of Slack's form → errors of the app → accepted and closed."""
    presses: list[dict[str, Any]] = []
    submissions: list[dict[str, Any]] = []

    @app.action("open")
    async def opened(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        presses.append(body)
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.view("form")
    async def submitted(ack: AsyncAck, body: dict[str, Any]) -> None:
        submissions.append(body)
        if body["view"]["state"]["values"]["title"]["v"]["value"] == "bad":
            await ack(response_action="errors", errors={"title": "Say what is broken"})
        else:
            await ack()

    posted = await client.chat_postMessage(channel="C0INCIDNT", text="INC-1", blocks=BUTTONS)
    async with connected(app):
        pressed = await workspace.click("U0ALICE01", in_message("C0INCIDNT", posted["ts"]), "open")
        await until(lambda: bool(workspace.views.stack("U0ALICE01")))
        view_id = workspace.views.stack("U0ALICE01")[0].id
        empty = await workspace.submit("U0ALICE01", view_id)
        short = await workspace.submit("U0ALICE01", view_id, {"title": {"v": "x"}})
        bad = await workspace.submit("U0ALICE01", view_id, {"title": {"v": "bad"}})
        shown = workspace.views.shown(workspace.views.stack("U0ALICE01")[0])
        good = await workspace.submit("U0ALICE01", view_id, {"title": {"v": "API 5xx"}})
    assert pressed.ok
    assert presses[0]["actions"][0]["value"] == "INC-1"
    assert presses[0]["message"]["ts"] == posted["ts"]
    assert presses[0]["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": "C0INCIDNT",
        "is_ephemeral": False,
    }
    assert empty.errors == {"title": "Please complete this required field."}
    assert short.errors == {"title": "Please enter at least 3 characters."}
    assert bad.errors == shown["errors"] == {"title": "Say what is broken"}
    assert shown["state"]["values"]["title"]["v"]["value"] == "bad"
    assert good.ok
    assert len(submissions) == 2, "what Slack's own form refuses is never sent"
    assert submissions[1]["view"]["private_metadata"] == "kept"
    assert workspace.views.stack("U0ALICE01") == []


@pytest.mark.parametrize(
    ("answer", "depth", "title"),
    [
        (
            {"response_action": "update", "view": {**FORM, "title": {"type": "plain_text", "text": "Second"}}},
            1,
            "Second",
        ),
        ({"response_action": "push", "view": {**FORM, "title": {"type": "plain_text", "text": "Above"}}}, 2, "Above"),
        ({"response_action": "clear"}, 0, ""),
    ],
)
async def test_a_submission_may_update_push_and_clear(
    app: AsyncApp,
    connected: Connected,
    workspace: Workspace,
    answer: dict[str, Any],
    depth: int,
    title: str,
) -> None:
    """Each `response_action` does what Slack does with it."""

    @app.view("form")
    async def submitted(ack: AsyncAck) -> None:
        await ack(**answer)

    view = workspace.views.open("U0ALICE01", FORM)
    async with connected(app):
        outcome = await workspace.submit("U0ALICE01", view.id, {"title": {"v": "API 5xx"}})
    stack = workspace.views.stack("U0ALICE01")
    assert outcome.ok
    assert len(stack) == depth
    assert [one.json["title"]["text"] for one in stack[-1:]] == [title] * bool(depth)


async def test_a_senseless_answer_to_a_submission_keeps_the_modal_open(
    app: AsyncApp, connected: Connected, workspace: Workspace
) -> None:
    """Errors for a block that is no input are trouble for the person, and nothing is lost."""

    @app.view("form")
    async def submitted(ack: AsyncAck) -> None:
        await ack(response_action="errors", errors={"nowhere": "?"})

    view = workspace.views.open("U0ALICE01", FORM)
    async with connected(app):
        outcome = await workspace.submit("U0ALICE01", view.id, {"title": {"v": "API 5xx"}})
    assert outcome.error == "invalid_errors"
    assert workspace.toasts == [("U0ALICE01", "We had some trouble connecting. Try again?")]
    assert workspace.views.stack("U0ALICE01") == [view]


async def test_an_external_select_offers_what_the_app_answers_and_can_be_chosen(
    app: AsyncApp, connected: Connected, workspace: Workspace
) -> None:
    """Options come through Bolt, are not asked below the minimum length, and the choice is dispatched."""
    chosen: list[dict[str, Any]] = []

    @app.options("service")
    async def offer(ack: AsyncAck, payload: dict[str, Any]) -> None:
        text = {"type": "plain_text", "text": f"payments for {payload['value']}"}
        await ack(options=[{"text": text, "value": "svc_payments"}])

    @app.action("service")
    async def choose(ack: AsyncAck, action: dict[str, Any], body: dict[str, Any]) -> None:
        await ack()
        chosen.append({**action, "typed": body["view"]["state"]["values"]["title"]["v"]["value"]})

    view = workspace.views.open("U0ALICE01", FORM)
    async with connected(app):
        too_short = await workspace.options("U0ALICE01", in_view(view.id), "service", "p")
        offered = await workspace.options("U0ALICE01", in_view(view.id), "service", "pay")
        outcome = await workspace.click(
            "U0ALICE01",
            in_view(view.id),
            "service",
            value=offered.options[0],
            values={"title": {"v": "half a word"}},
        )
    assert too_short.options == []
    assert [option["value"] for option in offered.options] == ["svc_payments"]
    assert outcome.ok
    assert chosen[0]["selected_option"]["value"] == "svc_payments"
    assert chosen[0]["typed"] == "half a word"


async def test_closing_tells_the_app_where_the_view_asks_for_it(
    app: AsyncApp, connected: Connected, workspace: Workspace
) -> None:
    """`view_closed` says whether everything was cleared."""
    closed: list[bool] = []

    @app.view_closed("form")
    async def gone(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        closed.append(body["is_cleared"])

    async with connected(app):
        view = workspace.views.open("U0ALICE01", FORM)
        await workspace.close("U0ALICE01", view.id)
        view = workspace.views.open("U0ALICE01", FORM)
        await workspace.close("U0ALICE01", view.id, everything=True)
    assert closed == [False, True]


async def test_a_mention_comes_twice_under_two_event_ids(
    app: AsyncApp, connected: Connected, workspace: Workspace
) -> None:
    """One sentence to the bot is an app_mention and a message, with one ts and two event ids."""
    heard: list[tuple[str, str, str]] = []

    @app.event(re.compile(".*"))
    async def event(body: dict[str, Any]) -> None:
        heard.append((body["event"]["type"], body["event"]["ts"], body["event_id"]))

    async with connected(app):
        said = await workspace.say("U0ALICE01", "C0INCIDNT", "@ilab status")
        unheard = await workspace.say("U0ALICE01", "C0GENERAL", "@ilab status")
        await workspace.say("U0ALICE01", "D0ALICE01", "status")
        await workspace.settled()
    assert {kind for kind, ts, _ in heard if ts == said.ts} == {"app_mention", "message"}
    assert [kind for kind, ts, _ in heard if ts == unheard.ts] == [], "the bot is not in #general"
    assert len({event_id for _, _, event_id in heard}) == 3


async def test_an_event_comes_again_until_it_is_acknowledged(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """An unacknowledged event is retried three times with its attempt, its reason and the same event id."""
    attempts: list[tuple[str, list[str]]] = []

    @app.middleware
    async def refuse(req: AsyncBoltRequest, body: dict[str, Any]) -> BoltResponse:
        attempts.append((body["event_id"], list(req.headers.get("x-slack-retry-num", []))))
        return BoltResponse(status=500)

    async with connected(app):
        await workspace.react("U0ALICE01", "C0INCIDNT", (await _posted(workspace)), "eyes")
        await until(lambda: len([log for log in workspace.delivery.log if log.attempt == 3]) == 1)
    mine = [entry for entry in attempts if entry[0] == attempts[0][0]]
    assert [retry for _, retry in mine] == [["0"], ["1"], ["2"], ["3"]]
    answers = [log.answer for log in workspace.delivery.log if log.payload["event"]["type"] == "reaction_added"]
    assert [answer.error for answer in answers] == ["timeout"] * 4


async def _posted(workspace: Workspace) -> str:
    """A message that the app hears nothing of."""
    channel = workspace.channel("incidents")
    ts = workspace.next_ts()
    channel.messages.append({"type": "message", "user": "U0BOB0002", "text": "look", "ts": ts})
    return ts


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_the_app_comes_back_after_a_disconnect_frame(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until, reason: str
) -> None:
    """Bolt takes a new address when it is told to go, and hears the next command."""
    _answer_all(app)
    async with connected(app):
        await workspace.socket.disconnect(reason)
        await until(lambda: workspace.socket.hellos == 2 and workspace.socket.connections == 1)
        outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
    assert outcome.ok


async def test_the_app_comes_back_after_its_sockets_were_cut(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """A connection that just ends is replaced."""
    _answer_all(app)
    async with connected(app):
        workspace.socket.drop()
        await until(lambda: workspace.socket.hellos == 2 and workspace.socket.connections == 1)
        outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
    assert outcome.ok


async def test_a_dead_address_stays_dead_until_another_is_asked_for(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """The SDK tries a dead address forever; with `wss_uri` reset it asks for another one and is back."""
    _answer_all(app)
    async with connected(app) as handler:
        workspace.socket.break_next_ticket()
        await until(lambda: workspace.socket.refused >= 2)
        assert workspace.socket.connections == 0
        assert [call.method for call in workspace.calls].count("apps.connections.open") == 2
        handler.client.wss_uri = None
        await until(lambda: workspace.socket.connections == 1)
        outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
    assert outcome.ok


def _answer_all(app: AsyncApp) -> None:
    @app.command("/ilab")
    async def command(ack: AsyncAck) -> None:
        await ack()


async def test_each_payload_goes_to_one_of_several_connections(
    app: AsyncApp, connected: Connected, workspace: Workspace, client: AsyncWebClient
) -> None:
    """Two connections share the commands; none is delivered twice."""
    other = AsyncApp(client=client, signing_secret=CREDENTIALS["slack.signing_secret"])
    heard: list[str] = []

    @app.command("/ilab")
    async def first(ack: AsyncAck) -> None:
        heard.append("first")
        await ack()

    @other.command("/ilab")
    async def second(ack: AsyncAck) -> None:
        heard.append("second")
        await ack()

    async with connected(app), connected(other):
        await workspace.socket.wait_for_connections(2)
        for _ in range(20):
            assert (await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")).ok
    assert len(heard) == 20
    assert set(heard) == {"first", "second"}


async def test_an_address_works_once_and_the_eleventh_connection_is_refused(sandbox: Sandbox) -> None:
    """A ticket cannot be used twice; beyond ten connections Slack says too_many_websockets."""
    socket = sandbox.workspace.socket
    async with aiohttp.ClientSession() as session:
        url = socket.issue(sandbox.url)
        opened = [await session.ws_connect(url)]
        hello = await opened[0].receive_json()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        for _ in range(9):
            link = await session.ws_connect(socket.issue(sandbox.url))
            await link.receive_json()
            opened.append(link)
        eleventh = await session.ws_connect(socket.issue(sandbox.url))
        refused = await eleventh.receive_json()
        for link in [*opened, eleventh]:
            await link.close()
    assert hello["type"] == "hello"
    assert hello["connection_info"] == {"app_id": "A0ILABAPP"}
    assert refused["reason"] == "too_many_websockets"


async def test_the_same_payload_can_be_delivered_three_times(
    app: AsyncApp, connected: Connected, workspace: Workspace
) -> None:
    """A redelivery is the payload as it was: same trigger, same text."""
    heard: list[str] = []

    @app.command("/ilab")
    async def command(ack: AsyncAck, body: dict[str, Any]) -> None:
        heard.append(body["trigger_id"])
        await ack()

    async with connected(app):
        first = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
        again = await workspace.redeliver(times=2)
        at_once = await workspace.deliver_raw(workspace.delivery.log[0].payload, times=3, at_once=True)
    assert [answer.ok for answer in again + at_once] == [True] * 5
    assert heard == [first.trigger_id] * 6


async def test_an_ephemeral_message_is_replaced_by_its_buttons_response_url(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """A press in an ephemeral message has no `message` in it, and its response_url replaces and deletes it."""
    bodies: list[dict[str, Any]] = []

    @app.command("/ilab")
    async def command(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond("choose", blocks=BUTTONS)

    @app.action("open")
    async def pressed(ack: AsyncAck, respond: AsyncRespond, body: dict[str, Any]) -> None:
        await ack()
        bodies.append(body)
        if len(bodies) == 1:
            await respond("once more", blocks=BUTTONS, replace_original=True)
        else:
            await respond(delete_original=True)

    place = workspace.channel("incidents")
    async with connected(app):
        await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab")
        await until(lambda: len(place.ephemerals) == 1)
        where = in_ephemeral("C0INCIDNT", place.ephemerals[0]["message"]["ts"])
        await workspace.click("U0ALICE01", where, "open")
        await until(lambda: place.ephemerals[0]["message"]["text"] == "once more")
        await workspace.click("U0ALICE01", where, "open")
        await until(lambda: not place.ephemerals)
    assert bodies[0]["container"]["is_ephemeral"] is True
    assert "message" not in bodies[0]


async def test_shortcuts_reach_their_listeners(app: AsyncApp, connected: Connected, workspace: Workspace) -> None:
    """A global shortcut has a trigger and no channel; a message shortcut brings its message."""
    heard: list[dict[str, Any]] = []

    async def shortcut(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        heard.append(body)

    app.shortcut("declare_incident")(shortcut)
    app.shortcut("add_to_timeline")(shortcut)
    ts = await _posted(workspace)
    async with connected(app):
        assert (await workspace.shortcut("U0ALICE01", "declare_incident")).ok
        assert (await workspace.shortcut("U0ALICE01", "add_to_timeline", "C0INCIDNT", ts)).ok
    assert heard[0]["type"] == "shortcut"
    assert "channel" not in heard[0]
    assert heard[1]["message"]["text"] == "look"


async def test_the_home_is_published_when_it_is_opened(
    app: AsyncApp, connected: Connected, workspace: Workspace, until: Until
) -> None:
    """app_home_opened → views.publish → a button in it has a view and no channel."""
    presses: list[dict[str, Any]] = []

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": BUTTONS})

    @app.action("open")
    async def pressed(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        presses.append(body)

    async with connected(app):
        await workspace.open_home("U0ALICE01")
        await until(lambda: "U0ALICE01" in workspace.state.homes)
        home = workspace.state.homes["U0ALICE01"]
        assert (await workspace.click("U0ALICE01", in_view(home.id), "open")).ok
    assert presses[0]["view"]["type"] == "home"
    assert "channel" not in presses[0]
    assert "response_url" not in presses[0]
