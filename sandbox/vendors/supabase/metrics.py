"""The metrics endpoint of the project: Prometheus text with living values."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import UNREACHABLE
from sandbox.vendors.supabase.gateway import Gateway
from sandbox.vendors.vendor import call
from sandbox.world import CREDENTIALS, World

GIGABYTE: Final = 1024**3
CPU_BUSY: Final = {"normal": 0.22, "busy": 0.76, "overloaded": 0.97}
MEMORY_USED: Final = {"normal": 0.55, "busy": 0.83, "overloaded": 0.95}
CONNECTED: Final = {"normal": 0.28, "busy": 0.74, "overloaded": 0.97}
"""Connections of the maximum, by load."""
MAX_CONNECTIONS: Final = {"ci_micro": 60, "ci_small": 90, "ci_medium": 120}
DISK: Final = 8 * GIGABYTE
DISK_USED: Final = {"roomy": 0.31, "filling": 0.92, "full": 0.97}
MODES: Final = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")


class Metrics(Gateway):
    """`/customer/v1/privileged/metrics`, by HTTP Basic as `service_role` with the secret key."""

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with a machine that has been up for a month."""
        super().__init__(world, faults)
        self._minute: tuple[int, tuple[str, ...]] | None = None
        self._text = ""
        self._spent_until = world.clock.timestamp() - 30 * 86_400
        self._processor = dict.fromkeys(MODES, 0.0)

    @call("GET", "/customer/v1/privileged/metrics", "metrics.scrape")
    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Return the figures of this minute of the bot's time, or of the latest switch; counters run with that clock."""
        del request
        minute = (int(self.world.clock.timestamp()) // 60, tuple(self.state.values()))
        if minute != self._minute:
            self._minute, self._text = minute, await self._scrape()
        return web.Response(text=self._text, content_type="text/plain")

    def set_switch(self, name: str, option: str) -> None:
        """Close the account of processor time under the old load first: its counters never run backwards."""
        self._spend()
        super().set_switch(name, option)

    async def _scrape(self) -> str:
        users, size = await self._database_figures()
        lines = [f"{name}{{{self._labels(kind, extra)}}} {value}" for name, kind, extra, value in self._samples()]
        lines += [
            f"auth_users_user_count{{{self._labels('postgresql')}}} {users}",
            f"storage_storage_size_mb{{{self._labels('postgresql')}}} 1312",
            f"pg_database_size_mb{{{self._labels('postgresql')}}} {size / 1024**2:.1f}",
            f"pg_database_size_bytes{{{self._labels('postgresql', 'datname=postgres')}}} {size}",
        ]
        return "\n".join(lines) + "\n"

    async def _database_figures(self) -> tuple[int, int]:
        """Return the number of users and the size in bytes; nothing where there is no database to ask."""
        production = self.company.production
        if self.state["database"] != "up" or production is None:
            return 0, 0
        try:
            rows = await production.fetch(
                "select count(*) as users, pg_database_size(current_database()) as size from auth.users"
            )
        except UNREACHABLE:
            return 0, 0
        return rows[0]["users"], rows[0]["size"]

    def _samples(self) -> list[tuple[str, str, str, float]]:
        """All that does not need the database: name, service, further labels, value."""
        up = 1 if self.state["database"] == "up" else 0
        load, disk = self.state["load"], self.state["disk"]
        most = MAX_CONNECTIONS[self.state["compute"]]
        samples: list[tuple[str, str, str, float]] = [
            ("pg_up", "postgresql", "", up),
            ("pgbouncer_up", "db", "", 1 if self.state["pooler"] == "healthy" else 0),
            ("gotrue_running", "gotrue", "", 1 if self.state["auth"] == "healthy" else 0),
            ("pg_stat_database_num_backends", "postgresql", "", round(most * CONNECTED[load]) * up),
            ("max_connections_connection_count", "postgresql", "", most),
            ("pgbouncer_used_clients", "db", "", {"normal": 22, "busy": 130, "overloaded": 199}[load]),
            ("pgbouncer_config_max_client_connections", "db", "", 200),
            ("pgbouncer_pools_client_waiting_connections", "db", "", {"normal": 0, "busy": 2, "overloaded": 41}[load]),
            ("pgrst_db_pool_max", "postgrest", "", 10),
            ("pgrst_db_pool_available", "postgrest", "", {"normal": 8, "busy": 2, "overloaded": 0}[load]),
            ("pgrst_db_pool_waiting", "postgrest", "", {"normal": 0, "busy": 1, "overloaded": 23}[load]),
            ("pgrst_db_pool_timeouts_total", "postgrest", "", {"normal": 0, "busy": 3, "overloaded": 190}[load]),
            ("pg_stat_database_deadlocks_total", "postgresql", "", 0),
            ("pg_settings_default_transaction_read_only", "postgresql", "", 1 if disk == "full" else 0),
            ("node_memory_MemTotal_bytes", "db", "", GIGABYTE),
            ("node_memory_MemAvailable_bytes", "db", "", int(GIGABYTE * (1 - MEMORY_USED[load]))),
            ("node_load5", "db", "", 2 * CPU_BUSY[load]),
        ]
        for mount, device, size, share in (
            ("/", "/dev/nvme0n1p2", 10 * GIGABYTE, 0.41),
            ("/data", "/dev/nvme1n1", DISK, DISK_USED[disk]),
        ):
            extra = f"device={device},device_error=,fstype=ext4,mountpoint={mount}"
            samples.append(("node_filesystem_size_bytes", "db", extra, size))
            samples.append(("node_filesystem_avail_bytes", "db", extra, int(size * (1 - share))))
        self._spend()
        for cpu in ("0", "1"):
            samples += [
                ("node_cpu_seconds_total", "db", f"cpu={cpu},mode={mode}", round(spent, 2))
                for mode, spent in self._processor.items()
            ]
        return samples

    def _spend(self) -> None:
        """Account for the processor time since the last look, under the present load."""
        now = self.world.clock.timestamp()
        passed, self._spent_until = now - self._spent_until, now
        busy = CPU_BUSY[self.state["load"]]
        for mode, share in {"idle": 1 - busy, "user": busy * 0.7, "system": busy * 0.25, "iowait": busy * 0.05}.items():
            self._processor[mode] += passed * share

    def _labels(self, kind: str, extra: str = "") -> str:
        ref = CREDENTIALS["supabase.ref"]
        pairs = [f'supabase_project_ref="{ref}"', f'supabase_identifier="{ref}"', f'service_type="{kind}"']
        if kind == "postgresql" and not extra:
            pairs.append('server="localhost:5432"')
        pairs += [f'{name}="{value}"' for name, _, value in (pair.partition("=") for pair in extra.split(",") if pair)]
        return ",".join(pairs)
