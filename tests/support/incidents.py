"""What stories of incidents look at."""

from __future__ import annotations

from typing import Any

from storytelling import Said, Story, until


def rooms(story: Story) -> list[Any]:
    """The channels of incidents in the workspace."""
    return [channel for channel in story.sandbox.workspace.state.channels.values() if channel.name.startswith("inc-")]


def room(story: Story) -> Any:
    """The incident's channel in the workspace."""
    found = rooms(story)
    assert len(found) == 1, [channel.name for channel in found]
    return found[0]


def in_room(story: Story, name: str = "alice") -> list[Said]:
    """What stands in the incident's channel."""
    return story.sees(name, room(story).id)


async def set_up(story: Story, incident: int = 1) -> None:
    """Every step of the incident's setting up has ended, and what came of it is shown."""

    async def ended() -> bool:
        begun = await story.rows(
            "select count(*), count(*) filter (where state = 'started') from steps where subject = %s",
            f"incident:{incident}",
        )
        jobs = await story.rows("select count(*) from procrastinate_jobs where status in ('todo', 'doing')")
        return bool(begun[0][0] and not begun[0][1] and not jobs[0][0])

    await until(ended, "it was never set up", 40)
    await story.settled()
