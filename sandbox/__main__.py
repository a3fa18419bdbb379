"""`ilab sandbox`: everything on this machine, with the real bot in it. The only module here that knows `bot`.

ilab sandbox            the workspace, the vendors, the databases, and the bot, until Ctrl-C
ilab sandbox run …      `ilab run …` against the running sandbox, by its clock
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sandbox.databases import DatabaseProxy
from sandbox.product import ProductDatabase, company_of, seed
from sandbox.server import Config, Sandbox
from sandbox.world import CAST, Clock, World

BOT_ENV: Final = "bot.env"
CLOCK: Final = "clock.json"
STATE: Final = "workspace.json"
PR_SET_PDEATHSIG: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox or a command in it; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    cut = words.index("run") + 1 if "run" in words else len(words)  # what follows is the bot's, not ours
    given, words = _parser().parse_args(words[:cut]), words[cut:]
    data_dir: Path = given.data_dir.resolve()
    if given.do == "bot":
        return _bot(data_dir)
    if given.do == "run":
        return _run(data_dir, words)
    if given.fresh and data_dir.exists():
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(_serve(data_dir, given))
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilab sandbox", description="A workspace, every vendor, and the bot, here.")
    parser.add_argument("--data-dir", type=Path, default=Path(".sandbox"), help="where its databases are kept")
    parser.add_argument("--port", type=int, default=8420, help="where the page is; 0 lets the system choose")
    parser.add_argument("--fresh", action="store_true", help="forget everything first")
    parser.add_argument("--keep", action="store_true", help="keep the workspace's messages, too, over restarts")
    parser.add_argument("--http", action="store_true", help="Slack calls the bot over signed HTTP, not Socket Mode")
    parser.set_defaults(do="serve")
    commands = parser.add_subparsers(metavar="command")
    run = commands.add_parser("run", help="run one of the bot's commands in the running sandbox", add_help=False)
    run.set_defaults(do="run")
    commands.add_parser("bot").set_defaults(do="bot")
    return parser


async def _serve(data_dir: Path, given: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with _company(data_dir, given) as (sandbox, bot):
        await bot.start()
        await _heard(sandbox, bot)
        _say(sandbox, _program(given))
        await stop.wait()
        print("\nStopping…", flush=True)
    return 0


async def _heard(sandbox: Sandbox, bot: BotProcess) -> None:
    """The bot listens, or has ended, or takes longer than people should wait for the address."""
    for _ in range(300):
        if await bot.listens(sandbox) or (await bot.state())["state"] != "running":
            return
        await asyncio.sleep(0.05)


def _program(given: argparse.Namespace) -> str:
    """How this sandbox's terminal is called from where it was started."""
    program = Path(sys.argv[0])
    name = "ilab" if program.name == "__main__.py" else os.path.relpath(program)
    elsewhere = "" if given.data_dir == Path(".sandbox") else f" --data-dir {given.data_dir}"
    return f"{name} sandbox{elsewhere}"


def _say(sandbox: Sandbox, program: str) -> None:
    people = ", ".join(f"{person.name} ({person.title.lower()})" for person in CAST[:4])
    print(
        f"\n  The workspace is open:  {sandbox.url}/\n\n"
        f"  Type /ilab status there. You are alice, who is on call; be anybody: {people} …\n"
        "  Open the control panel, break a vendor, and ask again.\n\n"
        "  In another terminal, with a token from /ilab token issue:\n"
        f"      ILAB_TOKEN=… {program} run status\n\n"
        "  Ctrl-C ends everything.\n",
        flush=True,
    )


@asynccontextmanager
async def _company(data_dir: Path, given: argparse.Namespace) -> AsyncIterator[tuple[Sandbox, BotProcess]]:
    """Everything but the bot runs; the bot is ready to be started."""
    from bot.docs import completions
    from bot.store.embedded import EmbeddedServer

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer(data_dir / "postgresql"))
        keeping = asyncio.create_task(server.keep())
        stack.callback(keeping.cancel)
        proxies: dict[str, DatabaseProxy] = {}
        for name in ("own", "product", "staging"):
            await server.create_database(name)
            proxy = DatabaseProxy(data_dir / "sockets" / name, upstream=server.socket_directory, dbname=name)
            proxies[name] = await stack.enter_async_context(proxy)
        port = 0 if given.port == 0 else _free(given.port)
        bot_port = _free(given.port + 1 if given.port else 0)
        bot = BotProcess(data_dir, web_port=bot_port)
        stack.push_async_callback(bot.stop)
        config = Config(
            port=port,
            request_url=f"http://127.0.0.1:{bot_port}/slack/events" if given.http else None,
            completions=completions(),
            state_file=data_dir / STATE if given.keep else None,
        )
        sandbox = await stack.enter_async_context(
            Sandbox.running(config, world=_as_left(data_dir / CLOCK), databases=proxies, bot_control=bot)
        )
        sandbox.world.webhooks.url = f"http://127.0.0.1:{bot_port}"
        await _populate(stack, sandbox, server.conninfo("product"), server.conninfo("staging"))
        environment = sandbox.bot_environment() | {
            "ILAB_DATABASE_URL": proxies["own"].conninfo,
            "ILAB_PRODUCT__DATABASE_URL": proxies["product"].conninfo,
            "ILAB_PRODUCT__STAGING_DATABASE_URL": proxies["staging"].conninfo,
            "ILAB_PRODUCT__MIGRATIONS": str(_migrations(data_dir / "migrations")),
            "ILAB_DATA_DIR": str(data_dir / "bot"),
            "ILAB_TERMINAL_COMMAND": _program(given),
            # who breaks a vendor here wants to see it at the next question, not a minute later
            "ILAB_STATUS__CACHE_SECONDS": "2",
            "ILAB_STATUS_PAGES__CACHE_SECONDS": "2",
            "ILAB_UPTIMEROBOT__CACHE_SECONDS": "2",
            "ILAB_ROLES__CACHE_SECONDS": "10",
        }
        if given.http:
            environment.pop("ILAB_SLACK__APP_TOKEN", None)
        _write_private(data_dir / BOT_ENV, "".join(_variable(name, value) for name, value in environment.items()))
        bot.environment = environment
        _write_clock(sandbox.world.clock, data_dir / CLOCK)
        stack.callback(_write_clock, sandbox.world.clock, data_dir / CLOCK)
        watching = asyncio.create_task(_keep_clock(sandbox.world.clock, data_dir / CLOCK))
        stack.callback(watching.cancel)
        yield sandbox, bot


async def _populate(stack: AsyncExitStack, sandbox: Sandbox, product: str, staging: str) -> None:
    """The product's databases are filled, once, and the stand-ins that share them know them."""
    now = sandbox.world.clock.now()
    opened = []
    for conninfo, fill in ((product, seed.create), (staging, seed.create_staging)):
        database = await ProductDatabase(conninfo).open()
        stack.push_async_callback(database.close)
        if await database.seeded() is None:
            await asyncio.to_thread(fill, conninfo, now)
        else:
            # data of an earlier version gets what is new; which storage policies there are is somebody's doing
            await asyncio.to_thread(seed.apply_schema, conninfo, but=("003_storage_policies.sql",))
        opened.append(database)
    await company_of(sandbox.world).attach(*opened)


class BotProcess:
    """The real bot, `python -m sandbox bot`, as a process that can be stopped, killed and started."""

    def __init__(self, data_dir: Path, *, web_port: int) -> None:
        """Nothing is started yet; `environment` is set before that."""
        self.environment: Mapping[str, str] = {}
        self._data_dir = data_dir
        self._web_port = web_port
        self._process: asyncio.subprocess.Process | None = None

    async def state(self) -> dict[str, Any]:
        """`running` with its pid, or `stopped`."""
        if self._process is None or self._process.returncode is not None:
            return {"state": "stopped", "pid": None}
        return {"state": "running", "pid": self._process.pid}

    async def listens(self, sandbox: Sandbox) -> bool:
        """Whether Slack has a way to it: a socket, or its HTTP address."""
        if sandbox.workspace.http is None:
            return sandbox.workspace.socket.connections > 0
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._web_port)
        except OSError:
            return False
        writer.close()
        return True

    async def start(self) -> None:
        """It runs; nothing happens where it runs already."""
        if self._process is not None and self._process.returncode is None:
            return
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ILAB_")}
        settings = {**self.environment, "ILAB_WEB__PORT": str(self._web_port), "PYTHONPATH": _pythonpath()}
        with (self._data_dir / "bot.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sandbox",
                "--data-dir",
                str(self._data_dir),
                "bot",
                env=kept | settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the sandbox, which then stops the bot in order
            )

    async def stop(self) -> None:
        """It has ended, in order; by force where that takes longer than 15 seconds."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 15)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """It is dead, at once (SIGKILL)."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class FileClock:
    """The sandbox's clock, read in another process from the file that the sandbox writes."""

    def __init__(self, path: Path) -> None:
        """Read it now, and whenever it has changed."""
        self._path = path
        self._stamp = -1
        self._state: dict[str, float] = {}

    def __call__(self) -> datetime:
        """The bot's own time."""
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._stamp:
            self._state = json.loads(self._path.read_text(encoding="utf-8"))
            self._stamp = stamp
        real = datetime.now(UTC).timestamp()
        return datetime.fromtimestamp(self._state["own"] + (real - self._state["real"]) * self._state["speed"], UTC)


def _write_clock(clock: Clock, path: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(clock.state()), encoding="utf-8")
    fresh.replace(path)


def _as_left(path: Path) -> World:
    """A world whose clock is not behind what the kept data say: put forward, it stays so over a restart."""
    world = World()
    if path.is_file():
        left = json.loads(path.read_text(encoding="utf-8"))
        own = left["own"] + (path.stat().st_mtime - left["real"]) * left["speed"]
        world.clock.jump(max(0.0, own - world.clock.timestamp()))
    return world


async def _keep_clock(clock: Clock, path: Path) -> None:
    """Keep the file as the clock is: another process has the same time a moment later."""
    written = clock.state()
    while True:
        if clock.state() != written:
            written = clock.state()
            _write_clock(clock, path)
        await asyncio.sleep(0.1)


def _bot(data_dir: Path) -> int:
    """The bot's process: the bot itself, with the sandbox's clock."""
    from bot import __main__ as program
    from bot import serving
    from bot.logs import configure

    if sys.platform == "linux":
        # killed with kill -9, the sandbox cannot stop the bot: the kernel then does
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    settings = program.settings_from(None)
    configure(settings.log_level)
    clock = FileClock(data_dir / CLOCK)
    return program.until_stopped(serving.serving(settings, data_dir=program.data_dir_of(settings), clock=clock))


def _run(data_dir: Path, words: Sequence[str]) -> int:
    """One command in a terminal, against the running sandbox, by its clock."""
    from bot import __main__ as program
    from bot import app, terminal
    from bot.errors import UserError
    from bot.logs import configure

    if not (data_dir / BOT_ENV).is_file():
        raise UserError("No sandbox has run here.", todo="Start it first: `make sandbox`.")
    settings = program.settings_from(data_dir / BOT_ENV)
    configure("WARNING")

    mine = program.token()

    async def whole() -> int:
        clock = FileClock(data_dir / CLOCK)
        async with app.core(settings, data_dir=program.data_dir_of(settings), clock=clock) as core:
            return await terminal.run(core, words, token=mine, key=f"terminal:{uuid.uuid4()}")

    return asyncio.run(whole())


def _free(port: int) -> int:
    """The port where it is free, else one that the system chooses."""
    import socket

    for candidate in (port, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", candidate))
            return int(probe.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")


def _pythonpath() -> str:
    """Where these modules are, so that the bot's process finds the same."""
    return os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


def _migrations(place: Path) -> Path:
    """A folder of migrations that wait to be run; whoever tries the sandbox may put others there."""
    if not place.exists():
        shutil.copytree(Path(__file__).parent / "product" / "migrations", place)
    return place


def _variable(name: str, value: str) -> str:
    """A line of a file of settings; JSON has double quotes of its own."""
    quote = "'" if '"' in value else '"'
    return f"{name}={quote}{value}{quote}\n"


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
