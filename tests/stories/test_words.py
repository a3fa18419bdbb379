"""What people mistype, paste and let their phone make pretty: a clear sentence each, and nobody is pinged."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from storytelling import Said, Story

LONG = "status " + "<!channel> and " * 400


@pytest.fixture(autouse=True)
async def nobody_is_pinged(story: Story) -> AsyncIterator[None]:
    """Whatever is typed, nobody is pinged, Slack's own errors are not seen, and everything is finished."""
    yield
    workspace = story.sandbox.workspace
    assert workspace.pings == []
    assert workspace.unknown_calls == []
    assert workspace.toasts == []
    assert await story.rows("select key, outcome from inbox where done_at is null or outcome = 'fault'") == []


@pytest.mark.parametrize(
    ("typed", "answer", "help_"),
    [
        ("/ilab stauts", "There is no command “stauts”.", "Did you mean `/ilab status`?"),
        ("/ilab statsu wacth", "There is no command “statsu wacth”.", "Did you mean `/ilab status watch`?"),
        ("/ilab token isue laptop", "I did not understand “isue laptop” after `token`.", "Usage: `/ilab token`"),
        ("/ilab teleport", "There is no command “teleport”.", "`/ilab help` lists what you may do."),
        ("/ilab status now please", "I did not understand “now please” after `status`.", "Usage: `/ilab status [--"),
        ("/ilab status --dep", "`status` has no option `--dep`.", "Did you mean `--deep`?"),
        ("/ilab status --deep=5", "`--deep` takes no value.", "for example `/ilab status --deep`"),
        (
            "/ilab status watch soon",
            "“soon” does not fit “minutes”: it must be a number from 1 to 10080.",
            "for example `/ilab status watch 120`",
        ),
        (
            "/ilab token revoke abc",
            "“abc” does not fit “id”: it must be a whole number of at least 1.",
            "`/ilab token revoke 1`",
        ),
        (
            "/ilab token revoke 0",
            "“0” does not fit “id”: it must be a whole number of at least 1.",
            "`/ilab token revoke 1`",
        ),
        ("/ilab 🔥", "There is no command “🔥”.", "`/ilab help`"),
        ("/ilab :fire: status", "There is no command “:fire: status”.", "`/ilab help`"),
        ("/ilab status :tada:", "I did not understand “:tada:” after `status`.", "Usage: "),
        ("/ilab alice@interviewlab.io", "There is no command “alice@interviewlab.io”.", "`/ilab help`"),
        ("/ilab @bob", "There is no command “@U0BOB0002”.", "`/ilab help`"),
        ("/ilab @responders", "There is no command “@S0RESPOND”.", "`/ilab help`"),
        ("/ilab @here", "There is no command “@here”.", "`/ilab help`"),
        ("/ilab <!here> fire", "There is no command “&lt;!here&gt; fire”.", "`/ilab help`"),
        ("/ilab help <!everyone>", "There is no command “&lt;!everyone&gt;” that you may use.", "`/ilab help` lists"),
        ("/ilab *bold* _it_ ~no~", "There is no command “bold _it_ ~no~”.", "`/ilab help`"),
        ("/ilab <b>hi</b> & bye", "There is no command “&lt;b&gt;hi&lt;/b&gt; &amp; bye”.", "`/ilab help`"),
    ],
    ids=lambda value: value if value.startswith("/") else "",
)
async def test_what_is_not_understood(story: Story, typed: str, answer: str, help_: str) -> None:
    """One sentence quotes what was typed, harmless; one says what to type instead; only the asker sees it."""
    said = await story.asks("alice", typed)
    assert plain(said).startswith(answer)
    assert help_ in plain(said)
    assert said.ephemeral
    assert len(story.sees("alice")) == 1
    assert story.sees("bob") == []


async def test_what_does_not_fit_can_be_filled_in(story: Story) -> None:
    """The severity was left out: a button opens the form, and what was typed stands in it. One that needs nothing has none."""
    said = await story.asks("alice", "/ilab incident declare checkout is down")
    assert plain(said).startswith("“checkout” does not fit “severity”")
    assert said.buttons == ["Fill in a form"]
    container = {"type": "ephemeral", "channel": story.channel("incidents"), "ts": said.raw["ts"]}
    action = said.button("Fill in a form")["action_id"]
    await story.sandbox.workspace.click(story.person("alice"), container, action)
    await story.settled()
    form = story.modal("alice")
    assert form is not None
    assert [block["block_id"] for block in form.raw["blocks"] if block["type"] == "input"][:2] == ["severity", "title"]
    assert (form.raw["title"]["text"], form.raw["submit"]["text"]) == ("Declare an incident", "Declare")
    title = next(block for block in form.raw["blocks"] if block["block_id"] == "title")
    assert title["element"]["initial_value"] == "checkout is down"
    assert (await story.asks("alice", "/ilab status --dep")).buttons == []


@pytest.mark.parametrize(
    "typed",
    [
        "/ilab  status   --deep",
        "/ilab status —deep",
        "/ilab status –deep",
        "/ilab STATUS --DEEP",
        "/ilab Status —Deep ",
        "/ilab “status” --deep",
        "/ilab status\u00a0--deep",
        "/ilab\nstatus --deep",
    ],
)
async def test_what_is_meant_all_the_same(story: Story, typed: str) -> None:
    """Long dashes, smart quotes, capitals, hard and double spaces: each means the same as typed plainly."""
    said = await story.asks("alice", typed)
    assert said.first_line == ":white_check_mark: All well: 17 of 17 checks ok"
    assert said.buttons == ["Recheck", "Share here"]


@pytest.mark.parametrize("typed", ["/ilab", "/ilab ", "/ilab   ", "/ilab help", "/ilab HELP", "/ilab “help”"])
async def test_nothing_at_all_is_help(story: Story, typed: str) -> None:
    """Who types nothing is told what they may type."""
    said = await story.asks("alice", typed)
    assert said.first_line.startswith("You are a responder: ")
    assert said.ephemeral


@pytest.mark.parametrize("typed", ["/ilab help status", "/ilab help “status”", "/ilab help /ilab status"])
async def test_help_for_one_command(story: Story, typed: str) -> None:
    """Help for a command shows its options, who may use it, and examples that work."""
    said = await story.asks("alice", typed)
    assert said.first_line == "How to use status"
    assert "`[--deep]`  Show every check" in plain(said)
    assert "For a viewer and above." in said.text
    assert said.buttons == ["Status"]
    example = plain(said).split("`/ilab status --fresh")[1].split("`")[0]
    assert (await story.asks("alice", f"/ilab status --fresh{example}")).first_line.endswith("17 of 17 checks ok")


@pytest.mark.parametrize("typed", ["@ilab", "@ilab   ", "  @ilab "])
async def test_a_mention_of_nothing_is_help(story: Story, typed: str) -> None:
    """Who only mentions the bot is told what they may type, in the thread."""
    said = await story.asks("alice", typed)
    assert said.first_line.startswith("You are a responder: ")
    assert not said.ephemeral


async def test_what_slack_makes_of_an_address_is_undone(story: Story) -> None:
    """Slack turns an address into `<mailto:…|…>` and a site into `<http…|…>`: the label holds what was typed."""
    await story.asks("alice", "/ilab token issue for ann@example.com on interviewlab.io")
    assert await story.rows("select label from tokens") == [("for ann@example.com on http://interviewlab.io",)]


async def test_quotes_keep_words_together(story: Story) -> None:
    """Smart quotes are quotes, and an apostrophe is an apostrophe."""
    await story.asks("alice", "/ilab token issue “my laptop”")
    await story.asks("alice", "/ilab token issue alice’s other laptop")
    assert await story.rows("select label from tokens order by id") == [("my laptop",), ("alice's other laptop",)]


@pytest.mark.parametrize("door", ["/ilab ", "@ilab "])
async def test_far_too_long(story: Story, door: str) -> None:
    """Six thousand characters full of <!channel> are refused in a sentence, by every door, and ping nobody."""
    said = await story.asks("alice", door + LONG)
    assert " characters; a command may have 3,000." in said.first_line
    assert "channel" not in said.text
    assert said.ephemeral


async def test_long_but_not_too_long(story: Story) -> None:
    """What is quoted back is cut, with the mention in it made harmless."""
    said = await story.asks("alice", "/ilab " + "<!channel> " * 200)
    assert said.first_line.startswith("There is no command “&lt;!channel&gt; &lt;!channel&gt;")
    assert said.first_line.endswith("…”.")
    assert len(said.text) < 300


async def test_the_suggestion_is_typed_next(story: Story) -> None:
    """Nothing is lost by a typo: the words suggested work as they stand."""
    said = await story.asks("alice", "/ilab whoamy")
    suggested = plain(said).split("Did you mean `")[1].split("`")[0]
    assert (await story.asks("alice", suggested)).first_line == "You are alice, a responder."


def plain(said: Said) -> str:
    """The text without the invisible spaces that keep signs from becoming formatting."""
    return said.text.replace("\u200b", "")
