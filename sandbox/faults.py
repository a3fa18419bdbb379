"""Faults that can be switched on for any call of any stand-in."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Final

KINDS: Final = ("refused", "slow", "timeout", "status", "html", "garbled", "lost")
"""refused: the connection is dropped before anything happens. slow: answers after `seconds`. timeout: never answers.
status: answers `status` (429 with Retry-After, 5xx) without acting. html: 200 with a web page. garbled: 200 with JSON of
another shape. lost: acts, then drops the connection before the answer."""


@dataclass(kw_only=True, slots=True)
class Fault:
    """One fault: on `vendor`'s call named `call` (`*` for all), for the next `times` calls (None: until removed)."""

    id: int
    vendor: str
    call: str
    kind: str
    status: int = 503
    seconds: float = 1.0
    times: int | None = None
    hits: int = field(default=0)


class Faults:
    """The faults that are on now, of one sandbox."""

    def __init__(self) -> None:
        """Start with none."""
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(
        self,
        vendor: str,
        call: str = "*",
        *,
        kind: str,
        status: int = 503,
        seconds: float = 1.0,
        times: int | None = None,
    ) -> Fault:
        """Switch one on. The latest added that matches a call is the one that strikes."""
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(KINDS)}")
        fault = Fault(
            id=next(self._ids), vendor=vendor, call=call, kind=kind, status=status, seconds=seconds, times=times
        )
        self._faults.append(fault)
        return fault

    def remove(self, fault_id: int) -> None:
        """Switch one off; nothing happens where it is off already."""
        self._faults = [fault for fault in self._faults if fault.id != fault_id]

    def clear(self, vendor: str | None = None) -> None:
        """Switch off all of a vendor's, or all."""
        self._faults = [fault for fault in self._faults if vendor is not None and fault.vendor != vendor]

    def strike(self, vendor: str, call: str) -> Fault | None:
        """Return the fault that strikes this call, and count it."""
        for fault in reversed(self._faults):
            if fault.vendor == vendor and fault.call in ("*", call):
                fault.hits += 1
                if fault.times is not None and fault.hits >= fault.times:
                    self.remove(fault.id)
                return fault
        return None

    def list(self) -> list[Fault]:
        """All that are on, oldest first."""
        return list(self._faults)
