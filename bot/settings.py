"""The settings: one frozen model, read from the environment by `bot.__main__` alone.

Names are `ILAB_<SECTION>__<FIELD>`, for example `ILAB_VERCEL__TOKEN`. A vendor whose section is absent is `None`: its
commands say so and leave the help. Every base URL is a setting, so that the sandbox and a proxy can stand in.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot import windows


def _address(given: SecretStr) -> SecretStr:
    """Refuse what is no address of a PostgreSQL: libpq's complaint quotes it, password and all, and would be logged."""
    from psycopg import ProgrammingError  # noqa: PLC0415 -- not every reader of this module needs the driver
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        parts = {name: str(value).split(",") for name, value in conninfo_to_dict(given.get_secret_value()).items()}
    except ProgrammingError:
        parts = {"port": ["none"]}
    ports, hosts = parts.get("port", []), parts.get("host", [])
    # a password with an unescaped `@`, `:` or `/` ends up in one of these
    if not all(port.isdecimal() for port in ports if port) or any("@" in host[1:] for host in hosts if host[:1] != "/"):
        raise ValueError(
            "it is no address such as postgresql://user:password@host/database; signs like @ : / % in a password are "
            "written %40 %3A %2F %25"
        )
    return given


def _windows(given: str) -> str:
    """Refuse what names no windows."""
    windows.parse(given)
    return given


def _timezone(given: str) -> str:
    """Refuse what is no time zone."""
    try:
        ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("it is no time zone such as Europe/London") from error
    return given


DatabaseAddress = Annotated[SecretStr, AfterValidator(_address)]
"""What libpq takes: an address, or words such as `host=… dbname=…`."""


class Section(BaseModel):
    """A group of settings that stand or fall together."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SlackSettings(Section):
    """The workspace. Socket Mode when `app_token` is set, signed HTTP when `signing_secret` is; both may be."""

    bot_token: SecretStr
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    base_url: str = "https://slack.com/api/"
    incidents_channel: str = Field(default="", description="Id of #incidents: cards, and the threads of updates.")
    approvals_channel: str = Field(default="", description="Id of the channel where approvals stand outside incidents.")


class RoleSettings(Section):
    """Who may what, as Slack user group ids (`S…`) and user ids (`U…`). Roles are cumulative."""

    responders: str = Field(default="", description="Comma-separated user group and user ids.")
    approvers: str = ""
    admins: str = ""
    cache_seconds: float = Field(default=60, description="How long an answer of Slack about a person is used.")


class ApprovalRule(Section):
    """What one command's approvals need; what is left out is as the command declares it."""

    quorum: int | None = Field(default=None, ge=1, description="How many people must approve.")
    expires_after_hours: float | None = Field(default=None, gt=0)
    approvers: str = Field(
        default="", description="Comma-separated user group and user ids of who may approve it, and nobody else."
    )


class ApprovalSettings(Section):
    """Approvals in general; `rules` by command, as JSON: `{"grant": {"quorum": 2, "approvers": "S0123ABCD"}}`."""

    remind_after_minutes: float = Field(
        default=15, description="When a request that waits is first reminded of; then ever more rarely. 0: never."
    )
    remind_in_incident_after_minutes: float = Field(
        default=3, description="The same for a request that belongs to an open P0 or P1."
    )
    page_after_minutes: float = Field(
        default=5, gt=0, description="When the approver on duty is paged for a request of an open P0 or P1."
    )
    page_level: int = Field(
        default=2,
        ge=0,
        description="The level of PagerDuty's policy at which the approver on duty is. 0: nobody is paged.",
    )
    break_glass_levels: int = Field(
        default=1, ge=0, description="Up to which level of PagerDuty's policy who is on call may break glass."
    )
    rules: dict[str, ApprovalRule] = Field(
        default={},
        description="What a command's approvals need, as JSON: `quorum`, `expires_after_hours`, `approvers` (ids).",
    )


class WebhookSettings(Section):
    """What vendors sign their webhooks with; a vendor whose secret is absent is not heard (404)."""

    uptimerobot_secret: SecretStr | None = Field(
        default=None,
        description="UptimeRobot signs nothing: this is the end of its address, /webhooks/uptimerobot/<secret>, or its "
        "header X-Webhook-Secret.",
    )
    sentry_secret: SecretStr | None = Field(default=None, description="The internal integration's client secret.")
    vercel_secret: SecretStr | None = None
    stripe_secret: SecretStr | None = Field(default=None, description="Of the endpoint that leads here: whsec_…")
    pagerduty_secret: SecretStr | None = None
    resend_secret: SecretStr | None = Field(default=None, description="whsec_…")
    generic_secret: SecretStr | None = Field(
        default=None, description="For anything else: X-Signature: t=…,v1=HMAC-SHA256 over t.body, as Stripe signs."
    )


class Threshold(Section):
    """Beyond what a figure is to be worried about; what is left out is the default."""

    warn: float | None = None
    alert: float | None = None


def _hour(given: str) -> str:
    """Refuse what is no time of day."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", given):
        raise ValueError("it is no time of day such as 08:00")
    return given


class FigureSettings(Section):
    """The key metrics. `thresholds` by figure, as JSON: `{"p95": {"warn": 1500, "alert": 2500}}` (ms, %, a minute)."""

    thresholds: dict[str, Threshold] = {}
    measure_seconds: float = Field(default=60, ge=30, description="How often everything is measured, by one copy.")
    unknown_minutes: float = Field(default=15, description="Not measured for so long, a figure is an alert itself.")
    keep_days: float = Field(default=90, description="How long measurements are kept, for trends.")
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(default="UTC", description="Of days and digests.")
    digest_at: Annotated[str, AfterValidator(_hour)] = Field(
        default="08:00", description="When the daily digest is said; on Mondays the weekly one, too."
    )
    digest_channel: str = Field(default="", description="Id of their channel. Left out: #incidents.")

    @field_validator("thresholds")
    @classmethod
    def _known(cls, given: dict[str, Threshold]) -> dict[str, Threshold]:
        from bot.figures.kinds import FIGURES  # noqa: PLC0415 -- not every reader of this module needs it

        if unknown := set(given) - set(FIGURES):
            raise ValueError(f"there is no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
        return given


class AlertRule(Section):
    """Which alerts become an incident by themselves. All conditions that are set must hold."""

    name: str
    kinds: tuple[str, ...] = Field(description="Kinds of alert, such as site_down or payment_failed.")
    matches: str = Field(default="", description="A regular expression, found in the title or the link.")
    at_least: int = Field(default=1, ge=1, description="How often it must have been said.")
    severity: Literal["P0", "P1", "P2", "P3"] = "P0"
    confirm: Literal["site", "payments", ""] = Field(
        default="", description="What our own look must confirm first: where it cannot, only the on-call is paged."
    )

    @field_validator("matches")
    @classmethod
    def _compiles(cls, given: str) -> str:
        try:
            re.compile(given)
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        return given

    @field_validator("kinds")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        from bot.alerts.reading import Kind  # noqa: PLC0415 -- not every reader of this module needs it

        unknown = set(given) - {kind.value for kind in Kind}
        if unknown:
            raise ValueError(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(Kind)}")
        return given


class AlertSettings(Section):
    """Alerts; `rules` as JSON. Left out: the site down and payments failing declare a P0."""

    channel: str = Field(default="", description="Id of the channel of their cards. Left out: #incidents.")
    rules: tuple[AlertRule, ...] | None = None
    flap_minutes: float = Field(
        default=15, description="What fires again so soon after it recovered is the same alert."
    )
    storm_after: int = Field(
        default=10, ge=2, description="More new alerts than that in a minute, and one card stands for all."
    )
    join_minutes: float = Field(default=60, description="What fires so soon after an incident was declared joins it.")


class SiteSettings(Section):
    """InterviewLab's own site."""

    url: str = "https://interviewlab.io"
    entitlements_path: str = "/api/user/entitlements"
    callback_path: str = Field(default="/auth/callback", description="Where Auth sends people back to after a mail.")


class VercelSettings(Section):
    """Vercel's REST API; `team_id` is needed for a team's project."""

    token: SecretStr
    project: str
    team_id: str = ""
    base_url: str = "https://api.vercel.com"
    config_id: str = Field(
        default="", description="Id of the Global (Edge) Config whose item `maintenance_mode` the site obeys: ecfg_…"
    )
    logs_url: str = Field(
        default="https://vercel.com",
        description="Where `vercel logs` searches: undocumented, and no other way is known.",
    )
    logs_kept_hours: float = Field(
        default=24, description="How far back runtime logs reach: Hobby 1, Pro 24, Enterprise 72."
    )


class SupabaseSettings(Section):
    """Supabase: the project's own APIs, and the Management API where `access_token` is set."""

    ref: str
    url: str = Field(description="https://<ref>.supabase.co")
    publishable_key: SecretStr
    secret_key: SecretStr | None = None
    access_token: SecretStr | None = None
    management_url: str = "https://api.supabase.com"
    probe_table: str = Field(default="entitlements", description="The table of which the REST probe reads one row.")
    canary_email: str = Field(default="", description="A known good account that diagnose signin signs in with.")
    canary_password: SecretStr | None = None
    storage_quota_gb: float = Field(default=100, description="What the plan holds in files; Pro has 100.")


class PackageSettings(Section):
    """What is given for a price."""

    interviews: int = Field(ge=1, le=1000)
    tier: str = ""
    perks: tuple[str, ...] = ()
    type: Literal["interview_package", "subscription"] = "interview_package"


class StripeSettings(Section):
    """Stripe's API; `webhook_url` names the product's own endpoint among the account's."""

    api_key: SecretStr
    base_url: str = "https://api.stripe.com"
    webhook_url: str = ""
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="The endpoint's signing secret: `payment redeliver` signs with it what Stripe will not send again.",
    )
    webhook_log: str = Field(default="[T134 Webhook]", description="What each line of the webhook in the log holds.")
    arrives_within_seconds: float = Field(
        default=15, description="How long `payment redeliver` waits for what was paid to arrive."
    )
    packages: dict[str, PackageSettings] = Field(
        default={},
        description="What is given for a price, as JSON: "
        '`{"price_…": {"interviews": 5, "tier": "professional", "perks": ["voice_mode"]}}`.',
    )
    test_webhook_url: str = Field(default="", description="An endpoint that is not production's: for test events.")
    test_webhook_secret: SecretStr | None = Field(default=None, description="Its signing secret.")
    test_customer: str = Field(
        default="", description="The id of a customer there. Left out, a test event says unpaid, and grants nothing."
    )
    quiet_hours: float = Field(default=6, description="Hours without any event after which Stripe counts as degraded.")


class OpenAISettings(Section):
    """OpenAI's API."""

    api_key: SecretStr
    base_url: str = "https://api.openai.com"
    model: str = "gpt-4o-mini"
    slow_seconds: float = Field(default=3, description="An answer slower than this counts as degraded.")
    product_timeout_seconds: float = Field(default=30, description="The product's own time-out, in lib/openai.ts.")
    long_prompt_chars: int = Field(default=8000, description="Prompts longer than this count as long.")


class UptimeRobotSettings(Section):
    """UptimeRobot's v3 API."""

    api_key: SecretStr
    base_url: str = "https://api.uptimerobot.com/v3"
    cache_seconds: float = Field(default=7, description="A free account has 10 requests a minute.")


class SentrySettings(Section):
    """Sentry's API; the error thresholds are the runbook's."""

    token: SecretStr
    organization: str
    project: str
    base_url: str = "https://us.sentry.io"
    alert_errors_per_minute: float = 10
    warn_errors_per_minute: float = 3


class PagerDutySettings(Section):
    """PagerDuty: who is on call (REST) and paging (Events v2)."""

    api_key: SecretStr
    routing_key: SecretStr
    escalation_policy: str
    from_email: str = ""
    refresh_minutes: float = Field(
        default=10, description="How often it is asked who is on call, besides at every use."
    )
    base_url: str = "https://api.pagerduty.com"
    events_url: str = "https://events.pagerduty.com"


class StatuspageSettings(Section):
    """InterviewLab's public status page, at Atlassian Statuspage."""

    api_key: SecretStr
    page_id: str
    pause_seconds: float = Field(default=1, description="Between two calls: Statuspage allows a key one a second.")
    public_url: str = Field(default="", description="Where people read it, such as https://status.interviewlab.io.")
    base_url: str = "https://api.statuspage.io"


class ResendSettings(Section):
    """Mail, through Resend."""

    api_key: SecretStr
    from_address: str = ""
    base_url: str = "https://api.resend.com"


class GitHubSettings(Section):
    """The product's repository, `owner/name`."""

    token: SecretStr
    repository: str
    base_url: str = "https://api.github.com"
    migrations_path: str = Field(
        default="db/migrations/", description="The folder in it whose files change the product's database."
    )


class StatusPagesSettings(Section):
    """The vendors' public status pages; an empty address leaves that page out."""

    vercel: str = "https://www.vercel-status.com/api/v2/summary.json"
    supabase: str = "https://status.supabase.com/api/v2/summary.json"
    stripe: str = "https://www.stripestatus.com/api/v2/summary.json"
    openai: str = "https://status.openai.com/api/v2/summary.json"
    slack: str = "https://slack-status.com/api/v2.0.0/current"
    cache_seconds: float = 60


class ProductSettings(Section):
    """The product's database, and its staging twin. Reads are `READ ONLY`, with a time limit and a row cap."""

    database_url: DatabaseAddress
    staging_database_url: DatabaseAddress | None = None
    warn_connections: float = Field(default=0.70, description="Share of max_connections.")
    alert_connections: float = Field(default=0.85, description="Share of max_connections.")
    warn_cpu: float = Field(default=0.70, description="Share of the processor's time.")
    alert_cpu: float = 0.80
    warn_memory: float = Field(default=0.80, description="Share of the memory.")
    alert_memory: float = 0.90
    warn_storage: float = Field(default=0.90, description="Share of the disk; at 95 % Supabase may make it read-only.")
    alert_storage: float = 0.95
    statement_timeout_seconds: float = 5
    migrations: Path | None = Field(default=None, description="The folder of migrations that `db migrate` may run.")
    owner_database_url: DatabaseAddress | None = Field(
        default=None,
        description="As the role that owns the schema, for migrations: directly, or by a pooler in session mode. Left out: "
        "DATABASE_URL.",
    )
    migration_windows: Annotated[str, AfterValidator(_windows)] = Field(
        default="tue 02:00-04:00", description="When production may be migrated, in UTC, without an open P0 or P1."
    )
    migration_lock_seconds: float = Field(
        default=5, description="How long a migration waits for a lock, and holds up those behind it."
    )
    migration_timeout_minutes: float = Field(default=30, description="How long one statement of it may take.")


class DeploySettings(Section):
    """Rollbacks, promotions, and when they are to be avoided."""

    poll_seconds: float = Field(default=1, gt=0, description="How often Vercel is asked how far a move is.")
    move_timeout_seconds: float = Field(
        default=180, description="Seconds after which a move that is not done counts as Vercel's trouble."
    )
    avoid: Annotated[str, AfterValidator(_windows)] = Field(
        default="fri 12:00-24:00, sat, sun", description="Windows in which promoting and rolling back are warned of."
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(default="UTC", description="Of the windows.")


class MaintenanceSettings(Section):
    """Maintenance windows. Customers are mailed through Resend; the status page is Statuspage's."""

    windows: Annotated[str, AfterValidator(_windows)] = Field(
        default="tue 02:00-04:00", description="The recommended windows; others are warned of."
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(default="UTC", description="Of the windows.")
    notice_hours: float = Field(default=48, description="Notice that customers should have; less is warned of.")
    remind_hours: float = Field(default=1, description="How long before it the team is reminded.")
    watch_minutes: float = Field(default=120, description="How long the product is watched afterwards.")
    mail_customers: bool = Field(default=True, description="Whether customers are mailed.")
    seen_within_seconds: float = Field(
        default=45, description="How long the site may take to obey the flag; the config takes up to ten seconds."
    )
    channel: str = Field(default="", description="Id of the channel of its cards. Left out: #incidents.")


class BackupSettings(Section):
    """Dumps of the product's database, and restoring it."""

    directory: Path | None = Field(default=None, description="Where dumps are kept. Left out: in the data directory.")
    database_url: DatabaseAddress | None = Field(
        default=None,
        description="The product's database for dumps: directly, or by a pooler in session mode. Left out: the product's.",
    )
    scratch_database_url: DatabaseAddress | None = Field(
        default=None,
        description="A server where a proof may make a database and drop it. Left out: that of the bot's own state.",
    )
    tools: Path | None = Field(
        default=None, description="The directory of pg_dump and pg_restore. Left out: looked for."
    )
    left_out: str = Field(default="", description="Schemas that are not dumped, separated by commas.")
    keep: int = Field(default=7, ge=1, description="How many dumps are kept.")
    keep_days: float = Field(default=30, gt=0, description="None but the newest is kept for longer.")
    timeout_minutes: float = Field(default=120, gt=0, description="How long a dump, or its proof, may take.")
    restore_timeout_minutes: float = Field(default=240, gt=0, description="How long Supabase's restore is followed.")
    poll_seconds: float = Field(default=15, gt=0, description="How often Supabase is asked how far a restore is.")


class ErasureSettings(Section):
    """What a certificate of deletion says of places that nobody here can reach."""

    elsewhere: dict[str, float] = Field(
        default={
            "backups at Supabase": 7,
            "logs at Supabase": 7,
            "logs at Vercel": 1,
            "errors at Sentry": 90,
            "mails at Resend": 30,
            "prompts at OpenAI": 30,
            "payments and invoices at Stripe": 0,
            "our own dumps of the product's database": 30,
            "backups and journals of the bot itself": 30,
            "what people wrote in Slack": 0,
        },
        description="Place → days for which it keeps things, 0 for rules of its own; as JSON.",
    )


class StatusSettings(Section):
    """How `/ilab status` behaves."""

    probe_timeout_seconds: float = 5
    slow_seconds: float = Field(default=2, description="Site, API and database slower than this count as degraded.")
    cache_seconds: float = Field(default=10, description="How long one report answers everybody who asks.")
    watch_interval_seconds: float = 30
    watch_default_minutes: float = 60


class Deadlines(Section):
    """What the steps of an incident are allowed, in minutes; 0 sets no such clock.

    PagerDuty's levels are the rungs: 1 the on-call, 2 the team lead, 3 the CTO.
    """

    acknowledge_minutes: float = Field(default=0, description="After it, the on-call are paged again.")
    remind_minutes: float = Field(default=0, description="When its channel is reminded that nobody has acknowledged.")
    lead_after_minutes: float = Field(default=0, description="When the team lead is paged.")
    cto_after_minutes: float = Field(default=0, description="When the CTO is paged.")
    cto_answers_minutes: float = Field(default=0, description="How long the CTO has until they are paged again.")
    acknowledgement_minutes: float = Field(
        default=0, description="How long an acknowledgement holds of which nothing more is heard."
    )
    assess_minutes: float = 0
    mitigate_minutes: float = 0
    update_minutes: float = Field(default=0, description="How long people may hear nothing.")
    postmortem_hours: float = Field(default=0, description="Counted from resolving.")


class P0Deadlines(Deadlines):
    """The runbook's, for a P0."""

    acknowledge_minutes: float = 5
    remind_minutes: float = 3
    lead_after_minutes: float = 15
    cto_after_minutes: float = 45
    cto_answers_minutes: float = 60
    acknowledgement_minutes: float = 20
    assess_minutes: float = 15
    mitigate_minutes: float = 30
    update_minutes: float = 30
    postmortem_hours: float = 48


class P1Deadlines(Deadlines):
    """For a P1, of which the runbook says no times."""

    acknowledge_minutes: float = 15
    remind_minutes: float = 10
    lead_after_minutes: float = 30
    cto_after_minutes: float = 90
    cto_answers_minutes: float = 60
    acknowledgement_minutes: float = 45
    assess_minutes: float = 45
    mitigate_minutes: float = 120
    update_minutes: float = 60
    postmortem_hours: float = 48


class IncidentSettings(Section):
    """What every incident gets, and the clocks of each severity."""

    always_invite: dict[str, str] = Field(
        default={},
        description='By severity, ids of people and user groups, as JSON: `{"P0": "S0123456789,U0123456789"}`.',
    )
    dashboards: dict[str, str] = Field(
        default={}, description='Bookmarks of its channel, as JSON: `{"Vercel": "https://vercel.com/…/analytics"}`.'
    )
    archive_days: float = Field(
        default=14,
        description="Days after an incident is closed, cancelled or merged until its channel is archived; 0: never.",
    )
    p0: P0Deadlines = P0Deadlines()
    p1: P1Deadlines = P1Deadlines()
    p2: Deadlines = Deadlines()
    p3: Deadlines = Deadlines()

    def deadlines(self, severity: str) -> Deadlines:
        """Those of a severity, such as `P0`."""
        return {"P0": self.p0, "P1": self.p1, "P2": self.p2, "P3": self.p3}[severity]


class DegradedSettings(Section):
    """What goes on while our own database is silent."""

    keeper: str = Field(
        default="",
        description="The name (ILAB_NAME) of the one copy that then declares, acknowledges and pages, by its journal.",
    )
    patience_seconds: float = Field(
        default=10,
        gt=0,
        description="How long our database is waited for with what a copy that died had in hand, and may have done.",
    )


class WebSettings(Section):
    """The bot's own HTTP address: Slack over HTTP, `/healthz`, `/metrics`. Port 0 lets the system choose."""

    host: str = "127.0.0.1"
    port: int | None = None


class Settings(BaseSettings):
    """Everything the bot is told from outside."""

    model_config = SettingsConfigDict(
        env_prefix="ILAB_", env_nested_delimiter="__", frozen=True, extra="forbid", env_ignore_empty=True
    )

    database_url: DatabaseAddress | None = Field(
        default=None, description="Own state. Left out: an embedded PostgreSQL."
    )
    data_dir: Path | None = Field(default=None, description="Embedded database and journal. Left out: the user's.")
    name: str = Field(default="", description="What this copy is called. Left out: the machine's name.")
    log_level: str = "INFO"
    retention_days: float = Field(default=30, description="Days for which raw payloads are kept.")
    slack: SlackSettings | None = None
    roles: RoleSettings = RoleSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    alerts: AlertSettings = AlertSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    figures: FigureSettings = FigureSettings()
    webhooks: WebhookSettings = WebhookSettings()
    site: SiteSettings | None = None
    vercel: VercelSettings | None = None
    supabase: SupabaseSettings | None = None
    stripe: StripeSettings | None = None
    openai: OpenAISettings | None = None
    uptimerobot: UptimeRobotSettings | None = None
    sentry: SentrySettings | None = None
    pagerduty: PagerDutySettings | None = None
    statuspage: StatuspageSettings | None = None
    resend: ResendSettings | None = None
    github: GitHubSettings | None = None
    status_pages: StatusPagesSettings = StatusPagesSettings()
    product: ProductSettings | None = None
    backups: BackupSettings = BackupSettings()
    deploys: DeploySettings = DeploySettings()
    status: StatusSettings = StatusSettings()
    erasure: ErasureSettings = ErasureSettings()
    incidents: IncidentSettings = IncidentSettings()
    degraded: DegradedSettings = DegradedSettings()
    web: WebSettings = WebSettings()
    contacts: dict[str, str] = Field(
        default={},
        description='Where vendors\' support is reached, where that is not as in the runbook, as JSON: `{"vercel": "…"}`.',
    )
    terminal_command: str = Field(default="ilab", description="How people call the program: what the bot tells them.")
    runbook_url: str = "https://github.com/interviewlab/ops/blob/main/runbook.md"


def variables(model: type[BaseModel] = Settings, prefix: str = "ILAB_") -> Iterator[tuple[str, str, str]]:
    """Every environment variable: its name, its default and what it is, for people to read."""
    for name, field in model.model_fields.items():
        inner = section_of(field)
        if inner is not None:
            yield from variables(inner, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", _default(field), field.description or ""


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, or None for a single value; a mapping of sections is one value, as JSON."""
    held = field.annotation
    candidates = (held, *typing.get_args(held)) if typing.get_origin(held) is not dict else ()
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    return f"`{field.default}`" if field.default not in (None, "") else ""
