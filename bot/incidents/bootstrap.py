"""How a P0 or P1 sets itself up: a graph of recorded steps, as parallel as they really depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot.context import ClockWork, Duty, Services
from bot.deploys.changed import what_changed
from bot.errors import ProviderError
from bot.incidents.card import TITLES
from bot.incidents.declaring import SET_UP
from bot.incidents.ground import DatabaseGround, Ground
from bot.incidents.topic import topic as topic_of
from bot.operation import Answer, Line, Lines
from bot.providers.pagerduty import PagerDuty
from bot.slack.rooms import Rooms
from bot.steps import Ended, Results, Step, run
from bot.store import clocks, incidents
from bot.store.incidents import Incident

AGAIN_AFTER: Final = timedelta(seconds=30)
"""How long after an attempt what failed by an outage is tried again."""
CHECKLIST: Final = (
    "Acknowledge, within 5 minutes",
    "Assess, within 15: dashboards, root cause, share of users",
    "Mitigate, within 30: roll back, tell users, or restore",
    "Resolve: fix, deploy, verify",
    "Post-mortem, within 48 hours",
)


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when an incident's setting up is due."""
    vendors = duty.services.vendors()
    bootstrap = Bootstrap(
        services=duty.services,
        ground=DatabaseGround(services=duty.services, announce=duty.announce),
        rooms=duty.rooms,
        pager=vendors.pagerduty,
    )

    async def set_up(subject: str, _due_at: datetime) -> None:
        incident = await duty.services.database.call(
            lambda connection: incidents.get(connection, int(subject.partition(":")[2]))
        )
        if incident is None:
            return
        ended = await bootstrap.set_up(incident)
        if ended in (Ended.WAITS, Ended.ELSEWHERE) and incident.is_open:
            due_at = duty.services.now() + AGAIN_AFTER
            await duty.services.database.call(
                lambda connection: clocks.start(connection, subject, SET_UP, due_at=due_at)
            )

    return {SET_UP: set_up}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bootstrap:
    """What setting up needs."""

    services: Services
    ground: Ground
    rooms: Rooms
    pager: PagerDuty | None

    async def set_up(self, incident: Incident) -> Ended:
        """Everything of the incident that is not there yet is set up. Run again, it finds what is there."""
        return await run(
            self.ground.book(incident), self._graph(incident), changed=lambda: self.ground.changed(incident)
        )

    def _graph(self, incident: Incident) -> tuple[Step, ...]:  # noqa: C901 -- one small function a step, side by side
        async def channel(_: Results) -> dict[str, Any]:
            return await self._claim(incident, *await self.rooms.create(incident.channel_name))

        async def find_channel(_: Results) -> dict[str, Any] | None:
            found = await self.rooms.find(incident.channel_name, since=incident.declared_at)
            return None if found is None else await self._claim(incident, *found)

        async def card(results: Results) -> dict[str, Any]:
            room = results["channel"]["id"]
            await self.ground.card(incident, room)
            await self.ground.say(incident, room, key="checklist", answer=_checklist())
            return {}

        async def people(results: Results) -> dict[str, Any]:
            on_call = await self.pager.on_call() if self.pager else ()
            ids = await self.rooms.people([person.email for person in on_call if person.level <= 2])
            declarer = [] if incident.source == "alert" else [incident.declared_by]
            wanted = [*declarer, *ids.values()]
            refused = await self.rooms.invite(results["channel"]["id"], wanted)
            if refused:
                raise ProviderError(
                    f"Not let in: {', '.join(refused)}.", provider="slack", kind="rejected", todo="Invite them by hand."
                )
            return {"invited": wanted}

        async def topic(results: Results) -> dict[str, Any]:
            await self.rooms.topic(results["channel"]["id"], topic_of(incident, ""))
            return {}

        async def bookmarks(results: Results) -> dict[str, Any]:
            await self.rooms.bookmark(results["channel"]["id"], self._links())
            return {}

        async def pin(results: Results) -> dict[str, Any]:
            await self.rooms.pin(results["channel"]["id"], await self.ground.card_ts(incident))
            return {}

        async def page(_: Results) -> dict[str, Any]:
            if incident.acknowledged_at is not None:
                return {"needless": "It was acknowledged before."}
            if self.pager is None:
                raise ProviderError("PagerDuty is not configured.", provider="PagerDuty", kind="rejected")
            await self.pager.page(
                key=incident.page_key,
                summary=f"{incident.severity} {incident.title} (INC-{incident.id})",
                source="ilab",
            )
            return {}

        async def snapshot(results: Results) -> dict[str, Any]:
            report = await self.services.health().report()
            trouble = tuple(Line(title=sentence) for sentence in report.verdict.because)
            answer = Answer(
                verdict=f"Health now: {report.verdict.headline}",
                evidence=(Lines(lines=trouble),) if trouble else (),
                at=report.taken_at,
            )
            await self.ground.say(incident, results["channel"]["id"], key="snapshot", answer=answer)
            return {}

        async def changes(results: Results) -> dict[str, Any]:
            answer = await what_changed(self.services)
            await self.ground.say(incident, results["channel"]["id"], key="changes", answer=answer)
            return {}

        titles = TITLES
        in_channel = ("channel",)
        return (
            Step(name="channel", title=titles["channel"], run=channel, find=find_channel),
            Step(name="card", title=titles["card"], run=card, needs=in_channel),
            Step(name="people", title=titles["people"], run=people, needs=in_channel),
            Step(name="topic", title=titles["topic"], run=topic, needs=in_channel),
            Step(name="bookmarks", title=titles["bookmarks"], run=bookmarks, needs=in_channel),
            Step(name="pin", title=titles["pin"], run=pin, needs=("channel", "card")),
            Step(name="page", title=titles["page"], run=page, insists=self.pager is not None),
            Step(name="snapshot", title=titles["snapshot"], run=snapshot, needs=in_channel),
            Step(name="changes", title=titles["changes"], run=changes, needs=in_channel),
        )

    async def _claim(self, incident: Incident, channel: str, name: str) -> dict[str, Any]:
        await self.ground.claim(incident, channel)
        return {"id": channel, "name": name}

    def _links(self) -> Sequence[tuple[str, str]]:
        settings = self.services.settings
        links = [("Runbook: P0", f"{settings.runbook_url}#p0-response-procedure")]
        if settings.site is not None:
            links.append(("The site", settings.site.url))
        links += [
            (f"{vendor.capitalize()}'s status", page.partition("/api/")[0])
            for vendor, page in (("vercel", settings.status_pages.vercel), ("stripe", settings.status_pages.stripe))
            if page
        ]
        return links


def _checklist() -> Answer:
    return Answer(
        verdict="The runbook's steps",
        evidence=(Lines(lines=tuple(Line(title=f"{number}. {step}") for number, step in enumerate(CHECKLIST, 1))),),
        section="P0 Response Procedure",
    )
