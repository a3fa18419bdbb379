"""A customer's account, read from the product's database by exactly one e-mail address."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bot.errors import NotConfiguredError, UserError
from bot.product import ProductDatabase, product_of

if TYPE_CHECKING:  # the client imports httpx
    from bot.context import Services
    from bot.providers.supabase_auth import SupabaseAuth

_NEAR: Final = 0.8
"""How alike two addresses must be for one to be offered in place of the other, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """An account as the product's database has it. `signed_in` counts the sessions that are open."""

    id: str
    email: str
    created_at: datetime
    confirmed_at: datetime | None
    last_sign_in_at: datetime | None
    banned_until: datetime | None
    providers: tuple[str, ...]
    signed_in: int

    def is_banned(self, now: datetime) -> bool:
        """Whether Auth lets them in no more."""
        return self.banned_until is not None and self.banned_until > now


async def account_of(services: Services, email: str) -> Account:
    """Return the account of exactly this address. Raise UserError, with addresses that may be meant, for none."""
    product = product_of(services)
    found = await product.fetch("account", {"email": email})
    if not found:
        raise await unknown(product, email)
    row = found[0]
    return Account(**row | {"providers": tuple(row["providers"])})


async def unknown(product: ProductDatabase, email: str) -> UserError:
    """What is said of an address that nobody has."""
    rows = await product.fetch("near_addresses", {"email": email})
    return no_account(email, [str(row["email"]) for row in rows])


def no_account(email: str, known: Sequence[str]) -> UserError:
    """Say that nobody has this address, and which of the known ones it may have been. Pure."""
    near = difflib.get_close_matches(email.lower(), known, n=3, cutoff=_NEAR)
    todo = f"Did you mean {' or '.join(near)}?" if near else "Check the spelling with the customer; `+` and dots count."
    return UserError(f"There is no account with the address {email}.", todo=todo)


def auth_of(services: Services) -> SupabaseAuth:
    """Supabase Auth with the secret key. Raise NotConfiguredError where the settings lack it."""
    auth = services.vendors().supabase_auth
    if auth is None:
        raise NotConfiguredError("I may not act at Supabase Auth.", todo="Set ILAB_SUPABASE__SECRET_KEY.")
    return auth
