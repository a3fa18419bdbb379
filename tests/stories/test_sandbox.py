"""`ilab sandbox`: one command, and everything is there; Ctrl-C, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
from pathlib import Path

from sandboxed import ALICE, INCIDENTS, sandbox
from storytelling import flat, until


def processes_of(directory: Path) -> list[str]:
    """The command lines of all processes that name the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if str(directory) in words and "pytest" not in words:
                found.append(words)
    return found


def modes(directory: Path) -> dict[str, int]:
    """The modes of a directory and of all its parents."""
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.parents)}


async def test_a_day_in_the_sandbox(tmp_path: Path) -> None:
    """It answers, is broken and mended, its bot is killed and comes back, the terminal works; then all is gone.

    Started again it still knows the token that was issued, and starts with the data it had.
    """
    directory = tmp_path / "data"
    before = modes(tmp_path)
    async with sandbox(directory, "--keep") as running:
        assert (await running.asks("/ilab status")).startswith(":white_check_mark: All well: 17 of 17 checks ok")
        await running.http.post(
            f"{running.url}/panel/switch", json={"vendor": "site", "name": "site", "option": "down"}
        )
        assert (await running.asks("/ilab status --fresh")).startswith(":red_circle: The site is down")
        pid = (await running.panel())["bot"]["pid"]
        await running.http.post(f"{running.url}/panel/bot", json={"do": "kill"})
        assert (await running.panel())["bot"]["state"] == "stopped"
        silent = await running.http.post(
            f"{running.url}/person/{ALICE}/say", json={"channel": INCIDENTS, "text": "/ilab status"}
        )
        assert not silent.json()["ok"]
        await running.http.post(f"{running.url}/panel/bot", json={"do": "start"})
        await running.hears()
        assert (await running.panel())["bot"]["pid"] != pid
        token = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", await running.asks("/ilab token issue laptop"))[1]
        status, out = await terminal(directory, token, "status", "--fresh")
        assert (status, out.startswith("✖ The site is down (answers 500)")) == (1, True), out
        assert stat.S_IMODE((directory / "bot.env").stat().st_mode) == 0o600
    assert processes_of(directory) == []
    assert modes(tmp_path) == before
    assert token not in (directory / "bot.log").read_text()
    async with sandbox(directory, "--keep") as running:
        assert "laptop" in await running.asks("/ilab token")
        assert any("The site is down" in flat(message) for message in await running.messages())
        assert (await terminal(directory, token, "whoami"))[1].startswith("You are alice, a responder.")
    assert processes_of(directory) == []


async def test_killed_it_leaves_nothing(tmp_path: Path) -> None:
    """After kill -9 of the sandbox neither its bot nor its database goes on, and it starts again on the same data."""
    directory = tmp_path / "data"
    async with sandbox(directory) as running:
        running.process.kill()
        await running.process.wait()
        await until(lambda: not processes_of(directory), f"still there: {processes_of(directory)}", 20)
    async with sandbox(directory, "--http") as running:
        assert (await running.asks("/ilab status")).startswith(":white_check_mark: All well")


async def test_the_clock_is_the_bots(tmp_path: Path) -> None:
    """Put forward in the panel, the clock is forward in the bot: a watch ends at once; and it stays so over a restart."""
    async with sandbox(tmp_path / "data") as running:
        assert "Watching until" in await running.asks("/ilab status watch 60")
        await running.http.post(f"{running.url}/panel/clock", json={"jump": 3700})

        async def over() -> bool:
            return any("The watch is over" in flat(message) for message in await running.messages())

        await until(over, "the watch never ended")
        ahead = (await running.panel())["clock"]["now"]
    async with sandbox(tmp_path / "data") as running:
        assert (await running.panel())["clock"]["now"] >= ahead


async def terminal(directory: Path, token: str, *words: str) -> tuple[int, str]:
    """Run a command by `ilab sandbox run`; return its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "sandbox",
        "--data-dir",
        str(directory),
        "run",
        *words,
        env={**os.environ, "ILAB_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


def test_flat_reads_what_the_page_reads() -> None:
    """The stories' reading of a message is of the blocks, not of the text beside them."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "*seen*"}}
    assert flat(json.loads(json.dumps({"text": "unseen", "blocks": [block]}))) == "seen"
