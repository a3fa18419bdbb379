"""The Home tab: what is open, what waits for one, who is on call, and how to declare."""

from __future__ import annotations

from incidents import set_up
from storytelling import Story, until

from sandbox.product.books import CASES


async def test_it_shows_what_matters(story: Story) -> None:
    """Open incidents, what waits for this person, who is on call; each with its buttons."""
    await story.asks("frank", "/ilab incident declare P0 checkout answers 500")
    await set_up(story)
    await story.asks(
        "erin", f"/ilab grant {CASES['never_bought']} 5 --tier professional --reason the webhook was lost", "support"
    )
    home = await story.opens_home("bob")
    assert "1 incident open." in home.text
    assert "INC-1 P0  checkout answers 500 (declared)" in home.text
    assert "Alice Ito is on call until" in home.text
    assert {"Declare incident…", "Acknowledge INC-1", "Approve 1"} <= set(home.buttons)
    shown = await story.presses_in("bob", home, "Acknowledge INC-1")
    assert "You have INC-1." in shown.text
    home = story.home("bob")
    assert home is not None
    assert "(acknowledged)" in home.text
    assert "Acknowledge INC-1" not in home.buttons


async def test_declare_from_it(story: Story) -> None:
    """*Declare incident…* opens the form over it."""
    home = await story.opens_home("frank")
    form = await story.presses_in("frank", home, "Declare incident…")
    assert "Severity: ____" in form.text
    await story.submits("frank", severity="p1", title="uploads fail")
    await until(lambda: story.has_rows("incidents", 1), "it was never declared")


async def test_a_private_incident_is_at_home_where_it_is_known(story: Story) -> None:
    """Its members read of it there; nobody else does."""
    await story.asks("frank", "/ilab incident declare P0 a key was leaked --private")
    await set_up(story)
    assert "a key was leaked (declared), private" in (await story.opens_home("frank")).text
    home = await story.opens_home("erin")
    assert "No incident is open." in home.text
    assert "leaked" not in home.text


async def test_our_own_database_is_silent(story: Story) -> None:
    """How things stand is shown all the same; what cannot be said is said once."""
    story.proxies["own"].set("down")
    home = await story.opens_home("alice")
    assert "All well" in home.text or "InterviewLab" in home.text
    assert home.text.count("My own database does not answer") == 1
