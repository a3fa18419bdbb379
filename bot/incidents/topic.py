"""The topic of an incident's channel says how it stands, in step with it."""

from __future__ import annotations

import functools
from datetime import datetime

import structlog

from bot.context import ClockWork, Duty
from bot.errors import ProviderError
from bot.incidents.moving import TOPIC
from bot.incidents.states import State
from bot.store import incidents, people
from bot.store.incidents import Incident

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.incidents")


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a topic is out of step."""
    return {TOPIC: functools.partial(set_topic, duty)}


def topic(incident: Incident, lead: str) -> str:
    """What stands over the channel: what it is, how it stands, who leads. Pure."""
    parts = [f"{incident.label} {incident.severity} {incident.title}"]
    if incident.state != State.DECLARED:
        parts.append(incident.state)
    if lead:
        parts.append(f"lead {lead}")
    return " · ".join(parts)


async def set_topic(duty: Duty, subject: str, _due_at: datetime) -> None:
    """The channel's topic is what it should be; set twice, it is set once."""
    async with duty.services.database.connection() as connection:
        incident = await incidents.get(connection, int(subject.partition(":")[2]))
        if incident is None or not incident.channel_id:
            return
        lead = await people.name_of(connection, incident.lead) if incident.lead else ""
    try:
        await duty.rooms.topic(incident.channel_id, topic(incident, lead))
    except ProviderError as error:
        if error.transient:
            raise
        # an archived or deleted channel has no topic, and the incident goes on without
        log.warning("the topic was not set", incident=incident.id, error=error.what)
