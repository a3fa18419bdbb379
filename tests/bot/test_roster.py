"""Who has come on call, and what is said of whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.roster import compared, is_over, numbers, rung
from bot.store.on_call import OnDuty

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)


def duty(level: int, name: str, at: datetime = EARLIER) -> OnDuty:
    """Somebody on call."""
    return OnDuty(
        level=level,
        person=name,
        name=name,
        email=f"{name}@example.com",
        phone="+44 1",
        starts_at=None,
        ends_at=NOW,
        following="",
        seen_at=at,
        changed_at=at,
        replaced="",
    )


def test_the_first_answer_is_no_change() -> None:
    """Where nothing was known, nobody has taken over from anybody."""
    found = (duty(1, "ann"), duty(2, "bob"))
    assert compared(found, ()) == (found, frozenset())


def test_who_stays_keeps_since_when() -> None:
    """The same people again: a newer look, the same beginning."""
    people, changed = compared((duty(1, "ann", NOW),), (replace(duty(1, "ann"), replaced="eve"),))
    assert changed == frozenset()
    assert (people[0].seen_at, people[0].changed_at, people[0].replaced) == (NOW, EARLIER, "eve")


def test_a_level_changes_hands() -> None:
    """Only the level of which somebody else is in charge has changed; a second person beside the first is a change, too."""
    before = (duty(1, "ann"), duty(2, "bob"))
    people, changed = compared((duty(1, "eve", NOW), duty(2, "bob", NOW)), before)
    assert changed == {1}
    assert [(one.name, one.replaced, one.changed_at) for one in people] == [("eve", "ann", NOW), ("bob", "", EARLIER)]
    assert compared((duty(1, "ann", NOW), duty(1, "eve", NOW)), (duty(1, "ann"),))[1] == {1}
    assert compared((duty(1, "ann", NOW),), (duty(1, "ann"), duty(1, "eve")))[1] == frozenset()


def test_numbers_say_when_they_were_true() -> None:
    """They stand on cards for hours; a shift that has ended since is marked."""
    (line,) = numbers([duty(1, "ann")], NOW)
    assert line.title == "On-call engineer: ann"
    assert line.text == "+44 1, as of 02 Mar 08:00 UTC, whose shift has ended since"
    (line,) = numbers([replace(duty(1, "ann"), phone="", ends_at=None)], NOW)
    assert line.text == "no number is known, as of 02 Mar 08:00 UTC"
    assert is_over(duty(1, "ann"), NOW)
    assert not is_over(duty(1, "ann"), EARLIER)
    assert (rung(3), rung(7)) == ("CTO", "Level 7")
