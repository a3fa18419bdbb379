"""What a vendor's webhook says: signals, each with a fingerprint by which repetitions are known.

Shapes are the vendors' own (named at each reader). What is missing makes a poorer signal, never a fault; what means
nothing to us is no signal. Titles hold no customer's address: cards are seen by many.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from bot.masking import masked_text

Body = Mapping[str, Any]

OURS: Final = "ilab-"
"""How the keys begin under which we page: what PagerDuty says of those is no alert, it is our own echo."""
TITLE: Final = 200
_MACRO: Final = re.compile(r"\*\w+\*|\$\w+")
"""UptimeRobot sends the name of a macro that it could not fill."""


class Kind(StrEnum):
    """What sort of alert it is; rules in the settings go by it."""

    SITE_DOWN = "site_down"
    CERTIFICATE = "certificate"
    ERROR_NEW = "error_new"
    ERROR_SPIKE = "error_spike"
    BUILD_FAILED = "build_failed"
    DEPLOYED = "deployed"
    ROLLED_BACK = "rolled_back"
    PERFORMANCE = "performance"
    ATTACK = "attack"
    PAYMENT_FAILED = "payment_failed"
    DISPUTE = "dispute"
    PAGE = "page"
    MAIL_BOUNCED = "mail_bounced"
    THRESHOLD = "threshold"
    OTHER = "other"


class Course(StrEnum):
    """Where it is in its course: it fires, it has recovered, or it is news that neither lasts nor ends."""

    FIRING = "firing"
    RECOVERED = "recovered"
    NEWS = "news"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One thing that one delivery says. `about` is what it is about: with vendor and kind it is the fingerprint."""

    vendor: str
    kind: Kind
    about: str
    title: str
    course: Course
    at: datetime
    link: str = ""

    @property
    def fingerprint(self) -> str:
        """What repetitions and the recovery share."""
        return f"{self.vendor}:{self.kind}:{self.about}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Echo:
    """What PagerDuty says of an incident of ours: it was acknowledged or resolved there, by whom.

    Nobody: we did it by an event of ours, or PagerDuty by itself.
    """

    key: str
    what: str
    by: str
    at: datetime


def read(vendor: str, resource: str, body: Body, received_at: datetime) -> tuple[Signal | Echo, ...]:
    """Return what the delivery says; nothing where it says nothing to us. `resource` is Sentry's header."""
    return tuple(_READERS[vendor](body, resource, received_at))


def clean(title: str) -> str:
    """One line of at most 200 characters, with e-mail addresses masked."""
    line = " ".join(title.split())
    line = masked_text(line)
    return line if len(line) <= TITLE else line[: TITLE - 1] + "…"


def _uptimerobot(body: Body, _: str, received_at: datetime) -> list[Signal | Echo]:
    """Our template over UptimeRobot's macros (uptimerobot.com/help, web-hook alert contacts): all values are strings."""
    given = {name: "" if _MACRO.fullmatch(str(value)) else str(value) for name, value in body.items()}
    kind = Kind.CERTIFICATE if given.get("type") == "3" else Kind.SITE_DOWN
    course = {"1": Course.FIRING, "2": Course.RECOVERED, "3": Course.FIRING}.get(given.get("type", ""))
    monitor = given.get("id") or given.get("url") or given.get("name")
    if course is None or not monitor:
        return []
    name, details = given.get("name") or monitor, given.get("details", "")
    said = {Course.FIRING: "is down", Course.RECOVERED: "is up again"}[course]
    title = f"{name}: certificate" if kind is Kind.CERTIFICATE else f"{name} {said}"
    return [
        Signal(
            vendor="uptimerobot",
            kind=kind,
            about=monitor,
            title=clean(f"{title} ({details})" if details else title),
            course=course,
            at=_seconds(given.get("at"), received_at),
            link=given.get("url", ""),
        )
    ]


def _sentry(body: Body, resource: str, received_at: datetime) -> list[Signal | Echo]:
    """Internal integrations: `event_alert`, `metric_alert`, `issue` (docs.sentry.io, webhooks)."""
    action = _text(body, "action")
    if resource == "event_alert" and action == "triggered":
        title = _text(body, "data", "event", "title") or _text(body, "data", "triggered_rule") or "an error"
        return [
            Signal(
                vendor="sentry",
                kind=Kind.ERROR_NEW,
                about=_text(body, "data", "event", "issue_id") or title,
                title=clean(title),
                course=Course.FIRING,
                at=received_at,
                link=_text(body, "data", "event", "web_url"),
            )
        ]
    if resource == "metric_alert" and action in ("critical", "warning", "resolved"):
        title = _text(body, "data", "description_title") or _text(body, "data", "metric_alert", "title") or "errors"
        return [
            Signal(
                vendor="sentry",
                kind=Kind.ERROR_SPIKE,
                about=_text(body, "data", "metric_alert", "alert_rule", "name") or title,
                title=clean(f"{title}: {_text(body, 'data', 'description_text')}".removesuffix(": ")),
                course=Course.RECOVERED if action == "resolved" else Course.FIRING,
                at=received_at,
                link=_text(body, "data", "web_url"),
            )
        ]
    if resource == "issue" and action in ("created", "unresolved", "resolved"):
        return [
            Signal(
                vendor="sentry",
                kind=Kind.ERROR_NEW,
                about=_text(body, "data", "issue", "id"),
                title=clean(_text(body, "data", "issue", "title") or "an error"),
                course=Course.RECOVERED if action == "resolved" else Course.FIRING,
                at=received_at,
                link=_text(body, "data", "issue", "permalink") or _text(body, "data", "issue", "web_url"),
            )
        ]
    return []


def _vercel(body: Body, _: str, received_at: datetime) -> list[Signal | Echo]:
    """`deployment.*` and `alerts.triggered` (vercel.com/docs/webhooks/webhooks-api). Previews are nobody's alert."""
    kind, payload = _text(body, "type"), body.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    at = _milliseconds(body.get("createdAt"), received_at)
    if kind == "alerts.triggered":
        listed = payload.get("alerts")
        return [
            Signal(
                vendor="vercel",
                kind=Kind.ERROR_SPIKE if "error" in _text(alert, "type") else Kind.PERFORMANCE,
                about=_text(alert, "title") or _text(alert, "alertId"),
                title=clean(_text(alert, "title") or "Vercel found an anomaly"),
                course=Course.FIRING,
                at=at,
                link=_text(payload, "links", "observability"),
            )
            for alert in (listed if isinstance(listed, list) else [])
            if isinstance(alert, dict)
        ]
    project = _text(payload, "project", "id") or _text(payload, "deployment", "name")
    deployment, link = _text(payload, "deployment", "id"), _text(payload, "links", "deployment")
    commit = _text(payload, "deployment", "meta", "githubCommitMessage").partition("\n")[0]
    named = f"{deployment} ({commit})" if commit else deployment

    def signal(sort: Kind, course: Course, title: str, about: str) -> Signal:
        return Signal(vendor="vercel", kind=sort, about=about, title=clean(title), course=course, at=at, link=link)

    if kind == "deployment.rollback":
        return [signal(Kind.ROLLED_BACK, Course.NEWS, f"Vercel accepted a rollback to {named}", deployment)]
    if kind == "deployment.promoted":
        return [signal(Kind.DEPLOYED, Course.NEWS, f"Promoted to production: {named}", deployment)]
    if kind == "deployment.error" and _text(payload, "target") == "production":
        return [signal(Kind.BUILD_FAILED, Course.FIRING, f"The build for production failed: {named}", project)]
    if kind == "deployment.succeeded" and _text(payload, "target") == "production":
        return [
            signal(Kind.BUILD_FAILED, Course.RECOVERED, f"Builds for production work again: {named}", project),
            signal(Kind.DEPLOYED, Course.NEWS, f"Deployed: {named}", deployment),
        ]
    return []


def _stripe(body: Body, _: str, received_at: datetime) -> list[Signal | Echo]:
    """Failed payments and disputes (docs.stripe.com/api/events/types). One card that is declined is nobody's alert."""
    kind, at = _text(body, "type"), _seconds(body.get("created"), received_at)
    if body.get("livemode") is False and not _text(body, "id").startswith("evt_"):
        return []
    if kind in ("payment_intent.payment_failed", "checkout.session.async_payment_failed", "invoice.payment_failed"):
        code = _text(body, "data", "object", "last_payment_error", "code")
        title = f"Payments fail ({code})" if code else "Payments fail"
        return [
            Signal(
                vendor="stripe", kind=Kind.PAYMENT_FAILED, about="payments", title=title, course=Course.FIRING, at=at
            )
        ]
    if kind == "charge.dispute.created":
        about = _text(body, "data", "object", "id")
        title = f"A payment is disputed: {about}"
        return [Signal(vendor="stripe", kind=Kind.DISPUTE, about=about, title=title, course=Course.NEWS, at=at)]
    return []


def _pagerduty(body: Body, _: str, received_at: datetime) -> list[Signal | Echo]:
    """`incident.*` of webhooks v3 (developer.pagerduty.com). What we paged ourselves comes back as an echo."""
    kind = _text(body, "event", "event_type")
    at = _iso(_text(body, "event", "occurred_at"), received_at)
    key = _text(body, "event", "data", "incident_key")
    if key.startswith(OURS):
        person = _text(body, "event", "agent", "type").startswith("user")
        by = _text(body, "event", "agent", "summary") or _text(body, "event", "agent", "id") if person else ""
        what = kind.removeprefix("incident.")
        return [Echo(key=key, what=what, by=by, at=at)] if what in ("acknowledged", "resolved") else []
    course = {"incident.triggered": Course.FIRING, "incident.resolved": Course.RECOVERED}.get(kind)
    if course is None:
        return []
    return [
        Signal(
            vendor="pagerduty",
            kind=Kind.PAGE,
            about=_text(body, "event", "data", "id"),
            title=clean(f"PagerDuty: {_text(body, 'event', 'data', 'title') or 'an incident'}"),
            course=course,
            at=at,
            link=_text(body, "event", "data", "html_url"),
        )
    ]


def _resend(body: Body, _: str, received_at: datetime) -> list[Signal | Echo]:
    """Mail that came back or was complained about (resend.com/docs/webhooks). To whom is not said."""
    kind = _text(body, "type")
    said = {"email.bounced": "Mail came back", "email.complained": "Mail was called spam"}.get(kind)
    if said is None:
        return []
    subject = _text(body, "data", "subject")
    return [
        Signal(
            vendor="resend",
            kind=Kind.MAIL_BOUNCED,
            about=kind.removeprefix("email."),
            title=clean(f"{said}: “{subject}”" if subject else said),
            course=Course.FIRING,
            at=_iso(_text(body, "created_at"), received_at),
        )
    ]


def _generic(body: Body, _: str, received_at: datetime) -> list[Signal | Echo]:
    """Ours to define: `title`, and if wanted `fingerprint`, `state` (firing, recovered, news), `link`, `at` (ISO)."""
    title = _text(body, "title")
    if not title:
        return []
    state = _text(body, "state")
    return [
        Signal(
            vendor="generic",
            kind=Kind.OTHER,
            about=_text(body, "fingerprint") or title,
            title=clean(title),
            course=Course(state) if state in [course.value for course in Course] else Course.FIRING,
            at=_iso(_text(body, "at"), received_at),
            link=_text(body, "link"),
        )
    ]


_READERS: Final[Mapping[str, Callable[[Body, str, datetime], list[Signal | Echo]]]] = {
    "uptimerobot": _uptimerobot,
    "sentry": _sentry,
    "vercel": _vercel,
    "stripe": _stripe,
    "pagerduty": _pagerduty,
    "resend": _resend,
    "generic": _generic,
}


def _text(body: Any, *path: str) -> str:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    if isinstance(body, bool) or not isinstance(body, (str, int)):
        return ""
    return str(body)


def _seconds(value: object, otherwise: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(float(str(value)), UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


def _milliseconds(value: object, otherwise: datetime) -> datetime:
    return _seconds(value / 1000, otherwise) if isinstance(value, (int, float)) else otherwise


def _iso(value: str, otherwise: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)
