"""What can be done next about a post-mortem, as buttons.

[pure]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.incidents.states import State
from bot.operation import Offer

if TYPE_CHECKING:
    from bot.store.incidents import Incident


def next_steps(incident: Incident, *, is_written: bool = True) -> tuple[Offer, ...]:
    """The steps that are possible from where the incident stands."""
    task = Offer(label="Add a task…", words=f"incident task INC-{incident.id}")
    if incident.state == State.CLOSED:
        return (Offer(label="Write down what is new", words=f"postmortem write INC-{incident.id}"), task)
    if incident.state != State.RESOLVED:
        return ()
    write = Offer(
        label="Write down what is new" if is_written else "Write the draft",
        words=f"postmortem write INC-{incident.id}",
        style="" if is_written else "primary",
    )
    done = (
        (Offer(label="It is done", words=f"postmortem done INC-{incident.id}", style="primary"),) if is_written else ()
    )
    close = Offer(label="Close without one…", words=f"incident close INC-{incident.id}")
    return (*done, task, write, close)
