"""All checks at once, each with its own time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from bot.bounded import bounded
from bot.doctor.findings import Finding, Found, State, evidence, refused, unknown, verdict
from bot.errors import ProviderError, UserError
from bot.operation import Answer, Audience, Offer

if TYPE_CHECKING:  # they import drivers and clients
    from bot.context import Now
    from bot.product import ProductDatabase
    from bot.providers import Providers
    from bot.settings import Settings
    from bot.store.database import Database

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.doctor")

LIMIT: Final = 8.0
"""Seconds of real time that one check may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What is examined. `database` is None where no bot has run yet; `heard` where the question came in by Slack."""

    settings: Settings
    vendors: Providers
    product: ProductDatabase | None
    database: Database | None
    now: Now
    heard: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing to look at. `run` is None where the settings lack it: then `setting` says what to set."""

    title: str
    group: str
    run: Callable[[], Awaitable[Found]] | None
    fix: str = ""
    """What to do where a call is refused."""
    setting: str = ""


async def examine(ground: Ground, *, again: str = "") -> Answer:
    """What is set up as it must be, and the exact fix of what is not. `again` are the words that look once more."""
    from bot.doctor import databases, slack, vendors, webhooks  # noqa: PLC0415 -- they import drivers and clients

    async with slack.checks(ground) as of_slack:
        checks = (*of_slack, *vendors.checks(ground), *webhooks.checks(ground), *databases.checks(ground))
        findings = await _findings(checks)
    said, mark = verdict(findings)
    return Answer(
        verdict=said,
        mark=mark,
        evidence=evidence(findings),
        offers=(Offer(label="Look again", words=again, replaces=True),) if again else (),
        section="Alert Configuration",
        audience=Audience.PRIVATE,
        at=ground.now(),
    )


async def _findings(checks: Sequence[Check]) -> list[Finding]:
    found = await asyncio.gather(*(_found(check) for check in checks))
    return [Finding(title=check.title, group=check.group, found=one) for check, one in zip(checks, found, strict=True)]


async def _found(check: Check) -> Found:
    if check.run is None:
        return Found(state=State.NOT_CONFIGURED, said=f"set {check.setting}")
    try:
        return await bounded(check.run(), LIMIT)
    except TimeoutError:
        return unknown(f"no answer within {LIMIT:g} s", "ask again")
    except ProviderError as error:
        return refused(error, check.fix)
    except UserError as error:
        return unknown(error.what.rstrip("."), error.todo.rstrip("."))
    except Exception:  # one check's fault must neither stop the others nor be swallowed
        log.exception("doctor.fault", check=check.title)
        return unknown("our own check failed", "look in the log for doctor.fault")
