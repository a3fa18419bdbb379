"""Us or them: the rule as tables. They are mirrored in docs/verdict.md, and a test holds the two together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bot.health.components import VENDORS, vendor_of
from bot.health.readings import Cause, Group, Reading, State


class Blame(StrEnum):
    """Whose the trouble is."""

    US = "us"
    THEM = "them"
    BOTH = "them, and see"
    UNKNOWN = "could not be told"
    NONE = "nobody"


class PageView(StrEnum):
    """What the pages of the vendors that a failing part depends on say about the components it depends on."""

    INCIDENT = "incident"
    CLEAN = "clean"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """A row of the first table: one failing check, and what the pages say.

    `words` may name {vendor} (those with the incident), {incident}, and {pages} {are} (all pages that were asked).
    """

    cause: Cause
    page: PageView
    blame: Blame
    words: str
    why: str


WHOSE: Final[tuple[Whose, ...]] = (
    Whose(
        cause=Cause.UNCLEAR,
        page=PageView.INCIDENT,
        blame=Blame.THEM,
        words="them — {vendor} reports “{incident}”",
        why="A vendor incident on a component that the failing part needs, with a matching failure.",
    ),
    Whose(
        cause=Cause.UNCLEAR,
        page=PageView.CLEAN,
        blame=Blame.US,
        words="us — {pages} {are} clean",
        why="An own part fails and its vendor sees nothing: a release, a migration, our configuration.",
    ),
    Whose(
        cause=Cause.UNCLEAR,
        page=PageView.UNREADABLE,
        blame=Blame.UNKNOWN,
        words="us or them could not be told — {pages} could not be read",
        why="Neither can be excluded, and that is said.",
    ),
    Whose(
        cause=Cause.THEIRS,
        page=PageView.INCIDENT,
        blame=Blame.THEM,
        words="them — {vendor}'s page confirms “{incident}”",
        why="The vendor's own host fails, and the vendor says so.",
    ),
    Whose(
        cause=Cause.THEIRS,
        page=PageView.CLEAN,
        blame=Blame.THEM,
        words="them — not on {pages} yet",
        why="A host shared by all of the vendor's customers answers 5xx or nothing while others answer us. "
        "Pages lag behind by minutes.",
    ),
    Whose(
        cause=Cause.THEIRS,
        page=PageView.UNREADABLE,
        blame=Blame.THEM,
        words="them — {pages} could not be read",
        why="As above; the failing host is evidence enough.",
    ),
    Whose(
        cause=Cause.OURS,
        page=PageView.INCIDENT,
        blame=Blame.BOTH,
        words="them, and see — {vendor} reports “{incident}”, but this is a refusal of ours",
        why="The vendor answered, and named our key, quota or configuration; its incident may add to that.",
    ),
    Whose(
        cause=Cause.OURS,
        page=PageView.CLEAN,
        blame=Blame.US,
        words="us — {pages} {are} clean",
        why="401, 403, 429, a disabled webhook, a full database: the vendor works and refuses us.",
    ),
    Whose(
        cause=Cause.OURS,
        page=PageView.UNREADABLE,
        blame=Blame.US,
        words="us — the refusal is ours, {pages} could not be read",
        why="The refusal itself is proof.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A failing reading with its row of the first table."""

    reading: Reading
    row: Whose
    says: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Everything the second table looks at."""

    readings: tuple[Reading, ...]
    """All that are configured."""
    judged: tuple[Judged, ...]
    notices: tuple[Reading, ...]

    def of(self, *blames: Blame) -> tuple[Judged, ...]:
        """Failures of these blames, the worst first."""
        return tuple(judged for judged in self.judged if judged.row.blame in blames)

    @property
    def ok(self) -> tuple[Reading, ...]:
        """Those that were checked and are well, or only worth a notice."""
        return tuple(reading for reading in self.readings if reading.state is State.OK)

    @property
    def unknown(self) -> tuple[Reading, ...]:
        """Those that could not be checked."""
        return tuple(reading for reading in self.readings if reading.state is State.UNKNOWN)

    @property
    def counts(self) -> str:
        """How many checks are ok, and how many could not be made."""
        said = f"{len(self.ok)} of {len(self.readings)} checks ok"
        if self.unknown:
            said += f", {len(self.unknown)} could not be checked"
        return said


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """A row of the second table: the first whose condition holds makes the verdict."""

    name: str
    when: str
    holds: Callable[[Tally], bool]
    blame: Blame
    state: State | None
    """None: that of the worst failure."""
    headline: Callable[[Tally], str]


def _nothing_answers(tally: Tally) -> bool:
    asked = [reading for reading in tally.readings if not reading.kept]
    return len(asked) > 1 and not any(reading.reached for reading in asked)


def _unreached(tally: Tally) -> int:
    return sum(not reading.reached for reading in tally.readings)


def _mixed(tally: Tally) -> bool:
    return bool(tally.of(Blame.THEM, Blame.BOTH)) and bool(tally.of(Blame.US, Blame.UNKNOWN, Blame.BOTH))


def _unchecked_product(tally: Tally) -> list[Reading]:
    return [reading for reading in tally.unknown if reading.group in (Group.PRODUCT, Group.VENDORS)]


TOGETHER: Final[tuple[Together, ...]] = (
    Together(
        name="offline",
        when="nothing that was asked now answers at all, not even a status page",
        holds=_nothing_answers,
        blame=Blame.UNKNOWN,
        state=State.UNKNOWN,
        headline=lambda tally: f"Nothing answers the bot ({_unreached(tally)} checks): look at its own network first",
    ),
    Together(
        name="them, and see",
        when="failures that are theirs, and failures that are ours or could not be told",
        holds=_mixed,
        blame=Blame.BOTH,
        state=None,
        headline=lambda tally: _both(tally),  # noqa: PLW0108 -- defined below the table that people read
    ),
    Together(
        name="them",
        when="only failures that are theirs",
        holds=lambda tally: bool(tally.of(Blame.THEM)),
        blame=Blame.THEM,
        state=None,
        headline=lambda tally: _blamed(tally.of(Blame.THEM)),
    ),
    Together(
        name="us",
        when="failures that are ours, perhaps with some that could not be told",
        holds=lambda tally: bool(tally.of(Blame.US)),
        blame=Blame.US,
        state=None,
        headline=lambda tally: _blamed(tally.of(Blame.US), tally.of(Blame.UNKNOWN)),
    ),
    Together(
        name="untold",
        when="only failures that could not be told",
        holds=lambda tally: bool(tally.judged),
        blame=Blame.UNKNOWN,
        state=None,
        headline=lambda tally: _blamed(tally.judged),
    ),
    Together(
        name="unchecked",
        when="nothing fails, and nothing could be checked",
        holds=lambda tally: not tally.ok and not tally.notices,
        blame=Blame.UNKNOWN,
        state=State.UNKNOWN,
        headline=lambda tally: f"Nothing could be checked: {_titles(tally.unknown)}",
    ),
    Together(
        name="partly checked",
        when="nothing fails, but a part of the product could not be checked",
        holds=lambda tally: bool(_unchecked_product(tally)),
        blame=Blame.NONE,
        state=State.UNKNOWN,
        headline=lambda tally: f"Not all could be checked ({_titles(_unchecked_product(tally))}): {tally.counts}",
    ),
    Together(
        name="notice",
        when="nothing of ours fails, and something is worth saying: a vendor's incident, deployments held back",
        holds=lambda tally: bool(tally.notices),
        blame=Blame.NONE,
        state=State.DEGRADED,
        headline=lambda tally: f"Nothing of ours fails, but {_phrases(tally.notices)}: {tally.counts}",
    ),
    Together(
        name="well",
        when="all that could be checked is ok; at most pages and monitors could not be checked",
        holds=lambda _: True,
        blame=Blame.NONE,
        state=State.OK,
        headline=lambda tally: f"All well: {tally.counts}",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One line a tired person can act on, whose trouble it is, and the evidence, each part in plain text."""

    headline: str
    blame: Blame
    state: State
    because: tuple[str, ...] = ()
    whose: Mapping[str, str] = field(default_factory=dict)
    """By the name of each failing reading: whose trouble it is, in words."""
    row: str = ""
    """The name of the row of `TOGETHER` that made it."""


def verdict(readings: Iterable[Reading]) -> Verdict:
    """Return the verdict over all readings. Those not configured take no part in it."""
    asked = tuple(reading for reading in readings if reading.state is not State.NOT_CONFIGURED)
    if not asked:
        return Verdict(
            headline="Nothing is configured to be checked", blame=Blame.UNKNOWN, state=State.UNKNOWN, row="unchecked"
        )
    pages = {
        vendor_of(reading.name.removeprefix("page.")): reading for reading in asked if reading.group is Group.PAGES
    }
    failing = [reading for reading in asked if reading.failing and reading.group is not Group.PAGES]
    causes = [reading for reading in failing if not reading.symptom] or failing
    judged = tuple(sorted((judge(reading, pages) for reading in causes), key=_severity))
    notices = tuple(reading for reading in asked if _is_notice(reading))
    tally = Tally(readings=asked, judged=judged, notices=notices)
    row = next(row for row in TOGETHER if row.holds(tally))
    state = row.state or max((judged.reading.state for judged in tally.judged), key=_worse)
    because = (
        *(f"{judged.reading.title}: {judged.reading.reason} → {judged.says}" for judged in tally.judged),
        *(
            f"{reading.title}: {reading.reason} (follows from the above)"
            for reading in failing
            if reading not in causes
        ),
        *(f"{reading.title}: {reading.reason}" for reading in notices),
        *(f"{reading.title} could not be checked: {reading.reason}" for reading in tally.unknown),
    )
    return Verdict(
        headline=row.headline(tally),
        blame=row.blame,
        state=state,
        because=because,
        whose={one.reading.name: one.says for one in tally.judged},
        row=row.name,
    )


def judge(reading: Reading, pages: dict[str, Reading]) -> Judged:
    """Apply the first table to one failing reading. `pages` are the vendors' page readings by vendor."""
    vendors = list(dict.fromkeys(vendor_of(part) for part in reading.needs))
    readable = [vendor for vendor in vendors if vendor in pages and pages[vendor].state is not State.UNKNOWN]
    matching = [
        (vendor, trouble)
        for vendor in readable
        for trouble in pages[vendor].troubles
        if set(trouble.parts) & set(reading.needs)
    ]
    nearest = vendors[:1] == readable[:1] and bool(readable)
    view = PageView.INCIDENT if matching else PageView.CLEAN if nearest else PageView.UNREADABLE
    row = next(row for row in WHOSE if row.cause is reading.cause and row.page is view)
    unread = [vendor for vendor in vendors if vendor not in readable]
    asked = readable if view is PageView.CLEAN else unread
    says = row.words.format(
        vendor=VENDORS[matching[0][0]].title if matching else "",
        incident=matching[0][1].title if matching else "",
        pages=_pages(asked),
        are="is" if len(asked) == 1 else "are",
    )
    if view is PageView.CLEAN and unread:
        says += f" ({_pages(unread)} could not be read)"
    return Judged(reading=reading, row=row, says=says)


def _is_notice(reading: Reading) -> bool:
    if reading.group is Group.PAGES:
        return bool(reading.troubles)
    return reading.notice and reading.state is not State.OK


def _pages(vendors: Sequence[str]) -> str:
    names = [f"{VENDORS[vendor].title}'s" for vendor in vendors]
    if not names:
        return "no vendor's page"
    if len(names) == 1:
        return f"{names[0]} page"
    if len(names) > 2:
        return "the vendors' pages"
    return f"{' and '.join(names)} pages"


def _worse(state: State) -> int:
    return [State.NOT_CONFIGURED, State.OK, State.UNKNOWN, State.DEGRADED, State.DOWN].index(state)


def _severity(judged: Judged) -> tuple[int, bool, bool]:
    """What is worst comes first, and of the same, what a vendor has confirmed."""
    reading = judged.reading
    return -_worse(reading.state), not reading.alert, judged.row.page is not PageView.INCIDENT


def _phrase(reading: Reading) -> str:
    return reading.phrase or f"{reading.title}: {reading.reason}"


def _phrases(readings: Iterable[Reading], most: int = 2) -> str:
    phrases = list(dict.fromkeys(_phrase(reading) for reading in readings))
    rest = f" and {len(phrases) - most} more" if len(phrases) > most else ""
    return "; ".join(phrases[:most]) + rest


def _titles(readings: Iterable[Reading], most: int = 3) -> str:
    titles = [reading.title for reading in readings]
    rest = f" and {len(titles) - most} more" if len(titles) > most else ""
    return ", ".join(titles[:most]) + rest


def _blamed(*groups: Sequence[Judged]) -> str:
    """The worst failure with whose it is, and the titles of the others."""
    judged = [one for group in groups for one in group]
    first = judged[0]
    others = [one.reading for one in judged[1:] if _phrase(one.reading) != _phrase(first.reading)]
    also = f", also {_titles(others)}" if others else ""
    return f"{_phrase(first.reading)}{also}: {first.says}"


def _both(tally: Tally) -> str:
    theirs = tally.of(Blame.THEM) or tally.of(Blame.BOTH)
    first = theirs[0]
    others = [
        one.reading
        for one in tally.of(Blame.US, Blame.UNKNOWN, Blame.BOTH)
        if _phrase(one.reading) != _phrase(first.reading)
    ]
    # within a sentence "The site" is "the site"
    see = f"; and see: {_phrases(others)}".replace("; The ", "; the ").replace(": The ", ": the ") if others else ""
    return f"{_phrase(first.reading)}: {first.says}{see}"
