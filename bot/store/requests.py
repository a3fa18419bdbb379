"""Tables `requests` and `approvals`: changes to the product, asked by one person and approved by another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.errors import UserError
from bot.store.database import Connection
from bot.store.queries import statements
from bot.transitions import State

_SQL: Final = statements("requests")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request for a change, as it stands. `plan` is frozen: what was approved is what runs."""

    id: int
    key: str
    operation: str
    requester: str
    channel: str
    state: State
    plan: dict[str, Any]
    quorum: int
    asked_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None
    reason: str
    result: dict[str, Any] | None
    incident: int | None = None
    exclusive: str | None = None
    progress: str = ""
    broken_glass_by: str | None = None
    broken_glass_why: str = ""
    decided_by: str | None = None
    paged_at: datetime | None = None

    @property
    def subject(self) -> str:
        """What its clocks, card and audit are kept under."""
        return f"request:{self.id}"

    @property
    def page_key(self) -> str:
        """What PagerDuty knows it by: paged twice, it is one incident there."""
        return f"ilab-request-{self.id}"

    def __post_init__(self) -> None:
        """Accept the row's plain text."""
        object.__setattr__(self, "state", State(self.state))


async def add(  # noqa: PLR0913 -- the row's own columns
    connection: Connection,
    *,
    key: str,
    operation: str,
    requester: str,
    channel: str,
    plan: dict[str, Any],
    quorum: int,
    at: datetime,
    expires_at: datetime,
    state: State = State.AWAITING_APPROVAL,
    reason: str = "",
    incident: int | None = None,
    exclusive: str | None = None,
    number: int | None = None,
) -> int | None:
    """Store a request as planning left it; None where this key has asked before. `number`: it has one already.

    Raises UserError where another open request holds what it needs for itself.
    """
    given = {
        "key": key,
        "operation": operation,
        "requester": requester,
        "channel": channel,
        "state": state.value,
        "plan": Jsonb(plan),
        "quorum": quorum,
        "at": at,
        "expires_at": expires_at,
        "ended_at": at if state.is_final else None,
        "reason": reason,
        "incident": incident,
        "exclusive": exclusive,
        "number": number,
    }
    try:
        row = await (await connection.execute(_SQL["add"], given)).fetchone()
    except UniqueViolation as error:
        if error.diag.constraint_name != "requests_one_at_a_time":
            raise
        raise UserError(
            "Another request of this kind is open, and only one may be at a time.",
            todo="`/ilab approvals` shows it: let it end, or withdraw it.",
        ) from None
    return None if row is None else int(row[0])


async def note_progress(connection: Connection, request_id: int, said: str) -> None:
    """It is so far."""
    await connection.execute(_SQL["note_progress"], {"id": request_id, "said": said})


async def by_key(connection: Connection, key: str) -> Request | None:
    """The request that this key asked for."""
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        await cursor.execute(_SQL["by_key"], {"key": key})
        return await cursor.fetchone()


async def get(connection: Connection, request_id: int, *, lock: bool = False) -> Request | None:
    """The request; locked until the transaction ends where that is asked."""
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        await cursor.execute(_SQL["lock"] if lock else _SQL["get"], {"id": request_id})
        return await cursor.fetchone()


async def move(
    connection: Connection,
    request: Request,
    state: State,
    *,
    at: datetime,
    by: str | None = None,
    reason: str = "",
    result: dict[str, Any] | None = None,
) -> None:
    """Put the (locked) request into a state; `bot.transitions` says which may follow which."""
    await connection.execute(
        _SQL["move"],
        {
            "id": request.id,
            "state": state.value,
            "decided_at": at,
            "decided_by": by,
            "ended_at": at if state.is_final else None,
            "reason": reason or request.reason,
            "result": None if result is None else Jsonb(result),
        },
    )


async def approve(connection: Connection, request: Request, person: str, *, at: datetime) -> bool:
    """Note a person's approval; False where they had approved before. The database refuses the requester's own."""
    cursor = await connection.execute(
        _SQL["approve"], {"request": request.id, "person": person, "requester": request.requester, "at": at}
    )
    return await cursor.fetchone() is not None


async def approvers(connection: Connection, request_id: int) -> tuple[str, ...]:
    """Who has approved, in order."""
    cursor = await connection.execute(_SQL["approvers"], {"request": request_id})
    return tuple(row[0] for row in await cursor.fetchall())


async def unfinished(connection: Connection) -> list[Request]:
    """What waits for approval, runs, or has an outcome that nobody knows; newest first, fifty at most."""
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        await cursor.execute(_SQL["open"])
        return await cursor.fetchall()


async def ran_since(connection: Connection, since: datetime) -> list[Request]:
    """What was run for the product as a whole since then, newest first."""
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        await cursor.execute(_SQL["ran_since"], {"since": since})
        return await cursor.fetchall()


async def break_glass(connection: Connection, request_id: int, *, by: str, why: str) -> None:
    """Somebody runs it alone, and says why."""
    await connection.execute(_SQL["break_glass"], {"id": request_id, "by": by, "why": why})


async def paged(connection: Connection, request_id: int, *, at: datetime) -> None:
    """The approver on duty was paged for it."""
    await connection.execute(_SQL["paged"], {"id": request_id, "at": at})


async def delegate(connection: Connection, request_id: int, *, to: str, by: str, at: datetime) -> bool:
    """Hand it to a person; False where they had it before."""
    given = {"request": request_id, "person": to, "by": by, "at": at}
    return await (await connection.execute(_SQL["delegate"], given)).fetchone() is not None


async def delegations(connection: Connection, request_id: int) -> dict[str, str]:
    """To whom it was handed, in order, each by whom."""
    cursor = await connection.execute(_SQL["delegations"], {"request": request_id})
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def handed_to(connection: Connection, person: str) -> dict[int, str]:
    """The requests that were handed to a person, each by whom."""
    cursor = await connection.execute(_SQL["handed_to"], {"person": person})
    return {int(row[0]): row[1] for row in await cursor.fetchall()}


async def approved_by(connection: Connection, person: str) -> set[int]:
    """The requests that a person has approved."""
    cursor = await connection.execute(_SQL["approved_by"], {"person": person})
    return {int(row[0]) for row in await cursor.fetchall()}


async def of_incidents(connection: Connection, found: Collection[int]) -> list[int]:
    """The numbers of the requests that belong to these incidents."""
    cursor = await connection.execute(_SQL["of_incidents"], {"incidents": sorted(found)})
    return [int(row[0]) for row in await cursor.fetchall()]


async def of_incident(connection: Connection, incident: int) -> list[Request]:
    """What was asked for because of an incident, in that order."""
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        await cursor.execute(_SQL["of_incident"], {"incident": incident})
        return await cursor.fetchall()
