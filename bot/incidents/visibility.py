"""Who may know of an incident, and what may be said of it where others read.

A private incident is known to those who are in its channel, to whoever declared it or has a part in it, and to
administrators of the bot. Everybody else is answered as if it did not exist. Nothing of it stands in #incidents, on the
status page, or in an answer that others could read.

[pure]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from bot.operation import Audience
from bot.people import Actor, Role

if TYPE_CHECKING:
    from bot.store.incidents import Incident


def may_see(incident: Incident, actor: Actor, memberships: Collection[int]) -> bool:
    """Whether the person may know of it; `memberships` are the incidents in whose channels they are."""
    parts = (incident.declared_by, incident.lead, incident.communications, incident.scribe)
    return not incident.private or actor.role is Role.ADMIN or incident.id in memberships or actor.id in parts


def visible(incidents: Iterable[Incident], actor: Actor, memberships: Collection[int]) -> list[Incident]:
    """Those of the incidents that the person may know of, in the same order."""
    return [incident for incident in incidents if may_see(incident, actor, memberships)]


def audience(incidents: Iterable[Incident], otherwise: Audience = Audience.QUIET) -> Audience:
    """Who may read an answer that names these incidents: the asker alone, where one of them is private."""
    return Audience.PRIVATE if any(incident.private for incident in incidents) else otherwise


def has_room(incident: Incident) -> bool:
    """Whether it gets a channel of its own: a private one, or a drill, has no other place."""
    return incident.private or incident.drill is not None or incident.severity in ("P0", "P1")


def stands_in_the_open(incident: Incident) -> bool:
    """Whether its card and the thread of updates under it stand in #incidents: a drill would frighten those who pass by."""
    return not incident.private and incident.drill is None


def goes_outside(incident: Incident) -> bool:
    """Whether the public may be told of it: never of a private one, and never of a drill."""
    return not incident.private and incident.drill is None


def outside_name(incident: Incident) -> str:
    """What PagerDuty and other outsiders are told that it is."""
    if incident.private:
        return f"Private incident INC-{incident.id}"
    return f"{incident.severity} {incident.title} (INC-{incident.id})"
