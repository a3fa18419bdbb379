"""The next rung of the ladder is paged because somebody asks for it: PagerDuty has one incident, raised level by level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot import roster
from bot.audit import Event
from bot.context import Services
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.incidents import moving, paging
from bot.incidents.deadlines import TOP
from bot.incidents.moving import Deed, Happening
from bot.incidents.paging import Paged
from bot.incidents.timeline import Kind
from bot.operation import Answer, Execution, Line, Lines, Mark, Outcome, Plan
from bot.store import incidents, people
from bot.store.incidents import Incident
from bot.store.on_call import OnDuty


async def plan(incident: Incident, services: Services) -> Plan:
    """Who would be paged. Raises UserError where nobody is to be."""
    pager = services.vendors().pagerduty
    if pager is None:
        raise NotConfiguredError("I can page nobody.", todo="Set ILAB_PAGERDUTY__API_KEY and its kin.")
    if not incident.is_open:
        raise UserError(f"{incident.label} is {incident.state}: nobody is paged for it.")
    if incident.drill is not None:
        raise UserError(f"{incident.label} is a drill: nobody is paged for it.")
    level = min(incident.rung + 1, TOP) if await pager.is_open(incident.page_key) else 1
    on_call = await roster.asked(services)
    called = on_call.level(level)
    who = " and ".join(one.name for one in called) or "nobody is on call there"
    lines = [
        Line(title="Paged so far", text=roster.rung(incident.rung) if level > 1 else "nobody"),
        *roster.numbers(called, services.now()),
        *((Line(title=on_call.silent, mark=Mark.UNKNOWN),) if on_call.silent else ()),
    ]
    return Plan(
        effect=f"{incident.label}: {roster.rung(level)} is paged, {who}{_again(incident, level)}",
        lines=tuple(lines),
        decides={"incident": incident.id, "level": level, "since": services.now().isoformat()},
    )


async def call(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """That rung is paged, once, and everybody reads who. Where it fails, whom to call stands there with the number."""
    services, level = execution.services, int(decides["level"])
    incident = await services.database.call(lambda connection: incidents.get(connection, int(decides["incident"])))
    assert incident is not None  # noqa: S101 -- incidents are never deleted
    due_at = datetime.fromisoformat(decides["since"])
    paged = await paging.raise_to(services, incident, level, kind=f"asked:{execution.request}", due_at=due_at)
    if paged is None:
        raise ProviderError("Another copy of the bot is paging.", provider="ilab", kind="timeout")
    if not paged.worked:
        await _say_numbers(incident, paged, execution)
        return Outcome(succeeded=False, said=f"{paged.said} Call them.", lines=paged.numbers)
    called = (await roster.asked(services)).level(level)
    await _record(incident, level, called, execution)
    who = " and ".join(one.name for one in called)
    said = f"{roster.rung(level)} is paged for {incident.label}: {who}{_again(incident, level)}."
    return Outcome(succeeded=True, said=said)


def _again(incident: Incident, level: int) -> str:
    return " (again: there is no rung above)" if level == incident.rung == TOP else ""


async def _record(incident: Incident, level: int, called: tuple[OnDuty, ...], execution: Execution) -> None:
    services = execution.services
    async with services.database.transaction() as transaction:
        name = await people.name_of(transaction, execution.requester)
        deed = Deed(by=execution.requester, name=name, at=services.now(), key=execution.key)
        before, done = await moving.lock(transaction, incident, deed, Kind.PAGED)
        if done:
            return
        who = " and ".join(one.name for one in called)
        said = Answer(verdict=f"{name} called the next rung: {roster.rung(level)} is paged, {who}.")
        await moving.record(
            services,
            transaction,
            before,
            deed,
            Happening(
                now=replace(before, rung=max(before.rung, level)),
                kind=Kind.PAGED,
                event=Event.ESCALATED,
                said=said.verdict,
                channel=said,
                thread=said,
                detail={"level": level},
            ),
        )


async def _say_numbers(incident: Incident, paged: Paged, execution: Execution) -> None:
    services = execution.services
    answer = Answer(verdict=f"{paged.said} Call them.", mark=Mark.DOWN, evidence=(Lines(lines=paged.numbers),))
    async with services.database.transaction() as transaction:
        await services.announce(
            transaction,
            stream=incident.subject,
            key=f"{incident.subject}:{execution.key}",
            channel=incident.channel_id or execution.requester,
            answer=answer,
        )
