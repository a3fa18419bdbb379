"""What stories of incidents look at."""

from __future__ import annotations

from typing import Any

from storytelling import Said, Story, until


def rooms(story: Story) -> list[Any]:
    """The channels of incidents in the workspace, those of drills too."""
    return [
        channel
        for channel in story.sandbox.workspace.state.channels.values()
        if channel.name.startswith(("inc-", "drill-"))
    ]


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


def card(story: Story, name: str = "bob") -> Said:
    """The first incident's card in #incidents."""
    return next(said for said in story.sees(name) if "INC-1 P" in said.first_line and not said.ephemeral)


def thread(story: Story, name: str = "bob") -> list[str]:
    """What stands in the thread under the card."""
    return [said.text for said in story.sees(name, "incidents", str(card(story, name).raw["ts"]))]


async def declared(story: Story, words: str = "P0 checkout answers 500", name: str = "frank") -> None:
    """Somebody declares an incident, and everything of it is there."""
    await story.asks(name, f"/ilab incident declare {words}")
    if words.startswith(("P0", "P1")):
        await set_up(story)
    await story.settled()


async def done(story: Story) -> None:
    """What was due is done, and what came of it is shown."""

    async def idle() -> bool:
        rows = await story.rows(
            """select (select count(*) from procrastinate_jobs where status in ('todo', 'doing'))
                    + (select count(*) from clocks where state = 'running' and due_at <= %s)""",
            story.sandbox.world.clock.now(),
        )
        return bool(rows[0][0] == 0)

    await until(idle, "what was due was never done", 40)
    await story.settled()


async def later(story: Story, minutes: float) -> None:
    """So much time passes, and what was due meanwhile is done."""
    story.sandbox.world.clock.jump(minutes * 60)
    await done(story)


async def press(story: Story, name: str, label: str, channel: str = "incidents") -> Said:
    """A person presses a button, and reads what they alone are told; everybody may read something, too."""
    await story.presses(name, label, channel)
    return [said for said in story.sees(name, channel) if said.ephemeral][-1]


async def types(story: Story, name: str, words: str, channel: str = "incidents") -> Said:
    """A person types, and reads what they alone are told; everybody may read something, too."""
    await story.asks(name, words, channel)
    await done(story)
    return [said for said in story.sees(name, channel) if said.ephemeral][-1]


async def opens(story: Story, name: str, label: str, channel: str = "incidents") -> Said:
    """A person presses the newest button of that label, and reads the form that it opens."""
    said = next(one for one in reversed(story.sees(name, channel)) if label in one.buttons)
    button = said.button(label)
    block = next(block for block in said.raw["blocks"] if button in block.get("elements", ()))
    container = {
        "type": "ephemeral" if said.ephemeral else "message",
        "channel": story.channel(channel),
        "ts": said.raw["ts"],
    }
    workspace = story.sandbox.workspace
    outcome = await workspace.click(
        story.person(name), container, button["action_id"], block_id=block["block_id"], value=button.get("value")
    )
    assert outcome.ok, outcome.error
    await until(lambda: "____" in (story.modal(name) or Said(text="", raw={})).text, f"“{label}” opened no form")
    form = story.modal(name)
    assert form is not None
    return form


async def times_of(story: Story, incident: int = 1) -> list[tuple[str, str]]:
    """The timeline: kind and words, in order."""
    return await story.rows("select kind, said from timeline where incident = %s order by at, id", incident)


async def state_of(story: Story, incident: int = 1) -> str:
    """Where the incident stands."""
    return str((await story.rows("select state from incidents where id = %s", incident))[0][0])


async def token_of(story: Story, name: str) -> str:
    """A terminal token of the person's own."""
    said = await story.asks(name, "/ilab token issue")
    return said.text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
