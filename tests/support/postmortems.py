"""What stories of post-mortems do and look at."""

from __future__ import annotations

from typing import Any

from incidents import declared, done, later, room, types
from storytelling import Said, Story

OPEN = "✎ Not written yet"


def canvas(story: Story) -> str:
    """What stands in the canvas of the incident's channel; nothing where there is none."""
    held: dict[str, Any] = story.sandbox.workspace.state.canvases.get(room(story).canvas) or {}
    return str(held.get("markdown", ""))


async def writes(story: Story, name: str = "alice", *, but: str = "") -> None:
    """Somebody answers every question in the canvas, but one."""
    kept = [
        "Alice’s own words." if row.startswith(OPEN) and not (but and but in row) else row
        for row in canvas(story).splitlines()
    ]
    outcome = await story.sandbox.workspace.people.edit_canvas(story.person(name), room(story).canvas, "\n".join(kept))
    assert outcome.ok


async def resolved(story: Story, words: str = "P0 checkout answers 500") -> str:
    """An incident that went as the runbook has it, and its channel; the draft of its post-mortem is written."""
    await declared(story, words, "alice")
    channel = str(room(story).id)
    await later(story, 2)
    await types(story, "alice", "/ilab ack", channel)
    await types(story, "alice", "/ilab incident resolve the fix is live", channel)
    await done(story)
    return channel


def rows(text: str, heading: str) -> list[list[str]]:
    """The rows of the tables of a section, without their heads."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found: list[list[str]] = []
    for part in section.split("\n\n"):
        lines = [line for line in part.splitlines() if line.startswith("| ")]
        found += [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines[1:]]
    return found


def files(story: Story, channel: str, thread_ts: str | None = None) -> list[str]:
    """What the files say that the bot shared in a channel or thread, as Markdown."""
    held = story.sandbox.workspace.state.files
    shared = [file for said in story.sees("alice", channel, thread_ts) for file in said.raw.get("files") or ()]
    return [held[file["id"]]["content"].encode("latin-1").decode() for file in shared]


def told(story: Story, channel: str, words: str, name: str = "alice") -> list[Said]:
    """The messages for everybody in a channel of which the first line has these words."""
    return [one for one in story.sees(name, channel) if words in one.first_line and not one.ephemeral]
