"""Every way to declare an incident, what is asked first, and who is let in."""

from __future__ import annotations

import asyncio

import pytest
from incidents import room, rooms, set_up
from storytelling import Story, until

TITLE = "checkout answers 500"


async def test_the_global_shortcut_opens_the_form(story: Story) -> None:
    """The form says what each severity means; submitted, the incident is declared, and the modal says so."""
    form = await story.uses_shortcut("frank", "incident_declare")
    assert form is not None
    assert "P0 Critical: site down, payments failing, data loss" in str(form.raw)
    said = await story.submits("frank", severity="p0", title=TITLE)
    assert said.first_line == f":red_circle: INC-1 is declared: P0 {TITLE}"
    await set_up(story)
    assert room(story).name == "inc-1-checkout-answers-500"


async def test_declared_from_a_message(story: Story) -> None:
    """The message's text is the title to begin with; its link stands in the timeline, at the message's own time."""
    wrote = await story.says("erin", 'Payments fail & I get "card declined" from <!here> everywhere', "support")
    story.sandbox.world.clock.jump(600)
    form = await story.uses_shortcut("frank", "incident_declare_from_message", channel="support", ts=wrote.ts)
    assert form is not None
    filled = {
        block["block_id"]: block["element"].get("initial_value")
        for block in form.raw["blocks"]
        if block["type"] == "input"
    }
    assert filled["title"].startswith("Payments fail & I get 'card declined' from")
    assert filled["message"].endswith(f"/archives/{story.channel('support')}/p{wrote.ts.replace('.', '')}")
    await story.submits("frank", severity="p0")
    await set_up(story)
    ((kind, link, at),) = await story.rows(
        "select kind, link, extract(epoch from at) from timeline where key = 'declared-from'"
    )
    assert (kind, link) == ("marked", filled["message"])
    assert float(at) == pytest.approx(float(wrote.ts), abs=0.001)
    assert await story.rows(
        "select d.at - m.at > interval '9 minutes' from milestones m, milestones d where m.name = 'detected' and d.name = 'declared'"
    ) == [(True,)]
    assert story.sandbox.workspace.pings == []


async def test_the_open_ones_are_shown_first(story: Story) -> None:
    """Whoever declares is shown what is open, of any age; *Join* lets them into its channel and declares nothing."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    story.sandbox.world.clock.jump(3 * 3600)
    said = await story.asks("erin", "/ilab incident declare P0 payments fail")
    assert said.first_line == "INC-1 was declared 3 h ago and is open: is it the same fault?"
    assert said.buttons == ["Join INC-1", "Declare another"]
    assert story.person("erin") not in room(story).members
    told = await story.presses("erin", "Join INC-1")
    assert "you are being let into its channel" in told.text
    await until(lambda: story.person("erin") in room(story).members, "erin was never let in")
    assert await story.has_rows("incidents", 1)


async def test_another_fault_is_declared_all_the_same(story: Story) -> None:
    """*Declare another* keeps what was typed, options and signs included."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    await story.asks("erin", '/ilab incident declare P1 the --weird "title" isn\'t lost')
    await story.presses("erin", "Declare another")
    await until(lambda: story.has_rows("incidents", 2), "it was never declared")
    assert await story.rows("select severity, title from incidents where id = 2") == [
        ("P1", "the --weird title isn't lost")
    ]


async def test_two_at_once_are_one(story: Story) -> None:
    """Two people declare the same moment: one incident, and the other is asked whether it is the same."""
    first, second = await asyncio.gather(
        story.says("frank", f"/ilab incident declare P0 {TITLE}"),
        story.says("erin", "/ilab incident declare P0 the shop is broken"),
    )
    assert first.ok
    assert second.ok
    await story.settled()
    assert await story.has_rows("incidents", 1)
    shown = [said for name in ("frank", "erin") for said in story.sees(name) if said.ephemeral]
    assert sum("is it the same fault?" in said.text for said in shown) == 1


async def test_the_form_warns_of_open_incidents(story: Story) -> None:
    """The form shows what is open above its fields; *Join* in it answers in its place."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    form = await story.uses_shortcut("erin", "incident_declare")
    assert form is not None
    assert "INC-1 was declared" in form.text
    shown = await story.presses_in("erin", form, "Join INC-1")
    assert "you are being let into its channel" in shown.text


async def test_a_p2_is_joined_in_its_thread(story: Story) -> None:
    """What has no channel of its own is followed in the thread, and joining says where."""
    await story.asks("frank", "/ilab incident declare P2 a label is wrong")
    said = await story.asks("erin", "/ilab incident join 1")
    assert "is followed in the thread under its card" in said.text
    assert f"<#{story.channel('incidents')}>" in said.text
    assert rooms(story) == []


@pytest.mark.parametrize("typed", ["P0 checkout is down --privat", "P0 --message nonsense checkout", "P9 x"])
async def test_what_cannot_be_understood_declares_nothing(story: Story, typed: str) -> None:
    """A misspelt --private above all: it must not become a public title."""
    said = await story.asks("frank", f"/ilab incident declare {typed}")
    assert said.ephemeral
    await story.settled()
    assert await story.has_rows("incidents", 0)


async def test_who_cannot_be_let_in_is_named(stage: Story) -> None:
    """A guest of the settings' list cannot be let in: named with the reason; everybody else is in."""
    people = ",".join(stage.person(name) for name in ("gus", "dave"))
    async with stage.bot(ILAB_INCIDENTS__ALWAYS_INVITE=f'{{\\"P0\\": \\"{people}\\"}}'):
        await stage.asks("frank", f"/ilab incident declare P0 {TITLE}")
        await set_up(stage)
        shown = next(said.text for said in stage.sees("bob") if "INC-1 P0" in said.text)
        assert ":red_circle: People invited  Not let in: Gus" in shown
        assert "a guest of another channel alone" in shown
        assert {stage.person(name) for name in ("frank", "alice", "bob", "dave")} <= set(room(stage).members)


async def test_the_workspace_allows_no_channels(story: Story) -> None:
    """The card says so and what to do; the on-call is paged, and the thread goes on; allowed, *Retry* makes it."""
    story.sandbox.workspace.apps_may_create["public"] = False
    await story.asks("alice", f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    card = next(said for said in story.sees("bob") if "INC-1 P0" in said.text)
    assert (
        ":red_circle: Channel  This workspace does not let me make public channels. Slack says `restricted_action`."
        in card.text
    )
    assert ":white_check_mark: On-call paged" in card.text
    story.sandbox.workspace.apps_may_create["public"] = True
    await story.presses("alice", "Retry what failed", said=card)
    await until(lambda: bool(rooms(story)), "it was never made")


async def test_from_a_message_where_the_bot_is_not(story: Story) -> None:
    """In a private channel without the bot there is no link to be had: the form opens with the text alone."""
    wrote = await story.says("bob", "the bank called", "leadership")
    form = await story.uses_shortcut("bob", "incident_declare_from_message", channel="leadership", ts=wrote.ts)
    assert form is not None
    filled = {
        one["block_id"]: one["element"].get("initial_value") for one in form.raw["blocks"] if one["type"] == "input"
    }
    assert (filled["title"], filled["message"]) == ("the bank called", None)


async def test_its_bookmarks(stage: Story) -> None:
    """The runbook's section, the settings' dashboards, and our status page."""
    await stage.start(ILAB_INCIDENTS__DASHBOARDS='{\\"Analytics\\": \\"https://vercel.com/x/analytics\\"}')
    await stage.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await set_up(stage)
    links = {one["title"]: one["link"] for one in room(stage).bookmarks}
    assert links["Analytics"] == "https://vercel.com/x/analytics"
    assert links["Our status page"] == "https://status.interviewlab.io"
    assert links["Runbook: P0"].endswith("#p0-response-procedure")
