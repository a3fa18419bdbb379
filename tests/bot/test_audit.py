"""What the check of the chain finds, in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.audit import SEED, Anchor, Row, link, nameless, verify


def chain(length: int, *, forged: int = 0) -> list[Row]:
    """A whole chain; from row `forged` on it says something else, and is chained anew."""
    rows: list[Row] = []
    before = SEED
    for seq in range(1, length + 1):
        canonical = f'[{seq}, "denied"]' if not forged or seq != forged else f'[{seq}, "allowed"]'
        row = Row(seq=seq, canonical=canonical, prev_hash=before, hash=link(before, canonical), recomputed=canonical)
        rows.append(row)
        before = row.hash
    return rows


def head_of(rows: list[Row]) -> Anchor:
    """The head as the database keeps it."""
    return (
        Anchor(seq=rows[-1].seq, hash=rows[-1].hash, where="the head")
        if rows
        else Anchor(seq=0, hash=SEED, where="the head")
    )


def posted(rows: list[Row], seq: int) -> Anchor:
    """A head that people were shown."""
    return Anchor(seq=seq, hash=rows[seq - 1].hash, where="Slack")


def found(rows: list[Row], *, anchors: list[Anchor] | None = None, head: Anchor | None) -> list[tuple[int, str]]:
    """The findings, as pairs."""
    return [(finding.seq, finding.what) for finding in verify(rows, anchors or [], head=head)]


WHOLE = chain(6)
HEAD = head_of(WHOLE)


@pytest.mark.parametrize("length", [0, 1, 2, 50])
def test_nothing_is_wrong_with_a_whole_chain(length: int) -> None:
    """However long it is, and with every row anchored."""
    rows = chain(length)
    anchors = [posted(rows, seq) for seq in range(1, length + 1)]
    assert found(rows, anchors=anchors, head=head_of(rows)) == []


def _altered_column(rows: list[Row]) -> None:
    rows[2] = replace(rows[2], recomputed='[3, "changed"]')


def _altered_hash(rows: list[Row]) -> None:
    rows[2] = replace(rows[2], hash=b"x" * 32)


def _altered_text_and_column(rows: list[Row]) -> None:
    rows[2] = replace(rows[2], canonical='[3, "changed"]', recomputed='[3, "changed"]')


def _altered_and_sealed_again(rows: list[Row]) -> None:
    changed = '[3, "changed"]'
    rows[2] = replace(rows[2], canonical=changed, recomputed=changed, hash=link(rows[2].prev_hash, changed))


def _without_one(rows: list[Row]) -> None:
    del rows[2]


def _without_two(rows: list[Row]) -> None:
    del rows[2:4]


def _without_the_first(rows: list[Row]) -> None:
    del rows[0]


def _without_the_last(rows: list[Row]) -> None:
    del rows[-1]


def _without_the_end(rows: list[Row]) -> None:
    del rows[3:]


def _without_any(rows: list[Row]) -> None:
    rows.clear()


def _with_one_more(rows: list[Row]) -> None:
    rows.append(chain(7)[-1])


def _with_one_before(rows: list[Row]) -> None:
    rows.insert(0, replace(rows[0], seq=0))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_altered_column, [(3, "row 3 was altered: its columns no longer say what was sealed")]),
        (_altered_hash, [(3, "row 3 was altered: its hash does not fit"), (4, "row 4 is not chained to row 3")]),
        (_altered_text_and_column, [(3, "row 3 was altered: its hash does not fit")]),
        (_altered_and_sealed_again, [(4, "row 4 is not chained to row 3")]),
        (_without_one, [(3, "row 3 is missing")]),
        (_without_two, [(3, "rows 3 to 4 are missing")]),
        (_without_the_first, [(1, "row 1 is missing")]),
        (_without_the_last, [(6, "the end was cut off: row 6 is missing, known from the head")]),
        (_without_the_end, [(4, "the end was cut off: rows 4 to 6 are missing, known from the head")]),
        (_without_any, [(1, "the end was cut off: rows 1 to 6 are missing, known from the head")]),
        (_with_one_more, [(7, "row 7 is beyond the head: added behind the audit's back")]),
        (_with_one_before, [(0, "row 0 does not belong to the chain")]),
    ],
)
def test_damage_is_named(damage: Callable[[list[Row]], None], says: list[tuple[int, str]]) -> None:
    """Each damage is found where it is, and nothing else is."""
    rows = chain(6)
    damage(rows)
    assert found(rows, head=HEAD) == says


def test_a_chain_forged_from_one_row_on_is_known_by_what_people_were_shown() -> None:
    """Whoever rewrites the tail and the head as well is told by an earlier head that stands in Slack."""
    forged = chain(6, forged=3)
    assert found(forged, head=head_of(forged)) == []
    assert found(forged, anchors=[posted(WHOLE, 2)], head=head_of(forged)) == []
    assert found(forged, anchors=[posted(WHOLE, 4)], head=head_of(forged)) == [
        (4, "row 4 is not the one known from Slack")
    ]


def test_a_tail_cut_off_with_its_head_is_known_by_what_people_were_shown() -> None:
    """The head can be set back together with the tail; what stands in Slack cannot."""
    cut = WHOLE[:3]
    assert found(cut, head=head_of(cut)) == []
    assert found(cut, anchors=[posted(WHOLE, 5)], head=head_of(cut)) == [
        (4, "the end was cut off: rows 4 to 5 are missing, known from Slack")
    ]


def test_another_head_is_named() -> None:
    """The head must be the last row itself."""
    assert found(WHOLE, head=replace(HEAD, hash=b"y" * 32)) == [(6, "row 6 is not the one known from the head")]
    assert found([], head=Anchor(seq=0, hash=b"y" * 32, where="the head")) == [
        (0, "row 0 is not the one known from the head")
    ]


def test_a_missing_head_is_named() -> None:
    """Without it nobody knows whether the end is there."""
    assert found(WHOLE, head=None) == [(7, "the head is missing: whether the end was cut off cannot be known")]


def test_rows_are_not_kept() -> None:
    """An endless source is checked as it comes."""
    rows = iter(chain(3))
    findings = verify(rows, [], head=None)
    assert next(findings).seq == 4
    assert next(rows, None) is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("asked by Zoe.C+x@Example.COM.", "asked by •••."),
        ("<mailto:zoe@example.com|zoe@example.com>", "<mailto:•••|•••>"),
        ({"why": ["account 550E8400-e29b-41d4-a716-446655440000 is gone", 3]}, {"why": ["account ••• is gone", 3]}),
        ({"a@b.example": None}, {"•••": None}),
        ("request:12, cs_test_a1, U0ALICE01, customer:0f3c", "request:12, cs_test_a1, U0ALICE01, customer:0f3c"),
    ],
)
def test_the_audit_takes_no_addresses(said: object, kept: object) -> None:
    """Addresses and accounts' ids are left out at any depth; everything else stays."""
    assert nameless(said) == kept
