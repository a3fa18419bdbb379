"""What a certificate of deletion says."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.erasure import certificate

NOW = datetime(2026, 11, 25, 3, 0, 0, 123, tzinfo=UTC)


def certified(**left: int | None) -> dict[str, Any]:
    """A deletion of yesterday."""
    return certificate.body(
        request=12,
        customer="customer:0f3c",
        asked_by="U1",
        approved_by=("U2",),
        done={
            "rows": {"auth.users": 1, "sessions": 5},
            "files": 1,
            "bytes": 2048,
            "stripe": 1,
            "subscriptions": 0,
            "ours": {"inbox": 4},
        },
        left=left,
        elsewhere={"backups at Supabase": 7, "payments at Stripe": 0},
        at=NOW,
    )


def test_what_it_says() -> None:
    """Counts, who asked and approved, the proof, and what could not be reached with its expiry."""
    said = {line.title: line.text for line in certificate.lines(certified())}
    assert said["Rows"] == "6 in 2 tables: auth.users 1, sessions 5"
    assert said["Files"] == "1, 2,048 bytes"
    assert said["Asked and approved"] == "U1; U2"
    assert said["Our own records"] == "inbox 4"
    assert said["Counted again"] == "nothing is left"
    assert said["Not reached: backups at Supabase"] == "until 2026-12-02"
    assert said["Not reached: payments at Stripe"] == "by its own rules"


@pytest.mark.parametrize(
    ("left", "said"), [({"newsletter": 2}, "left: newsletter 2"), ({"hr": None}, "left: hr not visible")]
)
def test_what_is_left_is_said(left: dict[str, int | None], said: str) -> None:
    """What must be handled by hand, and what nobody could see."""
    assert {line.title: line.text for line in certificate.lines(certified(**left))}["Counted again"] == said


def test_the_hash_is_of_the_text_that_is_shown() -> None:
    """Whoever holds the document can compute it; another count gives another hash; the order of keys does not matter."""
    body = certified()
    digest = certificate.digest(body)
    document = certificate.markdown(body, digest)
    text = document.split("```\n")[1].rstrip("\n")
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert digest in document
    assert certificate.digest(dict(reversed(body.items()))) == digest
    assert certificate.digest(certified(newsletter=1)) != digest
