"""Why an interview does not start: the site, the account, what they may use, OpenAI, and room in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bot.accounts import Account, account_of
from bot.diagnosis.chain import Link, Unchecked, link_of, unchecked
from bot.diagnosis.looking import Looking, lacking, shared
from bot.health.readings import Reading, State
from bot.operation import Mark, Offer

if TYPE_CHECKING:  # the clients import httpx and the database's driver
    from bot.context import Context, Services
    from bot.product import ProductDatabase
    from bot.providers.supabase import Pooler

Rows = Sequence[Mapping[str, Any]]
MAINTENANCE: Final = "maintenance on"
_CHECKS: Final = ("site", "openai", "page.openai", "database")
_ENDS: Final[Mapping[str, str]] = {"used": "used up", "expired": "expired", "revoked": "revoked"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was found out. Entitlements are None where there is no account to look them up for."""

    email: str
    account: Account | Unchecked
    entitlements: Rows | Unchecked
    codes: Rows | Unchecked
    lately: Rows | Unchecked
    readings: Mapping[str, Reading] | Unchecked
    pooler: Pooler | Unchecked | None

    def reading(self, name: str) -> Reading | Unchecked:
        """What a health check said."""
        return self.readings if isinstance(self.readings, Unchecked) else self.readings[name]


async def look(email: str, context: Context) -> Facts:
    """Ask everybody at once. Raise UserError where nobody has this address."""
    services = context.services
    product, management = services.product, services.vendors().supabase_management
    no_product = "ILAB_PRODUCT__DATABASE_URL"
    async with Looking(context.progress) as looking:
        theirs = looking.at(_theirs(email, services, product) if product else lacking(no_product))
        codes = looking.at(product.fetch("codes") if product else lacking(no_product))
        lately = looking.at(product.fetch("started_lately") if product else lacking(no_product))
        readings = looking.at(services.health().some(*_CHECKS))
        pooler = looking.at(
            shared(services, "pooler", management.pooler) if management else lacking("ILAB_SUPABASE__ACCESS_TOKEN")
        )
    found = theirs.found
    account, entitlements = (found, found) if isinstance(found, Unchecked) else found
    return Facts(
        email=email,
        account=account,
        entitlements=entitlements,
        codes=codes.found,
        lately=lately.found,
        readings=readings.found,
        pooler=pooler.found,
    )


async def _theirs(email: str, services: Services, product: ProductDatabase) -> tuple[Account, Rows]:
    account = await account_of(services, email)
    return account, await product.fetch("entitlements_of", {"person": account.id})


# What follows is pure: facts in, links out.


def links(facts: Facts, now: datetime) -> tuple[Link, ...]:
    """The chain, in the order in which a start passes it."""
    return (
        site(facts.reading("site")),
        account(facts.account, now),
        entitlements(facts.entitlements, facts.codes, facts.email),
        codes(facts.codes),
        openai(facts.reading("openai")),
        link_of(facts.reading("page.openai"), "OpenAI's status page"),
        database(facts.reading("database"), facts.pooler),
        lately(facts.lately),
    )


def site(reading: Reading | Unchecked) -> Link:
    """Whether the site is there; in maintenance it starts nothing."""
    found = link_of(reading, "Site", breaks=True)
    if isinstance(reading, Unchecked) or reading.state is not State.DEGRADED or not reading.notice:
        return found
    broke = "the site is in maintenance mode, and starts no interview"
    return replace(found, mark=Mark.DOWN, broke=broke, todo="Tell them when it ends.")


def account(found: Account | Unchecked, now: datetime) -> Link:
    """Whether they could sign in: who cannot starts nothing."""
    if isinstance(found, Unchecked):
        return unchecked("Account", found)
    offers = (Offer(label="Diagnose sign-in", words=f"diagnose signin {found.email}"),)
    if found.is_banned(now):
        until = f"until {found.banned_until:%Y-%m-%d}"
        return Link(
            title="Account",
            text=f"banned {until}",
            mark=Mark.DOWN,
            broke=f"the account is banned {until}",
            offers=offers,
        )
    if found.confirmed_at is None:
        broke = "the address was never confirmed, so they cannot sign in"
        return Link(title="Account", text="address not confirmed", mark=Mark.DOWN, broke=broke, offers=offers)
    return Link(title="Account", text="there, and confirmed", mark=Mark.OK, at=found.confirmed_at)


def entitlements(rows: Rows | Unchecked, codes: Rows | Unchecked, email: str) -> Link:
    """Whether anything is left to use."""
    title = "Entitlements"
    if isinstance(rows, Unchecked):
        return unchecked(title, rows)
    left = sum(row["remaining"] for row in rows if row["usable"])
    if left:
        return Link(title=title, text=f"{left} interviews left", mark=Mark.OK)
    ended = sorted({_ENDS.get(row["status"], "used up") for row in rows})
    text = f"none left ({', '.join(ended)})" if rows else "none, and there never was one"
    code = codes[0]["code"] if codes and not isinstance(codes, Unchecked) else ""
    use = f"use the exemption code {code}" if code else "wait for an exemption code: none is usable now"
    return Link(
        title=title,
        text=text,
        mark=Mark.DOWN,
        broke="there is no interview left" if rows else "there never was an entitlement",
        todo=f"Tell them to buy a package, or to {use}. If they say that they paid, trace the payment first.",
        offers=(
            Offer(label="Trace payment", words=f"payment trace {email}"),
            Offer(
                label="Grant 3 free…",
                words=f"grant {email} --preset free --reason no interview left, by diagnose interview",
            ),
        ),
    )


def codes(rows: Rows | Unchecked) -> Link:
    """What a customer could use instead of paying. It breaks nothing."""
    title = "Exemption codes"
    if isinstance(rows, Unchecked):
        return unchecked(title, rows)
    said = [
        f"{row['code']} ({row['interviews']} {row['tier'] or ''} interviews, {row['remaining_uses']} uses left)"
        for row in rows
    ]
    return Link(title=title, text="; ".join(said) or "none is usable now", mark=Mark.OK if rows else Mark.NONE)


def openai(reading: Reading | Unchecked) -> Link:
    """Whether OpenAI answers us: questions come from there."""
    found = link_of(reading, "OpenAI", breaks=True)
    if found.mark is not Mark.DOWN:
        return found
    return replace(
        found,
        todo="Wait until OpenAI has recovered, or show the maintenance message meanwhile.",
        offers=(
            Offer(label="Maintenance on…", words=MAINTENANCE, style="danger"),
            Offer(label="Diagnose AI", words="diagnose ai"),
        ),
    )


def database(reading: Reading | Unchecked, pooler: Pooler | Unchecked | None) -> Link:
    """Whether there is room for another connection, and how the app should connect where there is not."""
    found = link_of(reading, "Database connections")
    if found.mark not in (Mark.DOWN, Mark.DEGRADED):
        return found
    todo = "Have the app connect through the transaction pooler"
    if pooler is not None and not isinstance(pooler, Unchecked):
        clients = f", for up to {pooler.most_clients} clients" if pooler.most_clients else ""
        todo += f": `{pooler.host}:{pooler.port}`, mode {pooler.mode}{clients}, without prepared statements"
    if "connection" not in found.text:
        return found
    declare = Offer(label="Declare incident", words=f"incident declare P1 {found.broke}", style="danger")
    return replace(found, todo=f"{todo}.", offers=(declare,) if found.mark is Mark.DOWN else ())


def lately(rows: Rows | Unchecked) -> Link:
    """Whether it is this customer alone. It breaks nothing by itself."""
    title = "Everybody's interviews"
    if isinstance(rows, Unchecked):
        return unchecked(title, rows)
    row = rows[0]
    text = f"{row['started']} started in the last hour, {row['failed']} failed"
    worse = row["started"] >= 5 and row["failed"] * 2 > row["started"]
    if worse:
        return Link(title=title, text=text, mark=Mark.DEGRADED, broke=f"it is not this customer alone ({text})")
    return Link(title=title, text=text, mark=Mark.OK if row["started"] else Mark.NONE, at=row["last_at"])
