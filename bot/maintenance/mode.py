"""The site's maintenance page: switched, and then *seen* on the site, as a customer sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bot.context import Services
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.operation import Execution, Line, Offer, Outcome, Plan

if TYPE_CHECKING:
    from bot.providers.site import Site
    from bot.providers.vercel_config import VercelConfig

FLAG: Final = "maintenance_mode"
MESSAGE: Final = "maintenance_message"
LOOK_EVERY: Final = 1.0
"""Real seconds between two looks at the site."""
USUAL: Final = "We are improving InterviewLab. Back soon."

Say = Callable[[str], Awaitable[None]]


def config_of(services: Services) -> VercelConfig:
    """Where the flag is. Raises NotConfiguredError where the settings do not say."""
    config = services.vendors().vercel_config
    if config is None:
        raise NotConfiguredError("I do not know where the maintenance flag is.", todo="Set `ILAB_VERCEL__CONFIG_ID`.")
    return config


def _site(services: Services) -> Site:
    site = services.vendors().site
    if site is None:
        raise NotConfiguredError(
            "I do not know the site, and could not see whether it obeys.", todo="Set `ILAB_SITE__URL`."
        )
    return site


async def plan(services: Services, *, on: bool, message: str) -> Plan:
    """What will be switched. Raises UserError where it is so already."""
    items = await config_of(services).items()
    shown = (await _site(services).home()).maintenance
    if items.get(FLAG) is on and shown is on and (not on or not message or items.get(MESSAGE) == message):
        raise UserError(f"The site {'shows' if on else 'does not show'} its maintenance page already.")
    said = message or USUAL
    effect = f"close the site: everybody reads “{said}”" if on else "open the site again"
    return Plan(
        effect=effect,
        lines=(
            Line(title="Now", text="closed for maintenance" if shown else "open"),
            Line(title="Then", text=effect),
            Line(title="Undo", text=f"`/ilab maintenance {'off' if on else 'on'}`, in seconds"),
        ),
        decides={"on": on, "message": said if on else "", "was": bool(items.get(FLAG))},
    )


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    now = bool((await config_of(services).items()).get(FLAG))
    return "" if now == decides["was"] else f"The flag is {'on' if now else 'off'} now: somebody switched it."


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """It is switched, and seen. Run again, it writes only what is not so yet."""
    on = bool(decides["on"])
    await switch(execution.services, on=on, message=decides["message"], say=execution.progress)
    offers = (
        (Offer(label="Open the site…", words="maintenance off"),)
        if on
        else (Offer(label="Status", words="status --fresh"),)
    )
    said = "the site shows its maintenance page" if on else "the site is open again"
    return Outcome(succeeded=True, said=f"{said}, as seen there", offers=offers)


async def switch(services: Services, *, on: bool, message: str, say: Say) -> None:
    """The flag is so, and the site was seen to obey. Raises ProviderError where it does not in the time that it is given."""
    config, site = config_of(services), _site(services)
    wanted = {FLAG: on, MESSAGE: message if on else ""}
    items = await config.items()
    if any(items.get(key) != value for key, value in wanted.items()):
        await config.write(wanted)
        await say("The flag is written; now the site must obey.")
    seconds = services.settings.maintenance.seen_within_seconds
    for _ in range(max(1, round(seconds / LOOK_EVERY))):
        try:
            if (await site.home()).maintenance is on:
                return
        except ProviderError as error:
            await say(f"The site cannot be looked at: {error.what}")
        await asyncio.sleep(LOOK_EVERY)
    state = "does not show its maintenance page" if on else "still shows its maintenance page"
    raise ProviderError(
        f"The flag is {'on' if on else 'off'}, and the site {state}, {seconds:g} s later.",
        provider="the site",
        kind="timeout",
        todo="Look at the site, and at the deployment that reads the flag.",
    )
