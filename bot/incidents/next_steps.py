"""What can be done next about an incident, as buttons."""

from __future__ import annotations

from bot.context import Services
from bot.incidents import status_page
from bot.incidents.states import State, offers
from bot.operation import Offer
from bot.store.incidents import Incident


def next_steps(incident: Incident, services: Services) -> tuple[Offer, ...]:
    """The steps that are possible from where it stands, as far as this bot has them. Pure."""
    return offers(State(incident.state), incident.id, cause=incident.cause, commands=services.registry.by_words)


def told_next(incident: Incident, services: Services) -> tuple[Offer, ...]:
    """The same after something that the public may have to hear of, which comes first. Pure."""
    return (*status_page.offer(incident, services), *next_steps(incident, services))
