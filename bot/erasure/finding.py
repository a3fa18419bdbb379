"""Where a person has left something: in the product's tables, in Storage, at Stripe. Asked before, and again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.errors import NotConfiguredError, ProviderError
from bot.product import product_of

if TYPE_CHECKING:  # the clients import httpx and the database's driver
    from bot.context import Services
    from bot.providers.stripe import Stripe

WITHIN: Final = 60.0
"""Seconds for counting: a table without an index is read whole."""
_AT_ONCE: Final = 5
"""Calls of Stripe's at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """One table, and how many rows in it are of the person. `kind` is a word of `sql/product/006_erasure.sql`."""

    relation: str
    kind: str
    way: str
    rows: int | None
    """None where our role may not see them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file of the person's; its name holds their id."""

    bucket: str
    name: str
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Customers:
    """The person at Stripe: ids of customers, and how many subscriptions of theirs run."""

    ids: tuple[str, ...]
    subscriptions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """All of it."""

    traces: tuple[Trace, ...]
    files: tuple[File, ...]
    customers: Customers | None
    """None where Stripe is not configured."""

    def of(self, *kinds: str) -> tuple[Trace, ...]:
        """The tables of these kinds that hold something, or may: what is hidden may hold anything."""
        return tuple(trace for trace in self.traces if trace.kind in kinds and trace.rows != 0)

    def rows(self, *kinds: str) -> int:
        """How many rows that are, as far as they can be seen."""
        return sum(trace.rows or 0 for trace in self.of(*kinds))


async def find(person: str, address: str, services: Services) -> Found:
    """Look everywhere at once. Raise ProviderError where somebody does not answer: then nothing is known to be gone."""
    async with asyncio.TaskGroup() as group:
        rows = group.create_task(traces(person, address, services))
        files = group.create_task(files_of(person, services))
        customers = group.create_task(customers_of(person, address, services))
    return Found(traces=rows.result(), files=files.result(), customers=customers.result())


async def traces(person: str, address: str, services: Services) -> tuple[Trace, ...]:
    """Count the person's rows in every table that a foreign key or an e-mail address leads to."""
    product = product_of(services)
    if not (await product.fetch("erasure_ready"))[0]["ready"]:
        raise NotConfiguredError(
            "The product's database lacks what a deletion asks.",
            todo="Apply `sql/product/006_erasure.sql` to it, once.",
        )
    given = {"person": person, "address": address}
    rows = await product.fetch("traces", given, within=WITHIN, statement_seconds=WITHIN)
    return tuple(Trace(**row) for row in rows)


async def files_of(person: str, services: Services) -> tuple[File, ...]:
    """Return the person's files, a thousand at most."""
    return tuple(File(**row) for row in await product_of(services).fetch("files_of", {"person": person}))


async def customers_of(person: str, address: str, services: Services) -> Customers | None:
    """Return who the person is at Stripe: by their address, and by the checkouts that the product knows of them."""
    stripe = services.vendors().stripe
    if stripe is None:
        return None
    checkouts = await product_of(services).fetch("checkouts_of", {"person": person})
    gate = asyncio.Semaphore(_AT_ONCE)
    by_checkout = await asyncio.gather(*(_payer(stripe, str(row["session"]), gate) for row in checkouts))
    named = await stripe.customers(address)
    ids = tuple(dict.fromkeys((*named, *filter(None, by_checkout))))
    alive = await asyncio.gather(*(_subscriptions(stripe, customer, gate) for customer in ids))
    known = [(customer, running) for customer, running in zip(ids, alive, strict=True) if running is not None]
    return Customers(ids=tuple(customer for customer, _ in known), subscriptions=sum(running for _, running in known))


async def _payer(stripe: Stripe, session: str, gate: asyncio.Semaphore) -> str:
    async with gate:
        try:
            return (await stripe.checkout_session(session)).customer
        except ProviderError as error:
            if error.kind == "not_found":
                return ""
            raise


async def _subscriptions(stripe: Stripe, customer: str, gate: asyncio.Semaphore) -> int | None:
    """How many subscriptions run; None where the customer is deleted already."""
    async with gate:
        return await stripe.running_subscriptions(customer) if await stripe.has_customer(customer) else None


def named(traces: Sequence[Trace]) -> dict[str, Any]:
    """Tables and how many rows, without anything of the person: for plans and certificates. Pure."""
    return {trace.relation: trace.rows for trace in traces}
