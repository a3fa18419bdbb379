"""`incident publish`: the public is told once, what a person has seen before, and never of what is not for them."""

from __future__ import annotations

from typing import Any

import pytest
from incidents import in_room, room, set_up
from storytelling import Said, Story, ilab, until

TITLE = "checkout answers 500"
WORDS = 'incident publish INC-1 --components "Payments" --confirm publish We are looking into it.'


def page(story: Story) -> Any:
    """The stand-in of Statuspage."""
    return story.sandbox.vendors["statuspage"]


def posts(story: Story) -> list[Any]:
    """What stands on the page besides what was there before."""
    return [incident for incident in page(story).incidents if incident.name != "Slow interviews"]


async def declared(story: Story, words: str = f"P0 {TITLE}") -> None:
    """An incident that is set up."""
    await story.asks("frank", f"/ilab incident declare {words}")
    await set_up(story)


async def opened(story: Story, name: str = "alice") -> Said:
    """The form with the draft, opened from the incident's card."""
    said = next(said for said in reversed(story.sees(name)) if "Status page…" in said.buttons)
    element = next(
        one
        for block in said.raw["blocks"]
        for one in block.get("elements", ())
        if one.get("text", {}).get("text") == "Status page…"
    )
    container = {"type": "message", "channel": story.channel("incidents"), "ts": said.raw["ts"]}
    await story.sandbox.workspace.click(story.person(name), container, element["action_id"], value=element["value"])
    await story.settled()
    form = story.modal(name)
    assert form is not None
    return form


def filled(form: Said) -> dict[str, Any]:
    """What stands in the form's fields."""
    return {
        block["block_id"]: block["element"].get("initial_value")
        or block["element"].get("initial_option", {}).get("value")
        for block in form.raw["blocks"]
        if block["type"] == "input"
    }


async def test_a_draft_is_one_press_away(story: Story) -> None:
    """The card's button opens the draft; submitted, it stands on the page, in the channel, the thread and the timeline."""
    await declared(story)
    form = await opened(story)
    assert "The page says nothing of it yet" in form.text
    draft = filled(form)
    assert draft["state"] == "investigating"
    assert draft["text"].startswith("We are looking into a problem with InterviewLab.")
    assert TITLE not in str(draft)
    said = await story.submits(
        "alice", components="Payments, website", headline="Payments do not work", confirm="publish"
    )
    await until(lambda: bool(posts(story)), "it was never published")
    await story.settled()
    (post,) = posts(story)
    assert (post.name, post.status, post.impact) == ("Payments do not work", "investigating", "critical")
    assert page(story).components["cmppayment01"].status == "major_outage"
    assert len(page(story).notifications) == 1
    del said
    assert sum("alice told the public: investigating." in said.text for said in in_room(story)) == 1
    card = next(said for said in story.sees("bob") if said.first_line.endswith(f"INC-1 P0 {TITLE}"))
    thread = [said.text for said in story.sees("bob", "incidents", str(card.raw["ts"]))]
    assert sum("alice told the public: investigating." in text for text in thread) == 1
    assert await story.rows("select actor from timeline where kind = 'status_page'") == [(story.person("alice"),)]


async def test_the_next_post_is_an_update(story: Story) -> None:
    """The form shows what the page says; what follows is an update of the same; resolving mends the components."""
    await declared(story)
    await story.asks("alice", f"/ilab {WORDS}")
    await until(lambda: bool(posts(story)), "it was never published")
    form = await opened(story)
    assert "The page says: investigating  We are looking into it." in form.text
    assert filled(form)["components"] == "Payments"
    await story.submits("alice", state="resolved", text="All is well again.", confirm="publish")
    await until(lambda: posts(story)[0].status == "resolved", "it was never resolved")
    (post,) = posts(story)
    assert [update["status"] for update in post.updates] == ["resolved", "investigating"]
    assert page(story).components["cmppayment01"].status == "operational"


@pytest.mark.parametrize("call", ["create incident", "update incident"])
async def test_statuspages_answer_is_lost(story: Story, call: str) -> None:
    """It was published, the answer never came, and it is tried again: it stands there once, and everybody got one mail."""
    await declared(story)
    if call == "update incident":
        await story.asks("alice", f"/ilab {WORDS}")
        await until(lambda: bool(posts(story)), "it was never published")
    before = len(page(story).notifications)
    story.sandbox.faults.add("statuspage", call, kind="lost", times=1)
    await story.says("alice", f"/ilab {WORDS} Again.")
    await until(lambda: len(page(story).notifications) > before, "it never came there")
    await story.tries_again(before + 1)
    story.sandbox.world.clock.jump(11)
    await until(lambda: story.state_of(before + 1, "succeeded"), "it was never settled")
    await story.settled()
    assert len(posts(story)) == 1
    assert len(page(story).notifications) == before + 1


async def test_the_page_is_down(story: Story) -> None:
    """Nothing is published, and whoever wanted it is told; the form opens all the same, and says why it is empty."""
    page(story).set_switch("api", "down")
    await declared(story)
    said = await story.asks("alice", f"/ilab {WORDS}")
    assert "Statuspage fails (503)." in said.text
    form = await opened(story)
    assert "Statuspage fails (503)." in form.text
    assert posts(story) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--components Billing --confirm publish x", "no part called “Billing”"),
        ("--confirm publish ann@customer.org cannot pay", "names an e-mail address of customer.org"),
    ],
)
async def test_what_must_not_be_published(story: Story, words: str, said: str) -> None:
    """A part that the page does not have; a customer's address."""
    await declared(story)
    assert said in (await story.asks("alice", f"/ilab incident publish INC-1 {words}")).text
    assert posts(story) == []


async def test_a_private_incident_is_never_published(story: Story) -> None:
    """Its card has no button for it, and by words it is refused."""
    await declared(story, "P0 a key was leaked --private")
    assert not any("Status page…" in said.buttons for said in in_room(story))
    said = await story.asks("alice", f"/ilab {WORDS}", room(story).id)
    assert said.first_line == "INC-1 is private: nothing of it is published."
    assert posts(story) == []


async def test_from_a_terminal(story: Story) -> None:
    """In a terminal every word must be there: without the last it is refused, with it it is published."""
    await declared(story)
    token = (await story.asks("alice", "/ilab token issue")).text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
    status, out, err = await ilab(story, "run", "incident", "publish", "INC-1", "We look into it.", token=token)
    assert status != 0
    assert "--confirm" in out + err
    assert posts(story) == []
    status, out, err = await ilab(
        story, "run", "incident", "publish", "INC-1", "--confirm", "publish", "We look into it.", token=token
    )
    assert status == 0, err
    await until(lambda: bool(posts(story)), "it was never published")


async def test_a_viewer_publishes_nothing(story: Story) -> None:
    """It takes a responder."""
    await declared(story)
    assert (await story.asks("frank", f"/ilab {WORDS}")).first_line == "You may not do this."
