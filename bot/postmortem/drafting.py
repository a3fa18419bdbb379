"""The text of a post-mortem as it would be written now, and the versions that are kept of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.context import Services, Transaction
from bot.incidents import moving
from bot.incidents.states import State
from bot.people import PERSON_ID
from bot.postmortem import document, gathering, measuring
from bot.postmortem.facts import Facts, Measured
from bot.store import incidents, postmortems
from bot.store.incidents import Incident
from bot.store.postmortems import Version
from bot.tasks import keeping

RUNBOOK: Final = "Runbook: update it with what this incident taught, where it lacked something or was wrong"
RUNBOOK_WITHIN: Final = timedelta(days=7)


async def facts_now(services: Services, incident: Incident) -> Facts:
    """All of it as it is known now. What is not kept is measured, and not kept either."""
    async with services.database.connection() as connection:
        since, until = await gathering.span(connection, incident, services.now())
        kept = await postmortems.measured(connection, incident.id)
        newest = await postmortems.newest(connection, incident.id)
    found = measuring.load(kept) if kept else None
    if found is None or (found.since, found.until) != (since, until):
        found = await measuring.measure(services, incident, since, until)
    async with services.database.connection() as connection:
        number = newest.number if newest else 1
        return await gathering.gather(services, connection, incident, found, version=number)


async def wanted(services: Services, incident: Incident) -> Version | None:
    """The version that is to be published: one that was begun, else a new one; None where nothing is new.

    What could not be measured before is measured again first, and what was is kept.
    """
    newest = await services.database.call(lambda connection: postmortems.newest(connection, incident.id))
    if newest is not None and newest.place is None:
        return newest
    found = await _measured(services, incident)
    async with services.database.transaction() as transaction:
        before = await incidents.get(transaction, incident.id, lock=True)
        newest = await postmortems.newest(transaction, incident.id)
        if before is None or State(before.state) not in (State.RESOLVED, State.CLOSED):
            return None
        if newest is not None and newest.place is None:
            return newest
        if newest is None:
            await _runbook(services, transaction, before)
        number = newest.number + 1 if newest else 1
        facts = await gathering.gather(services, transaction, before, found, version=number)
        added = document.addition(newest.sections, facts) if newest else ""
        if newest is not None and not added:
            return None
        await postmortems.write(
            transaction,
            before.id,
            number,
            at=facts.written_at,
            by=moving.BOT,
            sections=document.kept(facts),
            prompts=document.prompts(facts),
            whole=document.whole(facts),
            added=added,
        )
        return await postmortems.newest(transaction, before.id)


async def _measured(services: Services, incident: Incident) -> Measured:
    """What was measured of its time; what could not be is tried again."""
    async with services.database.connection() as connection:
        since, until = await gathering.span(connection, incident, services.now())
        kept = await postmortems.measured(connection, incident.id)
    before = measuring.load(kept) if kept else None
    if before is not None and (before.since, before.until) == (since, until) and not before.lacks:
        return before
    found = measuring.merged(before, await measuring.measure(services, incident, since, until))
    await services.database.call(
        lambda connection: postmortems.keep_measured(connection, incident.id, measuring.dump(found))
    )
    return found


async def _runbook(services: Services, transaction: Transaction, incident: Incident) -> None:
    """One action item there always is, for whoever led it or had it."""
    owners = (incident.lead, incident.acknowledged_by, incident.declared_by)
    owner = next((who for who in owners if who and PERSON_ID.fullmatch(who)), None)
    await keeping.add_by_itself(
        services,
        transaction,
        incident,
        key=f"runbook:{incident.id}",
        said=RUNBOOK,
        kind="process",
        owner=owner,
        due_at=services.now() + RUNBOOK_WITHIN,
    )
