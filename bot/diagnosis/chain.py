"""A chain of what must hold, and the verdict over it: what broke comes first, and "could not check" is never well.

[pure]
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.health.readings import Reading, State
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer


@dataclass(frozen=True, kw_only=True, slots=True)
class Unchecked:
    """What stands in a fact's place where it could not be had. `kind` and `status` are the ProviderError's, if it was one."""

    why: str
    kind: str = ""
    status: int | None = None

    @property
    def down(self) -> bool:
        """Whether its customers meet the failure, too: the part itself is down, or shut off (402, 540)."""
        return self.kind in ("server", "refused", "timeout") or self.status in (402, 540)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One link. `mark`: OK, DOWN where the chain broke here, DEGRADED where it strains, UNKNOWN where nobody could look."""

    title: str
    text: str
    mark: Mark = Mark.NONE
    broke: str = ""
    """How the first line says that it broke here, or strains."""
    todo: str = ""
    """What to do about it."""
    offers: tuple[Offer, ...] = ()
    at: datetime | None = None


def unchecked(title: str, found: Unchecked) -> Link:
    """A link that could not be looked at."""
    return Link(title=title, text=f"could not check: {found.why}", mark=Mark.UNKNOWN)


def link_of(reading: Reading | Unchecked, title: str, *, breaks: bool = False) -> Link:
    """A health check's reading as a link. `breaks`: what is merely degraded breaks this chain, too, unless it is slow."""
    if isinstance(reading, Unchecked):
        return unchecked(title, reading)
    if reading.state in (State.UNKNOWN, State.NOT_CONFIGURED):
        said = "not configured, " if reading.state is State.NOT_CONFIGURED else ""
        return unchecked(title, Unchecked(why=said + reading.reason))
    if reading.state is State.OK:
        return Link(title=title, text=reading.reason, mark=Mark.OK, at=reading.checked_at)
    slow = reading.reason.startswith("slow")
    down = reading.state is State.DOWN or reading.alert or (breaks and not slow)
    return Link(
        title=title,
        text=reading.reason,
        mark=Mark.DOWN if down else Mark.DEGRADED,
        broke=reading.phrase or f"{title}: {reading.reason}",
        at=reading.checked_at,
    )


def answer(
    links: Sequence[Link],
    *,
    what: str,
    well: str,
    offers: Sequence[Offer] = (),
    commands: Container[str],
    at: datetime,
    audience: Audience = Audience.PRIVATE,
) -> Answer:
    """The verdict over the links, in order: each that broke is named, the first first; then what strains.

    `what` is what was asked about, such as "Signing in of ann@example.com"; `well` is said where every link holds.
    Of the offers those are made whose command is among `commands`.
    """
    broken = [link for link in links if link.mark is Mark.DOWN]
    strained = [link for link in links if link.mark is Mark.DEGRADED]
    dark = [link for link in links if link.mark is Mark.UNKNOWN]
    gaps = f" {_of_links(dark, links)} could not be checked." if dark else ""
    if broken:
        verdict, mark = f"{what} breaks at “{broken[0].title}”: {_sentence(broken)}", Mark.DOWN
    elif strained:
        verdict, mark = f"{what}: nothing is broken, but {_sentence(strained)}", Mark.DEGRADED
    elif dark:
        verdict, mark = f"{what}: nothing that I could check is broken.", Mark.UNKNOWN
    else:
        verdict, mark = f"{what}: {well}", Mark.OK
    todo = [Line(title=link.todo) for link in (*broken, *strained) if link.todo]
    mends = [offer for link in (*broken, *strained) for offer in link.offers]
    return Answer(
        verdict=verdict + gaps,
        mark=mark,
        evidence=(
            *((Lines(heading="What to do", lines=tuple(todo)),) if todo else ()),
            Lines(
                heading="Link by link",
                lines=tuple(Line(title=link.title, text=link.text, mark=link.mark, at=link.at) for link in links),
            ),
        ),
        offers=tuple(offer for offer in _distinct((*mends, *offers)) if _is_command(offer.words, commands)),
        audience=audience,
        at=at,
    )


def _sentence(links: Sequence[Link]) -> str:
    first, *others = (link.broke.rstrip(".") for link in links)
    return "; and also: ".join((first, *others)) + "."


def _of_links(some: Sequence[Link], links: Sequence[Link]) -> str:
    return f"{len(some)} of {len(links)} links"


def _distinct(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """The offers without those of the same words as one before."""
    found: dict[str, Offer] = {}
    for offer in offers:
        found.setdefault(offer.words, offer)
    return tuple(found.values())


def _is_command(words: str, commands: Container[str]) -> bool:
    parts = words.split()
    return any(" ".join(parts[:length]) in commands for length in (3, 2, 1))
