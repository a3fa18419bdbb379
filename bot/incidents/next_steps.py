"""What can be done next about an incident, as buttons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bot.context import Services
from bot.incidents import status_page
from bot.incidents.states import State, offers
from bot.operation import Offer
from bot.store import requests
from bot.store.database import Connection
from bot.store.incidents import Incident
from bot.transitions import State as RequestState


def next_steps(incident: Incident, services: Services, done: Collection[str] = ()) -> tuple[Offer, ...]:
    """The steps that are possible from where it stands, as far as this bot has them; what was done last. Pure."""
    commands = services.registry.by_words
    return offers(State(incident.state), incident.id, cause=incident.cause, commands=commands, done=done)


async def done_for(connection: Connection, incident: Incident) -> frozenset[str]:
    """The commands that were approved because of it, and succeeded."""
    asked = await requests.of_incident(connection, incident.id)
    return frozenset(request.operation for request in asked if request.state is RequestState.SUCCEEDED)


def well_again(incident: Incident, services: Services) -> tuple[Offer, ...]:
    """What to say where the fault seems to be gone. Pure."""
    words = [f"incident {word} INC-{incident.id}" for word in ("mitigate", "resolve")]
    steps = next_steps(replace(incident, state=State.ASSESSED.value, cause=None), services)
    if incident.state == State.MITIGATED.value:
        steps = next_steps(incident, services)
    return tuple(step for step in steps if step.words in words) if State(incident.state).is_open else ()


def told_next(incident: Incident, services: Services, done: Collection[str] = ()) -> tuple[Offer, ...]:
    """The same after something that the public may have to hear of: the step comes first, and once it is over, the public. Pure."""
    steps = next_steps(incident, services, done)
    first = 1 if State(incident.state).is_open else 0
    return (*steps[:first], *status_page.offer(incident, services), *steps[first:])
