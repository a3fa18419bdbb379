"""`python -m benchmarks.profiled OUT`: the serving bot under cProfile, from its first request to its end."""

from __future__ import annotations

import asyncio
import cProfile
import io
import pstats
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot import __main__ as program
from bot import serving
from bot.logs import configure

STAGES = (
    ("web.py", "__call__"),
    ("async_app.py", "async_dispatch"),
    ("async_request.py", "__init__"),
    ("inbox.py", "store"),
    ("inbox.py", "_finish"),
    ("database.py", "call"),
    ("pool_async.py", "getconn"),
    ("pool_async.py", "check_connection"),
    ("pool_async.py", "putconn"),
    ("cursor_async.py", "execute"),
)
"""What an ack is made of; cumulative times of coroutines are what they cost the processor, waiting left out."""


def main(output: Path) -> int:
    """Serve until stopped, then write the profile."""
    settings = program.settings_from(None)
    configure(settings.log_level)
    profile = cProfile.Profile()

    @asynccontextmanager
    async def watched() -> AsyncIterator[None]:
        async with serving.serving(settings, data_dir=program.data_dir_of(settings)):
            await asyncio.sleep(0)
            profile.enable()
            try:
                yield
            finally:
                profile.disable()

    status = program.until_stopped(watched())
    profile.dump_stats(output)
    return status


def explain(output: Path, *, of: int, top: int = 12) -> str:
    """The costliest functions by themselves, and the stages of an ack with all beneath them, in µs a command."""
    out = io.StringIO()
    stats = pstats.Stats(str(output), stream=out)
    entries = list(stats.stats.items())  # type: ignore[attr-defined]
    print(f"cProfile over {of} commands, µs a command (the profile itself makes everything 2-3 times slower)", file=out)
    print("by stage, with all beneath, waiting left out:", file=out)
    for file, function in STAGES:
        for (path, _, name), (_, calls, _, cumulative, _) in entries:
            if name == function and path.endswith(file) and "contextlib" not in path:
                print(f"  {1e6 * cumulative / of:8.0f}  {calls / of:5.1f} calls  {_short(path)}:{name}", file=out)
    print("by itself:", file=out)
    for (path, line, name), (_, calls, own, _, _) in sorted(entries, key=lambda entry: -entry[1][2])[:top]:
        if "poll" not in name:
            print(f"  {1e6 * own / of:8.0f}  {calls / of:5.1f} calls  {_short(path)}:{line}:{name}", file=out)
    return out.getvalue()


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-3:])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
