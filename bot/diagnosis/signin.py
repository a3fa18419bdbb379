"""Why somebody cannot sign in: Auth, the account, its mail, the redirects, and a known good account beside it."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bot.accounts import no_account
from bot.ages import age
from bot.diagnosis.chain import Link, Unchecked, link_of, unchecked
from bot.diagnosis.looking import Looking, lacking, shared
from bot.operation import Mark, Offer

if TYPE_CHECKING:  # the clients import httpx and the database's driver
    from bot.context import Context, Services
    from bot.health.readings import Reading
    from bot.providers.resend import Mail, Mails
    from bot.providers.supabase import AuthConfig, PlatformLine, SupabaseManagement
    from bot.providers.supabase_auth import AuthUser, SignIn

LOGGED: Final = timedelta(hours=1)
"""How far back Auth's log is read."""
_ON_ITS_WAY: Final = timedelta(minutes=5)
"""How long a mail may take."""
_FAILED: Final = ("bounced", "complained", "failed", "canceled", "suppressed")
_ARRIVED: Final = ("delivered", "opened", "clicked")


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was found out."""

    email: str
    site: str
    callback: str
    auth: Reading | Unchecked
    user: AuthUser | Unchecked | None
    near: Sequence[str]
    mails: Mails | Unchecked
    config: AuthConfig | Unchecked
    log: Sequence[PlatformLine] | Unchecked
    canary: SignIn | Unchecked


async def look(email: str, context: Context) -> Facts:
    """Ask everybody at once."""
    services = context.services
    settings, vendors = services.settings, services.vendors()
    auth, management, resend = vendors.supabase_auth, vendors.supabase_management, vendors.resend
    no_management = "ILAB_SUPABASE__ACCESS_TOKEN"
    async with Looking(context.progress) as looking:
        health = looking.at(services.health().some("supabase.auth"))
        user = looking.at(auth.by_email(email) if auth else lacking("ILAB_SUPABASE__SECRET_KEY"))
        mails = looking.at(resend.sent_to(email) if resend else lacking("ILAB_RESEND__API_KEY"))
        config = looking.at(
            shared(services, "auth.config", management.auth_config) if management else lacking(no_management)
        )
        log = looking.at(
            shared(services, "auth.log", functools.partial(_logged, management, services.now()))
            if management
            else lacking(no_management)
        )
        canary = looking.at(shared(services, "auth.canary", functools.partial(_canary, services)))
    readings = health.found
    return Facts(
        email=email,
        site=settings.site.url if settings.site else "",
        callback=settings.site.callback_path if settings.site else "",
        auth=readings if isinstance(readings, Unchecked) else readings["supabase.auth"],
        user=user.found,
        near=await _near(email, services) if user.found is None else (),
        mails=mails.found,
        config=config.found,
        log=log.found,
        canary=canary.found,
    )


async def _logged(management: SupabaseManagement, now: datetime) -> tuple[PlatformLine, ...]:
    return await management.logged(
        "auth_logs", since=now - LOGGED, until=now, attributes=("status", "error_code", "path")
    )


async def _canary(services: Services) -> SignIn:
    """Sign the known good account in, and out again."""
    auth, settings = services.vendors().supabase_auth, services.settings.supabase
    if auth is None or settings is None or not settings.canary_email or settings.canary_password is None:
        await lacking("ILAB_SUPABASE__CANARY_EMAIL", "ILAB_SUPABASE__CANARY_PASSWORD")
    done = await auth.sign_in(settings.canary_email, settings.canary_password)
    if done.token is not None:
        await auth.sign_out(done.token)
    return done


async def _near(email: str, services: Services) -> list[str]:
    if services.product is None:
        return []
    async with Looking(_quietly) as looking:
        rows = looking.at(services.product.fetch("near_addresses", {"email": email}))
    return [] if isinstance(rows.found, Unchecked) else [str(row["email"]) for row in rows.found]


async def _quietly(_done: int, _total: int) -> None:
    """Nobody is told."""


# What follows is pure: facts in, links out.


def links(facts: Facts, now: datetime) -> tuple[Link, ...]:
    """The chain, in the order in which signing in passes it."""
    return (
        link_of(facts.auth, "Supabase Auth"),
        *_of_user(facts, now),
        redirects(facts.config, facts.site, facts.callback),
        log(facts.log, now),
        canary(facts.canary),
    )


def _of_user(facts: Facts, now: datetime) -> tuple[Link, ...]:
    user = facts.user
    if isinstance(user, Unchecked):
        titles = ("Account", "Address confirmed", "Not banned")
        return (*(unchecked(title, user) for title in titles), mail(facts.mails, None, now))
    if user is None:
        error = no_account(facts.email, facts.near)
        return (Link(title="Account", text="there is none", mark=Mark.DOWN, broke=error.what, todo=error.todo),)
    return (
        Link(title="Account", text="there, created", mark=Mark.OK, at=user.created_at),
        mail(facts.mails, user, now),
        confirmed(user),
        ban(user, now),
        _last(user),
    )


def confirmed(user: AuthUser) -> Link:
    """Whether the address is confirmed."""
    if user.confirmed_at is not None:
        return Link(title="Address confirmed", text="yes", mark=Mark.OK, at=user.confirmed_at)
    return Link(
        title="Address confirmed",
        text="never; Auth sent a mail for it" if user.confirmation_sent_at else "never, and no mail was sent for it",
        mark=Mark.DOWN,
        at=user.confirmation_sent_at,
        broke="the address was never confirmed",
        todo="Confirm it here, once you are sure that they are who they say.",
        offers=(Offer(label="Confirm e-mail", words=f"user confirm {user.email}", style="primary"),),
    )


def ban(user: AuthUser, now: datetime) -> Link:
    """Whether Auth lets them in at all."""
    if user.banned_until is None or user.banned_until <= now:
        return Link(title="Not banned", text="no ban", mark=Mark.OK)
    until = f"until {user.banned_until:%Y-%m-%d %H:%M} UTC"
    return Link(
        title="Not banned",
        text=f"banned {until}",
        mark=Mark.DOWN,
        broke=f"the account is banned {until}",
        todo="Find out who banned them, and why, before it is lifted: Supabase's dashboard, Authentication → Users.",
    )


def _last(user: AuthUser) -> Link:
    if user.last_sign_in_at is None:
        return Link(title="Last sign-in", text="never")
    return Link(title="Last sign-in", text="worked", at=user.last_sign_in_at)


def mail(mails: Mails | Unchecked, user: AuthUser | None, now: datetime) -> Link:
    """What became of the mails to them. It breaks the chain of who waits for one: who never confirmed the address."""
    title = "Mail delivery"
    if isinstance(mails, Unchecked):
        return unchecked(title, mails)
    waiting = user is not None and user.confirmed_at is None
    if not mails.mails:
        return _no_mail(mails, user if waiting else None, now)
    newest = mails.mails[0]
    said = f"“{newest.subject}” {newest.event.replace('_', ' ') or 'sent'}"
    grave = Mark.DOWN if waiting else Mark.DEGRADED
    if newest.event in _FAILED:
        return Link(
            title=title,
            text=said,
            mark=grave,
            at=newest.sent_at,
            broke=f"the last mail to them {_became(newest)}",
            todo="Ask for an address that takes mail; nothing that Auth sends to this one arrives.",
        )
    late = newest.event not in _ARRIVED and now - newest.sent_at > _ON_ITS_WAY
    if newest.event == "delivery_delayed" or late:
        return Link(
            title=title,
            text=said,
            mark=grave,
            at=newest.sent_at,
            broke=f"the last mail to them has not arrived for {age(newest.sent_at, now)}",
            todo="Their mail server does not take it now; Resend keeps trying.",
        )
    arrived = newest.event in _ARRIVED
    text = f"{said}; have them look for spam" if waiting and newest.event == "delivered" else said
    return Link(title=title, text=text, mark=Mark.OK if arrived else Mark.NONE, at=newest.sent_at)


def _became(newest: Mail) -> str:
    return {"bounced": "bounced", "complained": "was reported as spam"}.get(newest.event, f"was {newest.event}")


def _no_mail(mails: Mails, waiting: AuthUser | None, now: datetime) -> Link:
    title, back = "Mail delivery", mails.reach_back
    seen = f"no mail to them among the last {mails.looked_at:,}"
    if waiting is None or waiting.confirmation_sent_at is None:
        return Link(title=title, text=seen, mark=Mark.NONE)
    sent = waiting.confirmation_sent_at
    if back is None or sent < back:
        reach = f", which reach back {age(back, now)}; Auth's is older" if back else ""
        return unchecked(title, Unchecked(why=seen + reach))
    return Link(
        title=title,
        text=f"{seen}, though Auth says that it sent one",
        mark=Mark.DOWN,
        at=sent,
        broke="the confirmation mail never reached Resend",
        todo="Look at the SMTP settings of Auth: Supabase's dashboard, Authentication → Emails.",
    )


def redirects(config: AuthConfig | Unchecked, site: str, callback: str) -> Link:
    """Whether Auth sends people back to the site: a wrong address, or one that is not listed, makes the loops."""
    title = "Redirects"
    if isinstance(config, Unchecked):
        return unchecked(title, config)
    if not site:
        return unchecked(title, Unchecked(why="not configured (set `ILAB_SITE__URL`)"))
    where = "Supabase's dashboard, Authentication → URL Configuration"
    if _origin(config.site_url) != _origin(site):
        return Link(
            title=title,
            text=f"the site address of Auth is {config.site_url or 'empty'}, the site is {site}",
            mark=Mark.DOWN,
            broke=f"Auth sends people to {config.site_url or 'no address'} instead of {site}",
            todo=f"Set the Site URL to {site}: {where}.",
        )
    target = site.rstrip("/") + callback
    if not any(_matches(target, pattern) for pattern in (*config.allowed, config.site_url)):
        return Link(
            title=title,
            text=f"{target} is not among the {len(config.allowed)} allowed",
            mark=Mark.DOWN,
            broke=f"Auth does not send people back to {target}",
            todo=f"Add {site.rstrip('/')}/** to the Redirect URLs: {where}.",
        )
    return Link(title=title, text=f"back to {target}", mark=Mark.OK)


def _origin(address: str) -> tuple[str, str, str]:
    parts = urlsplit(address.strip().lower())
    return parts.scheme, parts.netloc.removeprefix("www."), parts.path.rstrip("/")


def _matches(address: str, pattern: str) -> bool:
    """Whether Auth's pattern stands for the address. Pure."""
    signs = {"**": ".*", "*": "[^./]*", "?": "[^./]"}
    parts = re.split(r"(\*\*|\*|\?)", pattern.strip())
    return re.fullmatch("".join(signs.get(part, re.escape(part)) for part in parts), address) is not None


def log(lines: Sequence[PlatformLine] | Unchecked, now: datetime) -> Link:
    """What Auth wrote of everybody's sign-ins in the last hour."""
    title = "Auth's log"
    if isinstance(lines, Unchecked):
        return unchecked(title, lines)
    ours = [line for line in lines if "/token" in line.attributes["path"] or "login" in line.said.lower()]
    failed = [line for line in ours if line.attributes["status"].startswith("5")]
    refused = Counter(line.attributes["error_code"] or "other" for line in ours if _is_refusal(line))
    counted = ", ".join(f"{count} {code.replace('_', ' ')}" for code, count in refused.most_common(4))
    if failed:
        return Link(
            title=title,
            text=f"{_count(len(failed))} failed inside Auth (5xx) in the last hour",
            mark=Mark.DOWN,
            at=failed[0].at,
            broke=f"Auth itself failed {_count(len(failed))} in the last hour",
            todo="It is not this customer alone: declare it.",
            offers=(_DECLARE,),
        )
    text = f"{_count(len(ours))} in the last hour, {refused.total()} refused" if ours else "no sign-in in the last hour"
    return Link(
        title=title, text=f"{text} ({counted})" if counted else text, mark=Mark.OK if ours else Mark.NONE, at=now
    )


def _count(sign_ins: int) -> str:
    return f"{sign_ins} sign-in{'' if sign_ins == 1 else 's'}"


def _is_refusal(line: PlatformLine) -> bool:
    return line.attributes["status"].startswith("4")


def canary(done: SignIn | Unchecked) -> Link:
    """Whether the known good account gets in: where it does not, nobody does."""
    title = "Known good account"
    if isinstance(done, Unchecked):
        if not done.down:
            return unchecked(title, done)
        return Link(
            title=title,
            text=done.why,
            mark=Mark.DOWN,
            broke="nobody can sign in: Auth fails for a known good account, too",
            todo="It is not this customer alone: declare it.",
            offers=(_DECLARE,),
        )
    if not done.code:
        return Link(title=title, text="signed in just now", mark=Mark.OK)
    if done.code == "captcha_failed":
        return unchecked(title, Unchecked(why="Auth asks for a captcha, which no program can give"))
    said = done.code.replace("_", " ")
    if done.code in ("user_banned", "email_not_confirmed"):
        return Link(
            title=title,
            text=f"refused: {said}",
            mark=Mark.DEGRADED,
            broke=f"the known good account itself is out of order ({said})",
            todo="Mend the account of ILAB_SUPABASE__CANARY_EMAIL.",
        )
    return Link(
        title=title,
        text=f"refused: {said}",
        mark=Mark.DOWN,
        broke=f"a known good account is refused, too ({said})",
        todo="Where its password in the settings is right, nobody gets in: declare it.",
        offers=(_DECLARE,),
    )


_DECLARE: Final = Offer(label="Declare incident", words="incident declare P1 customers cannot sign in", style="danger")
