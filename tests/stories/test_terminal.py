"""The terminal: the same commands, the same roles, the same audit, without Slack."""

from __future__ import annotations

import re

import psycopg
import pytest
from storytelling import Story, ilab, until


async def token_of(story: Story, name: str) -> str:
    """The secret that `/ilab token issue` shows."""
    said = await story.asks(name, "/ilab token issue laptop")
    return re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", said.text)[1]


async def test_status_in_a_terminal(story: Story) -> None:
    """`ilab run status` says what Slack says, as plain text, and its exit status tells a script."""
    token = await token_of(story, "alice")
    status, out, err = await ilab(story, "run", "status", token=token)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "✔ All well: 17 of 17 checks ok"
    assert "ilab run status --deep" in out
    story.sandbox.vendors["site"].set_switch("site", "down")
    status, out, _ = await ilab(story, "run", "status", "--fresh", token=token)
    assert status == 1
    assert out.startswith("✖ The site is down")


async def test_no_form_is_offered_there(story: Story) -> None:
    """What does not fit gets its sentence and the usage, and no button of Slack's as a command."""
    token = await token_of(story, "alice")
    status, out, err = await ilab(story, "run", "incident", "declare", "checkout is down", token=token)
    assert status == 1
    said = out + err
    assert "does not fit “severity”" in said
    assert "Usage: " in said
    assert "Next:" not in said


async def test_the_same_roles(story: Story) -> None:
    """A token carries its person's role: whoami says so, and a viewer is refused what a viewer may not do."""
    token = await token_of(story, "erin")
    _, out, _ = await ilab(story, "run", "whoami", token=token)
    assert out.splitlines()[0] == "You are erin, a responder."
    status, out, _ = await ilab(story, "run", "status", "watch", token=token)
    assert status == 1
    assert "works in Slack only" in out
    status, out, _ = await ilab(story, "run", "token", "issue", token=token)
    assert status == 1
    assert "works in Slack only" in out


async def test_it_works_while_slack_is_silent(story: Story) -> None:
    """The terminal asks Slack nothing: with every call of Slack's refused it works, and knows the role."""
    token = await token_of(story, "alice")
    story.sandbox.faults.add("slack", kind="refused")
    status, out, _ = await ilab(story, "run", "whoami", token=token)
    assert status == 0
    assert "You are alice, a responder." in out


@pytest.mark.parametrize(
    ("token", "says"),
    [("", "I do not know who you are."), ("ilab_wrong", "This token is none of mine, or it was revoked.")],
)
async def test_no_token_no_rights(story: Story, token: str, says: str) -> None:
    """Without a living token the terminal says how to get one, and does nothing."""
    status, out, err = await ilab(story, "run", "status", token=token)
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == says
    assert "token issue" in err


async def test_a_revoked_token_is_dead(story: Story) -> None:
    """Revoked in Slack, refused in the terminal at once."""
    token = await token_of(story, "alice")
    await story.presses("alice", "Revoke 1")
    status, _, err = await ilab(story, "run", "whoami", token=token)
    assert status == 1
    assert "it was revoked" in err


async def test_who_left_has_no_rights_in_a_terminal(stage: Story) -> None:
    """A terminal asks only the database: so the bot asks Slack anew about everybody who holds a token."""
    async with stage.bot():
        token = await token_of(stage, "alice")
        stage.sandbox.workspace.account(stage.person("alice")).kind = "deactivated"
    async with stage.bot():

        async def told() -> bool:
            return await stage.rows("select standing from people where id = %s", stage.person("alice")) == [
                ("deactivated",)
            ]

        await until(told, "nobody asked about alice, who has a token")
    status, out, _ = await ilab(stage, "run", "status", token=token)
    assert status == 1
    assert "This account is deactivated." in out


async def test_a_secret_that_finds_no_way_stays_in_no_conversation(story: Story) -> None:
    """Its address is gone, and the bot is not in the channel: the direct message shows it, and forgets it."""
    story.sandbox.faults.add("slack", "response_url", kind="status", status=404)
    assert (await story.says("bob", "/ilab token issue laptop", "leadership")).ok
    await story.settled()
    said = story.sees("bob", story.direct("bob"))[-1]
    assert "ILAB_TOKEN=" in said.text
    assert said.ephemeral
    assert all(
        "ILAB_TOKEN=" not in str(channel.messages) for channel in story.sandbox.workspace.state.channels.values()
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "stauts"), "Did you mean /ilab status?"),
        (("run", "status", "--dep"), "Did you mean --deep?"),
        (("run", "token", "revoke"), "token revoke needs <id>."),
        (("run",), "You are a responder"),
    ],
)
async def test_wrong_words_in_a_terminal(story: Story, words: tuple[str, ...], says: str) -> None:
    """The same sentences as in Slack, without its markup."""
    token = await token_of(story, "alice")
    _, out, err = await ilab(story, *words, token=token)
    assert says in out + err
    assert "`" not in out + err


async def test_where_no_bot_has_run(story: Story) -> None:
    """Without the bot's database there is nothing to ask: said, and no empty one is made to answer instead."""
    for words in (("audit", "verify"), ("run", "whoami")):
        status, out, err = await ilab(
            story, *words, token="ilab_any", ILAB_DATABASE_URL="", ILAB_DATA_DIR=str(story.directory / "none")
        )
        assert (status, out) == (1, "")
        assert err.startswith("No bot has run here")
    assert not (story.directory / "none").exists()


async def test_our_own_database_is_down(story: Story) -> None:
    """Without it nobody is known here, and the terminal says so instead of hanging."""
    token = await token_of(story, "alice")
    story.sandbox.databases["own"].set("down")
    status, _, err = await ilab(story, "run", "status", token=token)
    assert status == 1
    assert "My own database does not answer." in err


async def test_the_audit_is_verified(story: Story) -> None:
    """`ilab audit verify` says that all is there, and names what was altered, taken from the middle, and cut off."""
    for _ in range(3):
        await story.asks("alice", "/ilab token issue")
    status, out, err = await ilab(story, "audit", "verify")
    assert (status, err) == (0, "")
    assert out == "✔ 3 entries, none altered, none missing, the end is there\n"
    damage = {
        "update audit set actor = 'U0NOBODY1' where seq = 2": "row 2 was altered",
        "delete from audit where seq = 2": "row 2 is missing",
        "delete from audit where seq = 3": "the end was cut off: row 3 is missing",
    }
    for statement, says in damage.items():
        async with await psycopg.AsyncConnection.connect(story.proxies["own"].conninfo) as connection:
            await connection.execute("create table saved as select * from audit")
            await connection.execute("alter table audit disable trigger user")
            await connection.execute(statement)
            await connection.commit()
            status, out, _ = await ilab(story, "audit", "verify")
            assert status == 1
            assert f"✖ {says}" in out
            await connection.execute("delete from audit")
            await connection.execute("insert into audit select * from saved")
            await connection.execute("drop table saved")
            await connection.execute("alter table audit enable trigger user")
    assert (await ilab(story, "audit", "verify"))[0] == 0


async def test_wrong_settings_are_named(story: Story) -> None:
    """A setting that is not right is named, with what is wrong with it, and never its value."""
    status, _, err = await ilab(story, "serve", ILAB_STATUS__CACHE_SECONDS="soon", ILAB_SLACK__BOT_TOKEN="")
    assert status == 1
    assert "ILAB_STATUS__CACHE_SECONDS: Input should be a valid number" in err
    assert "ILAB_SLACK__BOT_TOKEN: Field required" in err
    assert "sandbox" not in err
    status, _, err = await ilab(story, "serve", ILAB_SLACK__BOT_TOKEN="xoxb-wrong")
    assert status == 1
    assert "Slack refuses the bot's token (invalid_auth). Check ILAB_SLACK__BOT_TOKEN." in err.replace("\n", " ")
    assert "xoxb-wrong" not in err
