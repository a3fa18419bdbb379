"""Every way to ask: mentions, direct messages, buttons, forms, the shortcut, the Home tab; and what is shown once."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import structlog
from storytelling import Said, Story

from bot.store import offers

WELL = ":white_check_mark: All well: 17 of 17 checks ok"


@pytest.fixture(autouse=True)
async def nobody_is_pinged(story: Story) -> AsyncIterator[None]:
    """Nobody is pinged, nothing unknown is called, and everything is finished."""
    yield
    workspace = story.sandbox.workspace
    assert workspace.pings == []
    assert workspace.unknown_calls == []
    assert await story.rows("select key, outcome from inbox where done_at is null or outcome = 'fault'") == []


def calls(story: Story, method: str) -> int:
    """How often the bot has called this method of Slack's with success."""
    return sum(call.method == method and call.ok for call in story.sandbox.workspace.calls)


async def raw(story: Story, kind: str, change: Any, times: int = 1) -> dict[str, Any]:
    """Deliver the newest payload of a kind again, changed by a function, as something new."""
    workspace = story.sandbox.workspace
    payload = copy.deepcopy(next(one.payload for one in reversed(workspace.delivery.log) if one.kind == kind))
    if kind == "events_api":
        payload["event_id"] = "Ev0STORY01"
    else:
        payload["trigger_id"] = workspace.triggers.issue(story.person("alice"))
    change(payload)
    answers = await workspace.deliver_raw(payload, times=times)
    assert all(answer.ok for answer in answers)
    await story.settled()
    return payload


# mentions and direct messages


async def test_a_mention_is_answered_in_its_thread(story: Story) -> None:
    """What was asked before all is answered before all, in the thread."""
    said = await story.asks("alice", "@ilab status")
    assert said.first_line == WELL
    assert not said.ephemeral
    thread = said.raw["thread_ts"]
    assert story.sees("bob", thread_ts=thread)[-1].text == said.text
    assert len(story.sees("bob")) == 1
    assert said.buttons == ["Recheck", "Every check"]


async def test_a_mention_in_a_thread_is_answered_there(story: Story) -> None:
    """In a thread the answer goes into that thread, also what only the asker may see."""
    first = await story.asks("alice", "@ilab status")
    thread = first.raw["thread_ts"]
    said = await story.asks("bob", "could you, @ilab, please", thread_ts=thread)
    assert said.first_line.startswith("There is no command “could you, , please”.")
    assert said.raw["thread_ts"] == thread
    assert said.ephemeral
    said = await story.asks("bob", "@ilab whoami", thread_ts=thread)
    assert said.raw["thread_ts"] == thread
    assert said.ephemeral
    assert story.sees("alice", thread_ts=thread)[-1].raw["user"] == story.person("bob")


@pytest.mark.parametrize("words", ["whoami", "token", "token issue laptop", "nonsense"])
async def test_a_private_answer_to_a_mention(story: Story, words: str) -> None:
    """What is private goes to the asker alone; beside the message, since a thread of it alone would not be shown."""
    said = await story.asks("alice", f"@ilab {words}")
    assert said.ephemeral
    assert "thread_ts" not in said.raw
    assert [one.text for one in story.sees("bob")] == [f"<@U0ILABBOT> {words}"]


async def test_recheck_in_a_thread(story: Story) -> None:
    """A press in a thread edits the answer there, for everybody."""
    said = await story.asks("alice", "@ilab status")
    story.sandbox.vendors["site"].set_switch("site", "down")
    again = await story.presses("bob", "Recheck", thread_ts=said.raw["thread_ts"])
    assert again.raw["ts"] == said.raw["ts"]
    assert again.first_line.startswith(":red_circle: The site is down")
    assert story.sees("alice", thread_ts=said.raw["thread_ts"])[-1].text == again.text


async def test_a_private_answer_never_replaces_a_public_one(story: Story) -> None:
    """Pressing *Whoami* under an answer that all can see tells only the one who pressed."""
    said = await story.asks("alice", "@ilab help")
    thread = said.raw["thread_ts"]
    mine = await story.presses("bob", "Whoami", thread_ts=thread)
    assert mine.first_line == "You are bob, an approver."
    assert mine.ephemeral
    assert mine.raw["thread_ts"] == thread
    assert [one.text for one in story.sees("alice", thread_ts=thread)][1:] == [said.text]


async def test_a_message_edited_later_does_nothing(story: Story) -> None:
    """Only what is said first counts: Slack's later words about an edited message are dropped."""
    said = await story.asks("alice", "@ilab stauts")
    message = story.sees("bob")[0].raw
    workspace = story.sandbox.workspace
    await workspace.edit(story.person("alice"), story.channel("incidents"), message["ts"], "@ilab status")
    edited = {"user": story.person("alice"), "ts": workspace.next_ts()}
    await raw(story, "events_api", lambda payload: payload["event"].update(text="<@U0ILABBOT> status", edited=edited))
    assert story.sees("alice")[-1].text == said.text
    assert story.sees("alice", thread_ts=message["ts"]) == []


async def test_a_direct_message(story: Story) -> None:
    """In a direct message the words alone are enough, and a mention does no harm."""
    here = story.direct("alice")
    said = await story.asks("alice", "status", here)
    assert said.first_line == WELL
    assert not said.ephemeral
    assert "thread_ts" not in said.raw
    assert said.buttons == ["Recheck", "Every check"]
    assert (await story.asks("alice", "@ilab whoami", here)).first_line == "You are alice, a responder."
    assert (await story.asks("alice", "/ilab whoami", here)).first_line == "You are alice, a responder."
    again = await story.presses("alice", "Every check", here)
    assert again.raw["ts"] == said.raw["ts"]


async def test_a_thread_in_a_direct_message(story: Story) -> None:
    """Asked in a thread of a direct message, it answers there."""
    here = story.direct("alice")
    first = await story.asks("alice", "whoami", here)
    said = await story.asks("alice", "help", here, thread_ts=first.raw["ts"])
    assert said.raw["thread_ts"] == first.raw["ts"]


async def test_a_message_to_others_is_not_answered(story: Story) -> None:
    """What people say to each other in a channel is none of the bot's business."""
    await story.says("alice", "status looks bad to me")
    await story.settled()
    assert len(story.sees("bob")) == 1
    assert await story.rows("select key from inbox") == []


@pytest.mark.parametrize(("channel", "name"), [("general", "alice"), ("support", "gus"), ("leadership", "bob")])
async def test_a_command_where_the_bot_is_not(story: Story, channel: str, name: str) -> None:
    """A command is answered in channels that the bot is not in, private ones too."""
    said = await story.asks(name, "/ilab whoami", channel)
    assert said.ephemeral
    assert said.first_line == ("You may not do this." if name == "gus" else f"You are {name}, {_role(name)}.")


def _role(name: str) -> str:
    return {"alice": "a responder", "bob": "an approver"}[name]


async def test_sharing_where_the_bot_is_not(story: Story) -> None:
    """What is shared in a private channel is seen there."""
    await story.asks("bob", "/ilab status", "leadership")
    await story.presses("bob", "Share here", "leadership")
    assert story.sees("carol", "leadership")[-1].first_line == WELL
    await story.presses("carol", "Recheck", "leadership")
    assert len(story.sees("bob", "leadership")) == 2


# the shortcut and the Home tab


async def test_the_shortcut(story: Story) -> None:
    """The shortcut opens a modal at once, with the answer in it; its buttons work inside."""
    modal = await story.uses_shortcut("alice", "status")
    assert modal is not None
    assert modal.first_line == WELL
    assert modal.raw["title"]["text"] == "Status"
    assert modal.buttons == ["Recheck", "Every check"]
    story.sandbox.vendors["site"].set_switch("site", "down")
    again = await story.presses_in("alice", modal, "Recheck")
    assert again.raw["id"] == modal.raw["id"]
    assert again.first_line.startswith(":red_circle: The site is down")
    assert again.raw["title"]["text"] == "Status"


async def test_the_shortcut_shows_that_it_works(story: Story) -> None:
    """While a vendor takes its time, the modal stands there already and says how far it is."""
    story.sandbox.faults.add("openai", kind="slow", seconds=2.2)
    workspace = story.sandbox.workspace
    seen: list[str] = []
    watching = workspace.watch(story.person("alice"))
    assert (await workspace.shortcut(story.person("alice"), "status")).took < 2

    async def look() -> None:
        while True:
            if (await watching.get())["type"] == "view":
                modal = story.modal("alice")
                seen.append(modal.first_line if modal else "")

    looking = asyncio.create_task(look())
    await story.settled()
    looking.cancel()
    assert seen[0] == "Working on it…"
    assert "Checking… " in seen[1]
    assert seen[-1] == WELL


async def test_the_shortcut_by_a_guest(story: Story) -> None:
    """A guest reads in the modal that they have no rights."""
    modal = await story.uses_shortcut("gus", "status")
    assert modal is not None
    assert "Guests of the workspace have no rights here." in modal.text


async def test_the_shortcut_whose_trigger_died(story: Story) -> None:
    """Where the modal cannot open any more, the answer comes as a direct message."""
    story.sandbox.faults.add("slack", "views.open", kind="status", status=503)
    assert await story.uses_shortcut("alice", "status") is None
    assert story.sees("alice", story.direct("alice"))[-1].first_line == WELL


async def test_a_shortcut_of_an_older_manifest(story: Story) -> None:
    """A shortcut that stands for no command any more is answered, not swallowed."""
    await story.uses_shortcut("alice", "status")
    await raw(story, "interactive", lambda payload: payload.update(callback_id="declare_incident"))
    modal = story.modal("alice")
    assert modal is not None
    assert modal.first_line.startswith("There is no command “declare incident”.")


async def test_home(story: Story) -> None:
    """The Home tab shows how things stand, who one is, and what one may type."""
    home = await story.opens_home("alice")
    assert home.text.splitlines()[:3] == ["InterviewLab operations", "[Declare incident…]", WELL]
    for words in ("No incident is open.", "Nothing waits", "Alice Ito is on call until"):
        assert words in home.text
    assert "You are alice, a responder. You may type:" in home.text
    assert "`/ilab token issue [label…]`" in home.text
    assert home.buttons == ["Declare incident…", "Recheck", "Every check"]
    assert "token" not in (await story.opens_home("frank")).text


async def test_recheck_at_home(story: Story) -> None:
    """Recheck on the Home tab asks again and shows it there; so does the list of every check."""
    home = await story.opens_home("alice")
    story.sandbox.vendors["site"].set_switch("site", "down")
    home = await story.presses_in("alice", home, "Recheck")
    assert home.text.splitlines()[2].startswith(":red_circle: The site is down")
    home = await story.presses_in("alice", home, "Every check")
    assert " s)" in home.text
    assert home.buttons == ["Declare incident…", "Declare incident", "Recheck"]


async def test_another_button_at_home(story: Story) -> None:
    """What is no matter of the Home tab opens over it, and an expired button says so in a direct message."""
    home = await story.opens_home("alice")
    await story.presses_in("alice", home, "Recheck")
    await raw(story, "interactive", lambda payload: payload["actions"][0].update(value="w:whoami"))
    modal = story.modal("alice")
    assert modal is not None
    assert modal.first_line == "You are alice, a responder."
    await raw(story, "interactive", lambda payload: payload["actions"][0].update(value="o:gone"))
    assert story.sees("alice", story.direct("alice"))[-1].first_line == "This button has expired."


@pytest.mark.parametrize("name", ["gus"])
async def test_home_of_a_guest(story: Story, name: str) -> None:
    """A guest's Home tab says that they have no rights, and nothing of how things stand."""
    home = await story.opens_home(name)
    assert home.text.splitlines() == [
        "There is nothing for you here.",
        "Guests of the workspace have no rights here. Ask a member of the team.",
    ]
    assert calls(story, "views.publish") == 1
    assert story.sandbox.vendors["status_pages"].log == []


# forms


async def test_a_form(story: Story) -> None:
    """Where a word is missing a form opens; what is wrong is said under the field, and what was typed stays."""
    await story.says("alice", "/ilab token issue laptop")
    await story.says("alice", "/ilab token revoke")
    await story.settled()
    form = story.modal("alice")
    assert form is not None
    assert form.text.splitlines() == ["End one of your tokens.", "Id: ____"]
    for typed, wrong in (
        ("abc", "“abc” does not fit “id”: it must be a whole number of at least 1."),
        ("0", "“0” does not fit “id”: it must be a whole number of at least 1."),
        ("<!channel>", "“<!channel>” does not fit “id”: it must be a whole number of at least 1."),
    ):
        form = await story.submits("alice", id=typed)
        assert form.errors == {"id": wrong}
        assert form.raw["state"]["values"]["id"]["value"]["value"] == typed
    assert await story.rows("select id from tokens where revoked_at is null") == [(1,)]
    done = await story.submits("alice", id=" 1 ")
    assert done.first_line == "Token 1, “laptop”, no longer works."
    assert done.raw["title"]["text"] == "Revoke token"
    assert await story.rows("select id from tokens where revoked_at is null") == []
    assert await story.rows("select kind, actor from audit order by seq") == [
        ("token.issued", story.person("alice")),
        ("token.revoked", story.person("alice")),
    ]


async def test_a_form_of_a_token_that_is_not_theirs(story: Story) -> None:
    """Nobody ends another's token: the modal says that there is none, and the token lives."""
    await story.says("alice", "/ilab token issue laptop")
    await story.says("bob", "/ilab token revoke")
    await story.settled()
    shown = await story.submits("bob", id="1")
    assert shown.first_line == "You have no token 1, or it no longer works."
    assert await story.rows("select id from tokens where revoked_at is null") == [(1,)]


async def test_a_form_whose_asker_lost_the_role(story: Story) -> None:
    """The role counts at the submission, too."""
    await story.says("alice", "/ilab token issue laptop")
    await story.says("alice", "/ilab token revoke")
    await story.settled()
    story.sandbox.workspace.state.groups["S0RESPOND"]["users"].remove(story.person("alice"))
    shown = await story.submits("alice", id="1")
    assert "`token revoke` needs a responder; you are a viewer." in shown.text
    assert await story.rows("select id from tokens where revoked_at is null") == [(1,)]


async def test_a_form_closed_before_its_answer(story: Story) -> None:
    """What a form has done is said in a direct message where the modal was closed meanwhile."""
    await story.says("alice", "/ilab token issue laptop")
    await story.says("alice", "/ilab token revoke")
    await story.settled()
    form = story.modal("alice")
    assert form is not None
    story.sandbox.faults.add("slack", "users.info", kind="slow", seconds=0.3)
    workspace, alice = story.sandbox.workspace, story.person("alice")
    await workspace.submit(alice, form.raw["id"], {"id": {"value": "1"}})
    await workspace.close(alice, form.raw["id"])
    await story.settled()
    assert story.modal("alice") is None
    assert story.sees("alice", story.direct("alice"))[-1].first_line == "Token 1, “laptop”, no longer works."


async def test_a_form_whose_trigger_died(story: Story) -> None:
    """Where the form cannot open any more, one sentence says what is missing, and a button opens it after all."""
    fault = story.sandbox.faults.add("slack", "views.open", kind="slow", seconds=3.1)
    said = await story.asks("alice", "/ilab token revoke")
    assert story.modal("alice") is None
    assert said.first_line == "`token revoke` needs <id>.".replace("<", "&lt;").replace(">", "&gt;")
    assert "Usage: `/ilab token revoke &lt;id&gt;`, for example `/ilab token revoke 1`." in said.text
    assert said.buttons == ["Fill in a form"]
    story.sandbox.faults.remove(fault.id)
    element = said.button("Fill in a form")
    container = {"type": "ephemeral", "channel": story.channel("incidents"), "ts": said.raw["ts"]}
    await story.sandbox.workspace.click(story.person("alice"), container, element["action_id"])
    await story.settled()
    form = story.modal("alice")
    assert form is not None
    assert form.first_line == "End one of your tokens."


async def test_a_form_cannot_open_from_a_message(story: Story) -> None:
    """A mention and a direct message have no trigger: the usage, and a button that has one."""
    for said in (
        await story.asks("alice", "@ilab token revoke"),
        await story.asks("alice", "token revoke", story.direct("alice")),
    ):
        assert "Usage: `/ilab token revoke &lt;id&gt;`" in said.text
        assert said.buttons == ["Fill in a form"]


# buttons


async def test_a_button_whose_words_have_expired(story: Story) -> None:
    """Words that may not stand in a button are kept for a week; after that, the press says so and changes nothing."""
    said = await story.asks("alice", "/ilab token issue laptop")
    database, clock = story.bots[0].core.services.database, story.sandbox.world.clock
    kept = await database.call(lambda connection: offers.add(connection, "token revoke 1", at=clock.now()))
    clock.jump(7 * 86400 - 60)

    async def press() -> Said:
        container = {"type": "ephemeral", "channel": story.channel("incidents"), "ts": said.raw["ts"]}
        element = said.button("Revoke 1")
        await story.sandbox.workspace.click(story.person("alice"), container, element["action_id"])
        return story.sees("alice")[-1]

    for held in story.sandbox.workspace.channel("incidents").ephemerals:
        for block in held["message"]["blocks"]:
            for element in block.get("elements", []):
                if element["type"] == "button":
                    element["value"] = f"o:{kept}"
    clock.jump(120)
    await press()
    await story.settled()
    assert story.sees("alice")[-1].text.splitlines() == [
        "This button has expired.",
        "Ask again, and press the new one.",
    ]
    assert story.sees("alice")[0].text == said.text
    assert await story.rows("select id from tokens where revoked_at is null") == [(1,)]
    again = await database.call(lambda connection: offers.add(connection, "token revoke 1", at=clock.now()))
    await raw(story, "interactive", lambda payload: payload["actions"][0].update(value=f"o:{again}"))
    assert await story.rows("select id from tokens where revoked_at is null") == []


async def test_a_link_is_only_a_link(story: Story) -> None:
    """Slack reports also presses of links: they are acknowledged, and nothing is said."""
    said = await story.asks("alice", "/ilab status")
    await story.presses("alice", "Recheck")
    shown = [one.text for one in story.sees("alice")]

    def as_link(payload: dict[str, Any]) -> None:
        payload["actions"][0] = {"type": "button", "action_id": "link", "block_id": "b", "url": "https://example.com"}

    await raw(story, "interactive", as_link)
    assert [one.text for one in story.sees("alice")] == shown
    assert said.ephemeral
    assert ("no words",) in await story.rows("select outcome from inbox")


async def test_a_button_of_a_command_that_is_no_more(story: Story) -> None:
    """An old message's button may hold words that nothing understands any more: said, and the message stays."""
    await story.asks("alice", "/ilab status --share")
    said = await story.presses("alice", "Recheck")
    await raw(story, "interactive", lambda payload: payload["actions"][0].update(value="w:frobnicate 7"))
    assert story.sees("alice")[-1].first_line == "There is no command “frobnicate 7”."
    assert story.sees("alice")[-1].ephemeral
    assert story.sees("bob")[-1].first_line == said.first_line


# once


@pytest.mark.parametrize("at_once", [False, True], ids=["one after another", "all at once"])
@pytest.mark.parametrize(
    ("door", "method"),
    [
        ("command", "response_url"),
        ("button", "response_url"),
        ("mention", "chat.postMessage"),
        ("direct", "chat.postMessage"),
        ("home", "views.publish"),
        ("shortcut", "views.open"),
        ("form", "views.update"),
    ],
)
async def test_what_comes_three_times_is_done_once(
    story: Story,
    door: str,
    method: str,
    at_once: bool,  # noqa: FBT001 -- a table's column
) -> None:
    """Whatever Slack delivers three times is acknowledged three times, and answered once."""
    workspace, alice = story.sandbox.workspace, story.person("alice")
    await story.says("alice", "/ilab token issue laptop")
    await story.settled()
    doors: dict[str, Callable[[], Awaitable[object]]] = {
        "command": lambda: story.says("alice", "/ilab token issue phone"),
        "button": lambda: story.presses("alice", "Revoke 1"),
        "mention": lambda: story.says("alice", "@ilab help"),
        "direct": lambda: story.says("alice", "help", story.direct("alice")),
        "home": lambda: workspace.open_home(alice),
        "shortcut": lambda: workspace.shortcut(alice, "status"),
        "form": lambda: _revokes_by_form(story),
    }
    await doors[door]()
    await story.settled()
    by_people = [one.payload for one in workspace.delivery.log if "bot_id" not in one.payload.get("event", {})]
    payload = copy.deepcopy(by_people[-1])
    if "event_id" in payload:
        payload["event_id"] = "Ev0STORY01"
    else:
        payload["trigger_id"] = workspace.triggers.issue(alice)
    before, had = calls(story, method), await story.rows("select count(*) from tokens")
    answers = await workspace.deliver_raw(payload, times=3, at_once=at_once)
    assert [answer.ok for answer in answers] == [True] * 3
    await story.settled()
    assert calls(story, method) - before == 1
    issued = await story.rows("select count(*) from tokens")
    assert issued[0][0] - had[0][0] == (1 if door == "command" else 0)
    await workspace.redeliver(times=2)
    await story.settled()
    assert calls(story, method) - before == 1


async def _revokes_by_form(story: Story) -> None:
    await story.says("alice", "/ilab token revoke")
    await story.settled()
    await story.submits("alice", id="1")


# tokens


async def test_a_secret_is_shown_once(story: Story) -> None:
    """The secret is shown to its owner alone, and stands in no table and no line of the log."""
    with structlog.testing.capture_logs() as logs:
        said = await story.asks("alice", "/ilab token issue laptop")
        secret = said.text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
        assert said.first_line == "Token 1 is yours. It is shown this once."
        assert secret.startswith("ilab_")
        assert said.ephemeral
        assert secret not in said.raw["text"]
        listed = await story.asks("alice", "/ilab token")
        await story.asks("alice", "/ilab status")
        gone = await story.presses("alice", "Revoke 1", said=said)
    assert secret not in listed.text
    assert re.search(r"“laptop”, made \d+ s ago, never used", listed.text)
    assert gone.raw["ts"] == said.raw["ts"]
    assert all(secret not in one.text for one in story.sees("alice"))
    assert logs
    assert secret not in json.dumps(logs, default=str)
    assert await _tables_with(story, secret) == []
    assert await _tables_with(story, "laptop") != []
    assert all(secret not in path.read_text() for path in story.directory.glob("bot/journal/*"))


async def _tables_with(story: Story, words: str) -> list[str]:
    """The tables in which the words stand somewhere, whatever the column."""
    tables = await story.rows("select tablename from pg_tables where schemaname = 'public'")
    found = []
    for (table,) in tables:
        rows = await story.rows(f'select t::text from "{table}" as t')  # noqa: S608 -- our own tables' names
        if any(words in row[0] or words.encode().hex() in row[0] for row in rows):
            found.append(table)
    return found


async def test_a_secret_in_a_direct_message(story: Story) -> None:
    """In a direct message, too, the secret is shown for now and not kept; what is pressed there is answered in place."""
    here = story.direct("alice")
    said = await story.asks("alice", "token issue laptop", here)
    assert "ILAB_TOKEN=ilab_" in said.text
    assert said.ephemeral
    assert all("ILAB_TOKEN" not in str(message) for message in story.sandbox.workspace.channel(here).messages)
    listed = await story.asks("alice", "token", here)
    assert not listed.ephemeral
    gone = await story.presses("alice", "Revoke 1", here, said=listed)
    assert gone.raw["ts"] == listed.raw["ts"]
    assert gone.first_line == "Token 1, “laptop”, no longer works."


async def test_a_hostile_label(story: Story) -> None:
    """A label is shown as it was typed, wherever it stands, and does nothing."""
    await story.asks("alice", "/ilab token issue <!channel> *x* `y` <https://evil.example|here> " + "z" * 100)
    said = await story.asks("alice", "/ilab token")
    assert "“&lt;!channel&gt; x y &lt;https://evil.example|here&gt; zz" in said.text.replace("\u200b", "").replace(
        "`", ""
    )
    assert "<!channel>" not in said.text
    assert "<https" not in said.text
    confirm = said.button("Revoke 1")["confirm"]
    assert "&lt;!channel&gt;" in confirm["text"]["text"]
    assert confirm["text"]["verbatim"] is True
    label = (await story.rows("select label from tokens"))[0][0]
    assert len(label) == 80
    assert label.endswith("z…")


@pytest.mark.parametrize("typed", ['""', "“ ”", "''"])
async def test_an_empty_label(story: Story, typed: str) -> None:
    """An empty label is none."""
    said = await story.asks("alice", f"/ilab token issue {typed}")
    assert said.first_line == "Token 1 is yours. It is shown this once."
    assert (await story.rows("select label from tokens"))[0][0] in ("terminal", "''")


async def test_ten_tokens_are_enough(story: Story) -> None:
    """Nobody has more than ten, also when they ask for twelve at once; a revoked one makes room."""
    await asyncio.gather(*(story.says("alice", f"/ilab token issue {number}") for number in range(12)))
    await story.settled()
    said = [one.first_line for one in story.sees("alice")]
    assert sum(line.endswith("It is shown this once.") for line in said) == 10
    assert said.count("You have 10 tokens already.") == 2
    assert await story.rows("select count(*) from tokens where revoked_at is null") == [(10,)]
    listed = await story.asks("alice", "/ilab token")
    assert listed.first_line == "You have 10 terminal tokens."
    assert len(listed.buttons) == 11
    revoke = listed.buttons[1]
    assert listed.button(revoke)["style"] == "danger"
    assert "stops working at once." in listed.button(revoke)["confirm"]["text"]["text"]
    gone = await story.presses("alice", revoke, said=listed)
    assert gone.raw["ts"] == listed.raw["ts"]
    assert (await story.presses("alice", "Your tokens")).first_line == "You have 9 terminal tokens."
    assert (await story.asks("alice", "/ilab token issue again")).first_line.endswith("It is shown this once.")


async def test_when_it_was_used(story: Story) -> None:
    """The list says when each was made and used."""
    await story.asks("alice", "/ilab token issue laptop")
    story.sandbox.world.clock.jump(3 * 86400)
    said = await story.asks("alice", "/ilab token")
    assert "made 3 days ago, never used" in said.text
