"""The links of a sign-in, in tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.diagnosis import signin
from bot.diagnosis.chain import Unchecked
from bot.operation import Mark
from bot.providers.resend import Mail, Mails
from bot.providers.supabase import AuthConfig, PlatformLine
from bot.providers.supabase_auth import AuthUser, SignIn

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SITE = "https://interviewlab.io"


def user(*, confirmed: bool = False, sent: timedelta | None = timedelta(hours=2)) -> AuthUser:
    """An account of yesterday."""
    return AuthUser(
        id="u",
        email="a@example.com",
        created_at=NOW - timedelta(days=1),
        confirmed_at=NOW if confirmed else None,
        confirmation_sent_at=NOW - sent if sent else None,
        recovery_sent_at=None,
        last_sign_in_at=None,
        banned_until=None,
    )


def mails(*events: str, ago: timedelta = timedelta(hours=1), back: timedelta | None = timedelta(days=9)) -> Mails:
    """What went to them, newest first."""
    sent = tuple(Mail(id=event, subject="Confirm", sent_at=NOW - ago, event=event) for event in events)
    return Mails(mails=sent, looked_at=100, reach_back=NOW - back if back else None)


@pytest.mark.parametrize(
    ("found", "confirmed", "mark", "said"),
    [
        (mails("delivered"), False, Mark.OK, "look for spam"),
        (mails("delivered"), True, Mark.OK, "“Confirm” delivered"),
        (mails("bounced"), False, Mark.DOWN, "bounced"),
        (mails("bounced"), True, Mark.DEGRADED, "bounced"),
        (mails("delivered", "bounced"), False, Mark.OK, "delivered"),
        (mails("complained"), False, Mark.DOWN, "complained"),
        (mails("delivery_delayed"), False, Mark.DOWN, "delivery delayed"),
        (mails("sent", ago=timedelta(seconds=20)), False, Mark.NONE, "sent"),
        (mails("sent"), False, Mark.DOWN, "sent"),
        (mails(), True, Mark.NONE, "no mail to them"),
        (mails(), False, Mark.DOWN, "though Auth says that it sent one"),
        (mails(back=timedelta(hours=1)), False, Mark.UNKNOWN, "Auth's is older"),
        (mails(back=None), False, Mark.UNKNOWN, "no mail to them"),
        (Unchecked(why="Resend is silent."), False, Mark.UNKNOWN, "could not check"),
    ],
)
def test_what_became_of_the_mail(found: Mails | Unchecked, *, confirmed: bool, mark: Mark, said: str) -> None:
    """It breaks the chain of who waits for one; what lies before Resend's memory is not known."""
    link = signin.mail(found, user(confirmed=confirmed), NOW)
    assert link.mark is mark
    assert said in link.text


@pytest.mark.parametrize(
    ("site_url", "allowed", "mark"),
    [
        (SITE, (f"{SITE}/**",), Mark.OK),
        ("https://www.interviewlab.io/", (f"{SITE}/auth/callback",), Mark.OK),
        (SITE, (f"{SITE}/auth/*",), Mark.OK),
        (SITE, (f"{SITE}/*",), Mark.DOWN),
        (SITE, ("https://*.vercel.app/**",), Mark.DOWN),
        (SITE, (), Mark.DOWN),
        ("http://interviewlab.io", (f"{SITE}/**",), Mark.DOWN),
        ("http://localhost:3000", (f"{SITE}/**",), Mark.DOWN),
        ("", (f"{SITE}/**",), Mark.DOWN),
    ],
)
def test_where_auth_sends_people(site_url: str, allowed: tuple[str, ...], mark: Mark) -> None:
    """To the site, `www.` or not, and back to a listed address: one star stands for no slash, two for anything."""
    config = AuthConfig(site_url=site_url, allowed=allowed, mailer="")
    assert signin.redirects(config, SITE, "/auth/callback").mark is mark


@pytest.mark.parametrize(
    ("statuses", "mark", "said"),
    [
        ((), Mark.NONE, "no sign-in in the last hour"),
        (("200", "200"), Mark.OK, "2 sign-ins in the last hour, 0 refused"),
        (("200", "400"), Mark.OK, "1 refused (1 invalid credentials)"),
        (("500", "200"), Mark.DOWN, "1 sign-in failed inside Auth"),
    ],
)
def test_what_auth_logged(statuses: tuple[str, ...], mark: Mark, said: str) -> None:
    """Refusals are counted by their reason; what fails inside Auth is everybody's trouble."""
    lines = [
        PlatformLine(
            at=NOW,
            said="x",
            attributes={
                "status": status,
                "path": "/token",
                "error_code": "invalid_credentials" if status == "400" else "",
            },
        )
        for status in statuses
    ]
    link = signin.log(lines, NOW)
    assert link.mark is mark
    assert said in link.text


@pytest.mark.parametrize(
    ("done", "mark"),
    [
        (SignIn(code=""), Mark.OK),
        (SignIn(code="invalid_credentials"), Mark.DOWN),
        (SignIn(code="user_banned"), Mark.DEGRADED),
        (SignIn(code="captcha_failed"), Mark.UNKNOWN),
        (Unchecked(why="Supabase Auth fails (500).", kind="server"), Mark.DOWN),
        (Unchecked(why="too many requests", kind="rate_limited"), Mark.UNKNOWN),
        (Unchecked(why="not configured"), Mark.UNKNOWN),
    ],
)
def test_the_known_good_account(done: SignIn | Unchecked, mark: Mark) -> None:
    """Where it is refused nobody gets in, unless it is itself out of order."""
    assert signin.canary(done).mark is mark
