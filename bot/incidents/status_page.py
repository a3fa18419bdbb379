"""The public status page: a draft, and what a person agreed to, published once.

Never of a private incident, and never of a drill.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bot.audit import Event
from bot.context import Services
from bot.errors import NotConfiguredError, UserError
from bot.incidents import moving
from bot.incidents.drafts import component_state, draft
from bot.incidents.moving import Deed, Happening
from bot.incidents.timeline import Kind
from bot.incidents.visibility import goes_outside
from bot.operation import Answer, Execution, Form, Line, Lines, Mark, Offer, Outcome, Plan
from bot.store import incidents, people
from bot.store.incidents import Incident

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.statuspage import Component, PageIncident, Statuspage

LONGEST: Final = 255
"""Characters of a name on the page."""
_ADDRESS: Final = re.compile(r"[\w.+%-]+@(?P<host>[\w-]+(?:\.[\w-]+)+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """What somebody wants published."""

    state: str
    name: str
    body: str
    components: Sequence[str]


def offer(incident: Incident, services: Services) -> tuple[Offer, ...]:
    """The button that opens the draft, where the public may be told. Pure."""
    if services.settings.statuspage is None or not goes_outside(incident):
        return ()
    return (Offer(label="Status page…", words=f"incident publish {incident.number}"),)


def ours(incident: int) -> str:
    """What the page knows the incident by."""
    return f"incident:{incident}"


def _page(services: Services, incident: Incident) -> Statuspage:
    page = services.vendors().statuspage
    if page is None:
        raise NotConfiguredError("There is no status page.", todo="Set ILAB_STATUSPAGE__API_KEY and …__PAGE_ID.")
    if incident.private:
        raise UserError(f"{incident.label} is private: nothing of it is published.")
    if incident.drill is not None:
        raise UserError(f"{incident.label} is a drill: the public is not told of it.")
    return page


async def form(incident: Incident, services: Services) -> Form:
    """What the form begins with: the draft for how the incident stands, and above it what the page says now."""
    page = _page(services, incident)
    there, known = await page.find(ours(incident.id)), await page.components()
    names = tuple(component.name for component in there.components) if there else ()
    drafted = draft(incident, names)
    return Form(
        note=Answer(
            verdict="This is what everybody will read. Change it as you like; it is published when you go on.",
            evidence=(
                Lines(lines=(_now(there), Line(title="Its parts", text=", ".join(part.name for part in known)))),
            ),
        ),
        given={
            "id": incident.id,
            "text": drafted.body,
            "state": drafted.state,
            "headline": there.name if there else drafted.name,
            "components": ", ".join(names),
        },
    )


def _now(there: PageIncident | None) -> Line:
    if there is None:
        return Line(title="The page says nothing of it yet", mark=Mark.DEGRADED)
    newest = there.incident_updates[0].body if there.incident_updates else ""
    return Line(title=f"The page says: {there.status}", text=newest or "", mark=Mark.NONE)


async def plan(incident: Incident, post: Post, services: Services) -> Plan:
    """What will be published, and what becomes of it there. Raises UserError for what must not be."""
    page = _page(services, incident)
    if foreign := _foreign_address(post, services):
        raise UserError(f"The text names an e-mail address of {foreign}.", why="Everybody would read it.")
    there = await page.find(ours(incident.id))
    known = await page.components()
    affected = _affected(post.components, known)
    if not affected and there is not None:
        affected = list(there.components)
    state = component_state(incident, post.state)
    name = " ".join((post.name or (there.name if there else draft(incident, tuple(post.components)).name)).split())
    lines = [
        Line(title="Name", text=name[:LONGEST]),
        Line(title="State", text=f"{there.status} → {post.state}" if there else post.state),
        Line(title="Text", text=post.body),
        *(Line(title=part.name, text=f"{_word(part.status)} → {_word(state)}") for part in affected),
        Line(title="Told", text="whoever subscribed to the page gets a message"),
    ]
    return Plan(
        effect=f"{'an update' if there else 'a new post'} on the status page for {incident.label}: {post.state}",
        lines=tuple(lines),
        decides={
            "incident": incident.id,
            "last_update": there.incident_updates[0].id if there and there.incident_updates else "",
            "fields": {
                "name": name[:LONGEST],
                "status": post.state,
                "body": post.body,
                "component_ids": [part.id for part in affected],
                # resolving does not mend the components by itself
                "components": {part.id: state for part in affected},
                "deliver_notifications": True,
            },
        },
    )


async def publish(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """It stands on the page, once: what an earlier try left there is looked for first."""
    services = execution.services
    incident = await services.database.call(lambda connection: incidents.get(connection, int(decides["incident"])))
    assert incident is not None  # noqa: S101 -- incidents are never deleted
    page, fields = _page(services, incident), decides["fields"]
    there = await page.find(ours(incident.id))
    if there is None:
        there = await page.create(ours(incident.id), fields)
    elif not _is_said(there, decides):
        there = await page.update(there.id, fields)
    await _record(incident, there, decides, execution)
    return Outcome(succeeded=True, said=f"{there.status} on the status page. {there.shortlink}".strip())


def _is_said(there: PageIncident, decides: Mapping[str, Any]) -> bool:
    """Whether it stands there already, later than what stood there when it was planned. Pure."""
    for update in there.incident_updates:
        if update.id == decides["last_update"]:
            return False
        if (update.status, update.body) == (decides["fields"]["status"], decides["fields"]["body"]):
            return True
    return False


async def _record(incident: Incident, there: PageIncident, decides: Mapping[str, Any], execution: Execution) -> None:
    services, state = execution.services, str(decides["fields"]["status"])
    async with services.database.transaction() as transaction:
        name = await people.name_of(transaction, execution.requester)
        deed = Deed(by=execution.requester, name=name, at=services.now(), key=execution.key)
        before, done = await moving.lock(transaction, incident, deed, Kind.STATUS_PAGE)
        if done:
            return
        said = Answer(
            verdict=f"{name} told the public: {state}.",
            evidence=(Lines(lines=(Line(title=str(decides["fields"]["body"])), Line(title=there.shortlink))),),
        )
        await moving.record(
            services,
            transaction,
            before,
            deed,
            Happening(
                now=before,
                kind=Kind.STATUS_PAGE,
                event=Event.PUBLISHED,
                said=f"Status page, {state}: {decides['fields']['body']}",
                channel=said,
                thread=said,
                detail={"state": state, "page_incident": there.id},
                told=True,
            ),
        )


def _affected(wanted: Sequence[str], known: Sequence[Component]) -> list[Component]:
    by_name = {part.name.lower(): part for part in known}
    unknown = [name for name in wanted if name.lower() not in by_name]
    if unknown:
        raise UserError(
            f"The page has no part called “{unknown[0]}”.", todo=f"It has: {', '.join(part.name for part in known)}."
        )
    return [by_name[name.lower()] for name in wanted]


def _foreign_address(post: Post, services: Services) -> str:
    """The host of an e-mail address in the text that is not our own: most likely a customer's. Pure."""
    site = services.settings.site
    own = urlsplit(site.url).hostname or "" if site else ""
    hosts = (found["host"].lower() for found in _ADDRESS.finditer(f"{post.name} {post.body}"))
    return next((host for host in hosts if not own or host != own.removeprefix("www.")), "")


def _word(status: str) -> str:
    return status.replace("_", " ")
