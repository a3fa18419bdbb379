"""The one place that decides what is really done of what is asked for in a drill's channel."""

from __future__ import annotations

from typing import Any, Final

from bot.context import Context
from bot.drills.running import practise
from bot.errors import UserError
from bot.incidents.finding import implied
from bot.operation import Act, Answer, Args, Change, Kind
from bot.store import incidents
from bot.store.database import Connection
from bot.store.incidents import Incident

ELSEWHERE: Final = "Where it is meant in earnest, ask in any other channel, or in a direct message with me."


async def instead(operation: Act[Any] | Change[Any], args: Args, context: Context) -> Answer | None:
    """What is done in its place in a drill's channel: it is written down as a move. None where it is done.

    Raises UserError where it is meant for an incident that is real.
    """
    if not context.place.channel:
        return None
    database = context.services.database
    drill = await database.call(lambda connection: implied(context, connection))
    if drill is None or drill.drill is None:
        return None
    if isinstance(operation, Change) or not operation.in_drills:
        if not drill.is_open:
            raise UserError(
                f"{drill.label} is {drill.state}, and in its channel nothing real is asked for.", todo=ELSEWHERE
            )
        return await practise(operation.words, drill, context, earnest=ELSEWHERE)
    await database.call(lambda connection: _check(operation, args, drill, connection))
    return None


async def _check(operation: Act[Any], args: Args, drill: Incident, connection: Connection) -> None:
    """Raise UserError where the words name an incident that is no drill: nothing real is touched from here."""
    fields = [field for field in operation.fields if field.kind is Kind.INCIDENT]
    for number in (getattr(args, field.name) for field in fields):
        named = None if number is None else await incidents.get(connection, number)
        # of one that is not there no more is said than of one that the person may not know of
        if number is not None and (named is None or named.drill is None):
            raise UserError(f"{drill.label} is only played here, and INC-{number} is no drill.", todo=ELSEWHERE)
