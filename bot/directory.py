"""People, as the workspace knows them: asked once in a while, remembered with their age, also while Slack is silent."""

from __future__ import annotations

import asyncio
import functools
from datetime import timedelta
from typing import Final, Protocol

import structlog

from bot.bounded import bounded
from bot.context import Now
from bot.errors import ProviderError, UserError
from bot.flight import Flight
from bot.people import PERSON_ID, Actor, Grants, Role, Standing, role_of
from bot.store import people as table
from bot.store.database import Database, DatabaseSilentError
from bot.store.people import Known

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.people")

OLDEST: Final = timedelta(days=7)
"""How old an answer of Slack's may be and still give rights while Slack is silent. Shown by `whoami`."""
ANEW_WITHIN: Final = 2.5
"""Real seconds that Slack is given where it is asked anew; then its last answer counts."""


class Lookup(Protocol):
    """Asks the workspace about a person and which of these groups they are in; None where it knows no such person.

    Raises ProviderError where it does not answer. With `anew` nothing that was found out before is used.
    """

    async def __call__(self, person_id: str, groups: frozenset[str], *, anew: bool = False) -> Known | None:
        """Ask it."""


class Directory:
    """Who is who. One question about a person is under way at a time; everybody who asks meanwhile waits for it."""

    def __init__(
        self, *, lookup: Lookup | None, database: Database, grants: Grants, now: Now, fresh_for: timedelta
    ) -> None:
        """`lookup` is None where there is no Slack to ask, as in a terminal during an outage."""
        self._lookup = lookup
        self._database = database
        self._grants = grants
        self._now = now
        self._fresh_for = fresh_for
        self._known: dict[str, Known] = {}
        self._flights: dict[tuple[str, bool], Flight[Known | None]] = {}
        self._keeping: set[asyncio.Task[None]] = set()

    def connect(self, lookup: Lookup) -> None:
        """From now on there is a Slack to ask."""
        self._lookup = lookup

    async def actor(self, person_id: str, *, anew: bool = False) -> Actor:
        """The person with their role. Whoever cannot be found has no rights: nothing is assumed.

        With `anew` Slack is asked now, whatever it said before; where it does not answer, its last answer counts, and
        `known_at` says how old that is, and `confirmed` which of the two it was.
        """
        asked_at = self._now()
        known = await self._find(person_id, anew=anew) if person_id else None
        if known is None:
            return Actor(
                id=person_id or "unknown",
                name=person_id or "unknown",
                standing=Standing.UNKNOWN,
                role=Role.NONE,
                known_at=self._now(),
            )
        role, groups = role_of(known.id, known.standing, known.member_of, self._grants)
        mine = known.member_of | {known.id}
        return Actor(
            id=known.id,
            name=known.name,
            standing=known.standing,
            role=role,
            known_at=known.checked_at,
            groups=tuple(sorted(groups)),
            ids=mine,
            named=known.standing is Standing.MEMBER and bool(mine & self._grants.named),
            confirmed=known.checked_at >= asked_at,
            email=known.email,
        )

    async def whom(self, said: str) -> Actor:
        """The person whom somebody named, by id (what Slack makes of `@name`) or by the name they are known by here.

        Slack is asked anew. Raises UserError where that is nobody, or more than one.
        """
        wanted = said.strip().removeprefix("@")
        person = wanted.upper()
        if not PERSON_ID.fullmatch(person):
            found = await self._database.call(lambda connection: table.named(connection, wanted))
            if len(found) != 1:
                what = f"I know more than one “{wanted}”." if found else f"I know nobody called “{wanted}”."
                raise UserError(
                    what, todo="Type @ and choose the name; in a terminal give their id, such as U0123ABCD."
                )
            person = found[0]
        actor = await self.actor(person, anew=True)
        if actor.standing is Standing.UNKNOWN:
            raise UserError(f"Slack does not tell me who “{wanted}” is.", todo="Type @ and choose the name.")
        return actor

    async def _find(self, person_id: str, *, anew: bool) -> Known | None:
        known = self._known.get(person_id)
        if not anew and known is not None and self._now() - known.checked_at < self._fresh_for:
            return known
        if self._lookup is None:
            return self._usable(await self._stored(person_id))
        flight = self._flights.get((person_id, anew))
        if flight is None:
            ask = functools.partial(self._ask, person_id, anew=anew)
            flight = self._flights[person_id, anew] = Flight(ask, name=f"who is {person_id}")
        if not anew:
            return await flight.join()
        try:
            return await bounded(flight.anew(), ANEW_WITHIN)
        except TimeoutError:
            log.warning("slack takes too long to say who somebody is", person=person_id)
            return await self._last(person_id)

    async def _ask(self, person_id: str, *, anew: bool) -> Known | None:
        assert self._lookup is not None  # noqa: S101 -- `_find` looked
        try:
            known = await self._lookup(person_id, self._grants.groups, anew=anew)
        except ProviderError as error:
            log.warning("slack does not say who somebody is", person=person_id, error=error.what)
            return await self._last(person_id)
        if known is None:
            self._known.pop(person_id, None)
        else:
            self._known[person_id] = known
        # nobody waits for it: the row only serves terminals, and copies of the bot, while Slack is silent
        keeping = asyncio.create_task(self._keep(person_id, known), name=f"keep {person_id}")
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        return known

    async def _last(self, person_id: str) -> Known | None:
        # another copy may have asked since we did: the newer answer counts
        kept = [one for one in (self._known.get(person_id), await self._stored(person_id)) if one is not None]
        return self._usable(max(kept, key=lambda one: one.checked_at, default=None))

    async def _keep(self, person_id: str, known: Known | None) -> None:
        """What Slack said is in the database: also that there is no such person, or an older answer would still count."""
        try:
            if known is None:
                await self._database.call(lambda connection: table.forget(connection, person_id))
            else:
                await self._database.call(lambda connection: table.put(connection, known))
        except DatabaseSilentError:
            log.warning("person not stored: the database is silent", person=person_id)

    async def _stored(self, person_id: str) -> Known | None:
        try:
            return await self._database.call(lambda connection: table.get(connection, person_id), within=1)
        except DatabaseSilentError:
            return None

    def _usable(self, known: Known | None) -> Known | None:
        if known is None or self._now() - known.checked_at > OLDEST:
            return None
        return known
