"""The Home tab: within Slack's limits, for everybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.app import registry
from bot.operation import Answer, Line, Lines, Mark, Offer, Read
from bot.people import Actor, Role, Standing
from bot.policy import Allow, decide
from bot.slack.blocks.answer import message
from bot.slack.blocks.home import home, no_rights
from bot.slack.blocks.text import escape
from sandbox.slack.blocks import view as checked
from sandbox.slack.markup import pings_in_blocks

NOW = datetime(2025, 6, 1, 12, 30, 15, tzinfo=UTC)
ANSWER = Answer(
    verdict="InterviewLab is well",
    mark=Mark.OK,
    offers=(Offer(label="Recheck", words="status --fresh"),),
    section="Health Checks",
    at=NOW,
)


def actor(role: Role, name: str = "ann") -> Actor:
    """Somebody."""
    return Actor(id="U1", name=name, standing=Standing.MEMBER, role=role, known_at=NOW)


def shown(answer: Answer, who: Actor, operations: list[Read] | None = None) -> str:
    """The view after Slack's own check, as text."""
    allowed = operations or [operation for operation in registry() if isinstance(decide(operation, who), Allow)]
    values = {offer: "w:" + offer.words for offer in answer.offers}
    told = message(answer, now=NOW, values=values, runbook_url="https://example.com/runbook.md")
    declare = Offer(label="Declare incident…", words="incident declare", style="danger")
    view = home([told, told], who, allowed, always={declare: "w:incident declare"})
    stored = checked(view, home=True)
    assert pings_in_blocks(stored["blocks"]) == []
    return json.dumps(stored, ensure_ascii=False)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.NONE])
def test_everybody_sees_how_things_stand_and_what_is_theirs(role: Role) -> None:
    """And nothing that is not."""
    text = shown(ANSWER, actor(role))
    assert "InterviewLab is well" in text
    assert f"*ann*, a {role.word}." in text.replace(", an ", ", a ")
    for operation in registry():
        usage = f"`/ilab {escape(operation.usage)}`"
        assert (usage in text) == (role >= operation.who)


def test_a_name_is_only_a_name() -> None:
    """Whatever somebody calls themselves."""
    text = shown(ANSWER, actor(Role.VIEWER, name="*<!channel>*"))
    assert "<!channel>" not in text
    assert "&lt;!channel&gt;" in text


def test_slack_takes_it_however_much_there_is() -> None:
    """A huge answer and three hundred commands."""
    lines = tuple(Line(title=f"line {number}", text="x" * 500) for number in range(200))
    answer = Answer(verdict="Much", evidence=tuple(Lines(heading="h", lines=lines) for _ in range(60)))
    many = [
        Read(words=f"do {number}", summary="s" * 200, who=Role.VIEWER, examples=(f"do {number}",), read=_nothing)
        for number in range(300)
    ]
    assert "Much" in shown(answer, actor(Role.ADMIN), many)


async def _nothing(*_: object) -> Answer:
    return ANSWER


def test_whoever_may_do_nothing_is_told_why() -> None:
    """And what to do, escaped."""
    stored = checked(no_rights("Guests <have> no rights.", "Ask a member."), home=True)
    text = stored["blocks"][0]["text"]["text"]
    assert text == "*There is nothing for you here.*\nGuests &lt;have&gt; no rights. Ask a member."
