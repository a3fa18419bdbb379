"""How what the doctor found reads."""

from __future__ import annotations

import pytest

from bot.doctor.findings import Finding, Found, State, broken, by_hand, evidence, ok, refused, unknown, verdict
from bot.doctor.vendors import COMPLETED, endpoint_of
from bot.errors import ProviderError
from bot.operation import Mark
from bot.providers.stripe_shapes import WebhookEndpoint

ABSENT = Found(state=State.NOT_CONFIGURED, said="set X")


def findings(*found: Found) -> list[Finding]:
    """One of each, in one group."""
    return [Finding(title=f"T{number}", group="G", found=one) for number, one in enumerate(found)]


@pytest.mark.parametrize(
    ("found", "says", "mark"),
    [
        ((ok("a"), ok("b"), ABSENT), "All 2 are as they must be.", Mark.OK),
        ((ok("a"), broken("b", "do c")), "1 of 2 needs something; first: T1: b → do c.", Mark.DOWN),
        ((broken("a", "b"), broken("c", "d"), unknown("e")), "2 of 3 need something; first: T0: a → b.", Mark.DOWN),
        ((ok("a"), unknown("b")), "Nothing is broken, but 1 of 2 could not be checked.", Mark.UNKNOWN),
        (
            (ok("a"), by_hand("b", "c")),
            "1 of 2 are as they must be. 1 more no API tells: look yourself.",
            Mark.NONE,
        ),
    ],
)
def test_the_verdict(found: tuple[Found, ...], says: str, mark: Mark) -> None:
    """What is broken comes first; what could not be checked, and what no API tells, is never well."""
    assert verdict(findings(*found)) == (says, mark)


def test_what_is_well_is_one_line_and_what_is_not_has_its_fix() -> None:
    """Headings in the order of urgency; none without lines."""
    parts = evidence(findings(ok("a"), broken("b", "do c"), ok("d")))
    assert [part.heading for part in parts] == ["Needs something", "As it must be"]
    assert parts[0].lines[0].text == "b → do c"
    assert parts[1].lines[0].text == "T0, T2"


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("unauthorized", State.BROKEN),
        ("not_found", State.BROKEN),
        ("rejected", State.BROKEN),
        ("rate_limited", State.UNKNOWN),
        ("refused", State.UNKNOWN),
        ("timeout", State.UNKNOWN),
        ("server", State.UNKNOWN),
        ("garbled", State.UNKNOWN),
    ],
)
def test_a_failed_call(kind: str, state: State) -> None:
    """Refused is broken, with the fix; no answer that can be used is could not check."""
    found = refused(ProviderError("It failed.", provider="P", kind=kind), "mend it")
    assert found.state is state
    assert (found.fix == "mend it") is (state is State.BROKEN)


@pytest.mark.parametrize(
    ("url", "status", "events", "says"),
    [
        ("https://site/hook", "enabled", (COMPLETED,), "enabled"),
        ("https://site/hook/", "enabled", ("*",), "enabled"),
        ("https://site/hook", "disabled", (COMPLETED,), "it is disabled"),
        ("https://site/hook", "enabled", ("charge.failed",), f"it is not told of {COMPLETED}"),
        ("https://other/hook", "enabled", (COMPLETED,), "no endpoint of that address"),
    ],
)
def test_the_products_endpoint(url: str, status: str, events: tuple[str, ...], says: str) -> None:
    """It is there, enabled, and told of what is paid; or the one thing to click."""
    found = endpoint_of((WebhookEndpoint(id="we_1", url=url, status=status, events=events),), "https://site/hook")
    assert says in found.said
    assert bool(found.fix) is (found.state is State.BROKEN)
