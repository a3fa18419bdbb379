"""Why questions are slow or do not come: OpenAI itself, our limits there, the time-outs, and the prompts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.diagnosis.chain import Link, Unchecked, link_of, unchecked
from bot.diagnosis.interview import MAINTENANCE
from bot.diagnosis.looking import Looking, lacking, shared
from bot.operation import Mark, Offer

if TYPE_CHECKING:  # the clients import httpx and the database's driver
    from bot.context import Context
    from bot.health.readings import Reading
    from bot.providers.openai import Generation
    from bot.providers.vercel_logs import VercelLogs
    from bot.settings import OpenAISettings

LOGGED: Final = timedelta(hours=1)
FEW: Final = 3
"""So many refusals or time-outs in an hour are no accident any more."""
_LIMITED: Final = re.compile(r"\b429\b|rate.?limit", re.IGNORECASE)
_TIMED_OUT: Final = re.compile(r"timed? ?out|ETIMEDOUT", re.IGNORECASE)
_OURS: Final = re.compile(r"openai|gpt-|/api/interview", re.IGNORECASE)
_WAIT: Final = "Wait 60 s and look again; if it stays, raise the tier: platform.openai.com, Settings → Limits."
_SHORTEN: Final = "Make the prompts more concise."


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """What the site's server wrote of OpenAI in the last hour. `more`: not all of it was read."""

    limited: int
    timed_out: int
    more: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was found out. `most_seconds` is the product's own time-out, `long_chars` a long prompt."""

    page: Reading | Unchecked
    generation: Generation | Unchecked
    log: Logged | Unchecked
    turns: Mapping[str, Any] | Unchecked
    slow_seconds: float
    most_seconds: float
    long_chars: int


async def look(context: Context) -> Facts:
    """Ask everybody at once, and once for all who ask: one short generation costs a little."""
    services = context.services
    vendors, product = services.vendors(), services.product
    openai, logs = vendors.openai, vendors.vercel_logs
    settings = services.settings.openai
    async with Looking(context.progress) as looking:
        readings = looking.at(services.health().some("page.openai"))
        generation = looking.at(
            shared(services, "openai.generation", openai.generate) if openai else lacking("ILAB_OPENAI__API_KEY")
        )
        log = looking.at(
            shared(services, "server.openai", functools.partial(_logged, logs, services.now()))
            if logs
            else lacking("ILAB_VERCEL__TOKEN")
        )
        turns = looking.at(product.fetch("generation") if product else lacking("ILAB_PRODUCT__DATABASE_URL"))
    pages, rows = readings.found, turns.found
    return Facts(
        page=pages if isinstance(pages, Unchecked) else pages["page.openai"],
        generation=generation.found,
        log=log.found,
        turns=rows if isinstance(rows, Unchecked) else rows[0],
        **_limits(settings),
    )


def _limits(settings: OpenAISettings | None) -> Any:
    return {
        "slow_seconds": settings.slow_seconds if settings else 3.0,
        "most_seconds": settings.product_timeout_seconds if settings else 30.0,
        "long_chars": settings.long_prompt_chars if settings else 8000,
    }


async def _logged(logs: VercelLogs, now: datetime) -> Logged:
    found = await logs.search(since=now - LOGGED, until=now, levels=("warning", "error", "fatal"))
    said = [line.message for line in found.lines if _OURS.search(f"{line.message} {line.path}")]
    return Logged(
        limited=sum(bool(_LIMITED.search(text)) for text in said),
        timed_out=sum(bool(_TIMED_OUT.search(text)) for text in said),
        more=found.more,
    )


# What follows is pure: facts in, links out.


def links(facts: Facts) -> tuple[Link, ...]:
    """The chain, from OpenAI to the prompts."""
    return (
        page(facts.page),
        generation(facts.generation, facts.slow_seconds),
        limits(facts.generation, facts.log, facts.turns),
        time_outs(facts),
        prompts(facts),
    )


def page(reading: Reading | Unchecked) -> Link:
    """What OpenAI says of itself."""
    found = link_of(reading, "OpenAI's status page", breaks=True)
    if found.mark is not Mark.DOWN:
        return found
    return Link(
        title=found.title,
        text=found.text,
        mark=found.mark,
        broke=found.broke,
        at=found.at,
        todo="Wait until OpenAI has recovered, or show the maintenance message meanwhile.",
        offers=(Offer(label="Maintenance on…", words=MAINTENANCE, style="danger"),),
    )


def generation(found: Generation | Unchecked, slow: float) -> Link:
    """Whether one short answer comes, and how fast."""
    title = "One generation now"
    if isinstance(found, Unchecked):
        if found.kind == "rate_limited":
            broke = "OpenAI refuses us now: too many requests (429)"
            return Link(title=title, text=found.why, mark=Mark.DOWN, broke=broke, todo=_WAIT)
        if found.kind in ("unauthorized", "not_found"):
            todo = "Look at `ILAB_OPENAI__API_KEY` and `ILAB_OPENAI__MODEL`; the product uses a key of its own."
            return Link(title=title, text=found.why, mark=Mark.DEGRADED, broke=found.why, todo=todo)
        if not found.down:
            return unchecked(title, found)
        todo = "Wait until OpenAI has recovered, or show the maintenance message meanwhile."
        offers = (Offer(label="Maintenance on…", words=MAINTENANCE, style="danger"),)
        return Link(
            title=title, text=found.why, mark=Mark.DOWN, broke=f"OpenAI fails: {found.why}", todo=todo, offers=offers
        )
    text = f"{found.seconds:.1f} s with {found.model}"
    if found.seconds > slow:
        broke = f"OpenAI is slow: {found.seconds:.1f} s for a few words (over {slow:g} s)"
        return Link(title=title, text=text, mark=Mark.DEGRADED, broke=broke, todo="Wait: it is on their side.")
    return Link(title=title, text=text, mark=Mark.OK)


def limits(now: Generation | Unchecked, log: Logged | Unchecked, turns: Mapping[str, Any] | Unchecked) -> Link:
    """Whether we are at our limits there: what is left now, and the 429s of the last hour."""
    title = "Rate limits"
    counted = [
        (f"{log.limited} in the server's log{_more(log)}", log.limited) if not isinstance(log, Unchecked) else None,
        (f"{turns['limited']} among the questions", turns["limited"]) if not isinstance(turns, Unchecked) else None,
    ]
    known = [one for one in counted if one is not None]
    left = ""
    if not isinstance(now, Unchecked) and now.limit and now.left is not None:
        left = f"; {now.left:,} of {now.limit:,} requests left this minute"
    said = f"429s in the last hour: {', '.join(text for text, _ in known) or 'not known'}{left}"
    most = max((count for _, count in known), default=0)
    if most >= FEW:
        broke = f"OpenAI has refused {most} requests of the last hour as too many (429)"
        return Link(title=title, text=said, mark=Mark.DOWN, broke=broke, todo=_WAIT)
    scarce = bool(left) and not isinstance(now, Unchecked) and (now.left or 0) * 10 < (now.limit or 0)
    if most or scarce:
        return Link(
            title=title, text=said, mark=Mark.DEGRADED, broke=f"we are near our limits at OpenAI ({said})", todo=_WAIT
        )
    if isinstance(log, Unchecked):
        return unchecked(title, log)
    return Link(title=title, text=said, mark=Mark.OK)


def time_outs(facts: Facts) -> Link:
    """Whether questions run into the product's own time-out; one or two an hour are no more than said."""
    title = "Time-outs"
    log, turns = facts.log, facts.turns
    if isinstance(turns, Unchecked):
        return unchecked(title, turns)
    logged = 0 if isinstance(log, Unchecked) else log.timed_out
    written = "" if isinstance(log, Unchecked) else f", {log.timed_out} in the server's log{_more(log)}"
    p95 = f", P95 {turns['p95_ms'] / 1000:.1f} s" if turns["p95_ms"] is not None else ""
    said = f"{turns['timed_out']} of {turns['turns']} questions of the last hour{written}{p95}"
    if max(turns["timed_out"], logged) >= FEW:
        todo = "" if _explained(facts) else _raise(facts)
        return Link(title=title, text=said, mark=Mark.DOWN, broke=f"questions time out: {said}", todo=todo)
    if turns["p95_ms"] is not None and turns["p95_ms"] > 700 * facts.most_seconds:
        broke = f"questions take nearly as long as the time-out of {facts.most_seconds:g} s allows{p95}"
        return Link(title=title, text=said, mark=Mark.DEGRADED, broke=broke, todo=_raise(facts))
    well = turns["turns"] and not turns["timed_out"] and not logged
    return Link(title=title, text=said, mark=Mark.OK if well else Mark.NONE)


def _raise(facts: Facts) -> str:
    return f"Raise the time-out in `lib/openai.ts`, {facts.most_seconds:g} s now, and deploy."


def _explained(facts: Facts) -> bool:
    """Whether something else than a short time-out explains them: then raising it only makes people wait longer."""
    return any(
        link.mark is Mark.DOWN
        for link in (
            page(facts.page),
            generation(facts.generation, facts.slow_seconds),
            limits(facts.generation, facts.log, facts.turns),
            prompts(facts),
        )
    )


def prompts(facts: Facts) -> Link:
    """Whether prompts are long, and whether it is the long ones that fail."""
    title, turns = "Prompt lengths", facts.turns
    if isinstance(turns, Unchecked):
        return unchecked(title, turns)
    if turns["p95_chars"] is None:
        return Link(title=title, text="no question in the last hour")
    said = f"P95 {turns['p95_chars']:,.0f} characters, the longest {turns['longest_chars']:,}"
    failed, answered = turns["timed_out_chars"], turns["answered_chars"]
    if turns["timed_out"] >= FEW and failed is not None and answered is not None and failed > 1.5 * float(answered):
        broke = (
            f"it is the long prompts that time out ({failed:,.0f} characters on average, the others {answered:,.0f})"
        )
        return Link(title=title, text=said, mark=Mark.DOWN, broke=broke, todo=_SHORTEN)
    if turns["p95_chars"] > facts.long_chars:
        broke = f"prompts are long ({said}; long is over {facts.long_chars:,})"
        return Link(title=title, text=said, mark=Mark.DEGRADED, broke=broke, todo=_SHORTEN)
    return Link(title=title, text=said, mark=Mark.OK)


def _more(log: Logged) -> str:
    return " as far as it was read" if log.more else ""
