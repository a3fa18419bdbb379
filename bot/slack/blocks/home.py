"""The Home tab: who one is to the bot, how things stand, and what one may ask for.

[pure]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.operation import Answer, Offer, Operation
from bot.people import Actor
from bot.slack.blocks.answer import message, rich
from bot.slack.blocks.text import Block, escape, paragraphs, plain, section


def home(
    answer: Answer,
    actor: Actor,
    operations: Iterable[Operation],
    *,
    now: datetime,
    values: Mapping[Offer, str],
    runbook_url: str,
) -> Block:
    """The view: the present answer of `status` first, then what this person may type."""
    shown = message(answer, now=now, values=values, runbook_url=runbook_url)
    rows = [f"`/ilab {escape(operation.usage)}`  {escape(operation.summary)}" for operation in operations]
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain("InterviewLab operations", 150)},
            *shown.blocks,
            {"type": "divider"},
            section(f"You are *{rich(actor.name)}*, {_a(actor.role.word)}. You may type:"),
            *(section(text) for text in paragraphs(rows)),
        ][:100],
    }


def no_rights(why: str, todo: str) -> Block:
    """The view for somebody who may do nothing."""
    return {"type": "home", "blocks": [section(f"*There is nothing for you here.*\n{escape(why)} {escape(todo)}")]}


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
