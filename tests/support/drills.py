"""What stories of drills do and look at."""

from __future__ import annotations

from typing import Any

from incidents import done, set_up, types
from storytelling import Said, Story


def room(story: Story) -> Any:
    """The drill's channel in the workspace."""
    (found,) = [one for one in story.sandbox.workspace.state.channels.values() if one.name.startswith("drill-")]
    return found


def told(story: Story) -> list[Said]:
    """What the bot said in the drill's channel, to everybody."""
    seen = story.sees("alice", room(story).id)
    return [one for one in seen if one.raw.get("bot_id") and not one.raw.get("subtype") and not one.ephemeral]


def writes(story: Story) -> list[str]:
    """What any vendor was asked that changed anything there."""
    return [f"{name} {one.call}" for name, vendor in story.sandbox.vendors.items() for one in vendor.log if one.acted]


async def played(story: Story, words: str = "incident drill") -> str:
    """Alice begins a drill, and everything of it is there; the id of its channel."""
    await types(story, "alice", f"/ilab {words}")
    await set_up(story)
    await done(story)
    return str(room(story).id)
