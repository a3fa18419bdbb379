"""A 📌 on a message puts it into the timeline of its incident, stamped with the message's own time.

Also in a thread, also taken away again; an edit of what was marked is followed. The timeline only grows: each is an entry
of its own, and `standing` says what of it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bot.context import Services, Transaction
from bot.incidents.timeline import Kind
from bot.masking import masked_text
from bot.store import cards, incidents, timeline
from bot.store.incidents import Incident
from bot.store.timeline import Entry
from bot.words import shorten

TAKEN: Final = "memo"
"""What the bot answers with, so that people see that it was taken down."""
LONGEST: Final = 1000
"""Characters of a message that the timeline keeps; its link leads to the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """A message in Slack: who wrote it, what, when, and where it stands."""

    channel: str
    ts: str
    thread_ts: str
    author: str
    text: str
    link: str

    @property
    def at(self) -> datetime:
        """When it was written: its `ts` begins with that."""
        return moment(self.ts)


def moment(ts: str) -> datetime:
    """The time in a message's `ts`, aware, in UTC."""
    return datetime.fromtimestamp(float(ts), UTC)


async def incident_of(transaction: Transaction, channel: str, thread_ts: str) -> Incident | None:
    """The incident in whose channel, or under whose card, the message stands."""
    found = await incidents.by_channel(transaction, channel)
    if found is None and thread_ts:
        kind, _, number = (await cards.subject_at(transaction, channel, thread_ts)).partition(":")
        found = await incidents.get(transaction, int(number)) if kind == "incident" else None
    return found


async def mark(services: Services, transaction: Transaction, message: Marked, *, by: str, key: str) -> bool:
    """The message stands in its incident's timeline; False where it belongs to none, or stands there already."""
    incident = await incident_of(transaction, message.channel, message.thread_ts)
    if incident is None:
        return False
    known = await _entry(transaction, incident, message.channel, message.ts)
    if known is not None:
        return False
    added = await timeline.add(
        transaction,
        incident.id,
        Kind.MARKED,
        key=f"mark:{message.channel}:{message.ts}:{key}",
        actor=message.author or by,
        said=_kept(message.text),
        at=message.at,
        recorded_at=services.now(),
        link=message.link,
    )
    return added is not None


async def unmark(services: Services, transaction: Transaction, *, channel: str, ts: str, by: str, key: str) -> bool:
    """The message counts no more; False where it did not."""
    return await _correct(services, transaction, Kind.UNMARKED, channel=channel, ts=ts, by=by, key=key, said="")


async def edit(
    services: Services, transaction: Transaction, *, channel: str, ts: str, by: str, key: str, text: str
) -> bool:
    """What was marked says something else now; False where it was not marked, or says the same."""
    return await _correct(services, transaction, Kind.EDITED, channel=channel, ts=ts, by=by, key=key, said=_kept(text))


async def _correct(
    services: Services, transaction: Transaction, kind: Kind, *, channel: str, ts: str, by: str, key: str, said: str
) -> bool:
    entry = await timeline.marked(transaction, channel, ts)
    if entry is None:
        return False
    incident = await incidents.get(transaction, entry.incident, lock=True)
    assert incident is not None  # noqa: S101 -- its timeline names it
    known = await _entry(transaction, incident, channel, ts)
    if known is None or (kind is Kind.EDITED and known.said == said):
        return False
    now = services.now()
    added = await timeline.add(
        transaction,
        incident.id,
        kind,
        key=f"{kind}:{channel}:{ts}:{key}",
        actor=by,
        said=said or "no longer marked",
        at=now,
        recorded_at=now,
        link=known.link,
        corrects=known.id,
    )
    return added is not None


async def _entry(transaction: Transaction, incident: Incident, channel: str, ts: str) -> Entry | None:
    """The entry of a message as it counts now."""
    begins = f"mark:{channel}:{ts}:"
    for entry in standing(await timeline.of(transaction, incident.id)):
        if entry.key.startswith(begins):
            return entry
    return None


def standing(entries: Sequence[Entry]) -> list[Entry]:
    """What of a timeline counts: without what was taken back, each in its newest words, by when it happened. Pure."""
    gone = {entry.corrects for entry in entries if entry.kind is Kind.UNMARKED}
    newest: dict[int, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.id):
        if entry.kind is Kind.EDITED and entry.corrects is not None:
            newest[entry.corrects] = entry
    counted = [entry for entry in entries if entry.kind not in (Kind.UNMARKED, Kind.EDITED) and entry.id not in gone]
    worded = [replace(entry, said=newest[entry.id].said) if entry.id in newest else entry for entry in counted]
    return sorted(worded, key=lambda entry: (entry.at, entry.id))


def _kept(text: str) -> str:
    return shorten(masked_text(" ".join(text.split())), LONGEST) or "(no text)"
