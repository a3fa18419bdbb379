"""Supabase's figures about the database's machine: Prometheus text, refreshed once a minute.

Source: supabase.com/docs/guides/telemetry/metrics: HTTP Basic as `service_role` with the secret key, at most a scrape a
minute.
"""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from bot.providers.http import Api
from bot.settings import SupabaseSettings

REFRESHED_EVERY: Final = timedelta(seconds=60)
OLDEST: Final = timedelta(minutes=15)
"""A look longer ago than this says nothing of the processor's load now."""
_WANTED: Final = re.compile(
    r"(pg_up|pg_stat_database_num_backends|max_connections_connection_count|node_cpu_seconds_total|node_load5"
    r"|node_memory_MemTotal_bytes|node_memory_MemAvailable_bytes|node_filesystem_size_bytes|node_filesystem_avail_bytes"
    r"|pg_settings_default_transaction_read_only|pgbouncer_used_clients|pgbouncer_config_max_client_connections)\{"
)
"""The lines that are read: others repeat a label's name, which the format forbids and the parser refuses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What the endpoint says at one moment; what it leaves out is None. Bytes, seconds, counts."""

    at: datetime
    up: bool | None
    connections: int | None
    most_connections: int | None
    pooled: int | None
    most_pooled: int | None
    processor_idle: float
    processor_all: float
    cores: int
    load: float | None
    """Processes that ran or waited, over five minutes."""
    memory: float | None
    memory_available: float | None
    disk: float | None
    disk_available: float | None
    read_only: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The figures, and those of the look before, where that is not too long ago."""

    now: Figures
    before: Figures | None

    @property
    def processor(self) -> float | None:
        """The share of the processor's time that was spent since the look before, 0 to 1."""
        if self.before is None:
            return None
        spent = self.now.processor_all - self.before.processor_all
        idle = self.now.processor_idle - self.before.processor_idle
        return max(0.0, min(1.0, 1 - idle / spent)) if spent > 0 else None


class SupabaseMetrics:
    """The endpoint of one project. It keeps the last two looks: a share of the processor's time needs both."""

    def __init__(self, settings: SupabaseSettings, secret_key: SecretStr, http: httpx.AsyncClient) -> None:
        """Sign in as `service_role`."""
        password = base64.b64encode(f"service_role:{secret_key.get_secret_value()}".encode()).decode()
        self._api = Api(
            provider="Supabase's metrics",
            http=http,
            base_url=settings.url,
            headers={"authorization": f"Basic {password}"},
        )
        self._turn = asyncio.Lock()
        self._last: Figures | None = None
        self._before: Figures | None = None

    async def look(self, at: datetime) -> Look:
        """Return the figures of this minute (`at` is the bot's own time). Raise ProviderError where none come."""
        async with self._turn:  # ten people who ask at once cause one scrape
            last = self._last
            if last is None or at - last.at >= REFRESHED_EVERY:
                last = await self._scraped(at)
                self._before, self._last = self._last, last
        before = self._before
        return Look(now=last, before=before if before is not None and last.at - before.at <= OLDEST else None)

    async def _scraped(self, at: datetime) -> Figures:
        response = await self._api.send("GET", "/customer/v1/privileged/metrics")
        figures = read(response.text, at)
        if figures is None:
            raise self._api.failed("garbled", status=response.status_code, why="names none of the figures")
        return figures


def read(text: str, at: datetime) -> Figures | None:
    """Return the figures in a scrape; None where there are none of them. Pure."""
    lines = [line for line in text.splitlines() if _WANTED.match(line)]
    values: dict[str, float] = {}
    idle = whole = 0.0
    cores = set()
    try:
        samples = [
            sample for family in text_string_to_metric_families("\n".join(lines) + "\n") for sample in family.samples
        ]
    except ValueError:
        return None
    for sample in samples:
        if sample.name == "node_cpu_seconds_total":
            whole += sample.value
            idle += sample.value if sample.labels.get("mode") == "idle" else 0.0
            cores.add(sample.labels.get("cpu"))
        elif not sample.name.startswith("node_filesystem") or sample.labels.get("mountpoint") == "/data":
            values[sample.name] = sample.value
    if not samples:
        return None
    return Figures(
        at=at,
        up=None if "pg_up" not in values else values["pg_up"] == 1,
        connections=_count(values, "pg_stat_database_num_backends"),
        most_connections=_count(values, "max_connections_connection_count"),
        pooled=_count(values, "pgbouncer_used_clients"),
        most_pooled=_count(values, "pgbouncer_config_max_client_connections"),
        processor_idle=idle,
        processor_all=whole,
        cores=len(cores),
        load=values.get("node_load5"),
        memory=values.get("node_memory_MemTotal_bytes"),
        memory_available=values.get("node_memory_MemAvailable_bytes"),
        disk=values.get("node_filesystem_size_bytes"),
        disk_available=values.get("node_filesystem_avail_bytes"),
        read_only=values.get("pg_settings_default_transaction_read_only", 0) == 1,
    )


def _count(values: dict[str, float], name: str) -> int | None:
    return int(values[name]) if name in values else None
