"""What the records say of how it went, for people to begin with: facts, never a judgement of why.

[pure]
"""

from __future__ import annotations

from datetime import timedelta

from bot.ages import exact
from bot.markdown import plain
from bot.postmortem.facts import Facts


def of(facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was in time and worked, and what was late or did not."""
    parts = (_steps(facts), _noticing(facts), _actions(facts))
    return tuple(one for well, _ in parts for one in well), tuple(one for _, badly in parts for one in badly)


def _steps(facts: Facts) -> tuple[list[str], list[str]]:
    well: list[str] = []
    badly: list[str] = []
    for step in facts.allowed:
        took = f"after {exact(step.took)}" if step.took is not None else "never recorded"
        kind = badly if step.took is None or step.took > step.allowed else well
        kind.append(f"{step.step}: {took}; {exact(step.allowed)} were allowed.")
    silence = facts.silence
    if silence is not None and silence.took is not None and silence.took > silence.allowed:
        badly.append(f"Nothing was said for {exact(silence.took)}; {exact(silence.allowed)} are allowed.")
    lapsed = sum(one.kind == "clock" and "counts no more" in one.said for one in facts.timeline)
    if lapsed:
        badly.append(f"An acknowledgement lapsed {lapsed} time{'s' if lapsed > 1 else ''}.")
    return well, badly


def _noticing(facts: Facts) -> tuple[list[str], list[str]]:
    unknown = [plain(one.name) for one in facts.measured.figures if one.unknown]
    badly = [f"Could not be measured: {', '.join(unknown)}."] if unknown else []
    if not facts.signals:
        return [], ["No alert belongs to it.", *badly]
    first = min(one.first_at for one in facts.signals)
    if first <= facts.measured.since + timedelta(minutes=1):
        return ["An alert noticed it within a minute of its beginning."], badly
    return [], badly


def _actions(facts: Facts) -> tuple[list[str], list[str]]:
    said = {one.number: f"Request {one.number}, {plain(one.what)}: {one.state}." for one in facts.actions}
    well = [said[one.number] for one in facts.actions if one.state == "succeeded"]
    return well, [said[one.number] for one in facts.actions if one.state in ("failed", "unknown")]
