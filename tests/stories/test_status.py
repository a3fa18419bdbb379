"""`/ilab status`: is it well, and if not, is it us or them."""

from __future__ import annotations

from storytelling import Story


async def test_all_is_well(story: Story) -> None:
    """Everything answers: one green line, every check named, and nobody is pinged."""
    said = await story.asks("alice", "/ilab status")
    assert said.first_line == ":white_check_mark: All well: 17 of 17 checks ok"
    assert said.ephemeral
    assert said.buttons == ["Recheck", "Every check", "Share here"]
    assert "Stripe events" in said.text
    assert story.sandbox.workspace.pings == []
