"""Table `posts`: what is to be said in Slack, in order within a stream, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("posts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A message that is wanted. `key` makes it unique; `body` holds `text` and `blocks`."""

    stream: str
    key: str
    channel: str
    body: dict[str, Any]
    wanted_at: datetime
    thread_ts: str | None = None
    thread_of: str | None = None
    """The subject of the card under which it stands; the card may not be shown yet."""
    expires_at: datetime | None = None
    reminder: bool = False
    """It says how something stands: nobody needs it once something newer was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored(Post):
    """A post as a row."""

    id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed(Stored):
    """A post that this copy sends now. Where it is `ambiguous` it may have been sent before: look first."""

    stored_at: datetime
    """Real time."""
    attempts: int
    ambiguous: bool
    started_at: datetime


async def add(connection: Connection, post: Post) -> None:
    """Want it; nothing changes where its key is known already."""
    await connection.execute(
        _SQL["add"],
        {
            "stream": post.stream,
            "key": post.key,
            "channel": post.channel,
            "thread_ts": post.thread_ts,
            "thread_of": post.thread_of,
            "body": Jsonb(post.body),
            "wanted_at": post.wanted_at,
            "expires_at": post.expires_at,
            "reminder": post.reminder,
        },
    )


async def claim(connection: Connection, *, real_now: datetime) -> Claimed | None:
    """Take the next one whose stream is free."""
    async with connection.cursor(row_factory=class_row(Claimed)) as cursor:
        await cursor.execute(_SQL["claim"], {"real_now": real_now})
        return await cursor.fetchone()


async def claim_lost(connection: Connection, *, real_now: datetime, lost_before: datetime) -> Claimed | None:
    """Take one whose sender was not heard of since `lost_before`."""
    async with connection.cursor(row_factory=class_row(Claimed)) as cursor:
        await cursor.execute(_SQL["claim_lost"], {"real_now": real_now, "lost_before": lost_before})
        return await cursor.fetchone()


async def sent(connection: Connection, post_id: int, *, ts: str) -> None:
    """It stands in Slack, as message `ts`."""
    await connection.execute(_SQL["sent"], {"id": post_id, "ts": ts})


async def wait(
    connection: Connection, post_id: int, *, not_before: datetime, error: str, ambiguous: bool = False
) -> None:
    """Try again later. Where the last try may have reached Slack it stays `sending`, to be looked for first."""
    state = "sending" if ambiguous else "wanted"
    await connection.execute(_SQL["wait"], {"id": post_id, "not_before": not_before, "error": error, "state": state})


async def close(connection: Connection, post_id: int, *, state: str, error: str) -> None:
    """Give it up: `parked` for good reasons of Slack's, `expired` when nobody needs it any more."""
    await connection.execute(_SQL["close"], {"id": post_id, "state": state, "error": error})


async def drop_stream(connection: Connection, stream: str, *, error: str) -> None:
    """What was not yet said on a stream is not said any more."""
    await connection.execute(_SQL["drop_stream"], {"stream": stream, "error": error})


async def waiting(connection: Connection) -> int:
    """How many are not yet said."""
    row = await (await connection.execute(_SQL["waiting"])).fetchone()
    return 0 if row is None else int(row[0])


async def unheard(connection: Connection) -> int:
    """How many posts and cards Slack did not take, so far."""
    row = await (await connection.execute(_SQL["unheard"])).fetchone()
    return 0 if row is None else int(row[0])


async def parked(connection: Connection) -> int:
    """How many Slack refused for good."""
    row = await (await connection.execute(_SQL["parked"])).fetchone()
    return 0 if row is None else int(row[0])


async def waiting_in(connection: Connection, channel: str) -> int:
    """How many are not yet said in that channel."""
    row = await (await connection.execute(_SQL["waiting_in"], {"channel": channel})).fetchone()
    return 0 if row is None else int(row[0])


async def purge(connection: Connection, *, before: datetime) -> int:
    """Forget what was said, or given up, and is older; return how many."""
    return (await connection.execute(_SQL["purge"], {"before": before})).rowcount


async def bring(connection: Connection, post: Post) -> None:
    """It was begun without the database: where it is not known to be in Slack it is looked for, and else sent."""
    given = {
        "stream": post.stream,
        "key": post.key,
        "channel": post.channel,
        "thread_of": post.thread_of,
        "body": Jsonb(post.body),
        "at": post.wanted_at,
    }
    await connection.execute(_SQL["bring"], given)


async def found(connection: Connection, key: str, *, ts: str) -> None:
    """It stands in Slack, sent without the database."""
    await connection.execute(_SQL["found"], {"key": key, "ts": ts})


async def is_known(connection: Connection, key: str) -> bool:
    """Whether something was ever wanted under this key."""
    row = await (await connection.execute(_SQL["is_known"], {"key": key})).fetchone()
    return bool(row and row[0])


async def redirect(connection: Connection, post_id: int, *, channel: str, thread_of: str) -> None:
    """It is said elsewhere: in the thread under that card."""
    await connection.execute(_SQL["redirect"], {"id": post_id, "channel": channel, "thread_of": thread_of})


async def behind(connection: Connection, post: Claimed) -> list[Stored]:
    """What else waits on the stream of a post that we sent, for the same place; locked."""
    given = {
        "stream": post.stream,
        "id": post.id,
        "channel": post.channel,
        "thread_ts": post.thread_ts,
        "thread_of": post.thread_of,
    }
    async with connection.cursor(row_factory=class_row(Stored)) as cursor:
        await cursor.execute(_SQL["behind"], given)
        return await cursor.fetchall()


async def fold(connection: Connection, folded: Sequence[Stored], *, error: str) -> None:
    """They are not said by themselves any more."""
    await connection.execute(_SQL["fold"], {"ids": [post.id for post in folded], "error": error})
