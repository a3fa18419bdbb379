"""What this copy still knows while our own database is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.store.on_call import OnDuty


@dataclass(kw_only=True, slots=True)
class Memory:
    """The last answers, in memory; the copy that keeps incidents has them on disk, too."""

    on_call: tuple[OnDuty, ...] = ()
    """Who is on call, with their numbers, as PagerDuty last said."""
