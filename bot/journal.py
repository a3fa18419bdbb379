"""What is kept on disk while our own database is silent: fsynced lines, imported when it is back."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog

from bot.audit import Event
from bot.store import audit, inbox
from bot.store.database import SILENT, Connection, Database

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.journal")

_OURS = ("inbox", "done", "resumed", "audit")

Line = dict[str, Any]
Bring = Callable[[Connection, Line], Awaitable[None]]
"""Brings a line of a kind that the journal itself does not know into the database; it may have been brought before."""

_LOCK = 0x696C6162  # an advisory lock's number: one copy imports at a time


class Journal:
    """A folder of JSON-lines files, each written by one process, which holds its lock as long as it writes.

    Nothing is written while the database answers. Locks, not process ids, say who lives: in a container the ids repeat.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the folder's name; it is made at the first line."""
        self._folder = folder
        self._file: TextIO | None = None
        self._seen: set[str] | None = None

    def receive(self, received: inbox.Received) -> bool:
        """Keep a payload durably; False where the journal holds its key already."""
        if received.key in self._keys():
            return False
        self.write(
            {
                "line": "inbox",
                "key": received.key,
                "kind": received.kind,
                "payload": received.payload,
                "received_at": received.received_at.isoformat(),
            }
        )
        self._keys().add(received.key)
        return True

    def finish(self, key: str, *, outcome: str, done_at: datetime) -> None:
        """Note that a payload was handled."""
        self.write({"line": "done", "key": key, "outcome": outcome, "done_at": done_at.isoformat()})

    def audit(self, kind: Event, *, actor: str, subject: str, at: datetime) -> None:
        """Note an entry for the audit."""
        self.write({"line": "audit", "kind": kind.value, "actor": actor, "subject": subject, "at": at.isoformat()})

    def holds(self, key: str) -> bool:
        """Say whether a payload of this key is in the journal."""
        return key in self._keys()

    @property
    def waiting(self) -> bool:
        """Whether there is anything to import."""
        return self._file is not None or any(self._folder.glob("*.jsonl"))

    def lines(self) -> Iterator[Line]:
        """Everything that is not imported yet, in the order in which it was written, also by processes that died."""
        for path in sorted(self._folder.glob("*.jsonl")):
            yield from _lines(path)

    def unfinished(self) -> list[inbox.Received]:
        """The payloads that nobody has handled to the end; `attempts` says how often that was begun."""
        waiting: dict[str, inbox.Received] = {}
        for line in self.lines():
            if line["line"] == "inbox":
                waiting[line["key"]] = _received(line)
            elif line["line"] == "resumed" and line["key"] in waiting:
                again = waiting[line["key"]]
                waiting[line["key"]] = replace(again, attempts=again.attempts + 1)
            elif line["line"] == "done":
                waiting.pop(line["key"], None)
        return list(waiting.values())

    def resume(self, key: str) -> None:
        """Note that a payload is handled anew, for what kills the bot three times must be left alone."""
        self.write({"line": "resumed", "key": key})

    async def import_into(self, database: Database, *, claimed_until: datetime, bring: Bring | None = None) -> int:
        """Bring every line into the database and set the files aside; return how many lines that were.

        What was received and not finished is claimed until then; afterwards the inbox's sweeper runs it. Raises
        DatabaseSilentError where the database is still silent; nothing is lost then, and nothing is imported twice.
        `bring` takes the lines of other kinds. What the database refuses of them is logged and set aside: one such line
        must not keep everything else out.
        """
        self._close()  # what comes meanwhile goes into a new file: these are read to their end, and set aside
        count = 0
        with ExitStack() as stack:
            paths = [path for path in sorted(self._folder.glob("*.jsonl")) if stack.enter_context(_locked(path))]
            if not paths:
                return 0
            # all in one: what an incident's first lines set going must not run before its last are there
            async with database.transaction() as transaction:
                await transaction.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
                for path in paths:
                    count += await self._import(transaction, path, claimed_until=claimed_until, bring=bring)
            for path in paths:
                # only now: a commit that failed has imported nothing
                path.rename(path.with_suffix(".imported"))
        return count

    async def _import(
        self, transaction: Connection, path: Path, *, claimed_until: datetime, bring: Bring | None
    ) -> int:
        count = 0
        for number, line in enumerate(_lines(path)):
            id_ = f"{path.stem}:{number}"
            if line["line"] in _OURS:
                await _bring(transaction, line, id_=id_, claimed_until=claimed_until)
            elif bring is not None:
                await self._bring_other(transaction, line, bring, id_=id_)
            count += 1
        return count

    def purge(self, before: datetime) -> int:
        """Delete what was imported before then, by the real clock: it holds raw payloads. Return how many files."""
        old = [path for path in self._folder.glob("*.imported") if path.stat().st_mtime < before.timestamp()]
        for path in old:
            path.unlink()
        return len(old)

    def _keys(self) -> set[str]:
        if self._seen is None:
            self._seen = {line["key"] for line in self.lines() if line["line"] == "inbox"}
        return self._seen

    async def _bring_other(self, transaction: Connection, line: Line, bring: Bring, *, id_: str) -> None:
        try:
            async with transaction.transaction():
                await bring(transaction, line)
        except SILENT:
            raise
        except Exception:
            # The importing's own funnel: what the database or a newer version refuses is logged whole, and kept.
            log.exception("journal line refused", line=id_, kind=line["line"])
            with (self._folder / "refused").open("a", encoding="utf-8") as refused:
                refused.write(json.dumps(line | {"id": id_}) + "\n")

    def write(self, line: Line) -> None:
        """Keep a line durably: it is on disk before this returns. `line["line"]` says of which kind it is."""
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = _opened(self._folder)
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(folder: Path) -> TextIO:
    """A new file, locked before anybody can see it. Names sort by time."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{secrets.token_hex(4)}"
    unseen = folder / f"{name}.new"
    file = os.fdopen(os.open(unseen, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o600), "a", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    unseen.rename(folder / f"{name}.jsonl")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)  # the name, too, must outlive a power cut
    finally:
        os.close(directory)
    return file


def _lines(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            # a crash can leave the last line cut: it was never acked, so Slack sends that payload again
            with suppress(json.JSONDecodeError):
                yield json.loads(text)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether the file is ours to import: its writer lives no more, and nobody else imports it now."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield path.exists()  # another copy may have set it aside before we got the lock


def _received(line: Line) -> inbox.Received:
    at = datetime.fromisoformat(line["received_at"])
    return inbox.Received(key=line["key"], kind=line["kind"], payload=line["payload"], received_at=at)


async def _bring(transaction: Connection, line: Line, *, id_: str, claimed_until: datetime) -> None:
    if line["line"] == "inbox":
        await inbox.add(transaction, _received(line), claimed_until=claimed_until)
    elif line["line"] == "done":
        await inbox.finish(
            transaction, line["key"], outcome=line["outcome"], done_at=datetime.fromisoformat(line["done_at"])
        )
    elif line["line"] == "audit" and not await audit.has_journaled(transaction, id_):
        await audit.add(
            transaction,
            Event(line["kind"]),
            actor=line["actor"],
            subject=line["subject"],
            at=datetime.fromisoformat(line["at"]),
            detail={"journal": id_},
        )
