"""`help` and `whoami`: what one may do here, and who one is to the bot."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from bot.ages import age
from bot.context import Context
from bot.errors import UsageError
from bot.operation import Answer, Arg, Args, Audience, Family, Line, Lines, Offer, Operation, Read
from bot.people import Role
from bot.policy import Allow, decide
from bot.words import needs_no_args, shorten

ALL: Final = "all"
"""What is asked about, where every command is to be listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HelpArgs(Args):
    """Which family to explain."""

    about: Annotated[str, Arg(help="A command or a family, such as status; or all.", positional=True, rest=True)] = ""


async def help_(args: HelpArgs, context: Context) -> Answer:
    """Return what this person may do: all of it in short, or one family with its examples."""
    allowed = [op for op in context.services.registry if isinstance(decide(op, context.actor), Allow)]
    in_full = args.about.lower().strip() == ALL
    if args.about and not in_full:
        return _explain(args.about, allowed, context)
    yours = [
        (family, [op for op in family.operations if op in allowed]) for family in context.services.registry.families
    ]
    yours = [(family, operations) for family, operations in yours if operations]
    how = Line(title="`/ilab help payment` explains what begins with a word, `/ilab runbook payment` what it is for.")
    return Answer(
        verdict=f"You are {context.actor.role.phrase}: {len(allowed)} commands are yours.",
        evidence=(Lines(lines=_listed(yours) if in_full else _first_words(yours)), Lines(lines=(how,))),
        offers=(
            *(Offer(label=op.words.capitalize(), words=op.words) for op in allowed if op.words in ("status", "whoami")),
            *(() if in_full else (Offer(label="All commands", words=f"help {ALL}"),)),
        ),
        audience=Audience.QUIET,
    )


def _listed(yours: Sequence[tuple[Family, Sequence[Operation]]]) -> tuple[Line, ...]:
    """Every command, family by family."""
    return tuple(
        Line(title=family.summary, text=", ".join(f"`{op.words}`" for op in operations)) for family, operations in yours
    )


def _first_words(yours: Sequence[tuple[Family, Sequence[Operation]]]) -> tuple[Line, ...]:
    """What commands begin with, so that it fits a phone; a word that two families share stands where it comes first."""
    seen: set[str] = set()
    lines = []
    for family, operations in yours:
        words = dict.fromkeys(op.words.split()[0] for op in operations)
        if new := [word for word in words if word not in seen]:
            seen.update(new)
            lines.append(Line(title=" ".join(f"`{word}`" for word in new), text=family.summary))
    return tuple(lines)


def _explain(about: str, allowed: list[Operation], context: Context) -> Answer:
    wanted = about.lower().removeprefix("/ilab").strip()
    found = [op for op in allowed if op.words == wanted] or [op for op in allowed if op.words.split()[0] == wanted]
    if not found:
        near = difflib.get_close_matches(wanted[:60], [op.words for op in allowed], n=1)
        raise UsageError(
            f"There is no command “{shorten(about)}” that you may use.",
            why=f"Did you mean `/ilab help {near[0]}`?" if near else "",
            todo="`/ilab help` lists the commands.",
        )
    return Answer(
        verdict=_title(found, context),
        evidence=tuple(_page(operation) for operation in found),
        offers=tuple(Offer(label=op.words.capitalize(), words=op.words) for op in found if needs_no_args(op))[:5],
        section=found[0].section,
    )


def _title(found: list[Operation], context: Context) -> str:
    if len(found) == 1:
        return f"How to use {found[0].words}"
    family = context.services.registry.family_of(found[0])
    return f"{family.summary}: {len(found)} commands"


def _page(operation: Operation) -> Lines:
    fields = tuple(Line(title=f"`{field.usage}`", text=field.help) for field in operation.fields)
    examples = tuple(Line(title=f"`/ilab {example}`") for example in operation.examples)
    return Lines(
        heading=f"{operation.usage} — {operation.summary} For {operation.who.phrase} and above.",
        lines=fields + examples,
    )


async def whoami(args: Args, context: Context) -> Answer:
    """Return the asker's role, where it comes from, and how old that knowledge is."""
    del args
    actor = context.actor
    source = ", ".join(f"`{group}`" for group in actor.groups) or "being a full member of the workspace"
    return Answer(
        verdict=f"You are {actor.name}, {actor.role.phrase}.",
        evidence=(
            Lines(
                lines=(
                    Line(title="Slack id", text=f"`{actor.id}`"),
                    Line(title="Role", text=f"{actor.role.word}, by {source}"),
                    Line(title="Known", text=f"from Slack, {age(actor.known_at, context.now)} ago"),
                )
            ),
        ),
        audience=Audience.PRIVATE,
    )


FAMILY = Family(
    name="about",
    summary="Finding your way",
    operations=(
        Read(
            words="help",
            summary="What you may do here.",
            who=Role.VIEWER,
            args=HelpArgs,
            examples=("help", "help status", "help all"),
            read=help_,
        ),
        Read(
            words="whoami",
            summary="Your role, where it comes from, and how old that is.",
            who=Role.VIEWER,
            examples=("whoami",),
            read=whoami,
        ),
    ),
)
