"""One connection to PostgreSQL whose commits are seen, and can be struck at: before they are done, or before they are known.

A commit counts where it has changed something, which PostgreSQL itself says: such a transaction has been given an id.
To be able to ask in time, a statement outside a transaction is put into one of its own.

Source: the PostgreSQL documentation, "Message Formats" and "Message Flow" of the frontend/backend protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from sandbox.writes import Writes

_ASK: Final = "SELECT pg_catalog.pg_current_xact_id_if_assigned()"
_ENDS_BATCH: Final = (b"Q", b"S", b"X")  # Query, Sync, Terminate
_UNASKED: Final = b"A"  # NotificationResponse: may come at any time
_NO_ENCRYPTION: Final = (80877103, 80877104)  # SSLRequest, GSSENCRequest
_WRITTEN: Final = re.compile(
    r"""
    (?<!for[ ])(?<!do[ ])\b(insert[ ]into|update|delete[ ]from)\s+(?:only\s+)?"?([a-z_][\w.]*)
        (?:\s+set\s+(\w+(?:\s*=\s*'\w+')?))?
    | \b((?:ilab\.|procrastinate_)\w+)\s*\(
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Message(NamedTuple):
    """A message of the protocol: its type, and the whole of it."""

    kind: bytes
    whole: bytes

    @property
    def body(self) -> bytes:
        """What comes after type and length."""
        return self.whole[5:]


def subject(statements: Sequence[str]) -> str:
    """What a transaction writes, in words: `insert incidents, update steps state = 'done'`."""
    found = []
    for statement in statements:
        for verb, table, column, function in _WRITTEN.findall(statement):
            found.append(function or f"{verb.split()[0].lower()} {table.lower()} {column}".strip())
    return ", ".join(dict.fromkeys(found)) or " ".join(" ".join(statements).split())[:60].lower()


class CommitSeen:
    """Passes one connection on, a question and its answer at a time; COPY is not understood."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        writes: Writes,
        place: str,
        gate: Callable[[], Awaitable[None]],
    ) -> None:
        """`gate` is waited for before each question is passed on."""
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._writes = writes
        self._place = place
        self._gate = gate
        self._answers: asyncio.Queue[Message | None] = asyncio.Queue()
        self._status = b"I"
        self._prepared: dict[str, str] = {}
        self._inside: list[str] = []
        """The statements of the transaction that is open."""

    async def run(self) -> None:
        """Until either end closes, or a strike hits."""
        if not await self._introduce():
            return
        hearing = asyncio.create_task(self._hear())
        try:
            await self._pass_on(await self._answer())
            while batch := await self._batch():
                await self._gate()
                if batch[-1].kind == b"X" or not await self._round(batch):
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing

    # the client's side

    async def _introduce(self) -> bool:
        """Pass on who connects to what; False where that is not a session."""
        while True:
            try:
                head = await self._from_client.readexactly(8)
            except asyncio.IncompleteReadError:
                return False
            length, code = struct.unpack("!ii", head)
            body = await self._from_client.readexactly(length - 8)
            if code in _NO_ENCRYPTION:
                self._to_client.write(b"N")
                continue
            self._to_server.write(head + body)
            await self._to_server.drain()
            return bool(code >> 16 == 3)  # the version of the protocol; what else there is cancels a statement

    async def _batch(self) -> list[Message]:
        """The client's next messages up to where it waits for an answer."""
        found: list[Message] = []
        while not found or found[-1].kind not in _ENDS_BATCH:
            found.append(await _message(self._from_client))
        return found

    def _statements(self, batch: Sequence[Message]) -> list[str]:
        """The texts of what is run, also where they were prepared before."""
        found = []
        for message in batch:
            if message.kind == b"Q":
                found.append(_text(message.body))
            elif message.kind == b"P":
                name, _, rest = message.body.partition(b"\0")
                self._prepared[name.decode()] = _text(rest)
            elif message.kind == b"B":
                _, _, rest = message.body.partition(b"\0")
                found.append(self._prepared.get(_text(rest), ""))
        return found

    # the server's side

    async def _hear(self) -> None:
        try:
            while True:
                message = await _message(self._from_server)
                if message.kind == _UNASKED:
                    self._to_client.write(message.whole)
                else:
                    self._answers.put_nowait(message)
        except (asyncio.IncompleteReadError, OSError):
            self._answers.put_nowait(None)

    async def _answer(self) -> list[Message]:
        """What the server says until it is ready for the next question; it knows by then whether a transaction is open."""
        found: list[Message] = []
        while not found or found[-1].kind != b"Z":
            message = await self._answers.get()
            if message is None:
                await self._pass_on(found)
                raise asyncio.IncompleteReadError(b"", None)
            found.append(message)
        self._status = found[-1].body
        return found

    async def _ask(self, statement: str) -> list[Message]:
        """Ask something of our own, of which the client hears nothing."""
        self._to_server.write(_query(statement))
        return await self._answer()

    async def _pass_on(self, answer: Sequence[Message]) -> None:
        self._to_client.write(b"".join(message.whole for message in answer))
        await self._to_client.drain()

    async def _put(self, batch: Sequence[Message]) -> list[Message]:
        self._to_server.write(b"".join(message.whole for message in batch))
        return await self._answer()

    # one question and its answer

    async def _round(self, batch: list[Message]) -> bool:
        """False where somebody struck, and the connection is to be cut."""
        statements = self._statements(batch)
        first = statements[0].split()[0].upper().rstrip(";") if statements and statements[0].split() else ""
        if self._status == b"I" and statements and first not in ("BEGIN", "START"):
            return await self._alone(batch, statements)
        if self._status == b"T" and first == "COMMIT":
            return await self._commit(batch)
        if self._status == b"I":
            self._inside = []
        elif self._status == b"T":
            self._inside += statements
        await self._pass_on(await self._put(batch))
        return True

    async def _commit(self, batch: list[Message]) -> bool:
        what = subject(self._inside)
        written = _is_given(await self._ask(_ASK))
        if written and self._writes.begun(self._place, what):
            return False
        answer = await self._put(batch)
        if written and self._writes.done(self._place, what):
            return False
        await self._pass_on(answer)
        return True

    async def _alone(self, batch: list[Message], statements: Sequence[str]) -> bool:
        """A statement that is its own transaction."""
        self._to_server.write(b"".join((_query("BEGIN"), *(message.whole for message in batch), _query(_ASK))))
        await self._answer()
        answer = await self._answer()
        written = _is_given(await self._answer())
        what = subject(statements)
        if written and self._writes.begun(self._place, what):
            return False
        await self._ask("COMMIT")  # of a transaction that failed, this rolls it back
        if written and self._writes.done(self._place, what):
            return False
        ready = answer[-1].whole[:-1] + self._status
        await self._pass_on([*answer[:-1], Message(b"Z", ready)])
        return True


def _query(statement: str) -> bytes:
    text = statement.encode() + b"\0"
    return b"Q" + struct.pack("!i", len(text) + 4) + text


def _is_given(answer: Sequence[Message]) -> bool:
    """Whether the transaction has an id, by what the server answered to that question."""
    rows = [message for message in answer if message.kind == b"D"]
    return bool(rows) and bool(struct.unpack("!i", rows[0].body[2:6])[0] >= 0)


async def _message(reader: asyncio.StreamReader) -> Message:
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!i", head[1:])
    return Message(head[:1], head + await reader.readexactly(length - 4))


def _text(body: bytes) -> str:
    return body.partition(b"\0")[0].decode(errors="replace")
