"""The stand-ins of all vendors on one address, and a bot's health service pointed at them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from aiohttp import web

from bot.health.check import Health, Report
from bot.health.checks import build_health
from bot.providers import Providers, build_providers
from bot.settings import Settings
from sandbox.faults import Faults
from sandbox.vendors import every_vendor
from sandbox.vendors.vendor import Vendor
from sandbox.world import CREDENTIALS, World


@dataclass(frozen=True, kw_only=True)
class Company:
    """The whole breakable company, as the bot sees it."""

    world: World
    faults: Faults
    vendors: dict[str, Vendor]
    settings: Settings
    providers: Providers
    http: httpx.AsyncClient
    health: Health

    async def report(self) -> Report:
        """A report of now."""
        return await self.health.report(fresh=True)

    def bot_with(self, **sections: dict[str, Any]) -> Health:
        """The health service of a bot with some settings changed."""
        given = self.settings.model_dump()
        for section, values in sections.items():
            given[section] |= values
        settings = Settings(**given)
        return build_health(settings, build_providers(settings, lambda: self.http), None, self.world.clock.now)

    def switch(self, vendor: str, name: str, option: str) -> None:
        """Put a vendor's switch."""
        self.vendors[vendor].set_switch(name, option)

    def calls(self, vendor: str) -> list[str]:
        """The calls that a vendor has had, by name."""
        return [logged.call for logged in self.vendors[vendor].log]

    def heal(self) -> None:
        """Everything is well again, and nothing has been asked yet."""
        self.faults.clear()
        self.world.maintenance = False
        for vendor in self.vendors.values():
            for switch in vendor.switches:
                if vendor.state[switch.name] != switch.options[0]:
                    vendor.set_switch(switch.name, switch.options[0])
            vendor.log.clear()


def settings_for(url: str) -> dict[str, Any]:
    """The settings of a bot whose vendors are all at one address, without waiting and without caches."""
    keys = {
        section: {
            name.partition(".")[2]: value for name, value in CREDENTIALS.items() if name.startswith(f"{section}.")
        }
        for section in ("vercel", "supabase", "stripe", "openai", "uptimerobot", "sentry")
    }
    keys["stripe"].pop("webhook_secret")
    page = f"{url}/status_pages/{{}}/api/v2/summary.json"
    return {
        "site": {"url": f"{url}/site"},
        "vercel": keys["vercel"] | {"base_url": f"{url}/vercel"},
        "supabase": keys["supabase"] | {"url": f"{url}/supabase", "management_url": f"{url}/supabase_management"},
        "stripe": keys["stripe"] | {"base_url": f"{url}/stripe"},
        "openai": keys["openai"] | {"base_url": f"{url}/openai", "slow_seconds": 10},
        "uptimerobot": keys["uptimerobot"] | {"base_url": f"{url}/uptimerobot/v3", "cache_seconds": 0},
        "sentry": keys["sentry"] | {"base_url": f"{url}/sentry"},
        "status_pages": {name: page.format(name) for name in ("vercel", "supabase", "stripe", "openai")}
        | {"slack": f"{url}/status_pages/slack/api/v2.0.0/current", "cache_seconds": 0},
        "status": {"probe_timeout_seconds": 10, "slow_seconds": 10, "cache_seconds": 0},
    }


@pytest.fixture(scope="module")
async def standing() -> AsyncIterator[Company]:
    """One company for all tests of a file: its books take a while to write."""
    world, faults = World(), Faults()
    world.rate_limits = False
    vendors = every_vendor(world, faults)
    application = web.Application()
    for vendor in vendors.values():
        vendor.add_routes(application.router)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = Settings(**settings_for(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    async with httpx.AsyncClient() as http:
        providers = build_providers(settings, lambda: http)
        providers.load()
        health = build_health(settings, providers, None, world.clock.now)
        yield Company(
            world=world,
            faults=faults,
            vendors=vendors,
            settings=settings,
            providers=providers,
            http=http,
            health=health,
        )
        await health.close()
    for vendor in vendors.values():
        vendor.close()
    await runner.cleanup()


@pytest.fixture
def company(standing: Company) -> Company:
    """A company in good health."""
    standing.heal()
    health = build_health(standing.settings, standing.providers, None, standing.world.clock.now)
    return replace(standing, health=health)
