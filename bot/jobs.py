"""What runs later or again, through procrastinate on our own database: due clocks, and the daily chores.

Jobs are immediate; deadlines are `bot.clocks`. What runs here may run twice: after a crash a stalled job is retried.
procrastinate finds out that a worker died by its heartbeat, but leaves its jobs `doing` for ever: every copy puts such
jobs back. Source: procrastinate 3.10, "Retry stalled jobs".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import procrastinate
import structlog

from bot.audit import Anchor, Event, Finding
from bot.context import Announce, ClockWork, Services
from bot.journal import Journal
from bot.loops import keep_going
from bot.operation import Answer, Line, Lines, Mark
from bot.store import acts, alerts, audit, clocks, figures, inbox, offers, posts
from bot.store.clocks import Due
from bot.store.database import SILENT, Connection, DatabaseSilentError

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.jobs")

HEARTBEAT: Final = 1.0
STALLED_AFTER: Final = 5.0
RETRIES: Final = 20
"""How often what is due is tried again where it fails: in all for a quarter of an hour of real time."""
_LOCK: Final = 0x696C6A62  # an advisory lock's number: one copy retries at a time


class Jobs:
    """The procrastinate app of this process, with its tasks. Nothing is registered at import."""

    def __init__(
        self,
        services: Services,
        journal: Journal,
        *,
        clocks: Mapping[str, ClockWork],
        announce: Announce | None,
        audit_channel: str,
    ) -> None:
        """`clocks` says what each kind of clock does when it is due."""
        self._services = services
        self._journal = journal
        self._clocks = clocks
        self._announce = announce
        self._audit_channel = audit_channel
        conninfo = services.database.conninfo
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=conninfo, min_size=1, max_size=4, timeout=3, kwargs={"connect_timeout": 2}
            )
        )
        # its clock has fired and nothing else starts it again: a watch would be silent for ever after one bad moment
        again = procrastinate.RetryStrategy(max_attempts=RETRIES, wait=1, linear_wait=5)
        self._due = self.app.task(name="ilab.due", queue="clocks", retry=again)(self._run_due)
        chores = {
            "17 3 * * *": ("ilab.purge", self._purge),
            "23 6 * * *": ("ilab.post_audit_head", self.post_audit_head),
        }
        for cron, (name, chore) in chores.items():
            self.app.periodic(cron=cron)(self.app.task(name=name, queue="chores", queueing_lock=name)(chore))

    async def defer(self, connection: Connection, due: Due) -> None:
        """Run what is due, once this transaction is committed."""
        await self._due.configure(connection=connection).defer_async(
            subject=due.subject, kind=due.kind, due_at=due.due_at.isoformat()
        )

    async def work(self) -> None:
        """Work until cancelled. Raises DatabaseSilentError when the database goes silent; the caller starts it again."""
        if not await self._services.database.answers():
            raise DatabaseSilentError  # procrastinate's pool would wait for half a minute, and longer and longer
        async with _said_as_silence(), self.app.open_async():
            retrying = asyncio.create_task(
                keep_going("retry stalled jobs", self._retry_stalled, every=STALLED_AFTER), name="retry stalled jobs"
            )
            try:
                await self.app.run_worker_async(
                    concurrency=4,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=1,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=STALLED_AFTER,
                    shutdown_graceful_timeout=3,
                    delete_jobs="successful",
                )
            finally:
                retrying.cancel()

    async def _run_due(self, subject: str, kind: str, due_at: str) -> None:
        await self._clocks[kind](subject, datetime.fromisoformat(due_at))

    async def _retry_stalled(self) -> None:
        """One copy at a time: what another has put back, and perhaps runs by now, must not be put back again."""
        manager = self.app.job_manager
        async with _said_as_silence(), self._services.database.transaction() as transaction:
            cursor = await transaction.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK])
            if await cursor.fetchone() != (True,):
                return
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
                log.warning("job retried: its worker died", job=job.id, task=job.task_name)
                await manager.retry_job(job)

    async def _purge(self, timestamp: int) -> None:
        del timestamp
        now = self._services.now()
        before = now - timedelta(days=self._services.settings.retention_days)
        async with self._services.database.transaction() as transaction:
            payloads = await inbox.purge(transaction, before=before)
            buttons = await offers.purge(transaction, now=now)
            await alerts.purge(transaction, before=before)
            kept = timedelta(days=self._services.settings.figures.keep_days)
            await figures.purge(transaction, before=now - kept)
            await acts.purge(transaction, before=before)
            said = await posts.purge(transaction, before=before)
            deadlines = await clocks.purge(transaction, before=before)
        files = self._journal.purge(datetime.now(UTC) - timedelta(days=self._services.settings.retention_days))
        log.info("purged", payloads=payloads, offers=buttons, posts=said, clocks=deadlines, journals=files)

    async def post_audit_head(self, timestamp: int) -> None:
        """Check the audit, and show its head to people: so a cut-off tail can be seen from outside the database."""
        del timestamp
        if self._announce is None or not self._audit_channel:
            return
        now = self._services.now()
        async with self._services.database.connection() as connection:
            count, findings = await audit.check(connection)
        if findings:
            log.error("the audit does not hold", findings=len(findings), first=findings[0].what)
        async with self._services.database.transaction() as transaction:
            head = await audit.head(transaction)
            if not findings and (head is None or head.seq == 0):
                return
            key = f"audit-head:{now:%Y-%m-%d}" if head is None else f"audit-head:{head.seq}"
            answer = _audit_answer(count, findings, head)
            await self._announce(transaction, stream="audit", key=key, channel=self._audit_channel, answer=answer)
            if head is not None and not findings:
                await audit.anchor(transaction, head, post_key=key, at=now)
                await audit.add(transaction, Event.HEAD_POSTED, actor="ilab", subject=str(head.seq), at=now)


@asynccontextmanager
async def _said_as_silence() -> AsyncIterator[None]:
    """What procrastinate raises when the database is silent becomes what we raise then."""
    try:
        yield
    except SILENT as error:
        raise DatabaseSilentError from error
    except procrastinate.exceptions.ConnectorException as error:
        if isinstance(error.__cause__, SILENT):
            raise DatabaseSilentError from error
        raise


def _audit_answer(count: int, findings: Sequence[Finding], head: Anchor | None) -> Answer:
    """What people are shown of the audit: that it is whole, with its end, or what is wrong with it."""
    if findings:
        return Answer(
            verdict=f"Audit: it does not hold, in {len(findings)} place{'' if len(findings) == 1 else 's'}",
            mark=Mark.DOWN,
            evidence=(Lines(lines=tuple(Line(title=finding.what) for finding in findings[:20])),),
        )
    ends = (Lines(lines=(Line(title=f"`{head.hash.hex()}`"),)),) if head is not None else ()
    return Answer(verdict=f"Audit: {count} entries, none altered, none missing up to here", evidence=ends)
