"""A workspace and a company on databases of their own, for a story to be played in; no bot yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from storytelling import Story

from bot.docs import completions
from bot.store.embedded import EmbeddedServer
from sandbox.databases import DatabaseProxy
from sandbox.product import ProductDatabase, company_of
from sandbox.server import Config, Sandbox
from sandbox.world import World


@asynccontextmanager
async def staged(
    directory: Path, server: EmbeddedServer, *, own: str, product: str, watched: bool = False
) -> AsyncIterator[Story]:
    """The stage, with two databases of the server behind switches; `watched`: their commits are told as writes."""
    world = World()
    async with AsyncExitStack() as stack:
        proxies = {}
        for name, dbname in (("own", own), ("product", product)):
            proxy = DatabaseProxy(
                directory / name,
                upstream=server.socket_directory,
                dbname=dbname,
                name=name,
                writes=world.writes if watched else None,
            )
            proxies[name] = await stack.enter_async_context(proxy)
        config = Config(completions=completions(), rate_limits=False, retry_seconds=(0.1, 0.5, 1.0))
        sandbox = await stack.enter_async_context(Sandbox.running(config, world=world, databases=proxies))
        database = await ProductDatabase(server.conninfo(product)).open()
        stack.push_async_callback(database.close)
        await company_of(world).attach(database)
        async with AsyncExitStack() as bots:
            yield Story(
                sandbox=sandbox,
                directory=directory,
                proxies=proxies,
                stack=bots,
                direct_product=server.conninfo(product),
            )
