"""Who is on call: as PagerDuty says now, and while it does not answer as it last said, with the age of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.bounded import bounded
from bot.context import Services
from bot.errors import ProviderError
from bot.store import last_answers
from bot.store.database import DatabaseSilentError

if TYPE_CHECKING:  # it imports httpx, which a terminal does without until it asks
    from bot.providers.pagerduty import OnCall

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.on_call")

OLDEST: Final = timedelta(hours=24)
"""How old PagerDuty's last answer may be and still say who is on call."""
ANSWERS_WITHIN: Final = 4.0
"""Real seconds that PagerDuty is given."""
REFRESHED_EVERY: Final = 600.0
"""Real seconds between two looks, so that there is a last answer when it is needed."""
_NAME: Final = "pagerduty.on_call"


@dataclass(frozen=True, kw_only=True, slots=True)
class OnDuty:
    """Who was on call at `known_at`. `silent` says why PagerDuty was not asked just now, or did not answer."""

    people: tuple[OnCall, ...]
    known_at: datetime
    silent: str = ""

    def level_of(self, email: str) -> int | None:
        """The lowest level of the policy at which whoever has this address is on call."""
        levels = [person.level for person in self.people if email and person.email == email.lower()]
        return min(levels, default=None)


async def on_duty(services: Services) -> OnDuty | None:
    """Who is on call; None where nobody can say: PagerDuty is not configured, or has been silent for too long."""
    pager = services.vendors().pagerduty
    if pager is None:
        return None
    try:
        people = await bounded(pager.on_call(), ANSWERS_WITHIN)
    except (ProviderError, TimeoutError) as error:
        why = error.what if isinstance(error, ProviderError) else "PagerDuty takes too long to answer."
        log.warning("pagerduty does not say who is on call", error=why)
        return await _last(services, why)
    now = services.now()
    body = [{"level": one.level, "name": one.name, "email": one.email} for one in people]
    try:
        await services.database.call(lambda connection: last_answers.keep(connection, _NAME, body, at=now))
    except DatabaseSilentError:
        log.warning("who is on call was not kept: the database is silent")
    return OnDuty(people=people, known_at=now)


async def _last(services: Services, why: str) -> OnDuty | None:
    from bot.providers.pagerduty import OnCall  # noqa: PLC0415 -- loaded by now: it was asked

    found = await services.database.call(lambda connection: last_answers.get(connection, _NAME))
    if found is None or services.now() - found[1] > OLDEST:
        return None
    people = tuple(OnCall(level=one["level"], name=one["name"], email=one["email"]) for one in found[0])
    return OnDuty(people=people, known_at=found[1], silent=why)
