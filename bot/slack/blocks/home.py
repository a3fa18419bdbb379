"""The Home tab: how things stand, what is open, what waits for one, who is on call, and what one may ask for.

[pure]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.operation import Offer, Operation
from bot.people import Actor
from bot.slack.blocks.answer import Message, buttons, rich
from bot.slack.blocks.text import Block, escape, paragraphs, plain, section

BLOCKS: int = 100
"""Blocks of a Home tab. Source: Block Kit reference."""


def home(
    sections: Sequence[Message], actor: Actor, operations: Iterable[Operation], *, always: Mapping[Offer, str]
) -> Block:
    """The view: the buttons that always stand there, each section, then what this person may type."""
    rows = [f"`/ilab {escape(operation.usage)}`  {escape(operation.summary)}" for operation in operations]
    divider: Block = {"type": "divider"}
    last = [
        section(f"You are *{rich(actor.name)}*, {_a(actor.role.word)}. You may type:"),
        *(section(text) for text in paragraphs(rows)),
    ]
    shown: list[Block] = [{"type": "header", "text": plain("InterviewLab operations", 150)}]
    shown += [buttons(tuple(always), always)] if always else []
    room = BLOCKS - len(shown) - min(len(last), 10)
    for message in sections:
        blocks = [*message.blocks, divider]
        if len(blocks) > room:
            continue
        shown += blocks
        room -= len(blocks)
    return {"type": "home", "blocks": [*shown, *last][:BLOCKS]}


def no_rights(why: str, todo: str) -> Block:
    """The view for somebody who may do nothing."""
    return {"type": "home", "blocks": [section(f"*There is nothing for you here.*\n{escape(why)} {escape(todo)}")]}


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
