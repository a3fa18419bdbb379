"""What lies between two deployments: commits, and whether one of them changes the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.context import Services
from bot.errors import ProviderError
from bot.operation import Line
from bot.words import shorten

if TYPE_CHECKING:
    from bot.providers.github import Commit

SHOWN = 5
"""How many commits are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Between:
    """What the newer has that the older has not. Where `unknown` says why, nothing else is known."""

    commits: tuple[Commit, ...] = ()
    """Newest first; at most 100 of `ahead`."""
    ahead: int = 0
    behind: int = 0
    """How many the older has that the newer has not: production was on a branch of its own."""
    migrations: tuple[str, ...] = ()
    whole: bool = True
    """Whether every file was looked at."""
    url: str = ""
    unknown: str = ""


async def between(services: Services, old: str, new: str) -> Between:
    """Return what the commit `new` has that `old` has not, by GitHub; what fails is said, and stops nobody."""
    github = services.vendors().github
    if github is None:
        return Between(unknown="GitHub is not configured")
    if not old or not new:
        return Between(unknown="one of them was built elsewhere, without a commit")
    try:
        found = await github.compare(old, new)
    except ProviderError as error:
        gone = error.kind == "not_found"
        return Between(unknown="GitHub does not have both commits" if gone else error.what.rstrip("."))
    path = github.settings.migrations_path.strip("/") + "/"
    return Between(
        commits=found.commits[::-1],
        ahead=found.ahead,
        behind=found.behind,
        migrations=tuple(file.removeprefix(path) for file in found.files if file.startswith(path)),
        whole=found.whole,
        url=found.url,
    )


def commits(found: Between, *, verb: str) -> list[Line]:
    """The commits in a few lines; `verb` is what becomes of them: undone, or live. Pure."""
    if found.unknown:
        return [Line(title="In between", text=f"could not check: {found.unknown}")]
    lines = [Line(title="In between", text=f"{count(found.ahead, 'commit')} {verb}" if found.ahead else "no commit")]
    lines += [
        Line(title=commit.sha[:7], text=f"{shorten(commit.title, 80)} · {commit.author}")
        for commit in found.commits[:SHOWN]
    ]
    if found.ahead > SHOWN:
        lines.append(Line(title="…", text=f"and {found.ahead - SHOWN} more: {found.url}"))
    if found.behind:
        lines.append(Line(title="Aside", text=f"{count(found.behind, 'commit')} of another branch go the other way"))
    return lines


def database(found: Between, *, back: bool) -> Line:
    """Whether a migration lies between, as a line; `back` says which way production goes. Pure."""
    if found.unknown:
        return Line(title="Warning: database", text="whether a migration lies between could not be checked")
    if found.migrations:
        named = _listed(found.migrations)
        lies = "lies" if len(found.migrations) == 1 else "lie"
        after = (
            "a rollback does not undo it: the older code must bear the newer tables"
            if back
            else "it must have been applied before the code that needs it goes live"
        )
        return Line(
            title="Warning: database",
            text=f"{count(len(found.migrations), 'migration')} {lies} between ({named}); {after}",
        )
    if not found.whole:
        return Line(
            title="Warning: database", text="too many files for GitHub to name: a migration may be among the rest"
        )
    return Line(title="Database", text="no migration lies between")


def count(number: int, word: str) -> str:
    """A number with its word. Pure."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
