"""The document: facts in, sections of Markdown out. What the records do not hold is asked of people, and never made up.

[pure]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.ages import exact
from bot.markdown import bullets, minute, plain, stamp, table
from bot.masking import masked_text
from bot.postmortem import beginnings, tables
from bot.postmortem.facts import Facts

OPEN: Final = "✎ Not written yet"
"""Stands in every section that people have not written: as long as it does, the post-mortem is not done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the document. `people` write it; `grows`: its table only gets more rows; `fixed`: told once."""

    heading: str
    body: str
    people: bool = False
    grows: bool = False
    fixed: bool = False


ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "Contributing factors": (
        "What had to come together for this to happen? There is hardly ever only one cause.",
        "Why did it make sense to do what was done, with what was known then?",
        "Has it happened before, in whole or in part?",
    ),
    "What went well": (
        "What worked as it should, or better?",
        "What kept it from becoming worse: people, tools, habits?",
    ),
    "What went badly": (
        "What slowed us down, or led us the wrong way?",
        "What did we not know, or not have at hand?",
    ),
    "Where we were lucky": ("What could have made this much worse, and did not only by chance?",),
    "What surprised us": (
        "What behaved otherwise than you thought it would?",
        "What should everybody else know of it?",
    ),
    "Open questions": ("What do we still not know, and who could find out?",),
}
"""What only people know, and what helps them to begin."""


def title(facts: Facts) -> str:
    """The first line, by which the document is found again."""
    return f"Post-mortem: {facts.label} {plain(facts.title)}"


def heading_of(label: str) -> str:
    """How that line begins, whatever the incident is called."""
    return f"Post-mortem: {label} "


def sections(facts: Facts) -> tuple[Section, ...]:
    """The whole document, in the order in which it is read."""
    well, badly = beginnings.of(facts)
    begun = {"What went well": well, "What went badly": badly}
    return (
        _head(facts),
        _in_short(facts),
        Section(heading="Impact", body=tables.impact(facts)),
        Section(heading="How it was noticed", body=tables.detection(facts)),
        Section(heading="Times", body=tables.times(facts)),
        Section(heading="What changed around it", body=tables.suspects(facts)),
        Section(heading="Timeline", body=tables.timeline(facts), grows=True),
        Section(heading="Who responded", body=tables.responders(facts)),
        Section(heading="What was done", body=tables.actions(facts)),
        Section(heading="Break-glass uses, to be reviewed", body=_glass(facts)),
        Section(heading="What was said", body=tables.communications(facts), grows=True),
        *(_asked(heading, questions, begun.get(heading, ())) for heading, questions in ASKED.items()),
        Section(heading="Action items", body=tables.items(facts)),
        *((Section(heading="For users: a draft", body=_quoted(facts.users)),) if facts.users else ()),
        Section(heading="Evidence", body=tables.evidence(facts), fixed=True),
    )


def whole(facts: Facts) -> str:
    """The document as Markdown. Addresses of people are masked, whoever wrote them."""
    head, *rest = sections(facts)
    parts = [f"# {title(facts)}", head.body, *(f"## {one.heading}\n\n{one.body}" for one in rest)]
    return masked_text("\n\n".join(parts)) + "\n"


def addition(before: Mapping[str, str], facts: Facts) -> str:
    """What became known since a version, to stand below what people wrote; empty where nothing did.

    `before` are the sections of that version: each heading with its body.
    """
    news = []
    for section in sections(facts):
        old = before.get(section.heading)
        if section.people or section.fixed or section.body == old:
            continue
        body = tables.new_rows(old, section.body) if section.grows and old is not None else section.body
        if body:
            news.append(
                f"### {section.heading}{', new entries' if section.grows and old is not None else ''}\n\n{body}"
            )
    if not news:
        return ""
    said = "What stands above is as people left it. Since the version before, this was recorded:"
    return (
        masked_text("\n\n".join((f"## {added(facts.version)}", f"_{minute(facts.written_at)}._ {said}", *news))) + "\n"
    )


def added(version: int) -> str:
    """The heading of an addition, by which it is found again."""
    return f"Added later (version {version})"


def kept(facts: Facts) -> dict[str, str]:
    """The sections as a later version is compared with them."""
    return {section.heading: section.body for section in sections(facts) if not (section.people or section.fixed)}


def unwritten(heading: str) -> str:
    """What stands in a section until people write it."""
    return f"{OPEN}: {heading.lower()}"


def prompts(facts: Facts) -> tuple[str, ...]:
    """What people have to write before it is done."""
    review = ("Review of the break-glass uses",) if any(action.glass_by for action in facts.actions) else ()
    return ("In short", *review, *ASKED)


def _head(facts: Facts) -> Section:
    began = facts.measured.since
    ended = f"over {minute(facts.until)}" if facts.is_over else f"not over yet, as of {minute(facts.until)}"
    spells = "; ".join(f"{one.severity} from {stamp(one.since)}, by {plain(one.by)}" for one in facts.spells)
    parts = ", ".join(f"{part}: {plain(who)}" for part, who in facts.roles.items())
    lines = (
        ["**DRILL:** it was only played. Nothing was broken, and nobody outside heard of it."] if facts.drill else []
    )
    lines += [
        f"**What it was:** {facts.severity}, {facts.state}{', a drill' if facts.drill else ''}",
        f"**When:** began {minute(began)}, {ended}, {exact(facts.until - began)}",
        f"**Severity:** {spells or facts.severity}",
        f"**Authors, by their parts:** {parts or 'nobody had a part'}",
        f"**Status:** {plain(facts.finished) or 'no person has reviewed it'}; draft {facts.version}, written by ilab on "
        f"{minute(facts.written_at)} from what was recorded",
    ]
    if facts.score:
        lines.append(f"**Score of the drill:** {plain('; '.join(facts.score))}")
    if facts.due_at is not None:
        lines.append(f"**Due:** {minute(facts.due_at)}")
    if facts.private:
        lines.append("**Private:** for those in the incident's channel alone")
    note = (
        f"What is marked “{OPEN}” is for people: replace that line by your words. All else was filled in from records; each "
        "figure says where it comes from, and what could not be measured says why."
    )
    return Section(heading="Head", body=f"{bullets(lines)}\n\n{note}", fixed=True)


def _in_short(facts: Facts) -> Section:
    updates = [one for one in facts.timeline if one.kind == "update"]
    parts = []
    if updates:
        last = updates[-1]
        parts.append(f"{_quoted(last.said)}\n\nThat is the last update, by {plain(last.who)} at {stamp(last.at)} UTC.")
    if facts.cause:
        parts.append(f"Assessed as: {plain(facts.cause)}.")
    if not parts:
        parts.append("No update was given, and no cause was assessed.")
    parts.append(f"{unwritten('in short')}. For somebody who was not there: what happened, whom it hit, what ended it.")
    return Section(heading="In short", body="\n\n".join(parts), people=True)


def _asked(heading: str, questions: Sequence[str], begun: Iterable[str]) -> Section:
    facts = list(begun)
    parts = [bullets(f"_{question}_" for question in questions)]
    if facts:
        parts.append(f"The records say:\n\n{bullets(facts)}")
    parts.append(unwritten(heading))
    return Section(heading=heading, body="\n\n".join(parts), people=True)


def _glass(facts: Facts) -> str:
    used = [action for action in facts.actions if action.glass_by]
    if not used:
        return "None."
    rows = [
        (
            str(one.number),
            plain(one.what),
            plain(one.glass_by),
            plain(one.glass_why),
            stamp(one.asked_at),
            plain(one.state),
        )
        for one in used
    ]
    said = "Each was run by one person alone, because it could not wait. Was it right, and what would make it needless?"
    heads = ("Request", "What", "By", "Why", "UTC", "Ended")
    return f"{table(heads, rows)}\n\n{said}\n\n{unwritten('review of the break-glass uses')}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {plain(line)}" for line in text.splitlines() if line.strip())
