"""How a P0 or P1 sets itself up: a graph of recorded steps, as parallel as they really depend on each other."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot import roster
from bot.ages import age
from bot.context import ClockWork, Duty, Services
from bot.deploys.changed import what_changed
from bot.deploys.logs import excerpt
from bot.errors import ProviderError
from bot.incidents import paging
from bot.incidents.card import TITLES
from bot.incidents.declaring import JOIN, SET_UP
from bot.incidents.evidence import pretended
from bot.incidents.ground import DatabaseGround, Ground
from bot.incidents.severity import SEVERITIES
from bot.incidents.topic import topic as topic_of
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.people import ids
from bot.providers.pagerduty import OnCall, PagerDuty
from bot.slack.rooms import Rooms
from bot.steps import Ahead, Ended, Results, Step, run
from bot.store import clocks, incidents
from bot.store.incidents import Incident
from bot.store.steps import Recorded

AGAIN_AFTER: Final = timedelta(seconds=30)
"""How long after an attempt what failed by an outage is tried again."""
LOOK_AGAIN: Final = timedelta(seconds=5)
"""When it is looked again whether an incident that somebody joins has its channel by now."""
LEAD: Final = 2
"""The level of PagerDuty's policy up to which people are let into the channel: the on-call and the team lead."""
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

    return {SET_UP: set_up, JOIN: functools.partial(let_in, duty)}


async def let_in(duty: Duty, subject: str, _due_at: datetime) -> None:
    """Who wanted to join is in the incident's channel, or is told why not; before there is one, it is tried again."""
    _, number, person = subject.split(":")
    database, now = duty.services.database, duty.services.now()
    async with database.connection() as connection:
        incident = await incidents.get(connection, int(number))
        if incident is None or not incident.is_open:
            return
        if incident.channel_id is None:  # who joins before there is a channel is invited with the others
            await clocks.start(connection, subject, JOIN, due_at=now + LOOK_AGAIN)
            return
    refused = await duty.rooms.invite(incident.channel_id, [person])
    if refused:
        answer = Answer(
            verdict=f"I could not let you into the channel of {incident.label}: {refused[person]}.", mark=Mark.DOWN
        )
        async with database.transaction() as transaction:
            await duty.announce(
                transaction,
                stream=f"person:{person}",
                key=f"{subject}:{now:%Y%m%dT%H%M%S}",
                channel=person,
                answer=answer,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bootstrap:
    """What setting up needs."""

    services: Services
    ground: Ground
    rooms: Rooms
    pager: PagerDuty | None

    async def set_up(self, incident: Incident) -> Ended:
        """Everything of the incident that is not there yet is set up. Run again, it finds what is there."""
        book = self.ground.book(incident)
        ended = await run(book, self._graph(incident), changed=lambda: self.ground.changed(incident))
        if ended is not Ended.ELSEWHERE:
            await self._say_what_failed(incident, await book.all())
        return ended

    async def _say_what_failed(self, incident: Incident, recorded: Mapping[str, Recorded]) -> None:
        failed = {name: step for name, step in recorded.items() if step.state == "failed"}
        if incident.private and "channel" in failed:
            await self._has_no_room(incident, failed["channel"])
        if "page" in failed and recorded["channel"].state == "done" and incident.acknowledged_at is None:
            room = str((recorded["channel"].result or {})["id"])
            on_call = (recorded["on_call"].result or {}).get("ids", ())
            await self.ground.say(incident, room, key="numbers", answer=await self._numbers(failed["page"], on_call))

    async def _numbers(self, page: Recorded, on_call: Sequence[str]) -> Answer:
        """Whom to call by telephone, since PagerDuty does not."""
        people = await roster.kept(self.services)
        now = self.services.now()
        lines = roster.numbers(people, now) or (
            Line(title="I know no numbers: PagerDuty has never told me any.", mark=Mark.UNKNOWN),
        )
        return Answer(
            verdict="Nobody was paged: call them.",
            mark=Mark.DOWN,
            evidence=(
                Lines(lines=(Line(title=page.error or ""),)),
                Lines(
                    heading=f"By telephone, as PagerDuty said {age(people[0].seen_at, now)} ago" if people else "",
                    lines=lines,
                ),
            ),
            section="Emergency Contacts",
            mentions=tuple(on_call),
        )

    async def _has_no_room(self, incident: Incident, step: Recorded) -> None:
        """A private incident without its channel has no card either: whoever declared it is told directly."""
        answer = Answer(
            verdict=f"{incident.label} has no private channel, and I make it no public one.",
            mark=Mark.DOWN,
            evidence=(Lines(lines=(Line(title=step.error or ""),)),),
            offers=(Offer(label="Retry what failed", words=f"incident retry {incident.id}"),),
        )
        await self.ground.say(incident, incident.declared_by, key=f"no-room:{step.attempts}", answer=answer)

    def _graph(self, incident: Incident) -> tuple[Step, ...]:  # noqa: C901 -- one small function a step, side by side
        async def channel(_: Results) -> dict[str, Any]:
            made = await self.rooms.create(incident.channel_name, private=incident.private)
            return await self._claim(incident, *made)

        async def find_channel(_: Results) -> dict[str, Any] | None:
            found = await self.rooms.find(incident.channel_name, since=incident.declared_at, private=incident.private)
            return None if found is None else await self._claim(incident, *found)

        async def card(results: Results) -> dict[str, Any]:
            room = results["channel"]["id"]
            await self.ground.card(incident, room)
            await self.ground.say(incident, room, key="checklist", answer=_checklist())
            return {}

        async def on_call(_: Results) -> dict[str, Any]:
            return await self._on_call(incident)

        async def people(results: Results) -> dict[str, Any]:
            return await self._let_in(incident, results["channel"]["id"], results["on_call"])

        async def topic(results: Results) -> dict[str, Any]:
            await self.rooms.topic(results["channel"]["id"], topic_of(incident, ""))
            return {}

        async def bookmarks(results: Results) -> dict[str, Any]:
            await self.rooms.bookmark(results["channel"]["id"], self._links(), new=True)
            return {}

        async def other_bookmarks(results: Results) -> dict[str, Any]:
            await self.rooms.bookmark(results["channel"]["id"], self._links())
            return {}

        async def pin(results: Results) -> dict[str, Any]:
            await self.rooms.pin(results["channel"]["id"], await self.ground.card_ts(incident))
            return {}

        async def snapshot(results: Results) -> dict[str, Any]:
            report = await health.answer()
            trouble = tuple(Line(title=sentence) for sentence in report.verdict.because)
            answer = Answer(
                verdict=f"Health now: {report.verdict.headline}",
                evidence=(Lines(lines=trouble),) if trouble else (),
                at=report.taken_at,
            )
            await self.ground.say(incident, results["channel"]["id"], key="snapshot", answer=answer)
            return {}

        async def changes(results: Results) -> dict[str, Any]:
            answer = await changed.answer()
            await self.ground.say(incident, results["channel"]["id"], key="changes", answer=answer)
            return {}

        async def log(results: Results) -> dict[str, Any]:
            answer = await written.answer()
            if answer.mark is not Mark.UNKNOWN:
                await self.ground.say(incident, results["channel"]["id"], key="log", answer=answer)
            lines = [
                f"{line.title}: {line.text}" if line.text else line.title
                for group in answer.evidence
                for line in group.lines
            ]
            return {"said": answer.verdict, "lines": lines, "at": self.services.now().isoformat()}

        async def played(results: Results) -> dict[str, Any]:
            await self.ground.say(
                incident, results["channel"]["id"], key="snapshot", answer=await self._played(incident)
            )
            return {}

        drill = incident.drill is not None
        health = Ahead(self.services.health().report)
        changed = Ahead(functools.partial(what_changed, self.services))
        written = Ahead(self._excerpt)
        titles = TITLES
        in_channel = ("channel",)
        after_checklist = ("channel", "card")
        pages = SEVERITIES[incident.severity].room and not drill
        steps = (
            Step(name="channel", title=titles["channel"], run=channel, find=find_channel),
            Step(name="card", title=titles["card"], run=card, needs=in_channel),
            Step(name="on_call", title=titles["on_call"], run=on_call),
            Step(name="people", title=titles["people"], run=people, needs=("channel", "on_call")),
            Step(name="topic", title=titles["topic"], run=topic, needs=in_channel),
            Step(name="bookmarks", title=titles["bookmarks"], run=bookmarks, needs=in_channel, find=other_bookmarks),
            Step(name="pin", title=titles["pin"], run=pin, needs=("channel", "card")),
            paging.page(self.pager, incident),
            Step(name="snapshot", title=titles["snapshot"], run=played, needs=after_checklist)
            if drill
            else Step(name="snapshot", title=titles["snapshot"], run=snapshot, needs=after_checklist, ahead=health),
            Step(name="changes", title=titles["changes"], run=changes, needs=after_checklist, ahead=changed),
            Step(name="log", title=titles["log"], run=log, needs=after_checklist, ahead=written),
        )
        logs = self.services.vendors().vercel_logs is not None
        left_out = {
            name for name, there in (("page", pages), ("log", logs and not drill), ("changes", not drill)) if not there
        }
        return tuple(step for step in steps if step.name not in left_out)

    async def _excerpt(self) -> Answer:
        """What the server wrote before it was declared: Vercel keeps it for hours, and the post-mortem is due in days."""
        try:
            return await excerpt(self.services)
        except ProviderError as error:
            if error.transient:
                raise
            return Answer(verdict=f"could not be saved: {error.what}", mark=Mark.UNKNOWN)

    async def _played(self, incident: Incident) -> Answer:
        """What the scenario has one see, and who would be paged for it."""
        evidence = pretended(incident, self.services.now())
        would = ", ".join(one.name for one in await roster.kept(self.services) if one.level == 1)
        said = f"It would page {would or 'the on-call'} now; a drill pages nobody."
        return Answer(
            verdict=f"Health now: {evidence.said}",
            evidence=(*evidence.groups, Lines(lines=(Line(title=said),))),
        )

    async def _on_call(self, incident: Incident) -> dict[str, Any]:
        """The on-call and the lead, where its severity calls them: Slack's ids, and who is not here.

        While PagerDuty is silent it is whom it last named; it never fails for that, and the others are let in.
        """
        if not SEVERITIES[incident.severity].room:
            return {"ids": [], "outside": []}
        outside = []
        try:
            people = [(one.name, one.email) for one in await self._asked() if one.level <= LEAD]
        except ProviderError as error:
            people = [(one.name, one.email) for one in await roster.kept(self.services) if one.level <= LEAD]
            outside = [] if people else [f"the on-call ({error.what})"]
        found = await self.rooms.people([email for _, email in people])
        outside += [
            f"{name} (nobody here has the address that PagerDuty knows)" for name, email in people if email not in found
        ]
        return {"ids": list(found.values()), "outside": outside}

    async def _asked(self) -> Sequence[OnCall]:
        return await self.pager.on_call() if self.pager else ()

    async def _let_in(self, incident: Incident, room: str, on_call: dict[str, Any]) -> dict[str, Any]:
        """Everybody who belongs there is in its channel; who cannot be let in is named, and stops nobody else."""
        wanted = dict.fromkeys((*await self.ground.members(incident), *on_call["ids"], *await self._always(incident)))
        refused = await self.rooms.invite(room, list(wanted))
        await self.ground.let_in(incident, wanted.keys() - refused.keys())
        outside = {
            *on_call["outside"],
            *[f"{await self.rooms.name(person)} ({why})" for person, why in refused.items()],
        }
        if outside:
            raise ProviderError(
                f"Not let in: {', '.join(sorted(outside))}.",
                provider="slack",
                kind="rejected",
                todo="The others are in.",
            )
        return {"invited": list(wanted)}

    async def _always(self, incident: Incident) -> list[str]:
        """Whom the settings always invite; a private incident, or a drill, is not what they thought of when they wrote that."""
        listed = self.services.settings.incidents.always_invite.get(incident.severity, "")
        wanted: list[str] = []
        for id_ in sorted(ids(listed)) if not incident.private and incident.drill is None else ():
            wanted += await self.rooms.group(id_) if id_.startswith("S") else [id_]
        return wanted

    async def _claim(self, incident: Incident, channel: str, name: str) -> dict[str, Any]:
        await self.ground.claim(incident, channel)
        return {"id": channel, "name": name}

    def _links(self) -> Sequence[tuple[str, str]]:
        settings = self.services.settings
        links = [("Runbook: P0", f"{settings.runbook_url}#p0-response-procedure")]
        links += settings.incidents.dashboards.items()
        if settings.statuspage is not None and settings.statuspage.public_url:
            links.append(("Our status page", settings.statuspage.public_url))
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
