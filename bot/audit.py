"""The audit's closed vocabulary, and the check of its chain.

[pure]
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SEED: Final = hashlib.sha256(b"ilab audit").digest()
"""What the first row is chained to."""


class Event(StrEnum):
    """Everything that can be in the audit."""

    DENIED = "denied"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 -- a name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 -- a name
    WATCH_STARTED = "watch.started"
    WATCH_STOPPED = "watch.stopped"
    HEAD_POSTED = "audit.head_posted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row, as stored. `recomputed` is its canonical text made anew from its columns."""

    seq: int
    canonical: str
    prev_hash: bytes
    hash: bytes
    recomputed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """An end of the chain that is known from elsewhere: the head's own row, or a head once posted to Slack."""

    seq: int
    hash: bytes
    where: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong with the chain, at row `seq`."""

    seq: int
    what: str


def link(prev_hash: bytes, canonical: str) -> bytes:
    """The hash of a row: SHA-256 over the hash before it and its canonical text in UTF-8."""
    return hashlib.sha256(prev_hash + canonical.encode()).digest()


def verify(rows: Iterable[Row], anchors: Iterable[Anchor]) -> Iterator[Finding]:
    """Every altered, missing and cut-off row. `rows` come in order of `seq`, from the first."""
    known = {}
    last, before = 0, SEED
    wanted = sorted(anchors, key=lambda anchor: anchor.seq)
    at_anchor = {anchor.seq for anchor in wanted}
    for row in rows:
        if row.seq != last + 1:
            gap = f"row {last + 1} is" if row.seq == last + 2 else f"rows {last + 1} to {row.seq - 1} are"
            yield Finding(seq=last + 1, what=f"{gap} missing")
        elif row.prev_hash != before:
            yield Finding(seq=row.seq, what=f"row {row.seq} is not chained to row {last}")
        if row.canonical != row.recomputed:
            yield Finding(seq=row.seq, what=f"row {row.seq} was altered: its columns no longer say what was sealed")
        elif link(row.prev_hash, row.canonical) != row.hash:
            yield Finding(seq=row.seq, what=f"row {row.seq} was altered: its hash does not fit")
        last, before = row.seq, row.hash
        if row.seq in at_anchor:
            known[row.seq] = row.hash
    for anchor in wanted:
        if anchor.seq > last:
            count = anchor.seq - last
            rows_ = f"row {anchor.seq}" if count == 1 else f"rows {last + 1} to {anchor.seq}"
            yield Finding(seq=last + 1, what=f"the end was cut off: {rows_} missing, known from {anchor.where}")
        elif anchor.seq and known.get(anchor.seq, anchor.hash) != anchor.hash:
            yield Finding(seq=anchor.seq, what=f"row {anchor.seq} is not the one known from {anchor.where}")
