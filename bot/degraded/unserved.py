"""Where no bot serves, a terminal pages by itself: what else it wrote down waits for a bot, and people must not."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from bot import roster
from bot.changes import running
from bot.changes.card import MARKS
from bot.context import Services
from bot.errors import ProviderError
from bot.incidents import paging
from bot.incidents.states import State
from bot.operation import Answer, Line, Lines, Mark
from bot.steps import Ended, Table, run
from bot.store import clocks, incidents, posts, requests, timeline
from bot.store.incidents import Incident
from bot.transitions import State as RequestState

TAKEN_WITHIN: Final = 3.0
"""Real seconds in which a serving bot, which looks twice a second, has taken what is due."""
LOOK_EVERY: Final = 0.2
HEARD_WITHIN: Final = 1.0
"""Real seconds in which it is seen whether Slack takes what is said."""


async def follow(services: Services, request: str) -> Answer | None:
    """What became of that which a request made due, where nobody serves; None where a bot has taken it.

    The page carries the key and is recorded as the step that it would have been: a bot that comes later finds it done.
    """
    if await _is_taken(services):
        return None
    database = services.database
    numbers = await database.call(lambda connection: timeline.told_by(connection, request))
    found = [await database.call(lambda connection, one=number: incidents.get(connection, one)) for number in numbers]  # type: ignore[misc]
    lines = [line for incident in found if incident is not None for line in await _told(services, incident)]
    lines += await _run_alone(services, request)
    return Answer(
        verdict="No bot is serving: this is written down, and waits until one does.",
        mark=Mark.DOWN if any(line.mark is Mark.DOWN for line in lines) else Mark.DEGRADED,
        evidence=(Lines(lines=(*lines, Line(title=f"Start one: `{services.settings.terminal_command} serve`."))),),
    )


async def unheard(services: Services) -> Answer | None:
    """What waits because Slack does not take it; None where it takes what it is given."""
    deadline = time.monotonic() + HEARD_WITHIN
    while not (refused := await services.database.call(posts.unheard)):
        if time.monotonic() > deadline or not await services.database.call(posts.waiting):
            return None
        await asyncio.sleep(LOOK_EVERY)
    return Answer(
        verdict="Slack does not take what is said. It is written down, and shown there as soon as it does.",
        mark=Mark.DEGRADED,
        evidence=(Lines(lines=(Line(title="Waits so far", text=f"{refused} messages and cards"),)),),
    )


async def _run_alone(services: Services, key: str) -> list[Line]:
    """What needs nobody else, such as paging the next rung, is run here; a bot that comes later finds it done."""
    request = await services.database.call(lambda connection: requests.by_key(connection, key))
    if request is None or request.state is not RequestState.EXECUTING:
        return []
    await running.execute(services, request.subject, services.now())
    ended = await services.database.call(lambda connection: requests.get(connection, request.id)) or request
    said = ended.result["said"] if ended.result else "it is tried again once a bot serves"
    return [Line(title=f"Request {ended.id} {ended.state.label}: {said}", mark=MARKS.get(ended.state, Mark.NONE))]


async def _is_taken(services: Services) -> bool:
    deadline = time.monotonic() + TAKEN_WITHIN
    while await services.database.call(lambda connection: clocks.overdue(connection, now=services.now())):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY)
    return True


async def _told(services: Services, incident: Incident) -> list[Line]:
    """PagerDuty knows how the incident stands; where it does not, who must be called."""
    pager = services.vendors().pagerduty
    if incident.drill is not None or incident.severity not in ("P0", "P1"):
        return []
    if pager is None:
        return [Line(title="PagerDuty is not configured: call whoever is on call.", mark=Mark.DOWN)]
    if incident.state == State.DECLARED:
        ended = await run(Table(services.database, incident.subject), (paging.page(pager, incident),), changed=_nothing)
        if ended is Ended.DONE:
            return [Line(title=f"The on-call are paged for {incident.label}.", mark=Mark.OK)]
        step = (await Table(services.database, incident.subject).all())["page"]
        return [Line(title=f"Nobody is paged: {step.error}", mark=Mark.DOWN), *await _whom_to_call(services)]
    try:
        await paging.follow(pager, incident)
    except ProviderError as error:
        return [Line(title=f"PagerDuty does not know that {incident.label} is {incident.state}: {error.what}")]
    return [Line(title=f"PagerDuty knows that {incident.label} is {incident.state}.", mark=Mark.OK)]


async def _whom_to_call(services: Services) -> tuple[Line, ...]:
    known = roster.numbers(await roster.kept(services), services.now())
    return known or (Line(title="Who is on call is not known: call the team lead."),)


async def _nothing() -> None:
    """A bot shows the card, when one serves."""
