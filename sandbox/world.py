"""The company in the sandbox: its people, its clock, and the credentials of its vendors."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sandbox.repository import Repository
from sandbox.webhooks import Webhooks
from sandbox.writes import Writes

TEAM_ID: Final = "T0ILAB001"
TEAM_DOMAIN: Final = "interviewlab"
APP_ID: Final = "A0ILABAPP"
BOT_ID: Final = "B0ILABBOT"
BOT_USER_ID: Final = "U0ILABBOT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A member of the cast. `role` is what the seeded settings make of them; `kind` is what Slack says they are."""

    id: str
    name: str
    real_name: str
    email: str
    title: str
    role: str
    kind: str = "member"
    """member | guest | deactivated | stranger | bot"""
    tz: str = "Europe/London"
    phone: str = ""
    pagerduty_id: str = ""
    github: str = ""


CAST: Final[tuple[Person, ...]] = (
    Person(
        id="U0ALICE01",
        name="alice",
        real_name="Alice Ito",
        email="alice@interviewlab.io",
        title="On-call engineer",
        role="responder",
        tz="Asia/Tokyo",
        phone="+81 3 5550 0101",
        pagerduty_id="PALICE1",
        github="alice-ito",
    ),
    Person(
        id="U0BOB0002",
        name="bob",
        real_name="Bob Okafor",
        email="bob@interviewlab.io",
        title="Team lead",
        role="approver",
        phone="+44 20 7946 0102",
        pagerduty_id="PBOB002",
        github="bokafor",
    ),
    Person(
        id="U0CAROL03",
        name="carol",
        real_name="Carol Lindqvist",
        email="carol@interviewlab.io",
        title="CTO",
        role="admin",
        tz="Europe/Stockholm",
        phone="+46 8 5550 0103",
        pagerduty_id="PCAROL3",
        github="clindqvist",
    ),
    Person(
        id="U0DAVE004",
        name="dave",
        real_name="Dave Moreau",
        email="dave@interviewlab.io",
        title="Approver on duty",
        role="approver",
        tz="Europe/Paris",
        phone="+33 1 5550 0104",
        pagerduty_id="PDAVE04",
        github="dmoreau",
    ),
    Person(
        id="U0ERIN005",
        name="erin",
        real_name="Erin Walsh",
        email="erin@interviewlab.io",
        title="Support",
        role="responder",
        tz="Europe/Dublin",
        phone="+353 1 555 0105",
    ),
    Person(
        id="U0FRANK06",
        name="frank",
        real_name="Frank Adeyemi",
        email="frank@interviewlab.io",
        title="Marketing",
        role="viewer",
    ),
    Person(
        id="U0IVY0010",
        name="ivy",
        real_name="Ivy Park",
        email="ivy@interviewlab.io",
        title="Data protection",
        role="admin",
        tz="Europe/Berlin",
        phone="+49 30 5550 0110",
    ),
    Person(
        id="U0GUS0007",
        name="gus",
        real_name="Gus Contractor",
        email="gus@contractor.example",
        title="Guest designer",
        role="none",
        kind="guest",
    ),
    Person(
        id="U0HANNA08",
        name="hanna",
        real_name="Hanna Former",
        email="hanna@interviewlab.io",
        title="Left in May",
        role="none",
        kind="deactivated",
    ),
    Person(
        id="U0STRANG9",
        name="stan",
        real_name="Stan Stranger",
        email="stan@partner.example",
        title="Partner, by Slack Connect",
        role="none",
        kind="stranger",
    ),
)

GROUPS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "S0RESPOND": ("responders", ("U0ALICE01", "U0ERIN005")),
    "S0APPROVE": ("approvers", ("U0BOB0002", "U0DAVE004")),
    "S0ADMINS1": ("ops-admins", ("U0CAROL03", "U0IVY0010")),
}
"""User groups of the workspace: id → (handle, members)."""

CHANNELS: Final[tuple[tuple[str, str, bool], ...]] = (
    ("C0GENERAL", "general", False),
    ("C0INCIDNT", "incidents", False),
    ("C0APPROVE", "ops-approvals", False),
    ("C0SUPPORT", "support", False),
    ("C0LEADERS", "leadership", True),
)
"""Channels at the start: id, name, private. Everybody but guests, strangers and the deactivated is in the public ones;
bob and carol are in the private one; gus is in #support. The bot is in all public ones but #general and #support."""

CREDENTIALS: Final[dict[str, str]] = {
    "slack.bot_token": "xoxb-sandbox-1-bot",
    "slack.app_token": "xapp-1-sandbox-app",
    "slack.signing_secret": "5a9db0x5197911n95ecre70fslack000",
    "vercel.token": "vercel_sandbox_token",
    "vercel.team_id": "team_interviewlab",
    "vercel.project": "prj_interviewlab",
    "supabase.ref": "abcdefghijklmnopqrst",
    "supabase.access_token": "sbp_sandbox_management",
    "supabase.publishable_key": "sb_publishable_sandbox",
    "supabase.secret_key": "sb_secret_sandbox",
    "supabase.canary_email": "canary@example.com",
    "supabase.canary_password": "interview-1234",
    "stripe.api_key": "sk_test_sandbox",
    "stripe.webhook_secret": "whsec_sandbox_product",
    "openai.api_key": "sk-sandbox-openai",
    "uptimerobot.api_key": "ur-sandbox",
    "sentry.token": "sntryu_sandbox",
    "sentry.organization": "interviewlab",
    "sentry.project": "web",
    "pagerduty.api_key": "pd-sandbox-rest",
    "pagerduty.routing_key": "0123456789abcdef0123456789abcdef",
    "pagerduty.escalation_policy": "PESCPOL",
    "pagerduty.from_email": "alice@interviewlab.io",
    "statuspage.api_key": "sp-sandbox",
    "statuspage.page_id": "pageilab0001",
    "resend.api_key": "re_sandbox",
    "github.token": "ghp_sandbox",
    "github.repository": "interviewlab/web",
}
"""What each stand-in accepts. They are public: nothing outside this machine knows them."""


class Clock:
    """The bot's own time: it runs `speed` times as fast as the real one, and can be put forward.

    Time-outs, signatures, triggers and heartbeats stay in real time; deadlines and the ages of things are in this time.
    """

    def __init__(self) -> None:
        """Start at the real time, at its speed."""
        self.speed = 1.0
        self._real = time.time()
        self._own = self._real

    def timestamp(self) -> float:
        """Seconds since the epoch, in the bot's time."""
        return self._own + (time.time() - self._real) * self.speed

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def set_speed(self, speed: float) -> None:
        """Run `speed` times as fast from now on; the time itself does not jump."""
        if speed < 0:
            raise ValueError("time does not run backwards")
        own = self.timestamp()
        self._real, self._own, self.speed = time.time(), own, speed

    def jump(self, seconds: float) -> None:
        """Put the clock forward."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._own += seconds

    def state(self) -> dict[str, float]:
        """What a copy of this clock in another process needs to show the same time."""
        return {"real": self._real, "own": self._own, "speed": self.speed}


class World:
    """What all stand-ins share: the clock, the cast, and the facts that more than one of them shows."""

    def __init__(self) -> None:
        """Start a company in good health."""
        self.clock = Clock()
        self.started = self.clock.timestamp()
        """Seconds since the epoch, in the bot's time: seeded content lies before this moment."""
        self.writes = Writes()
        """Every write of the bot, as the stand-ins meet it."""
        self.rate_limits = True
        """Whether stand-ins refuse calls beyond their vendor's limits."""
        self.repository = Repository([(person.github, person.real_name, person.email) for person in CAST], self.started)
        """The product's source: GitHub shows it, Vercel deploys from it."""
        self.webhooks = Webhooks()
        """Where vendors tell of what happens: the bot, once its address is known."""
        self.maintenance = False
        """The value of `maintenance_mode` in Vercel's Global Config, which the site obeys."""
        self.maintenance_message = ""
        """The value of `maintenance_message` there."""
        self.production_deployment = ""
        """The id of the deployment that serves the production domain; Vercel's stand-in keeps it."""
        self.production_fault = ""
        """What the code that serves production breaks: the site fails while there is something."""

    def person(self, key: str) -> Person:
        """Find a member of the cast by id, name or e-mail. Raise KeyError where there is none."""
        for person in CAST:
            if key in (person.id, person.name, person.email):
                return person
        raise KeyError(key)
