"""Us or them, row by row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.health.components import every_part
from bot.health.readings import Cause, Group, Kind, Reading, State, Trouble
from bot.health.verdict import TOGETHER, WHOSE, Blame, PageView, Together, Verdict, Whose, judge, verdict

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[3] / "docs" / "verdict.md"


def reading(name: str, state: State = State.OK, **given: Any) -> Reading:
    """A reading of the product, of which a test says only what matters to it."""
    values: dict[str, Any] = {
        "title": name.capitalize(),
        "group": Group.PRODUCT,
        "reason": "answers 500" if state is State.DOWN else "fine",
        "phrase": f"{name.capitalize()} is {state.label}",
        "needs": ("vercel.serving",),
        "checked_at": NOW,
    }
    return Reading(name=name, state=state, **(values | given))


def page(vendor: str, state: State = State.OK, *parts: str, reached: bool = True) -> Reading:
    """A vendor's page: clean, unreadable, or with an incident on `parts`."""
    title = "Elevated errors"
    troubles = (Trouble(title=title, parts=parts, state=State.DEGRADED),) if parts else ()
    return reading(
        f"page.{vendor}",
        state,
        title=f"{vendor.capitalize()}'s status page",
        group=Group.PAGES,
        kind=Kind.PAGE,
        needs=every_part(vendor),
        phrase=f"{vendor.capitalize()} reports “{title}”" if parts else "",
        troubles=troubles,
        notice=bool(parts),
        reached=reached,
    )


PAGES = {
    PageView.INCIDENT: page("vercel", State.DEGRADED, "vercel.serving"),
    PageView.CLEAN: page("vercel"),
    PageView.UNREADABLE: page("vercel", State.UNKNOWN),
}


@pytest.mark.parametrize("row", WHOSE, ids=lambda row: f"{row.cause}-{row.page}")
def test_each_row_of_the_first_table_decides_its_case(row: Whose) -> None:
    """A failing check with that cause and that page is judged by that row, in words without a gap left in them."""
    judged = judge(reading("site", State.DOWN, cause=row.cause), {"vercel": PAGES[row.page]})
    assert judged.row is row
    assert "{" not in judged.says
    assert ("Elevated errors" in judged.says) == (row.page is PageView.INCIDENT)


def test_the_first_table_has_a_row_for_every_case() -> None:
    """No combination of cause and page is without a row, and none has two."""
    cases = [(row.cause, row.page) for row in WHOSE]
    assert sorted(cases) == sorted((cause, view) for cause in Cause for view in PageView)


THEIRS = reading("stripe", State.DOWN, cause=Cause.THEIRS, needs=("stripe.api",), group=Group.VENDORS)
OURS = reading("webhook", State.DOWN, cause=Cause.OURS, needs=("stripe.webhooks",), group=Group.VENDORS)
OWN = reading("site", State.DOWN)
UNTOLD_PAGE = page("vercel", State.UNKNOWN)

EXAMPLES: dict[str, tuple[list[Reading], str]] = {
    "offline": (
        [reading("site", State.DOWN, reached=False), page("vercel", State.UNKNOWN, reached=False)],
        "Nothing answers the bot (2 checks): look at its own network first",
    ),
    "them, and see": (
        [THEIRS, OWN, page("vercel"), page("stripe")],
        "Stripe is down: them — not on Stripe's page yet; and see: Site is down",
    ),
    "them": (
        [THEIRS, reading("site"), page("vercel"), page("stripe", State.DOWN, "stripe.api")],
        "Stripe is down: them — Stripe's page confirms “Elevated errors”",
    ),
    "us": ([OWN, reading("api"), page("vercel")], "Site is down: us — Vercel's page is clean"),
    "untold": (
        [OWN, reading("api"), UNTOLD_PAGE],
        "Site is down: us or them could not be told — Vercel's page could not be read",
    ),
    "unchecked": (
        [reading("site", State.UNKNOWN), page("vercel", State.UNKNOWN)],
        "Nothing could be checked: Site, Vercel's status page",
    ),
    "partly checked": (
        [reading("site", State.UNKNOWN), reading("api"), page("vercel")],
        "Not all could be checked (Site): 2 of 3 checks ok, 1 could not be checked",
    ),
    "notice": (
        [reading("site"), page("stripe", State.DOWN, "stripe.api")],
        "Nothing of ours fails, but Stripe reports “Elevated errors”: 1 of 2 checks ok",
    ),
    "well": (
        [reading("site"), reading("api"), page("vercel", State.UNKNOWN)],
        "All well: 2 of 3 checks ok, 1 could not be checked",
    ),
}


@pytest.mark.parametrize("row", TOGETHER, ids=lambda row: row.name)
def test_each_row_of_the_second_table_makes_its_verdict(row: Together) -> None:
    """Its example gives its blame, its state and its headline."""
    readings, headline = EXAMPLES[row.name]
    found = verdict(readings)
    assert (found.row, found.blame, found.headline) == (row.name, row.blame, headline)
    assert found.state is (row.state or State.DOWN)


def test_the_document_holds_the_same_tables() -> None:
    """docs/verdict.md says what the code does, row by row."""
    lines = set(DOCUMENT.read_text(encoding="utf-8").splitlines())
    for whose in WHOSE:
        assert f"| {whose.cause} | {whose.page} | **{whose.blame}** | {whose.words} | {whose.why} |" in lines
    for row in TOGETHER:
        state = row.state.label if row.state else "the worst failure’s"
        assert f"| {row.name} | {row.when} | **{row.blame}** | {state} |" in lines
    assert sum("| **" in line for line in lines) == len(WHOSE) + len(TOGETHER)


def test_an_incident_on_another_component_does_not_excuse_us() -> None:
    """Vercel's builds are slow while the site answers 500: that is us."""
    found = verdict([OWN, reading("api"), page("vercel", State.DEGRADED, "vercel.deploying")])
    assert found.blame is Blame.US


def test_a_page_that_could_not_be_read_is_named_where_another_one_was_clean() -> None:
    """The API depends on two vendors, and one of them says nothing."""
    api = reading("api", State.DOWN, needs=("vercel.serving", "supabase.auth"))
    found = verdict([api, reading("site"), page("vercel"), page("supabase", State.UNKNOWN)])
    assert found.headline == "Api is down: us — Vercel's page is clean (Supabase's page could not be read)"


def test_symptoms_follow_what_causes_them() -> None:
    """Errors are high because Stripe is down: that stays them."""
    errors = reading("errors", State.DEGRADED, symptom=True, alert=True, reason="14 errors a minute")
    found = verdict([errors, THEIRS, page("vercel"), page("stripe")])
    assert found.blame is Blame.THEM
    assert found.because[1] == "Errors: 14 errors a minute (follows from the above)"


def test_a_symptom_alone_is_judged_like_anything_else() -> None:
    """Errors are high and nothing else fails: us, where the pages are clean."""
    errors = reading("errors", State.DEGRADED, symptom=True)
    found = verdict([errors, reading("site"), page("vercel")])
    assert (found.blame, found.state) == (Blame.US, State.DEGRADED)


def test_the_worst_failure_leads_and_the_same_phrase_is_said_once() -> None:
    """Two checks of one broken vendor make one headline, after what is down."""
    slow = reading("openai", State.DEGRADED, cause=Cause.THEIRS, needs=("openai.api",))
    broken = {"cause": Cause.THEIRS, "needs": ("stripe.api",), "phrase": "Stripe is down (answers 503)"}
    found = verdict(
        [
            slow,
            reading("stripe.events", State.DOWN, **broken),
            reading("stripe.webhook", State.DOWN, **broken),
            page("stripe"),
            page("openai"),
        ]
    )
    assert found.headline == "Stripe is down (answers 503), also Openai: them — not on Stripe's page yet"


def test_a_page_read_earlier_does_not_hide_that_nothing_answers() -> None:
    """Pages are kept for a minute: the bot's own network may have gone since."""
    gone = [reading(name, State.DOWN, reached=False, cause=Cause.THEIRS) for name in ("site", "api")]
    found = verdict([*gone, reading("page.vercel", group=Group.PAGES, kept=True)])
    assert found.headline == "Nothing answers the bot (2 checks): look at its own network first"


def test_what_is_not_configured_takes_no_part() -> None:
    """Two of two are well, however much is not configured; and nothing at all is said to be nothing."""
    left_out = reading("openai", State.NOT_CONFIGURED)
    assert verdict([left_out, reading("site"), reading("api")]).headline == "All well: 2 of 2 checks ok"
    assert verdict([left_out]) == Verdict(
        headline="Nothing is configured to be checked", blame=Blame.UNKNOWN, state=State.UNKNOWN, row="unchecked"
    )


def test_held_deployments_are_a_notice_and_no_failure() -> None:
    """After a rollback, status keeps saying so, in amber, and blames nobody."""
    held = reading("deployment", State.DEGRADED, notice=True, phrase="deployments are held (rolled back)")
    found = verdict([held, reading("site"), page("vercel")])
    assert (found.blame, found.state) == (Blame.NONE, State.DEGRADED)
    assert "deployments are held (rolled back)" in found.headline
    assert not held.red
