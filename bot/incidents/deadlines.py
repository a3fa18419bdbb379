"""Which clocks run while an incident stands where it stands, and when each is due.

A step of an incident is allowed a time; it is reminded of before, and when it is over somebody else is paged. The times
are the settings' of the incident's severity, and of a P0 by default those of the runbook.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bot.incidents.states import State

if TYPE_CHECKING:
    from bot.settings import Deadlines


class Group(StrEnum):
    """What a clock waits for."""

    ACKNOWLEDGE = "acknowledge"
    SIGN_OF_LIFE = "sign of life"
    """Whoever acknowledged is heard of again."""
    ASSESS = "assess"
    MITIGATE = "mitigate"
    UPDATE = "update"
    POSTMORTEM = "postmortem"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """One clock: `after` its group began. `level` is the rung that is paged; 0 pages nobody, NEXT the next rung."""

    kind: str
    group: Group
    after: timedelta
    level: int = 0
    overdue: bool = True
    """The time is over; else it is a reminder before that."""


NEXT: Final = -1
TOP: Final = 3
"""The last rung: on-call, team lead, CTO."""
BEFORE: Final = timedelta(minutes=5)
"""How long before its time is over a step is reminded of; of a short time, a third."""

RUNNING: Final[Mapping[State, tuple[Group, ...]]] = {
    State.DECLARED: (Group.ACKNOWLEDGE, Group.ASSESS, Group.MITIGATE, Group.UPDATE),
    State.ACKNOWLEDGED: (Group.SIGN_OF_LIFE, Group.ASSESS, Group.MITIGATE, Group.UPDATE),
    State.ASSESSED: (Group.MITIGATE, Group.UPDATE),
    State.MITIGATED: (Group.UPDATE,),
    State.RESOLVED: (Group.POSTMORTEM,),
    State.CLOSED: (),
    State.CANCELLED: (),
    State.MERGED: (),
}
"""What is waited for in each state."""

KINDS: Final[Mapping[str, Group]] = {
    "ack_remind": Group.ACKNOWLEDGE,
    "ack_again": Group.ACKNOWLEDGE,
    "ack_lead": Group.ACKNOWLEDGE,
    "ack_cto": Group.ACKNOWLEDGE,
    "ack_over": Group.ACKNOWLEDGE,
    "ack_lapse": Group.SIGN_OF_LIFE,
    "assess_remind": Group.ASSESS,
    "assess_overdue": Group.ASSESS,
    "mitigate_remind": Group.MITIGATE,
    "mitigate_overdue": Group.MITIGATE,
    "update_remind": Group.UPDATE,
    "update_overdue": Group.UPDATE,
    "postmortem_draft": Group.POSTMORTEM,
    "postmortem_half": Group.POSTMORTEM,
    "postmortem_remind": Group.POSTMORTEM,
    "postmortem_last": Group.POSTMORTEM,
    "postmortem_overdue": Group.POSTMORTEM,
}
"""Every kind of clock that an incident can have of these."""


def schedule(allowed: Deadlines) -> tuple[Clock, ...]:
    """The clocks of a severity; a time that is left out (0) has none."""
    return (*_acknowledging(allowed), *_stepwise(allowed), *_reporting(allowed))


def _acknowledging(allowed: Deadlines) -> tuple[Clock, ...]:
    within = allowed.acknowledge_minutes
    if not within:
        return ()
    rungs = (
        ("ack_remind", allowed.remind_minutes, 0),
        ("ack_again", within, 1),
        ("ack_lead", allowed.lead_after_minutes, 2),
        ("ack_cto", allowed.cto_after_minutes, 3),
        ("ack_over", allowed.cto_after_minutes + allowed.cto_answers_minutes, 3),
    )
    clocks = [
        Clock(kind=kind, group=Group.ACKNOWLEDGE, after=timedelta(minutes=after), level=level, overdue=bool(level))
        for kind, after, level in rungs
        if after
    ]
    if allowed.acknowledgement_minutes:
        lasts = timedelta(minutes=allowed.acknowledgement_minutes)
        clocks.append(Clock(kind="ack_lapse", group=Group.SIGN_OF_LIFE, after=lasts, level=1))
    return tuple(clocks)


def _stepwise(allowed: Deadlines) -> tuple[Clock, ...]:
    return (
        *_pair(Group.ASSESS, "assess", allowed.assess_minutes, level=NEXT),
        *_pair(Group.MITIGATE, "mitigate", allowed.mitigate_minutes, level=NEXT),
        *_pair(Group.UPDATE, "update", allowed.update_minutes, level=0),
    )


def _pair(group: Group, name: str, minutes: float, *, level: int) -> tuple[Clock, ...]:
    if not minutes:
        return ()
    within = timedelta(minutes=minutes)
    return (
        Clock(kind=f"{name}_remind", group=group, after=within - min(BEFORE, within / 3), overdue=False),
        Clock(kind=f"{name}_overdue", group=group, after=within, level=level),
    )


def _reporting(allowed: Deadlines) -> tuple[Clock, ...]:
    if not allowed.postmortem_hours:
        return ()
    within = timedelta(hours=allowed.postmortem_hours)
    times = (
        ("postmortem_draft", timedelta(0), False),
        ("postmortem_half", within / 2, False),
        ("postmortem_remind", within * 5 / 6, False),
        ("postmortem_last", within - min(timedelta(hours=1), within / 12), False),
        ("postmortem_overdue", within, True),
    )
    return tuple(
        Clock(kind=kind, group=Group.POSTMORTEM, after=after, overdue=overdue) for kind, after, overdue in times
    )


def stopped(before: State, now: State) -> tuple[Group, ...]:
    """What is not waited for any more."""
    return tuple(group for group in RUNNING[before] if group not in RUNNING[now])


def started(before: State, now: State) -> tuple[Group, ...]:
    """What is waited for from now on."""
    return tuple(group for group in RUNNING[now] if group not in RUNNING[before])


def rung_after(clock: Clock, state: State, rung: int) -> int:
    """The rung that a clock which is due has paged, 0 for nobody.

    While nobody has acknowledged, the ladder of the acknowledgement alone pages: two clocks that fall due at once must
    not climb two rungs for one silence.
    """
    if clock.level == NEXT:
        return 0 if state is State.DECLARED else min(rung + 1, TOP)
    return clock.level
