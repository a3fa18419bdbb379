"""Stories: conversations with the whole bot, in the sandbox's workspace, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, LiteralString

import psycopg

from bot import serving
from bot.serving import Bot
from bot.settings import Settings
from bot.store import cards, posts
from bot.store.database import DatabaseSilentError
from sandbox.databases import DatabaseProxy
from sandbox.server import Sandbox
from sandbox.slack.state import View


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message as a person sees it, as plain text with its buttons in square brackets."""

    text: str
    raw: Mapping[str, Any]

    @property
    def first_line(self) -> str:
        """The verdict."""
        return self.text.splitlines()[0] if self.text else ""

    @property
    def ephemeral(self) -> bool:
        """Whether only this person sees it."""
        return bool(self.raw.get("is_ephemeral"))

    @property
    def buttons(self) -> list[str]:
        """The labels of its buttons."""
        rows = [block["elements"] for block in self.raw.get("blocks") or [] if block["type"] == "actions"]
        return [str(element["text"]["text"]) for row in rows for element in row if element["type"] == "button"]

    def button(self, label: str) -> Mapping[str, Any]:
        """One of its buttons, as Slack has it."""
        return _button(self.raw, label)[0]

    @property
    def errors(self) -> dict[str, str]:
        """What stands under the fields of a modal, by field."""
        return dict(self.raw.get("errors") or {})


@dataclass(kw_only=True)
class Story:
    """One sandbox with its bots."""

    sandbox: Sandbox
    directory: Path
    proxies: Mapping[str, DatabaseProxy]
    stack: AsyncExitStack
    direct_product: str
    """The product's database, past the switch."""
    extra: dict[str, str] = field(default_factory=dict)
    bots: list[Bot] = field(default_factory=list)

    # the bot

    def settings(self, **changed: str) -> Settings:
        """The settings that point a bot at this sandbox, with some changed or (empty) taken away."""
        return Settings(_env_file=self.write_settings(changed))

    def write_settings(self, changed: Mapping[str, str]) -> Path:
        """A file of those settings, for a process of its own."""
        environment = self.sandbox.bot_environment() | {
            "ILAB_DATABASE_URL": self.proxies["own"].conninfo,
            "ILAB_DATA_DIR": str(self.directory / "bot"),
            "ILAB_STATUS__CACHE_SECONDS": "0",
            "ILAB_STATUS_PAGES__CACHE_SECONDS": "0",
            "ILAB_UPTIMEROBOT__CACHE_SECONDS": "0",
            "ILAB_STATUSPAGE__PAUSE_SECONDS": "0",
            "ILAB_ROLES__CACHE_SECONDS": "0",
        }
        if "product" in self.proxies:
            environment["ILAB_PRODUCT__DATABASE_URL"] = self.proxies["product"].conninfo
        environment |= self.extra | dict(changed)
        path = self.directory / f"bot-{time.monotonic_ns()}.env"
        path.write_text("".join(_variable(name, value) for name, value in environment.items() if value))
        return path

    @asynccontextmanager
    async def bot(self, folder: str = "bot", *, deaf: bool = False, **changed: str) -> AsyncIterator[Bot]:
        """A bot that serves until the block ends; two that serve at once have a folder each. `deaf`: Slack is silent."""
        settings = self.settings(**changed)
        async with serving.serving(
            settings, data_dir=self.directory / folder, clock=self.sandbox.world.clock.now
        ) as bot:
            self.bots.append(bot)
            try:
                if not deaf:
                    await self._heard(bot)
                yield bot
            finally:
                self.bots.remove(bot)

    async def start(self, *, deaf: bool = False, **changed: str) -> Bot:
        """A bot that serves until the story ends."""
        return await self.stack.enter_async_context(self.bot(deaf=deaf, **changed))

    @asynccontextmanager
    async def process(self, **changed: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A bot as a process of its own, as `ilab serve` runs it; killed at the end where it still runs."""
        path = self.write_settings(changed)
        log = (self.directory / "process.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "--env-file", str(path), "serve", stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            log.close()

    async def expire_claims(self) -> None:
        """The claims of a copy that died run out."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            await connection.execute("update inbox set claimed_until = received_at - interval '1 minute'")

    async def take_in_hand(self) -> None:
        """A copy died before it could note that what came in was handled, and its claims have run out."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            await connection.execute(
                "update inbox set done_at = null, outcome = null, claimed_until = received_at - interval '1 minute'"
            )

    async def nothing_in_hand(self) -> bool:
        """Whether all that came in is handled, as the database knows it."""
        return await self.rows("select 1 from inbox where done_at is null") == []

    async def looked(self) -> bool:
        """Whether every watch has looked at what is due by now, and waits for its next time."""
        now = self.sandbox.world.clock.now()
        async with self.bots[0].core.services.database.connection() as connection:
            cursor = await connection.execute("select bool_and(state = 'running' and due_at > %s) from clocks", [now])
            row = await cursor.fetchone()
        return bool(row and row[0])

    async def make_lost_posts_old(self) -> None:
        """The time passes after which a post whose answer was lost is looked for."""
        async with self.bots[0].core.services.database.connection() as connection:
            await connection.execute(
                "update posts set started_at = started_at - interval '1 minute', not_before = null where state = 'sending'"
            )

    async def make_posts_late(self) -> None:
        """The time passes after which what could not be said is told in one message."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            await connection.execute(
                "update posts set stored_at = stored_at - interval '1 hour', not_before = null,"
                " started_at = started_at - interval '1 hour' where id in"
                " (select id from posts where state in ('wanted', 'sending') order by id for update)"  # as the bot does
            )

    async def _heard(self, bot: Bot) -> None:
        if bot.socket is not None:
            await until(lambda: self.sandbox.workspace.socket.connections >= len(self.bots), "the bot never connected")
            await until(
                lambda: bot.socket is not None and bot.socket.connected, "the bot does not know it is connected"
            )

    # the people

    def person(self, name: str) -> str:
        """A person's id, by name."""
        return self.sandbox.world.person(name).id

    def channel(self, name: str) -> str:
        """A channel's id, by name."""
        return self.sandbox.workspace.channel(name).id

    async def says(self, name: str, text: str, channel: str = "incidents", thread_ts: str | None = None) -> Any:
        """A person types; returns when Slack has its ack, or gave up."""
        return await self.sandbox.workspace.say(self.person(name), self.channel(channel), text, thread_ts)

    async def asks(self, name: str, text: str, channel: str = "incidents", thread_ts: str | None = None) -> Said:
        """A person types, and reads what came of it: the newest message that they did not see before."""
        before = {self._stamp(said) for said in (*self.sees(name, channel), *self.sees(name, channel, thread_ts))}
        outcome = await self.says(name, text, channel, thread_ts)
        assert outcome.ok, f"Slack says: {outcome.error}; toasts {self.toasts(name)}"
        if not text.startswith("/") and not self.sandbox.workspace.channel(channel).is_im:
            thread_ts = thread_ts or outcome.ts
        return await self._news(name, channel, thread_ts, before)

    async def presses(
        self,
        name: str,
        label: str,
        channel: str = "incidents",
        *,
        thread_ts: str | None = None,
        said: Said | None = None,
    ) -> Said:
        """A person presses the newest button of that label, or that of `said`, and reads what came of it."""
        if said is None:
            said = next(one for one in reversed(self.sees(name, channel, thread_ts)) if label in one.buttons)
        element, block = _button(said.raw, label)
        container = {
            "type": "ephemeral" if said.ephemeral else "message",
            "channel": self.channel(channel),
            "ts": said.raw["ts"],
        }
        before = {self._stamp(other) for other in self.sees(name, channel, thread_ts)}
        calls = len(self.sandbox.workspace.calls)
        outcome = await self.sandbox.workspace.click(
            self.person(name), container, element["action_id"], block_id=block, value=element.get("value")
        )
        assert outcome.ok, f"Slack says: {outcome.error}; toasts {self.toasts(name)}"
        await self.settled()
        if any(call.args.get("replace_original") for call in self.sandbox.workspace.calls[calls:]):
            # within the same second the answer may be the very same, in the same place
            return next(one for one in self.sees(name, channel, thread_ts) if one.raw["ts"] == said.raw["ts"])
        return await self._news(name, channel, thread_ts, before)

    # modals and the Home tab

    def direct(self, name: str) -> str:
        """The id of a person's direct message with the bot."""
        return self.sandbox.workspace.direct(self.person(name)).id

    def modal(self, name: str) -> Said | None:
        """The modal that a person has open on top, if any."""
        stack = self.sandbox.workspace.views.stack(self.person(name))
        return self._view(stack[-1]) if stack else None

    def home(self, name: str) -> Said | None:
        """A person's Home tab, once it was shown."""
        view = self.sandbox.workspace.state.homes.get(self.person(name))
        return self._view(view) if view else None

    async def opens_home(self, name: str) -> Said:
        """A person opens the app's Home tab, and reads it."""
        assert (await self.sandbox.workspace.open_home(self.person(name))).ok
        await self.settled()
        home = self.home(name)
        assert home is not None, "the Home tab is empty"
        return home

    async def uses_shortcut(self, name: str, callback_id: str, *, channel: str = "", ts: str = "") -> Said | None:
        """A person uses a global shortcut, or one on a message, and reads the modal that came of it."""
        place = self.channel(channel) if channel else None
        assert (await self.sandbox.workspace.shortcut(self.person(name), callback_id, place, ts or None)).ok
        await self.settled()
        return self.modal(name)

    async def presses_in(self, name: str, view: Said, label: str) -> Said:
        """A person presses a button of a modal or of the Home tab, and reads what is there then."""
        element, block = _button(view.raw, label)
        outcome = await self.sandbox.workspace.click(
            self.person(name), {"type": "view", "view_id": view.raw["id"]}, element["action_id"], block_id=block
        )
        assert outcome.ok, f"Slack says: {outcome.error}; toasts {self.toasts(name)}"
        await self.settled()
        shown = self.modal(name) or self.home(name)
        assert shown is not None, "no view is open any more"
        return shown

    async def submits(self, name: str, **typed: str) -> Said:
        """A person fills in the open form, by field, and submits it; what the modal shows then, with its errors."""
        form = self.modal(name)
        assert form is not None, "no form is open"
        values = {field: {"value": text} for field, text in typed.items()}
        await self.sandbox.workspace.submit(self.person(name), form.raw["id"], values)
        await self.settled()
        shown = self.modal(name)
        assert shown is not None, "the modal is gone"
        return shown

    def _view(self, view: View) -> Said:
        shown = self.sandbox.workspace.views.shown(view)
        return Said(text=flat(shown), raw=shown)

    # the database

    async def rows(self, query: LiteralString, *values: Any) -> list[Any]:
        """What a query finds in the bot's own database."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def finds(self, query: LiteralString, *values: Any) -> bool:
        """Whether a query finds anything in the bot's own database."""
        return await self.rows(query, *values) != []

    def said_anywhere(self, words: str) -> bool:
        """Whether a message in any channel or thread holds these words."""
        return any(
            words in flat(message)
            for channel in self.sandbox.workspace.state.channels.values()
            for message in channel.messages
        )

    async def product_rows(self, query: LiteralString, *values: Any) -> list[Any]:
        """What a query finds in the product's database, past the switch."""
        async with await psycopg.AsyncConnection.connect(self.direct_product, autocommit=True) as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def has_request(self, number: int) -> bool:
        """Whether somebody has asked for this change."""
        return bool(await self.rows("select 1 from requests where id = %s", number))

    async def make_steps_old(self) -> None:
        """The time passes after which a step that was begun counts as ended, whatever became of it."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            await connection.execute(
                "update steps set started_at = started_at - interval '1 minute' where state = 'started'"
            )

    def sees(self, name: str, channel: str = "incidents", thread_ts: str | None = None) -> list[Said]:
        """What the person sees in the channel or thread, oldest first."""
        person, place = self.person(name), self.sandbox.workspace.channel(channel)
        in_thread = [message for message in place.messages if _is_shown(message, thread_ts)]
        for_them = [held["message"] for held in place.ephemerals if held["to"] == person]
        shown = in_thread + [message for message in for_them if _is_shown(message, thread_ts)]
        return [
            Said(text=flat(message), raw=message) for message in sorted(shown, key=lambda message: str(message["ts"]))
        ]

    def toasts(self, name: str) -> list[str]:
        """What Slack itself told the person."""
        person = self.person(name)
        return [text for who, text in self.sandbox.workspace.toasts if who == person]

    async def _news(self, name: str, channel: str, thread_ts: str | None, before: set[str]) -> Said:
        await self.settled()
        mine = self.person(name)
        # what is private and answers a message that has no thread yet stands beside it
        places = (
            [self.sees(name, channel), self.sees(name, channel, thread_ts)] if thread_ts else [self.sees(name, channel)]
        )
        news = [
            said
            for place in places
            for said in place
            if self._stamp(said) not in before and said.raw.get("user") != mine
            # whether a jump of the clock passes the digest's hour depends on the time of day
            if not said.first_line.startswith(("The day: ", "The week: "))
        ]
        assert news, f"nothing new for {name} in {channel}; toasts {self.toasts(name)}"
        return news[-1]

    async def news(self, name: str, wanted: Any, channel: str = "incidents") -> Said:
        """Wait until the person sees something of that kind."""
        found: list[Said] = []

        def seen() -> bool:
            found[:] = [said for said in self.sees(name, channel) if wanted(said)]
            return bool(found)

        await until(seen, f"{name} never saw it")
        return found[-1]

    async def make_jobs_stalled(self) -> None:
        """The time passes after which a job counts as stalled whose worker died."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            await connection.execute("update procrastinate_workers set last_heartbeat = now() - interval '1 minute'")

    async def is_due(self, subject: str, kind: str) -> None:
        """A clock is due now, for a bot in a process of its own, whose time is the real one."""
        async with await psycopg.AsyncConnection.connect(self.proxies["own"].conninfo, autocommit=True) as connection:
            await connection.execute(
                "update clocks set due_at = now() where subject = %s and kind = %s", [subject, kind]
            )

    async def has_rows(self, table: Literal["incidents"], count: int) -> bool:
        """Whether the table has so many rows."""
        return (await self.rows({"incidents": "select count(*) from incidents"}[table]))[0][0] == count

    async def state_of(self, request: int, *states: str) -> bool:
        """Whether a request is in one of these states."""
        found = await self.rows("select state from requests where id = %s", request)
        return bool(found) and found[0][0] in states

    async def tries_again(self, request: int, *, unless: str = "") -> None:
        """A change that could not be done, or not be known, waits for its next try; now the clock may jump to it.

        `unless` is a state in which it needs none.
        """
        query = "select 1 from clocks where subject = %s and kind = 'execute' and state = 'running' and due_at > %s"

        async def waits() -> bool:
            if await self.state_of(request, unless):
                return True
            return bool(await self.rows(query, f"request:{request}", self.sandbox.world.clock.now()))

        await until(waits, f"request {request} is not tried again")

    async def imported(self, expected: int) -> None:
        """Wait until the journal is in the database, and the inbox holds so many payloads, all done."""

        async def done() -> bool:
            async with self.bots[0].core.services.database.connection() as connection:
                cursor = await connection.execute("select count(*), count(done_at) from inbox")
                row = await cursor.fetchone()
            return not self.bots[0].core.journal.waiting and row is not None and row[0] == row[1] >= expected

        await until(done, "the journal was never imported")

    @staticmethod
    def _stamp(said: Said) -> str:
        return f"{said.raw['ts']}{said.raw.get('edited')}{said.text}"

    # time

    async def settled(self) -> None:
        """Everything under way has ended: deliveries, the bots' work, and their posts."""
        quiet = 0

        async def idle() -> bool:
            await self.sandbox.workspace.settled()
            if any(bot.inbox.in_hand for bot in self.bots):
                return False
            for bot in self.bots[:1] if self.proxies["own"].state in ("up", "slow") else ():
                try:
                    if await bot.core.services.database.call(posts.waiting):
                        return False
                    if await bot.core.services.database.call(cards.behind):
                        return False
                except DatabaseSilentError:
                    continue
            return True

        deadline = time.monotonic() + 20
        while quiet < 2:
            quiet = quiet + 1 if await idle() else 0
            assert time.monotonic() < deadline, "it never settled"
            await asyncio.sleep(0.005)


def _variable(name: str, value: str) -> str:
    """A line of a file of settings; JSON whose quotes are not escaped stands in single ones."""
    quote = "'" if '"' in value.replace('\\"', "") else '"'
    return f"{name}={quote}{value}{quote}\n"


def _is_shown(message: Mapping[str, Any], thread_ts: str | None) -> bool:
    thread = message.get("thread_ts")
    return thread == thread_ts if thread_ts else thread in (None, message["ts"])


async def until(holds: Any, otherwise: str, seconds: float = 15) -> None:
    """Wait until something holds; it fails with the sentence where it never does."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.01)


def flat(message: Mapping[str, Any]) -> str:
    """A message's blocks as plain text; what has no blocks, by its text."""
    blocks = message.get("blocks") or []
    if not blocks or blocks[0].get("type") == "rich_text":
        return str(message.get("text", ""))
    return "\n".join(filter(None, (_flat_block(block) for block in blocks)))


def _flat_block(block: Mapping[str, Any]) -> str:
    kind = block["type"]
    if kind in ("section", "header"):
        return str(block["text"]["text"]).replace("*", "")
    if kind == "context":
        return " ".join(element["text"] for element in block["elements"])
    if kind == "divider":
        return ""
    if kind == "input":
        return f"{block['label']['text']}: ____"
    if kind == "actions":
        return " ".join(f"[{element['text']['text']}]" for element in block["elements"])
    return f"({kind})"


def _button(message: Mapping[str, Any], label: str) -> tuple[Mapping[str, Any], str]:
    for block in message["blocks"]:
        for element in block.get("elements", []):
            if element.get("type") == "button" and element["text"]["text"] == label:
                return element, block["block_id"]
    raise LookupError(label)


async def ilab(story: Story, *words: str, token: str = "", **changed: str) -> tuple[int, str, str]:
    """Run the program in a process of its own; return its exit status and what it printed."""
    path = story.write_settings(changed)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(story.directory), **({"ILAB_TOKEN": token} if token else {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "--env-file",
        str(path),
        *words,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
