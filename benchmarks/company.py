"""A whole company for the bot to look after: the sandbox's workspace and vendors, the product's database, and the bot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.ground import BOT, Ground, program
from sandbox.product import ProductDatabase, company_of, seed
from sandbox.server import Config, Sandbox

PERSON = "alice"
CHANNEL = "incidents"


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """The sandbox, in this process, and what points a bot at it."""

    sandbox: Sandbox
    settings: dict[str, str]
    ground: Ground

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[int]:
        """The bot serves, in a process of its own, until the block ends; yields its pid."""
        async with program(BOT, self.settings, log=self.ground.directory / "company.log") as process:
            await self.sandbox.workspace.socket.wait_for_connections(limit=30)
            yield process.pid

    async def ask(self, text: str, *, seconds: float = 30) -> float:
        """Type a command and wait for the answer; return the seconds until it stands in the channel."""
        workspace = self.sandbox.workspace
        person, channel = self.sandbox.world.person(PERSON).id, workspace.channel(CHANNEL)
        before = self._seen(channel)
        begun = time.perf_counter()
        outcome = await workspace.say(person, channel.id, text)
        if not outcome.ok:
            raise RuntimeError(f"{text} was not acked: {outcome.error}")
        async with asyncio.timeout(seconds):
            while self._seen(channel) == before:
                await asyncio.sleep(0.002)  # the workspace tells nobody of what only one person sees
        return time.perf_counter() - begun

    @staticmethod
    def _seen(channel: Any) -> int:
        return len(channel.messages) + len(channel.ephemerals)


@asynccontextmanager
async def company(ground: Ground) -> AsyncIterator[Company]:
    """Everything but the bot runs."""
    own = await ground.database("own")
    product = await ground.database("product", migrated=False)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox.running(Config(rate_limits=False)))
        await asyncio.to_thread(seed.create, product, sandbox.world.clock.now(), size=200)
        database = await ProductDatabase(product).open()
        stack.push_async_callback(database.close)
        await company_of(sandbox.world).attach(database)
        settings = sandbox.bot_environment() | {
            "ILAB_DATABASE_URL": own,
            "ILAB_PRODUCT__DATABASE_URL": product,
            "ILAB_DATA_DIR": str(ground.directory / "company"),
            "ILAB_STATUS__CACHE_SECONDS": "0",
            "ILAB_STATUS_PAGES__CACHE_SECONDS": "0",
            "ILAB_UPTIMEROBOT__CACHE_SECONDS": "0",
        }
        yield Company(sandbox=sandbox, settings=settings, ground=ground)
