"""`/ilab runbook`: the owner's document, with the commands that do what it says as buttons."""

from __future__ import annotations

from storytelling import Story


async def test_a_section_with_its_commands(story: Story) -> None:
    """`runbook payment` shows Issue 3 with what does it; a viewer is offered only what a viewer may."""
    said = await story.asks("alice", "/ilab runbook payment webhook")
    assert said.first_line == "Runbook: Issue 3: Payment Webhook Failed"
    assert "Check server logs for" in said.text
    assert {"Payment trace…", "Payment redeliver…"} <= set(said.buttons)
    assert said.text.index("/ilab payment trace") < said.text.index("Check Stripe Dashboard")
    (snippet,) = (block["text"]["text"] for block in said.raw["blocks"] if "INSERT" in str(block))
    assert snippet.startswith("```\n# Manually grant entitlement:")
    assert snippet.endswith(");\n```")
    assert "**" not in said.text
    viewer = await story.asks("frank", "/ilab runbook payment webhook")
    assert "Payment trace…" not in viewer.buttons


async def test_its_contents(story: Story) -> None:
    """Without a word it lists its sections."""
    said = await story.asks("frank", "/ilab runbook")
    assert "P0 Response Procedure" in said.text
    assert said.buttons == ["P0 procedure", "Health checks", "Payments"]
    said = await story.presses("frank", "P0 procedure")
    assert said.first_line == "Runbook: P0 Response Procedure"


async def test_what_it_does_not_say(story: Story) -> None:
    """Words that it does not know get a sentence, and ping nobody."""
    said = await story.asks("frank", "/ilab runbook <!channel> coffee")
    assert said.first_line.startswith("The runbook says nothing of “")
    assert story.sandbox.workspace.pings == []
