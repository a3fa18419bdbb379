"""What vendors' webhooks say, in their documented shapes; and what a signal does to what is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alerts.folding import Fold, Standing, fold
from bot.alerts.reading import Course, Echo, Kind, Signal, clean, read

NOW = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
DEPLOYMENT = {
    "team": {"id": "team_1"},
    "deployment": {"id": "dpl_1", "meta": {"githubCommitMessage": "Fix it\n\nlong"}, "url": "web-1", "name": "web"},
    "links": {"deployment": "https://vercel.example/dpl_1"},
    "target": "production",
    "project": {"id": "prj_1"},
}
METRIC = {
    "description_title": "Critical: errors",
    "description_text": "40 events in the last minute",
    "web_url": "https://sentry.example/a",
    "metric_alert": {"id": "7", "alert_rule": {"name": "spike"}},
}


def robot(kind: str, **more: str) -> dict[str, Any]:
    """UptimeRobot's webhook, by the template that the operating guide gives."""
    return {
        "id": "800100001",
        "name": "InterviewLab site",
        "url": "https://interviewlab.io",
        "type": kind,
        "details": "HTTP 502",
        "at": "1772510400",
        "duration": "120",
    } | more


CASES: list[tuple[str, str, dict[str, Any], list[tuple[Kind, Course, str]]]] = [
    ("uptimerobot", "", robot("1"), [(Kind.SITE_DOWN, Course.FIRING, "InterviewLab site is down (HTTP 502)")]),
    ("uptimerobot", "", robot("2"), [(Kind.SITE_DOWN, Course.RECOVERED, "InterviewLab site is up again (HTTP 502)")]),
    (
        "uptimerobot",
        "",
        robot("1", details="*alertDetails*", at="*alertDateTime*"),
        [(Kind.SITE_DOWN, Course.FIRING, "InterviewLab site is down")],
    ),
    (
        "uptimerobot",
        "",
        robot("3", details="7 days"),
        [(Kind.CERTIFICATE, Course.FIRING, "InterviewLab site: certificate (7 days)")],
    ),
    ("uptimerobot", "", robot("*alertType*"), []),
    (
        "sentry",
        "event_alert",
        {"action": "triggered", "data": {"event": {"title": "TypeError: ann@example.com", "issue_id": "12"}}},
        [(Kind.ERROR_NEW, Course.FIRING, "TypeError: a•••@example.com")],
    ),
    (
        "sentry",
        "metric_alert",
        {"action": "critical", "data": METRIC},
        [(Kind.ERROR_SPIKE, Course.FIRING, "Critical: errors: 40 events in the last minute")],
    ),
    (
        "sentry",
        "metric_alert",
        {"action": "resolved", "data": METRIC},
        [(Kind.ERROR_SPIKE, Course.RECOVERED, "Critical: errors: 40 events in the last minute")],
    ),
    (
        "sentry",
        "issue",
        {"action": "created", "data": {"issue": {"id": "9", "title": "Boom"}}},
        [(Kind.ERROR_NEW, Course.FIRING, "Boom")],
    ),
    ("sentry", "comment", {"action": "created", "data": {}}, []),
    (
        "vercel",
        "",
        {"type": "deployment.error", "createdAt": 1772510400000, "payload": DEPLOYMENT},
        [(Kind.BUILD_FAILED, Course.FIRING, "The build for production failed: dpl_1 (Fix it)")],
    ),
    (
        "vercel",
        "",
        {"type": "deployment.succeeded", "createdAt": 1772510400000, "payload": DEPLOYMENT},
        [
            (Kind.BUILD_FAILED, Course.RECOVERED, "Builds for production work again: dpl_1 (Fix it)"),
            (Kind.DEPLOYED, Course.NEWS, "Deployed: dpl_1 (Fix it)"),
        ],
    ),
    ("vercel", "", {"type": "deployment.error", "payload": DEPLOYMENT | {"target": None}}, []),
    (
        "vercel",
        "",
        {"type": "deployment.rollback", "payload": DEPLOYMENT},
        [(Kind.ROLLED_BACK, Course.NEWS, "Vercel accepted a rollback to dpl_1 (Fix it)")],
    ),
    (
        "vercel",
        "",
        {
            "type": "alerts.triggered",
            "payload": {"alerts": [{"alertId": "a", "type": "error_anomaly", "title": "5xx"}]},
        },
        [(Kind.ERROR_SPIKE, Course.FIRING, "5xx")],
    ),
    (
        "stripe",
        "",
        {
            "id": "evt_1",
            "type": "payment_intent.payment_failed",
            "created": 1772510400,
            "data": {"object": {"last_payment_error": {"code": "processing_error"}}},
        },
        [(Kind.PAYMENT_FAILED, Course.FIRING, "Payments fail (processing_error)")],
    ),
    ("stripe", "", {"id": "evt_2", "type": "customer.created", "data": {"object": {}}}, []),
    (
        "pagerduty",
        "",
        {"event": {"event_type": "incident.triggered", "data": {"id": "Q1", "title": "Disk", "incident_key": "x"}}},
        [(Kind.PAGE, Course.FIRING, "PagerDuty: Disk")],
    ),
    (
        "pagerduty",
        "",
        {"event": {"event_type": "incident.triggered", "data": {"id": "Q1", "incident_key": "ilab-inc-1"}}},
        [],
    ),
    (
        "resend",
        "",
        {"type": "email.bounced", "data": {"to": ["ann@example.com"], "subject": "Confirm ann@example.com"}},
        [(Kind.MAIL_BOUNCED, Course.FIRING, "Mail came back: “Confirm a•••@example.com”")],
    ),
    ("generic", "", {"title": "Backup late", "state": "news"}, [(Kind.OTHER, Course.NEWS, "Backup late")]),
    ("generic", "", {}, []),
]


@pytest.mark.parametrize(("vendor", "resource", "body", "expected"), CASES)
def test_what_a_webhook_says(
    vendor: str, resource: str, body: dict[str, Any], expected: list[tuple[Kind, Course, str]]
) -> None:
    """Each documented shape is read; what means nothing to us is no signal; no title holds an address."""
    found = [signal for signal in read(vendor, resource, body, NOW) if isinstance(signal, Signal)]
    assert [(signal.kind, signal.course, signal.title) for signal in found] == expected
    assert all(signal.at.tzinfo for signal in found)


@pytest.mark.parametrize("vendor", ["uptimerobot", "sentry", "vercel", "stripe", "pagerduty", "resend", "generic"])
@pytest.mark.parametrize(
    "odd", [{}, {"type": []}, {"payload": 1, "type": "alerts.triggered"}, {"event": "x"}, {"data": 3}]
)
def test_odd_shapes_are_no_fault(vendor: str, odd: dict[str, Any]) -> None:
    """What is not as documented is read as far as it goes."""
    for resource in ("", "event_alert", "issue", "metric_alert"):
        read(vendor, resource, odd, NOW)


def test_firing_and_recovery_share_a_fingerprint() -> None:
    """By it the recovery finds what fired; it was at the vendor's own time."""
    (down,), (up,) = (read("uptimerobot", "", robot(kind), NOW) for kind in ("1", "2"))
    assert isinstance(down, Signal)
    assert isinstance(up, Signal)
    assert down.fingerprint == up.fingerprint
    assert down.at == datetime(2026, 3, 3, 4, 0, tzinfo=UTC)


def test_what_we_paged_comes_back_as_an_echo() -> None:
    """PagerDuty's word about an incident of ours names who, and is no alert; what no person did names nobody."""
    event = {
        "event_type": "incident.acknowledged",
        "occurred_at": "2026-03-03T04:01:00Z",
        "agent": {"type": "user_reference", "summary": "Alice Ito"},
        "data": {"id": "Q1", "incident_key": "ilab-inc-12"},
    }
    (echo,) = read("pagerduty", "", {"event": event}, NOW)
    assert echo == Echo(key="ilab-inc-12", what="acknowledged", by="Alice Ito", at=NOW + timedelta(minutes=1))
    event["agent"] = {"type": "service_reference", "summary": "InterviewLab"}
    (echo,) = read("pagerduty", "", {"event": event}, NOW)
    assert isinstance(echo, Echo)
    assert echo.by == ""


def test_titles_are_one_short_line() -> None:
    """However long and many-lined the vendor's words are."""
    assert clean("a\nb  c") == "a b c"
    assert len(clean("x" * 500)) == 200


def standing(*, is_open: bool, ago: float, ended: float | None = None) -> Standing:
    """An alert that last changed, and perhaps ended, so many seconds ago."""
    return Standing(
        is_open=is_open,
        changed_at=NOW - timedelta(seconds=ago),
        ended_at=None if ended is None else NOW - timedelta(seconds=ended),
    )


@pytest.mark.parametrize(
    ("known", "course", "expected"),
    [
        (None, Course.FIRING, Fold.OPEN),
        (None, Course.NEWS, Fold.OPEN),
        (None, Course.RECOVERED, Fold.DROP),
        (standing(is_open=True, ago=60), Course.FIRING, Fold.REPEAT),
        (standing(is_open=True, ago=60), Course.RECOVERED, Fold.RECOVER),
        (standing(is_open=True, ago=-60), Course.RECOVERED, Fold.DROP),
        (standing(is_open=False, ago=60, ended=60), Course.FIRING, Fold.RETURN),
        (standing(is_open=False, ago=6000, ended=6000), Course.FIRING, Fold.OPEN),
        (standing(is_open=False, ago=60, ended=-60), Course.FIRING, Fold.DROP),
        (standing(is_open=False, ago=60, ended=60), Course.RECOVERED, Fold.DROP),
        (standing(is_open=False, ago=60, ended=60), Course.NEWS, Fold.OPEN),
    ],
)
def test_what_a_signal_does(known: Standing | None, course: Course, expected: Fold) -> None:
    """Opened, repeated, recovered, back again, or dropped as old."""
    signal = Signal(vendor="v", kind=Kind.OTHER, about="a", title="t", course=course, at=NOW)
    assert fold(known, signal, flaps_within=timedelta(minutes=15)) is expected
