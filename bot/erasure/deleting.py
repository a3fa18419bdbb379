"""A deletion: planned with every count, carried out in recorded steps, proven by counting again, and certified."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bot import steps
from bot.accounts import account_of, auth_of
from bot.context import Context, Services
from bot.erasure import certificate
from bot.erasure.finding import Found, Trace, customers_of, files_of, find, named, traces
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.masking import masked_text
from bot.operation import Execution, Line, Outcome, Plan
from bot.steps import Ended, Results, Step, Table
from bot.store import backups, cards, customers, erasure
from bot.store import steps as recorded

if TYPE_CHECKING:
    from bot.providers.supabase_storage import SupabaseStorage
    from bot.store.database import Connection

_SHOWN: Final = 15
"""Tables of one plan."""


# The plan


async def plan(address: str, context: Context) -> Plan:
    """Return all that would go, stay or hold it back. Raise UserError where it cannot be done as things are."""
    services = context.services
    person = await _person(address, services)
    found = await find(person, address, services)
    storage_of(services)
    held = found.of("holds")
    if held:
        said = ", ".join(f"{trace.rows} in {trace.relation} ({trace.way})" for trace in held)
        raise UserError(
            f"{address} cannot be deleted yet: rows that do not go with the account refer to it.",
            why=f"They are {said}; the key has no cascade, so the database would refuse.",
            todo="Give them to somebody else, or delete them, and ask again.",
        )
    who = masked_text(address)
    return Plan(
        effect=f"erase {who} for good: {_sizes(found)}",
        lines=tuple(_lines(who, found)),
        decides={"person": person, "unhandled": sorted(trace.relation for trace in found.of("address", "hidden"))},
    )


async def _person(address: str, services: Services) -> str:
    """The id of the account; where it is gone, that of a deletion which was begun and has not ended."""
    user = await auth_of(services).by_email(address)
    if user is not None:
        return user.id
    begun = await services.database.call(lambda connection: customers.begun(connection, address))
    return begun or (await account_of(services, address)).id


def _sizes(found: Found) -> str:
    rows, tables = found.rows("goes") + 1, len(found.of("goes")) + 1
    stripe = f", {_count(len(found.customers.ids), 'Stripe customer')}" if found.customers else ""
    return f"{_count(rows, 'row')} in {_count(tables, 'table')}, {_count(len(found.files), 'file')}{stripe}"


def _lines(who: str, found: Found) -> list[Line]:
    """What the card says of it. Pure."""
    goes = sorted(found.of("goes"), key=lambda trace: -(trace.rows or 0))
    said = [Line(title="Who", text=who), *(_line(trace) for trace in goes[:_SHOWN])]
    if goes[_SHOWN:]:
        said.append(Line(title=f"… and {len(goes) - _SHOWN} more tables", text=_count(_rows(goes[_SHOWN:]), "row")))
    said.append(Line(title="Files", text=f"{len(found.files)}, {sum(file.bytes for file in found.files):,} bytes"))
    if found.customers is None:
        said.append(Line(title="Stripe", text="is not configured: look there by hand (set `ILAB_STRIPE__API_KEY`)"))
    else:
        running = found.customers.subscriptions
        ends = f"; {_count(running, 'running subscription')} will end at once" if running else ""
        said.append(Line(title="Stripe", text=_count(len(found.customers.ids), "customer") + ends))
    said += [
        Line(
            title="Must be handled",
            text=f"{trace.relation}: {_count(trace.rows, 'row')} with the address alone ({trace.way})",
        )
        for trace in found.of("address")
    ]
    said += [
        Line(title="Must be looked at", text=f"{trace.relation}: our role may not see its rows ({trace.way})")
        for trace in found.of("hidden")
    ]
    said += [
        Line(title="Stays", text=f"{trace.relation}: {_count(trace.rows, 'row')}, without the reference ({trace.way})")
        for trace in found.of("stays")
    ]
    said.append(Line(title="Looked at", text=f"{len({trace.relation for trace in found.traces})} tables"))
    said.append(Line(title="Undo", text="none: it is for good"))
    return said


def _line(trace: Trace) -> Line:
    return Line(title=trace.relation, text=f"{_count(trace.rows, 'row')} ({trace.way})")


def _count(count: int | None, word: str) -> str:
    return f"{'?' if count is None else f'{count:,}'} {word}{'' if count == 1 else 's'}"


def _rows(found: Sequence[Trace]) -> int:
    return sum(trace.rows or 0 for trace in found)


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true: what would be left, or would hold it back, is another than was shown."""
    user = await auth_of(services).get(decides["person"])
    if user is None:
        return "There is no such account any more."
    found = await traces(decides["person"], user.email, services)
    held = [trace.relation for trace in found if trace.kind == "holds" and trace.rows]
    if held:
        return f"Rows in {', '.join(held)} hold the account by now."
    unhandled = sorted(trace.relation for trace in found if trace.kind in ("address", "hidden") and trace.rows != 0)
    return "" if unhandled == list(decides["unhandled"]) else "What must be handled besides is another by now."


# The deletion


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Run the steps that are not done; with all of them done, forget the person and certify it with the outcome."""
    services, person = execution.services, str(decides["person"])
    book = Table(services.database, f"request:{execution.request}")
    graph = _graph(person, services)
    ended = await steps.run(book, graph, changed=functools.partial(_tell, book, graph, execution))
    found = await book.all()
    if ended is Ended.FAILED:
        return Outcome(succeeded=False, said=_failure(graph, found))
    if ended is not Ended.DONE:
        raise ProviderError(_failure(graph, found), provider="a deletion", kind="timeout", ambiguous=True)
    results = {name: step.result or {} for name, step in found.items()}
    return await _forgotten(person, results, execution)


async def _tell(book: Table, graph: Sequence[Step], execution: Execution) -> None:
    done = sum(step.state == "done" for step in (await book.all()).values())
    await execution.progress(f"{done} of {len(graph)} steps")


def _failure(graph: Sequence[Step], found: Mapping[str, recorded.Recorded]) -> str:
    """What is done, and what is not, and why. Pure."""
    titles = {step.name: step.title for step in graph}
    done = [titles[name] for name in titles if name in found and found[name].state == "done"]
    failed = next((found[name] for name in titles if name in found and found[name].state == "failed"), None)
    did = f"Done: {', '.join(done)}. " if done else "Nothing was deleted. "
    if failed is None:
        return f"{did}Another copy is at it."
    return f"{did}Not done: {titles[failed.name]}. {failed.error} Ask again with the same address, and it goes on."


def _graph(person: str, services: Services) -> tuple[Step, ...]:
    """Files, Stripe, account, proof: each only after what is before it, and the account when nothing holds it back."""
    do = _Deletion(person, services)
    return (
        Step(name="address", title="the address remembered", run=do.remember),
        Step(name="looked", title="nothing found that holds it back", run=do.look, needs=("address",)),
        Step(name="files", title="the files deleted", run=do.files, needs=("looked",)),
        Step(name="stripe", title="the Stripe customer deleted", run=do.stripe, needs=("files",)),
        Step(name="account", title="the account deleted", run=do.account, needs=("stripe",)),
        Step(name="proof", title="counted again", run=do.prove, needs=("account",)),
    )


class _Deletion:
    """The steps. Each finds what is there, and deletes that: run again, it deletes what is left. No result names anybody."""

    def __init__(self, person: str, services: Services) -> None:
        self._person = person
        self._services = services

    async def _address(self) -> str:
        known = await self._services.database.call(lambda one: customers.address_of(one, self._person))
        if known is None:
            raise _refused("The address is not known any more.")
        return known

    async def remember(self, _: Results) -> dict[str, Any]:
        """Keep the address: after the account is gone nobody else knows it."""
        user = await auth_of(self._services).get(self._person)
        if user is not None:
            address = user.email
            await self._services.database.call(lambda one: customers.remember(one, self._person, address))
        await self._address()
        return {}

    async def look(self, _: Results) -> dict[str, Any]:
        """Refuse before anything is gone where the account could not be deleted; else count what goes, while it is there."""
        found = await find(self._person, await self._address(), self._services)
        if why := _held(found.traces):
            raise _refused(why)
        return {
            "rows": named(found.of("goes")) | {"auth.users": 1},
            "files": len(found.files),
            "bytes": sum(file.bytes for file in found.files),
            "stripe": len(found.customers.ids) if found.customers else None,
            "subscriptions": found.customers.subscriptions if found.customers else 0,
        }

    async def files(self, _: Results) -> dict[str, Any]:
        """Delete the files through Storage: rows deleted in its table would leave the files behind."""
        storage = storage_of(self._services)
        while found := await files_of(self._person, self._services):
            for bucket in sorted({file.bucket for file in found}):
                await storage.delete(bucket, [file.name for file in found if file.bucket == bucket])
            if await files_of(self._person, self._services) == found:
                raise _refused("Storage says that it deleted the files, and they are still there.")
        return {}

    async def stripe(self, _: Results) -> dict[str, Any]:
        """Delete the customers at Stripe, which ends their subscriptions."""
        found = await customers_of(self._person, await self._address(), self._services)
        stripe = self._services.vendors().stripe
        if found is not None and stripe is not None:
            for customer in found.ids:
                await stripe.delete_customer(customer)
        return {}

    async def account(self, _: Results) -> dict[str, Any]:
        """Delete the account at Auth, and with it what cascades. A key that holds it is named."""
        auth = auth_of(self._services)
        if await auth.get(self._person) is None:
            return {}
        try:
            await auth.delete(self._person)
        except ProviderError as error:
            held = _held(await traces(self._person, await self._address(), self._services))
            if error.kind != "server" or not held:
                raise
            raise _refused(held) from error
        return {}

    async def prove(self, _: Results) -> dict[str, Any]:
        """Count everything again."""
        found = await find(self._person, await self._address(), self._services)
        if await auth_of(self._services).get(self._person) is not None:
            raise _refused("Auth says that it deleted the account, and it is still there.")
        left = named([trace for trace in found.traces if trace.rows != 0 and trace.kind != "stays"])
        if found.files:
            left["files"] = len(found.files)
        if found.customers and found.customers.ids:
            left["Stripe customers"] = len(found.customers.ids)
        return {"left": left}


def storage_of(services: Services) -> SupabaseStorage:
    """Storage with the secret key. Raise NotConfiguredError where the settings lack it."""
    storage = services.vendors().supabase_storage
    if storage is None:
        raise NotConfiguredError("I may not delete files.", todo="Set ILAB_SUPABASE__SECRET_KEY.")
    return storage


def _held(found: Sequence[Trace]) -> str:
    held = ", ".join(f"{trace.rows} in {trace.relation}" for trace in found if trace.kind == "holds" and trace.rows)
    return f"Rows hold the account, because their key has no cascade: {held}." if held else ""


def _refused(what: str) -> ProviderError:
    return ProviderError(what, provider="a deletion", kind="rejected")


# What is left of it


async def _dumps(services: Services, connection: Connection) -> dict[str, float]:
    """Our own dumps of the product's database, in which the person still is, and the days for which they are kept."""
    held = await backups.kept(connection)
    name = f"{_count(len(held), 'dump')} of our own, the newest until the next"
    return {name: services.settings.backups.keep_days} if held else {}


async def _forgotten(person: str, results: Mapping[str, dict[str, Any]], execution: Execution) -> Outcome:
    """The outcome; with it, in one transaction, the person leaves our own tables, and the certificate is kept."""
    services = execution.services
    address = await services.database.call(lambda one: customers.address_of(one, person))
    left = results["proof"]["left"]
    done = results["looked"]

    async def forget(transaction: Connection) -> None:
        ref = await customers.refer(transaction, person)
        called = f"customer {ref.partition(':')[2][:8]}"
        about = await erasure.requests_about(transaction, ref)
        ours = await erasure.sweep(
            transaction,
            (person, *([address] if address else [])),
            masked=masked_text(address or ""),
            called=called,
            about=about,
        )
        for request in about:
            await cards.raise_if_there(transaction, f"request:{request}")
        await customers.forget(transaction, person)
        certified = certificate.body(
            request=execution.request,
            customer=ref,
            asked_by=execution.requester,
            approved_by=execution.approvers,
            done=done | {"ours": ours},
            left=left,
            elsewhere=services.settings.erasure.elsewhere | await _dumps(services, transaction),
            at=services.now(),
        )
        sha256 = certificate.digest(certified)
        await erasure.certify(transaction, execution.request, certified, sha256=sha256, at=services.now())

    rows = sum(done["rows"].values())
    proof = f"still to be handled: {', '.join(left)}" if left else "counted again, and nothing is left"
    stripe = _count(done["stripe"], "Stripe customer") if done["stripe"] is not None else "Stripe was not looked at"
    return Outcome(
        succeeded=True,
        said=f"{_count(rows, 'row')}, {_count(done['files'], 'file')}, {stripe} deleted; {proof}.",
        lines=(Line(title="Certificate", text=f"`/ilab user certificate {execution.request}`"),),
        also=forget,
    )
