"""What probes make of what they are told: pure tables, without a vendor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import ProviderError
from bot.health.components import VENDORS, concerned_parts, used_parts
from bot.health.pages import judged
from bot.health.probes import connections, monitors, production, webhook
from bot.health.readings import Cause, Finding, Kind, State, failure
from bot.product import Connections
from bot.providers.status_pages import PAGES, Page, PageComponent, PageIncident
from bot.providers.stripe_shapes import WebhookEndpoint
from bot.providers.uptimerobot import Monitor
from bot.providers.vercel import Deployment, Move, Project

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


# what a failed call means

FAILURES = [
    # kind, status            own part                          vendor's host
    ("refused", None, State.DOWN, Cause.UNCLEAR, State.DOWN, Cause.THEIRS, "no connection"),
    ("timeout", None, State.DOWN, Cause.UNCLEAR, State.DOWN, Cause.THEIRS, "no answer in time"),
    ("server", 503, State.DOWN, Cause.UNCLEAR, State.DOWN, Cause.THEIRS, "answers 503"),
    ("unauthorized", 401, State.DEGRADED, Cause.OURS, State.DEGRADED, Cause.OURS, "our key is refused (401)"),
    ("rate_limited", 429, State.DEGRADED, Cause.OURS, State.DEGRADED, Cause.OURS, "too many requests (429)"),
    ("not_found", 404, State.DEGRADED, Cause.OURS, State.DEGRADED, Cause.OURS, "answers 404"),
    ("rejected", 400, State.DEGRADED, Cause.OURS, State.DEGRADED, Cause.OURS, "answers 400"),
    ("rejected", 402, State.DOWN, Cause.OURS, State.DOWN, Cause.OURS, "over the plan's limits"),
    ("server", 540, State.DOWN, Cause.OURS, State.DOWN, Cause.OURS, "the project is paused (540)"),
    ("garbled", 200, State.UNKNOWN, Cause.UNCLEAR, State.UNKNOWN, Cause.UNCLEAR, "answers something else"),
]


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: f"{row[0]}-{row[1]}")
def test_what_a_failed_call_means(row: tuple[Any, ...]) -> None:
    """By the kind of the check; what only watches is never blamed, and never ok."""
    kind, status, own_state, own_cause, shared_state, shared_cause, reason = row
    error = ProviderError("It failed.", provider="Acme", kind=kind, status=status)

    def found(of: Kind) -> Finding:
        return failure(error, kind=of, what="Acme", setting="ILAB_ACME__KEY")

    assert (found(Kind.OWN).state, found(Kind.OWN).cause) == (own_state, own_cause)
    assert (found(Kind.SHARED).state, found(Kind.SHARED).cause) == (shared_state, shared_cause)
    for watching in (Kind.WATCHER, Kind.PAGE):
        assert found(watching).state is State.UNKNOWN
    assert found(Kind.SHARED).reason.startswith(reason)
    assert found(Kind.OWN).reached == (kind not in ("refused", "timeout"))


def test_a_refusal_names_the_setting_to_mend() -> None:
    """Also where it is only a watcher that was refused."""
    error = ProviderError("It failed.", provider="Acme", kind="unauthorized", status=403)
    for kind in (Kind.SHARED, Kind.WATCHER):
        found = failure(error, kind=kind, what="Acme", setting="ILAB_ACME__KEY")
        assert found.reason == "our key is refused (403): check ILAB_ACME__KEY"


# the database's connections


@pytest.mark.parametrize(
    ("total", "state", "alert"),
    [(41, State.OK, False), (42, State.DEGRADED, False), (50, State.DEGRADED, False), (51, State.DEGRADED, True),
     (60, State.DEGRADED, True)],
)  # fmt: skip
def test_connections_count_against_the_maximum(total: int, state: State, *, alert: bool) -> None:
    """70 % of 60 warns, 85 % alerts: 60 itself is the maximum, not a healthy figure."""
    found = connections(Connections(total=total, active=3, maximum=60), took=0.1, slow=2, warn=0.7, alert=0.85)
    assert (found.state, found.alert) == (state, alert)
    assert found.reason.startswith(f"{total} of 60 connections")


# Stripe's endpoint

OURS = WebhookEndpoint(id="we_1", url="https://interviewlab.io/api/stripe-webhook", status="enabled", events=("*",))
ELSEWHERE = replace(OURS, id="we_2", url="https://other.example/hook")


@pytest.mark.parametrize(
    ("endpoints", "undelivered", "state", "reason"),
    [
        ([OURS, ELSEWHERE], 0, State.OK, "enabled for interviewlab.io"),
        ([replace(OURS, status="disabled"), ELSEWHERE], 0, State.DOWN, "the endpoint we_1 is disabled"),
        ([ELSEWHERE], 0, State.DOWN, "no endpoint for interviewlab.io/api/stripe-webhook"),
        ([], 0, State.DOWN, "no endpoint for interviewlab.io/api/stripe-webhook"),
        ([OURS], 3, State.DEGRADED, "3 events of the last hour not delivered"),
        ([OURS], 100, State.DEGRADED, "100+ events of the last hour not delivered"),
    ],
)
def test_only_our_own_endpoint_counts(
    endpoints: list[WebhookEndpoint], undelivered: int, state: State, reason: str
) -> None:
    """Disabled or gone, it is ours; undelivered events leave it open whose they are."""
    found = webhook(endpoints, OURS.url, undelivered=undelivered)
    assert (found.state, found.reason) == (state, reason)
    assert found.cause is (Cause.OURS if state is State.DOWN else Cause.UNCLEAR)


# the deployment

READY = Deployment(
    id="dpl_1", url="web.vercel.app", state="READY", substate="PROMOTED", created_at=NOW - timedelta(hours=4),
    commit="33a79ccdeadbeef", author="alice-ito",
)  # fmt: skip
PROJECT = Project(
    id="prj_1", name="web", auto_assign=True, paused=False, protection="preview", challenged=False,
    production=READY, last_move=None,
)  # fmt: skip
ROLLED_BACK = Move(type="rollback", status="succeeded", requested_at=NOW, from_id="dpl_2", to_id="dpl_1")


@pytest.mark.parametrize(
    ("project", "state", "reason"),
    [
        (PROJECT, State.OK, "33a79cc READY, 4 h old"),
        (replace(PROJECT, paused=True), State.DOWN, "the project is paused"),
        (replace(PROJECT, production=None), State.DOWN, "there is no production deployment"),
        (replace(PROJECT, protection="all"), State.DEGRADED, "production is behind Vercel's sign-in"),
        (replace(PROJECT, auto_assign=False), State.DEGRADED, "automatic assignment is off: later pushes stay staged"),
        (
            replace(PROJECT, auto_assign=False, last_move=ROLLED_BACK),
            State.DEGRADED,
            "rolled back: later pushes stay staged until you promote (33a79cc READY, 4 h old)",
        ),
        (replace(PROJECT, production=replace(READY, state="ERROR")), State.DEGRADED, "the last production build is"),
        (replace(PROJECT, production=replace(READY, state="BUILDING")), State.OK, "a new one is on its way: 33a79cc"),
    ],
)
def test_what_serves_production(project: Project, state: State, reason: str) -> None:
    """The gravest thing first; a rollback is a notice that stays until somebody promotes."""
    found = production(project, NOW)
    assert found.state is state
    assert found.reason.startswith(reason)
    assert found.notice == (not project.auto_assign)


# the monitors


def monitor(name: str, status: str) -> Monitor:
    """One that has been so for two minutes."""
    return Monitor(id=1, name=name, status=status, since=120)


@pytest.mark.parametrize(
    ("statuses", "state", "reason"),
    [
        (["UP", "UP"], State.OK, "2 monitors up"),
        (["UP", "PAUSED"], State.OK, "1 monitors up, 1 paused"),
        (["UP", "LOOKS_DOWN"], State.DEGRADED, "1 of 2 looks down: monitor 1 for 2 min"),
        (["DOWN", "LOOKS_DOWN", "UP"], State.DOWN, "2 of 3 down: monitor 0 for 2 min, monitor 1 for 2 min"),
        (["PAUSED"], State.UNKNOWN, "no monitor is watching (1 paused)"),
        ([], State.UNKNOWN, "no monitor is watching (0 paused)"),
    ],
)
def test_what_the_monitors_see(statuses: list[str], state: State, reason: str) -> None:
    """Paused ones see nothing, and nobody watching is not well."""
    found = monitors([monitor(f"monitor {number}", status) for number, status in enumerate(statuses)])
    assert (found.state, found.reason) == (state, reason)


# the vendors' pages


def page(*incidents: PageIncident, vendor: str = "stripe", components: dict[str, str] | None = None) -> Page:
    """A page of today."""
    listed = tuple(PageComponent(name=name, status=status) for name, status in (components or {}).items())
    return Page(vendor=vendor, components=listed, incidents=incidents, updated_at=NOW)


def incident(title: str, *components: str, impact: str = "minor") -> PageIncident:
    """An incident on these components."""
    return PageIncident(title=title, impact=impact, components=components)


@pytest.mark.parametrize(
    ("shown", "state", "parts"),
    [
        (page(), State.OK, ()),
        (page(incident("Slow", "API")), State.DEGRADED, ("stripe.api",)),
        (page(incident("Out", "API", "Webhooks", impact="critical")), State.DOWN, ("stripe.api", "stripe.webhooks")),
        (page(incident("Terminal offline", "Terminal")), State.OK, ()),
        (page(incident("Trouble")), State.DEGRADED, ("stripe.api", "stripe.webhooks", "stripe.checkout")),
        (page(components={"Checkout": "partial_outage"}), State.DEGRADED, ("stripe.checkout",)),
        (page(components={"Checkout": "major_outage"}), State.DOWN, ("stripe.checkout",)),
        (page(components={"Checkout": "operational", "Tax": "major_outage"}), State.OK, ()),
        (page(incident("ChatGPT conversations fail"), vendor="openai"), State.OK, ()),
        (page(incident("ChatGPT and API errors"), vendor="openai"), State.DEGRADED, ("openai.api",)),
        (page(incident("Elevated errors"), vendor="openai"), State.DEGRADED, ("openai.api",)),
        (replace(page(), updated_at=NOW - timedelta(days=91)), State.UNKNOWN, ()),
        (replace(page(), updated_at=None), State.OK, ()),
    ],
)
def test_only_components_that_we_use_count(shown: Page, state: State, parts: tuple[str, ...]) -> None:
    """An incident without components counts unless its title is about something else; an abandoned page says nothing."""
    found = judged(shown, NOW)
    assert found.state is state
    assert tuple(part for trouble in found.troubles for part in trouble.parts) == parts


def test_a_component_explained_by_an_incident_is_said_once() -> None:
    """The incident's title says more than the component's state."""
    shown = page(incident("Slow", "API"), components={"API": "degraded_performance", "Webhooks": "partial_outage"})
    assert [trouble.title for trouble in judged(shown, NOW).troubles] == ["Slow", "Webhooks: partial outage"]


def test_a_vendors_words_are_one_short_line() -> None:
    """They go into a headline."""
    found = judged(page(incident("Errors\n\non  <!channel> " + "x" * 200, "API")), NOW)
    assert found.troubles[0].title.startswith("Errors on <!channel> xxx")
    assert len(found.troubles[0].title) == 80


@pytest.mark.parametrize(
    ("vendor", "names", "parts"),
    [
        ("vercel", ["Edge Network"], ("vercel.serving",)),
        ("vercel", ["Serverless Functions", "Builds"], ("vercel.serving", "vercel.deploying")),
        ("vercel", ["v0", "Analytics"], ()),
        ("supabase", ["API Gateway"], ("supabase.gateway",)),
        ("supabase", ["Connection Pooler", "Auth"], ("supabase.pooler", "supabase.auth")),
        ("supabase", ["Realtime", "Branching"], ()),
        ("openai", ["Chat Completions"], ("openai.api",)),
        ("openai", ["ChatGPT", "Login"], ()),
        ("slack", ["Apps/Integrations/APIs", "Messaging"], ("slack.apps", "slack.messaging")),
    ],
)
def test_components_are_known_by_their_names(vendor: str, names: list[str], parts: tuple[str, ...]) -> None:
    """Their ids change, their names hardly."""
    assert used_parts(vendor, names) == parts
    assert concerned_parts(vendor, "anything", names) == parts


def test_there_is_a_page_for_every_vendor() -> None:
    """The table of components and the pages that are read are of the same vendors."""
    assert {vendor: parts.title for vendor, parts in VENDORS.items()} == PAGES
