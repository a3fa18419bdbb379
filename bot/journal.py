"""What is kept on disk while our own database is silent: fsynced lines, imported when it is back."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from bot.audit import Event
from bot.store import audit, inbox
from bot.store.database import Connection, Database

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
        self._write(
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
        self._write({"line": "done", "key": key, "outcome": outcome, "done_at": done_at.isoformat()})

    def audit(self, kind: Event, *, actor: str, subject: str, at: datetime) -> None:
        """Note an entry for the audit."""
        self._write({"line": "audit", "kind": kind.value, "actor": actor, "subject": subject, "at": at.isoformat()})

    def holds(self, key: str) -> bool:
        """Say whether a payload of this key is in the journal."""
        return key in self._keys()

    @property
    def waiting(self) -> bool:
        """Whether there is anything to import."""
        return self._file is not None or any(self._folder.glob("*.jsonl"))

    async def import_into(self, database: Database, *, claimed_until: datetime) -> int:
        """Bring every line into the database and set the files aside; return how many lines that were.

        What was received and not finished is claimed until then; afterwards the inbox's sweeper runs it. Raises
        DatabaseSilentError where the database is still silent; nothing is lost then, and nothing is imported twice.
        """
        self._close()  # what comes meanwhile goes into a new file: this one is read to its end, and set aside
        count = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            with _locked(path) as ours:
                if not ours:
                    continue
                async with database.transaction() as transaction:
                    await transaction.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
                    for number, line in enumerate(_lines(path)):
                        await _bring(transaction, line, id_=f"{path.stem}:{number}", claimed_until=claimed_until)
                        count += 1
                # only now: a commit that failed has imported nothing
                path.rename(path.with_suffix(".imported"))
        return count

    def purge(self, before: datetime) -> int:
        """Delete what was imported before then, by the real clock: it holds raw payloads. Return how many files."""
        old = [path for path in self._folder.glob("*.imported") if path.stat().st_mtime < before.timestamp()]
        for path in old:
            path.unlink()
        return len(old)

    def _keys(self) -> set[str]:
        if self._seen is None:
            lines = (line for path in sorted(self._folder.glob("*.jsonl")) for line in _lines(path))
            self._seen = {line["key"] for line in lines if line["line"] == "inbox"}
        return self._seen

    def _write(self, line: dict[str, Any]) -> None:
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


def _lines(path: Path) -> Iterator[dict[str, Any]]:
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


async def _bring(transaction: Connection, line: dict[str, Any], *, id_: str, claimed_until: datetime) -> None:
    if line["line"] == "inbox":
        at = datetime.fromisoformat(line["received_at"])
        received = inbox.Received(key=line["key"], kind=line["kind"], payload=line["payload"], received_at=at)
        await inbox.add(transaction, received, claimed_until=claimed_until)
    elif line["line"] == "done":
        await inbox.finish(
            transaction, line["key"], outcome=line["outcome"], done_at=datetime.fromisoformat(line["done_at"])
        )
    elif not await audit.has_journaled(transaction, id_):
        await audit.add(
            transaction,
            Event(line["kind"]),
            actor=line["actor"],
            subject=line["subject"],
            at=datetime.fromisoformat(line["at"]),
            detail={"journal": id_},
        )
