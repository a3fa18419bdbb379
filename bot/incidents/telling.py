"""What people are told of an incident, and where: in the thread under its card, and in its own channel."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from bot.context import Services, Transaction
from bot.incidents.visibility import stands_in_the_open
from bot.operation import Answer
from bot.store.incidents import Incident

DRILL: Final = "DRILL"
_ID: Final = re.compile(r"[UW][A-Z0-9]{2,}")


async def tell(
    services: Services,
    transaction: Transaction,
    incident: Incident,
    *,
    key: str,
    channel: Answer | None = None,
    thread: Answer | None = None,
) -> None:
    """Say it once for this key, when the transaction is committed: `channel` to those who work on it, `thread` to all.

    An incident that has no channel is followed in its thread, so that there the thread reads what a channel would. Of a
    private one nothing is said outside its channel.
    """
    has_channel = bool(incident.channel_id) and incident.room_lost is None
    if channel is not None and incident.channel_id and has_channel:
        await services.announce(
            transaction,
            stream=incident.subject,
            key=f"{incident.subject}:{key}",
            channel=incident.channel_id,
            answer=marked(incident, channel),
        )
    slack = services.settings.slack
    in_thread = thread or (None if has_channel else channel)
    if in_thread is not None and slack is not None and slack.incidents_channel and stands_in_the_open(incident):
        await services.announce(
            transaction,
            stream=f"{incident.subject}:thread",
            key=f"{incident.subject}:thread:{key}",
            channel=slack.incidents_channel,
            answer=marked(incident, in_thread),
            thread_of=incident.subject,
        )


def mentionable(*people: str | None) -> tuple[str, ...]:
    """Those whom Slack can call, each once: who did something elsewhere may be known by a name alone. Pure."""
    return tuple(dict.fromkeys(who for who in people if who and _ID.fullmatch(who)))


def spoken(incident: Incident, text: str) -> str:
    """A line as it is said of this incident: every line of a drill says that it is one. Pure."""
    return text if incident.drill is None or DRILL in text else f"{DRILL} · {text}"


def marked(incident: Incident, answer: Answer) -> Answer:
    """The answer as it is said of this incident. Pure."""
    if incident.drill is None:
        return answer
    return replace(
        answer,
        verdict=spoken(incident, answer.verdict),
        evidence=tuple(
            replace(
                group,
                heading=group.heading and spoken(incident, group.heading),
                lines=tuple(
                    line if DRILL in line.text else replace(line, title=spoken(incident, line.title))
                    for line in group.lines
                ),
            )
            for group in answer.evidence
        ),
    )
