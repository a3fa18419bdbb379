"""The probes against the stand-ins of all vendors: well, broken, and everything in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.health.checks import build_health
from bot.health.readings import State
from bot.health.verdict import Blame
from bot.providers import Providers
from bot.settings import Settings

OK, DEGRADED, DOWN, UNKNOWN = State.OK, State.DEGRADED, State.DOWN, State.UNKNOWN
OWN = {"refused": DOWN, "timeout": DOWN, "503": DOWN, "429": DEGRADED, "html": UNKNOWN, "garbled": UNKNOWN}
WATCHING = dict.fromkeys(OWN, UNKNOWN)

CHECKS: dict[str, tuple[str, str, dict[str, State]]] = {
    "site": ("site", "*", {"refused": DOWN, "timeout": DOWN, "503": DOWN, "429": UNKNOWN}),
    "api": ("site", "entitlements", OWN | {"429": UNKNOWN, "html": DEGRADED, "garbled": OK}),
    "supabase.rest": ("supabase", "rest.select", OWN),
    "supabase.auth": ("supabase", "auth.health", OWN),
    "stripe.events": ("stripe", "events.list", OWN),
    "stripe.webhook": ("stripe", "webhook_endpoints.list", OWN),
    "openai": ("openai", "list models", OWN),
    "vercel.deployment": ("vercel", "get project", WATCHING),
    "supabase.health": ("supabase_management", "management.health", WATCHING),
    "uptimerobot": ("uptimerobot", "*", WATCHING),
    "sentry": ("sentry", "*", WATCHING),
    "page.vercel": ("status_pages", "summary", WATCHING),
    "page.stripe": ("status_pages", "summary", WATCHING),
    "page.openai": ("status_pages", "summary", WATCHING),
    "page.slack": ("status_pages", "slack current", WATCHING),
}
"""Check → the stand-in and the call behind it, and what each fault makes of the check."""
REASONS = {
    "refused": "no connection",
    "timeout": "no answer within 0.2 s",
    "503": "answers 503",
    "429": "too many requests (429)",
    "html": "answers a web page (200) where JSON is due",
    "garbled": "of another shape than documented",
}


async def test_a_company_in_good_health(company: Any) -> None:
    """All that is configured is ok, in one line, and nobody is asked twice for the same thing."""
    report = await company.report()
    assert report.verdict.headline == "All well: 16 of 16 checks ok"
    assert (report.verdict.blame, report.verdict.state, report.red) == (Blame.NONE, OK, False)
    assert report.reading("database").reason == "set ILAB_PRODUCT__DATABASE_URL"
    assert company.calls("openai") == ["list models"]
    assert company.calls("vercel") == ["get project"]


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (_, _, faults) in CHECKS.items() for kind in faults])
async def test_each_fault_of_each_vendor(company: Any, name: str, kind: str) -> None:
    """Nothing but the right state and reason; what cannot be checked is never ok."""
    vendor, call, expected = CHECKS[name]
    fault = {"kind": "status", "status": int(kind)} if kind.isdigit() else {"kind": kind}
    company.faults.add(vendor, call, **fault)
    health = company.bot_with(status={"probe_timeout_seconds": 0.2}) if kind == "timeout" else company.health
    reading = (await health.report()).reading(name)
    assert reading.state is expected[kind], reading
    if expected[kind] is not OK and (name, kind) not in {("api", "503"), ("api", "429")}:
        assert REASONS[kind] in reading.reason


@pytest.mark.parametrize("name", ["site", "api", "supabase.rest", "supabase.auth", "openai"])
async def test_slow_is_degraded(company: Any, name: str) -> None:
    """An answer that comes too late to be well comes, all the same."""
    vendor, call, _ = CHECKS[name]
    company.faults.add(vendor, call, kind="slow", seconds=0.1)
    health = company.bot_with(status={"slow_seconds": 0.05}, openai={"slow_seconds": 0.05})
    reading = (await health.report()).reading(name)
    assert reading.state is DEGRADED
    assert reading.reason.startswith("slow: ")
    assert reading.took >= 0.1


@pytest.mark.parametrize(
    ("vendor", "switch", "option", "name", "state", "reason"),
    [
        ("site", "site", "down", "site", DOWN, "answers 500"),
        ("site", "site", "down", "api", DOWN, "answers 500 where 401 is due"),
        ("site", "site", "protected", "site", UNKNOWN, "protected: a sign-in page answers (401), not the app"),
        ("site", "site", "protected", "api", UNKNOWN, "protected: a sign-in page answers (401), not the app"),
        ("site", "api", "down", "api", DOWN, "answers 500 where 401 is due"),
        ("site", "api", "down", "site", OK, "answers 200 to HEAD /"),
        ("supabase", "database", "down", "supabase.rest", DOWN, "answers 503"),
        ("supabase", "database", "down", "supabase.health", DOWN, "db unhealthy, rest unhealthy, storage unhealthy"),
        ("supabase", "auth", "unhealthy", "supabase.auth", DOWN, "answers 503"),
        ("supabase", "project", "over_quota", "supabase.rest", DOWN, "over the plan's limits (402)"),
        ("supabase", "project", "paused", "supabase.auth", DOWN, "the project is paused (540)"),
        ("stripe", "api", "down", "stripe.events", DOWN, "answers 503"),
        ("stripe", "api", "down", "stripe.webhook", DOWN, "answers 503"),
        ("stripe", "api", "rate_limited", "stripe.events", DEGRADED, "too many requests (429)"),
        ("stripe", "webhook_endpoint", "disabled", "stripe.webhook", DOWN, "the endpoint we_1IlabProduct is disabled"),
        ("stripe", "webhook_endpoint", "failing", "stripe.webhook", DEGRADED, "events of the last hour not delivered"),
        ("stripe", "events", "quiet", "stripe.events", DEGRADED, "no event for 6 h (expected within 6 h)"),
        ("openai", "api", "down", "openai", DOWN, "answers 503"),
        ("vercel", "production", "error", "vercel.deployment", DEGRADED, "what served before still serves"),
        ("vercel", "production", "rolled_back", "vercel.deployment", DEGRADED, "rolled back: later pushes stay staged"),
        ("vercel", "api", "down", "vercel.deployment", UNKNOWN, "answers 503"),
        ("sentry", "errors", "storm", "sentry", DEGRADED, "errors a minute (alert above 10)"),
        ("status_pages", "vercel", "html", "page.vercel", UNKNOWN, "answers a web page (200) where JSON is due"),
        ("status_pages", "stripe", "frozen", "page.stripe", UNKNOWN, "has said nothing new since 13 February 2024"),
        ("status_pages", "stripe", "major_outage", "page.stripe", DOWN, "“Delayed webhook deliveries”"),
        ("status_pages", "supabase", "maintenance", "page.supabase", DEGRADED, "“Maintenance: Database”"),
        ("status_pages", "openai", "degraded", "page.openai", DEGRADED, "“Elevated error rates on Chat Completions”"),
        ("status_pages", "slack", "degraded", "page.slack", DEGRADED, "“Trouble sending messages and using apps”"),
    ],
)
async def test_each_switch_of_the_panel(
    company: Any, vendor: str, switch: str, option: str, name: str, state: State, reason: str
) -> None:
    """What is broken in the panel is read as such."""
    company.switch(vendor, switch, option)
    reading = (await company.report()).reading(name)
    assert reading.state is state
    assert reason in reading.reason


@pytest.mark.parametrize(
    ("broken", "blame", "headline"),
    [
        (
            [("stripe", "api", "down")],
            Blame.THEM,
            "Stripe is down (answers 503): them — not on Stripe's page yet",
        ),
        (
            [("stripe", "api", "down"), ("status_pages", "stripe", "major_outage")],
            Blame.THEM,
            "Stripe is down (answers 503): them — Stripe's page confirms “Delayed webhook deliveries”",
        ),
        (
            [("site", "site", "down")],
            Blame.US,
            "The site is down (answers 500), also API: us — Vercel's page is clean",
        ),
        (
            [("site", "site", "down"), ("status_pages", "vercel", "degraded")],
            Blame.THEM,
            "The site is down (answers 500), also API: them — Vercel reports “Elevated errors at the edge in Europe”",
        ),
        (
            [("site", "site", "down"), ("status_pages", "vercel", "html")],
            Blame.UNKNOWN,
            "The site is down (answers 500), also API: us or them could not be told — Vercel's page could not be read",
        ),
        (
            [("stripe", "api", "down"), ("site", "site", "down")],
            Blame.BOTH,
            "Stripe is down (answers 503): them — not on Stripe's page yet; "
            "and see: the site is down (answers 500); the API is down (answers 500 where 401 is due)",
        ),
        (
            [("status_pages", "slack", "degraded")],
            Blame.NONE,
            "Nothing of ours fails, but Slack reports “Trouble sending messages and using apps”: 15 of 16 checks ok",
        ),
        (
            [("vercel", "production", "rolled_back")],
            Blame.NONE,
            "Nothing of ours fails, but deployments are held (rolled back): 15 of 16 checks ok",
        ),
        (
            [("status_pages", "openai", "html")],
            Blame.NONE,
            "All well: 15 of 16 checks ok, 1 could not be checked",
        ),
    ],
)
async def test_us_or_them(company: Any, broken: list[tuple[str, str, str]], blame: Blame, headline: str) -> None:
    """The whole way, from what is broken to the one line."""
    for vendor, switch, option in broken:
        company.switch(vendor, switch, option)
    verdict = (await company.report()).verdict
    assert (verdict.headline, verdict.blame) == (headline, blame)


async def test_a_site_in_maintenance_is_a_notice(company: Any) -> None:
    """Somebody meant it: said, in amber, and nobody is blamed."""
    company.world.maintenance = True
    report = await company.report()
    assert report.reading("site").reason == "shows its maintenance page (503)"
    assert "the site is in maintenance mode" in report.verdict.headline


async def test_a_wrong_key_is_ours_to_mend(company: Any) -> None:
    """The setting is named, and the key is not."""
    health = company.bot_with(openai={"api_key": "sk-wrong"}, sentry={"token": "wrong-token"})
    report = await health.report()
    assert report.reading("openai").reason == "our key is refused (401): check ILAB_OPENAI__API_KEY"
    assert report.reading("sentry").state is UNKNOWN
    assert report.reading("sentry").reason == "our key is refused (401): check ILAB_SENTRY__TOKEN"
    assert report.verdict.blame is Blame.US


async def test_with_nothing_configured_only_the_public_pages_are_asked(company: Any) -> None:
    """Every vendor None: a report all the same."""
    settings = Settings(status_pages=company.settings.status_pages)
    health = build_health(
        settings, Providers(status_pages=company.providers.status_pages), None, company.world.clock.now
    )
    report = await health.report()
    assert report.verdict.headline == "All well: 5 of 5 checks ok"
    assert (await build_health(settings, Providers(), None, company.world.clock.now).report()).verdict.headline == (
        "Nothing is configured to be checked"
    )


async def test_ten_people_at_once_cause_one_set_of_calls(company: Any) -> None:
    """Counted at the vendors."""
    reports = await asyncio.gather(*(company.health.report(fresh=True) for _ in range(10)))
    assert all(report is reports[0] for report in reports)
    assert {name: len(company.calls(name)) for name in ("openai", "vercel", "supabase_management", "uptimerobot")} == {
        "openai": 1, "vercel": 1, "supabase_management": 1, "uptimerobot": 1,
    }  # fmt: skip


async def test_everything_unreachable_is_our_own_network(company: Any) -> None:
    """Nothing answers, not even a status page: nobody is blamed for that."""
    for vendor in company.vendors:
        company.faults.add(vendor, "*", kind="refused")
    verdict = (await company.report()).verdict
    assert verdict.headline == "Nothing answers the bot (16 checks): look at its own network first"
    assert (verdict.blame, verdict.state) == (Blame.UNKNOWN, UNKNOWN)
