"""`runbook`: the owner's document, section by section, with the commands that do what it says as buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Final

from bot.context import Context
from bot.errors import UserError
from bot.operation import Answer, Arg, Args, Audience, Family, Line, Lines, Offer, Operation, Read
from bot.people import Role
from bot.policy import Allow, decide
from bot.runbook import Section, closest, sections
from bot.words import needs_no_args, shorten

_BOLD: Final = re.compile(r"(?:- )?\*\*([^*]+)\*\*:?\s*(.*)")
LINES: Final = 40
"""Lines of a section that an answer shows; the link leads to the rest."""
BUTTONS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class RunbookArgs(Args):
    """Which part."""

    topic: Annotated[str, Arg(help="What it is about, such as payment or rollback.", positional=True, rest=True)] = ""


async def runbook(args: RunbookArgs, context: Context) -> Answer:
    """Return the section that the words name, with its commands; without words, the list of all sections."""
    allowed = [one for one in context.services.registry if isinstance(decide(one, context.actor), Allow)]
    topic = " ".join(args.topic.split())
    if not topic:
        return _contents()
    found = closest(topic)
    if not found:
        raise UserError(
            f"The runbook says nothing of “{shorten(topic)}”.",
            todo="`/ilab runbook` lists its sections, `/ilab help` the commands.",
        )
    return _shown(found[0], found[1:], allowed)


def _contents() -> Answer:
    lines = tuple(Line(title=("– " if section.level > 2 else "") + section.heading) for section in sections())
    return Answer(
        verdict="The runbook's sections. Ask for one: `/ilab runbook payment`",
        evidence=(Lines(lines=lines),),
        offers=tuple(
            Offer(label=label, words=words)
            for label, words in (
                ("P0 procedure", "runbook P0 Response Procedure"),
                ("Health checks", "runbook Quick Health Check"),
                ("Payments", "runbook Payment Webhook Failed"),
            )
        ),
        audience=Audience.QUIET,
    )


def _shown(section: Section, others: tuple[Section, ...], allowed: list[Operation]) -> Answer:
    commands = [one for one in allowed if one.section in (section.heading, section.parent) and one.section]
    evidence = []
    if commands:
        usage = tuple(Line(title=f"`/ilab {_short(one)}`", text=one.summary) for one in commands)
        evidence.append(Lines(heading="What does it", lines=usage))
    evidence += _document(section)
    if others:
        also = tuple(Line(title=f"`/ilab runbook {one.heading}`") for one in others[:5])
        evidence.append(Lines(heading="Also", lines=also))
    return Answer(
        verdict=f"Runbook: {section.heading}",
        evidence=tuple(evidence),
        offers=tuple(
            Offer(label=one.words.capitalize() + ("" if needs_no_args(one) else "…"), words=one.words)
            for one in commands[:BUTTONS]
        ),
        section=section.heading,
        audience=Audience.QUIET,
    )


def _short(operation: Operation) -> str:
    """Its words and what it needs; help has the rest."""
    return " ".join((operation.words, *(field.usage for field in operation.fields if field.required)))


def _document(section: Section) -> list[Lines]:
    """What the owner wrote, its snippets as code."""
    groups: list[Lines] = []
    lines: list[Line] = []
    snippet: list[str] | None = None
    written = section.text.splitlines()
    for line in written[:LINES]:
        if line.startswith("```"):
            if snippet is not None:
                groups.append(Lines(code="\n".join(snippet)))
            else:
                groups.append(Lines(lines=tuple(lines)))
                lines = []
            snippet = [] if snippet is None else None
        elif snippet is not None:
            snippet.append(line)
        elif line.strip():
            lines.append(_line(line.strip()))
    if snippet:
        groups.append(Lines(code="\n".join(snippet)))
    if len(written) > LINES:
        lines.append(Line(title=f"… and {len(written) - LINES} more lines"))
    groups = [group for group in (*groups, Lines(lines=tuple(lines))) if group.lines or group.code]
    return [replace(group, heading="" if number else "In its words") for number, group in enumerate(groups)]


def _line(written: str) -> Line:
    """A line of the document; what it sets in bold at the beginning is the title."""
    bold = _BOLD.match(written)
    return Line(title=bold[1], text=bold[2].replace("**", "")) if bold else Line(title=written.replace("**", ""))


FAMILY = Family(
    name="runbook",
    summary="The runbook itself",
    operations=(
        Read(
            words="runbook",
            summary="A section of the runbook, with the commands that do what it says.",
            who=Role.VIEWER,
            args=RunbookArgs,
            examples=("runbook", "runbook payment", "runbook rollback"),
            read=runbook,
        ),
    ),
)
