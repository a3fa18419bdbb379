"""What an incident's setting up stands on: our database and its outbox, or the journal and Slack alone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from bot.context import Announce, Services
from bot.errors import ProviderError
from bot.incidents.moving import raise_cards
from bot.incidents.telling import marked
from bot.operation import Answer
from bot.steps import Book, Table
from bot.store import cards, incidents, members
from bot.store.incidents import Incident

CARD_WITHIN: Final = 10.0
"""Seconds for which a step waits until the outbox has shown the card."""


class Ground(Protocol):
    """Where the steps are recorded, and how they are heard. Whatever it is asked twice, it does once."""

    def book(self, incident: Incident) -> Book:
        """Where the incident's steps are recorded."""

    async def claim(self, incident: Incident, channel: str) -> None:
        """The channel is this incident's, and no other's."""

    async def members(self, incident: Incident) -> list[str]:
        """Who belongs in its channel besides those whom the setting up finds: its declarer, and who joined meanwhile."""

    async def let_in(self, incident: Incident, people: Collection[str]) -> None:
        """They are in its channel: of a private incident, they may know from now on."""

    async def card(self, incident: Incident, room: str) -> None:
        """The incident's card stands in its channel, or will."""

    async def card_ts(self, incident: Incident) -> str:
        """Where the card stands in its channel, once it does. Raises ProviderError where it never does."""

    async def say(self, incident: Incident, room: str, *, key: str, answer: Answer) -> None:
        """The answer is said in the channel, once for this key, or will be."""

    async def changed(self, incident: Incident) -> None:
        """The incident's cards are shown anew, or will be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseGround:
    """A `Ground` in our database: cards and posts are rows, and the outbox sends them."""

    services: Services
    announce: Announce

    def book(self, incident: Incident) -> Book:
        """In `steps`; the cards are wanted anew in the transaction in which a step ends: a crash comes between two."""
        return Table(self.services.database, incident.subject, lambda connection: raise_cards(connection, incident))

    async def claim(self, incident: Incident, channel: str) -> None:
        """The database refuses a channel that is another's."""
        await self.services.database.call(lambda connection: incidents.claim_channel(connection, incident.id, channel))

    async def members(self, incident: Incident) -> list[str]:
        """In `members`."""
        return await self.services.database.call(lambda connection: members.of(connection, incident.id))

    async def let_in(self, incident: Incident, people: Collection[str]) -> None:
        """In `members`."""
        now = self.services.now()
        async with self.services.database.transaction() as transaction:
            for person in people:
                await members.add(transaction, incident.id, person, at=now)

    async def card(self, incident: Incident, room: str) -> None:
        """Its card is wanted."""
        await self.services.database.call(lambda connection: cards.want(connection, incident.room, channel=room))

    async def card_ts(self, incident: Incident) -> str:
        """Where the outbox has shown it."""
        for _ in range(int(CARD_WITHIN * 10)):
            ts = await self.services.database.call(lambda connection: cards.ts_of(connection, incident.room))
            if ts is not None:
                return ts
            await asyncio.sleep(0.1)
        raise ProviderError("The card is not in the channel yet.", provider="slack", kind="timeout")

    async def say(self, incident: Incident, room: str, *, key: str, answer: Answer) -> None:
        """It is wanted, after what was wanted before."""
        async with self.services.database.transaction() as transaction:
            await self.announce(
                transaction,
                stream=incident.subject,
                key=f"{incident.subject}:{key}",
                channel=room,
                answer=marked(incident, answer),
            )

    async def changed(self, incident: Incident) -> None:
        """They are wanted already, since the step's end."""
