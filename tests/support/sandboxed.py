"""The sandbox as a process of its own, with the bot in another, as `make sandbox` starts it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from storytelling import flat, until

ALICE = "U0ALICE01"
INCIDENTS = "C0INCIDNT"


class Running:
    """A sandbox as a process of its own, seen over HTTP."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, http: httpx.AsyncClient) -> None:
        """Talk to the sandbox at `url`."""
        self.process = process
        self.url = url
        self.http = http

    async def asks(self, text: str) -> str:
        """Alice types in #incidents, and reads the newest answer."""
        before = len(await self.messages())
        said = await self.http.post(f"{self.url}/person/{ALICE}/say", json={"channel": INCIDENTS, "text": text})
        assert said.json()["ok"], said.text

        async def answered() -> bool:
            return len(await self.messages()) > before

        await until(answered, "no answer came")
        return flat((await self.messages())[-1])

    async def messages(self) -> list[dict[str, Any]]:
        """What alice sees."""
        got = await self.http.get(f"{self.url}/person/{ALICE}/messages", params={"channel": INCIDENTS})
        return list(got.json()["messages"])

    async def panel(self) -> dict[str, Any]:
        """What the panel shows."""
        return dict((await self.http.get(f"{self.url}/panel/state")).json())

    async def hears(self) -> None:
        """The bot is connected: a command is acknowledged, and answered."""
        before = len(await self.messages())

        async def heard() -> bool:
            got = await self.http.post(
                f"{self.url}/person/{ALICE}/say", json={"channel": INCIDENTS, "text": "/ilab whoami"}
            )
            return bool(got.json().get("ok"))

        async def answered() -> bool:
            return len(await self.messages()) > before

        await until(heard, "the bot never heard", 30)
        await until(answered, "the bot never answered")


@asynccontextmanager
async def sandbox(directory: Path, *options: str) -> AsyncIterator[Running]:
    """A sandbox with its data in the directory; ended by Ctrl-C."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "sandbox",
        "--data-dir",
        str(directory),
        "--port",
        "0",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ILAB_")},
    )
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, said
        said += line.decode()
    url = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
    try:
        async with httpx.AsyncClient(timeout=10) as http:
            running = Running(process, url, http)
            await running.hears()
            yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 30) == 0
