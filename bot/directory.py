"""People, as the workspace knows them: asked once in a while, remembered with their age, also while Slack is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from bot.context import Now
from bot.errors import ProviderError
from bot.people import Actor, Grants, Role, Standing, role_of
from bot.store import people as table
from bot.store.database import Database, DatabaseSilentError
from bot.store.people import Known

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.people")

OLDEST: Final = timedelta(days=7)
"""How old an answer of Slack's may be and still give rights while Slack is silent. Shown by `whoami`."""

Lookup = Callable[[str, frozenset[str]], Awaitable[Known | None]]
"""Asks the workspace about a person and which of these groups they are in; None where it knows no such person.
Raises ProviderError where it does not answer."""


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
        self._asking: dict[str, asyncio.Task[Known | None]] = {}
        self._keeping: set[asyncio.Task[None]] = set()

    async def actor(self, person_id: str) -> Actor:
        """The person with their role now. Whoever cannot be found has no rights: nothing is assumed."""
        known = await self._find(person_id) if person_id else None
        if known is None:
            return Actor(
                id=person_id or "unknown",
                name=person_id or "unknown",
                standing=Standing.UNKNOWN,
                role=Role.NONE,
                known_at=self._now(),
            )
        role, groups = role_of(known.id, known.standing, known.member_of, self._grants)
        return Actor(
            id=known.id,
            name=known.name,
            standing=known.standing,
            role=role,
            known_at=known.checked_at,
            groups=tuple(sorted(groups)),
        )

    async def _find(self, person_id: str) -> Known | None:
        known = self._known.get(person_id)
        if known is not None and self._now() - known.checked_at < self._fresh_for:
            return known
        if self._lookup is None:
            return self._usable(await self._stored(person_id))
        task = self._asking.get(person_id)
        if task is None:
            task = asyncio.create_task(self._ask(person_id), name=f"who is {person_id}")
            self._asking[person_id] = task
            task.add_done_callback(lambda _: self._asking.pop(person_id, None))
        return await asyncio.shield(task)

    async def _ask(self, person_id: str) -> Known | None:
        assert self._lookup is not None  # noqa: S101 -- `_find` looked
        try:
            known = await self._lookup(person_id, self._grants.groups)
        except ProviderError as error:
            log.warning("slack does not say who somebody is", person=person_id, error=error.what)
            # another copy may have asked since we did: the newer answer counts
            kept = [one for one in (self._known.get(person_id), await self._stored(person_id)) if one is not None]
            return self._usable(max(kept, key=lambda one: one.checked_at, default=None))
        if known is None:
            self._known.pop(person_id, None)
        else:
            self._known[person_id] = known
        # nobody waits for it: the row only serves terminals, and copies of the bot, while Slack is silent
        keeping = asyncio.create_task(self._keep(person_id, known), name=f"keep {person_id}")
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        return known

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
