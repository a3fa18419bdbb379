"""The sections that records fill: each a table or a list, each figure with where it comes from.

[pure]
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from bot.ages import exact
from bot.incidents.figures import METRICS, measured, with_defaults
from bot.markdown import bullets, link, minute, plain, stamp, table
from bot.postmortem.facts import Allowed, Facts, Figure, Item

_EARLIER: Final = timedelta(minutes=10)
"""Before it was noticed: the time of an example."""
NOT_TOLD: Final = ("clock", "set_up")
"""Kinds of entries that nobody of the people made."""
SAID: Final = {"update": "thread and channel", "status_page": "status page"}


def impact(facts: Facts) -> str:
    """What it did, in the numbers of the product and its vendors; and how long it was how grave."""
    since, until = facts.measured.since, facts.measured.until
    said = f"Counted from {stamp(since)} to {stamp(until)} UTC, {exact(until - since)}."
    if all(one.name != "started" for one in facts.reached):
        said += (
            " When it began nobody has said, so that it is counted from when it was noticed: "
            f"`/ilab incident milestone {facts.label.split()[-1]} started {since - _EARLIER:%H:%M} --reason …` says it."
        )
    if facts.drill:
        said += " DRILL: nothing real was hit, so nothing was measured."
    rows = [
        (f"Time as {one.severity}", exact(one.lasted), f"audit, row {one.row}", stamp(one.until))
        for one in facts.spells
    ]
    rows += [(plain(one.name), _value(one), plain(one.source), stamp(one.at)) for one in facts.measured.figures]
    return f"{said}\n\n{table(('What', 'How much', 'Source', 'Measured (UTC)'), rows)}"


def _value(figure: Figure) -> str:
    return f"could not measure: {plain(figure.unknown)}" if figure.unknown else f"**{plain(figure.value)}**"


def detection(facts: Facts) -> str:
    """Who or what noticed it first, and how long that took."""
    known = {one.name: one.at for one in facts.reached}
    lines = []
    if facts.signals:
        first = min(facts.signals, key=lambda one: one.first_at)
        lines.append(
            f"First noticed by alert {first.number} of {plain(first.vendor)}, at {stamp(first.first_at)} UTC: "
            f"{link(first.title, first.link)}"
        )
    else:
        lines.append("No alert belongs to it: a person noticed first.")
    declared = known.get("declared")
    if declared is not None:
        who = "an alert, by its rule" if facts.source == "alert" else plain(facts.declared_by)
        lines.append(f"Declared by {who} at {stamp(declared)} UTC")
    took = measured(known).get("Time to detect")
    if took is not None and "started" in known:
        lines.append(f"From its beginning to being noticed: {exact(took)}")
    else:
        lines.append("How long it went unnoticed could not be measured: nobody has said when it began")
    if not facts.signals:
        return bullets(lines)
    rows = [
        (
            str(one.number),
            plain(one.vendor),
            link(one.title, one.link),
            stamp(one.first_at),
            stamp(one.ended_at) if one.ended_at else "fires on",
            str(one.count),
        )
        for one in sorted(facts.signals, key=lambda one: one.first_at)
    ]
    heads = ("Alert", "From", "What", "First (UTC)", "Ended (UTC)", "Times")
    return f"{bullets(lines)}\n\n{table(heads, rows)}"


def times(facts: Facts) -> str:
    """Every time as the difference of two milestones, the milestones with their corrections, and what was allowed."""
    known = with_defaults({one.name: one.at for one in facts.reached})
    said = {one.name for one in facts.reached}
    taken = measured({one.name: one.at for one in facts.reached})
    rows: list[tuple[str, ...]] = []
    for metric in METRICS:
        name = f"{metric.name} ({metric.short})" if metric.short else metric.name
        both = (metric.until, metric.since)
        missing = next((one.value for one in both if one not in known), "")
        if not missing and not said & set(both):  # one stands for both: no time lies between
            missing = metric.since.value
        if missing:
            rows.append((name, f"could not measure: nobody recorded “{missing}”", "", ""))
            continue
        ends = (
            f"{one.value}, {stamp(known[one])}" + ("" if one in said else " (taken for it)") for one in reversed(both)
        )
        rows.append((name, f"**{exact(taken[metric.name])}**", *ends))
    parts = [table(("Time", "Took", "From (UTC)", "To (UTC)"), rows)]
    if facts.allowed:
        parts.append(table(("Step", "Allowed", "Took", ""), [_against(one) for one in facts.allowed]))
    corrected = [one for one in facts.reached if one.reason]
    reached = [
        (
            one.name,
            stamp(one.at),
            plain(one.by),
            (f"{plain(one.reason)}; before, {stamp(one.before)}" if one.before else plain(one.reason)),
        )
        for one in sorted(facts.reached, key=lambda one: one.at)
    ]
    heads = ("Milestone", "UTC", "Recorded by", "Corrected, and why" if corrected else "")
    return "\n\n".join([*parts, table(heads, reached)])


def _against(step: Allowed) -> tuple[str, ...]:
    if step.took is None:
        return (step.step, exact(step.allowed), "never reached", "")
    late = step.took - step.allowed
    return (
        step.step,
        exact(step.allowed),
        exact(step.took),
        f"**{exact(late)} late**" if late > timedelta(0) else "in time",
    )


def suspects(facts: Facts) -> str:
    """What changed before it and during it: candidates, and nothing more."""
    began = facts.measured.since
    parts = []
    if facts.measured.suspects:
        parts.append("Candidates for a trigger; that something changed before does not make it the cause.")
        rows = [
            (stamp(one.at), _distance(one.at, began), plain(one.title), plain(one.text))
            for one in sorted(facts.measured.suspects, key=lambda one: one.at)
        ]
        parts.append(table(("UTC", "Against its beginning", "What", ""), rows))
    elif not facts.measured.suspects_unknown:
        parts.append(
            "Nothing changed in that time that I can see: no deployment, no move, no migration, nothing through me."
        )
    if facts.measured.suspects_unknown:
        parts.append(bullets(f"could not check: {plain(one)}" for one in facts.measured.suspects_unknown))
    return "\n\n".join(parts)


def _distance(at: datetime, began: datetime) -> str:
    return f"{exact(began - at)} before" if at < began else f"{exact(at - began)} after"


def timeline(facts: Facts) -> str:
    """What happened, by the clock."""
    rows = [
        (stamp(one.at), plain(one.who), plain(one.said), link("message", one.link) if one.link else "")
        for one in facts.timeline
    ]
    return table(("UTC", "Who", "What", "Link"), rows) if rows else "Nothing was recorded."


def responders(facts: Facts) -> str:
    """Who had which part, who did how much, who was paged, and when somebody had it."""
    did = Counter(one.who for one in facts.timeline if one.kind not in NOT_TOLD and one.who != "ilab")
    parts = {who: part for part, who in facts.roles.items()}
    people = [*facts.roles.values(), *(who for who, _ in did.most_common() if who not in parts)]
    rows = [(plain(who), parts.get(who, ""), str(did[who])) for who in dict.fromkeys(people)]
    said = [
        table(("Person", "Part", "Entries in the timeline"), rows) if rows else "Nobody did anything that was recorded."
    ]
    measured_ = facts.measured
    if facts.drill:
        said.append("Nobody was paged: it was a drill.")
    elif measured_.pages_unknown:
        said.append(f"Who was paged could not be checked: {plain(measured_.pages_unknown)}")
    elif measured_.pages:
        pages = [(stamp(one.at), plain(one.who), one.what) for one in measured_.pages]
        said.append(f"By PagerDuty's own log:\n\n{table(('UTC', 'Who', 'What'), pages)}")
    else:
        said.append("PagerDuty's log has no page for it: nobody was paged.")
    return "\n\n".join(said)


def actions(facts: Facts) -> str:
    """What was asked for because of it, who approved, and what came of it."""
    if not facts.actions:
        return "Nothing was asked for through me because of it."
    rows = [
        (
            str(one.number),
            plain(one.what),
            f"{plain(one.asked_by)}, {stamp(one.asked_at)}",
            ", ".join(plain(who) for who in one.approved_by) or ("break-glass" if one.glass_by else "nobody needed to"),
            stamp(one.ended_at) if one.ended_at else "",
            ": ".join(part for part in (f"**{plain(one.state)}**", plain(one.result), plain(one.reason)) if part),
        )
        for one in facts.actions
    ]
    return table(("Request", "What", "Asked by (UTC)", "Approved by", "Ended (UTC)", "Result"), rows)


def communications(facts: Facts) -> str:
    """What was said to those who wait, and the longest silence."""
    said = [one for one in facts.timeline if one.kind in SAID]
    parts = []
    if facts.silence is not None and facts.silence.took is not None:
        late = facts.silence.took > facts.silence.allowed
        verdict = "longer than allowed" if late else "as allowed"
        parts.append(
            f"The longest time without a word: {exact(facts.silence.took)} ({verdict}: {exact(facts.silence.allowed)})."
        )
    if not said:
        return "\n\n".join([*parts, "No update was given, and nothing was published."])
    rows = [(stamp(one.at), plain(one.who), SAID[one.kind], plain(one.said)) for one in said]
    return "\n\n".join([*parts, table(("UTC", "Who", "Where", "What"), rows)])


def items(facts: Facts) -> str:
    """What is to be done so that it does not happen again, or goes better."""
    if not facts.items:
        return "None yet: `/ilab incident task` adds one, with an owner and a date."
    return table(("Task", "What", "Owner", "Due (UTC)", "State", "So as to"), [_item(one) for one in facts.items])


def _item(item: Item) -> tuple[str, ...]:
    return (
        str(item.number),
        plain(item.said),
        plain(item.owner) or "**nobody**",
        minute(item.due_at) if item.due_at else "**no date**",
        item.state,
        item.kind,
    )


def evidence(facts: Facts) -> str:
    """Where all of it can be checked."""
    lines = []
    if facts.proof is not None:
        rows = facts.proof.rows
        span = f"rows {rows[0]} to {rows[-1]} ({len(rows)} of them are about it)" if rows else "no row is about it"
        lines.append(
            f"Audit: {span}; its chain ended at row {facts.proof.head}, hash `{facts.proof.hash}`: `ilab audit verify`"
        )
    if facts.actions:
        lines.append(f"Requests: {', '.join(str(one.number) for one in facts.actions)}: `/ilab approvals`")
    lines.append(f"Timeline: {len(facts.timeline)} entries count: `/ilab incident timeline {facts.label.split()[-1]}`")
    if facts.log is None:
        lines.append("Server log at its beginning: was not saved")
    else:
        when = f" (saved {stamp(facts.log.at)} UTC)" if facts.log.at else ""
        lines.append(f"Server log at its beginning{when}: {plain(facts.log.said)}")
        lines += [f"  - `{one.replace('`', ' ')}`" for one in facts.log.lines]
    return "\n".join(line if line.startswith("  ") else f"- {line}" for line in lines)


def new_rows(before: str, now: str) -> str:
    """Of a table that only grows, the rows that were not there before, under its head; empty where there are none."""
    known = set(before.splitlines())
    rows = [line for line in now.splitlines() if line.startswith("| ")]
    fresh = [line for line in rows if line not in known]
    if not fresh:
        return ""
    if not any(line in known for line in rows):  # it had no table before
        return now
    return "\n".join((rows[0], f"|{'---|' * (rows[0].count(' | ') + 1)}", *fresh))
