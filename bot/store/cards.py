"""Table `cards`: messages that are edited as their subject changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("cards")


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A card that is behind its subject. `sending`: a first post may have reached Slack already."""

    subject: str
    channel: str
    thread_ts: str | None
    ts: str | None
    wanted: int
    sending: bool
    attempts: int


async def want(connection: Connection, subject: str, *, channel: str, thread_ts: str | None = None) -> None:
    """The subject's card must be shown anew; its first wish says where it stands."""
    await connection.execute(_SQL["want"], {"subject": subject, "channel": channel, "thread_ts": thread_ts})


async def raise_if_there(connection: Connection, subject: str) -> None:
    """The subject's card, where it has one, must be shown anew."""
    await connection.execute(_SQL["raise_if_there"], {"subject": subject})


async def ts_of(connection: Connection, subject: str) -> str | None:
    """Where the subject's card stands, once it does."""
    row = await (await connection.execute(_SQL["ts_of"], {"subject": subject})).fetchone()
    return None if row is None else row[0]


async def subject_at(connection: Connection, channel: str, ts: str) -> str:
    """Whose card stands there; empty where none does."""
    row = await (await connection.execute(_SQL["subject_at"], {"channel": channel, "ts": ts})).fetchone()
    return "" if row is None else str(row[0])


async def channel_of(connection: Connection, subject: str) -> str:
    """The channel in which the subject's card stands; empty where it has none, or Slack refused it for good."""
    row = await (await connection.execute(_SQL["channel_of"], {"subject": subject})).fetchone()
    return "" if row is None else str(row[0])


async def claim(
    connection: Connection, *, real_now: datetime, claimed_until: datetime, urgent_only: bool = False
) -> Card | None:
    """Take one that is behind, for this copy, for a while. Alerts are the ones that are not urgent."""
    async with connection.cursor(row_factory=class_row(Card)) as cursor:
        await cursor.execute(
            _SQL["claim"], {"real_now": real_now, "claimed_until": claimed_until, "urgent_only": urgent_only}
        )
        return await cursor.fetchone()


async def begin(connection: Connection, subject: str) -> None:
    """Its first post begins: from now on it may be in Slack."""
    await connection.execute(_SQL["begin"], {"subject": subject})


async def shown(connection: Connection, card: Card, *, ts: str) -> None:
    """It stands in Slack as it was when it was claimed."""
    await connection.execute(_SQL["shown"], {"subject": card.subject, "ts": ts, "shown": card.wanted})


async def wait(connection: Connection, card: Card, *, not_before: datetime, sending: bool) -> None:
    """Try again later."""
    await connection.execute(_SQL["wait"], {"subject": card.subject, "not_before": not_before, "sending": sending})


async def park(connection: Connection, card: Card, *, error: str) -> None:
    """Slack refuses it for good; it is tried again when its subject changes."""
    await connection.execute(_SQL["park"], {"subject": card.subject, "error": error})


async def behind(connection: Connection) -> int:
    """How many are not shown as they are."""
    row = await (await connection.execute(_SQL["behind"])).fetchone()
    return 0 if row is None else int(row[0])


async def parked(connection: Connection) -> int:
    """How many Slack refuses as they are now."""
    row = await (await connection.execute(_SQL["parked"])).fetchone()
    return 0 if row is None else int(row[0])


async def standing(connection: Connection, subject: str) -> tuple[str, str] | None:
    """The channel and ts of the subject's card, where it stands in Slack."""
    return await (await connection.execute(_SQL["standing"], {"subject": subject})).fetchone()


async def bring(connection: Connection, subject: str, *, channel: str, not_before: datetime) -> None:
    """Its first post was begun without the database: it is looked for from then on, before it is posted again."""
    given = {"subject": subject, "channel": channel, "not_before": not_before}
    await connection.execute(_SQL["bring"], given)


async def found(connection: Connection, subject: str, *, ts: str) -> None:
    """It stands in Slack, posted without the database."""
    await connection.execute(_SQL["found"], {"subject": subject, "ts": ts})


async def move(connection: Connection, subject: str, *, channel: str) -> None:
    """The card stands in another channel from now on, as a new message."""
    await connection.execute(_SQL["move"], {"subject": subject, "channel": channel})


async def drop(connection: Connection, subject: str) -> None:
    """The subject has no card any more; what stands in Slack stays as it is."""
    await connection.execute(_SQL["drop"], {"subject": subject})
