"""How much memory a process has. It loads nothing that would weigh on what it measures."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path


def megabytes(pid: int) -> float:
    """The process's share of memory (PSS), in MB; where the system counts no shares, what is resident."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return _resident(pid)


def _resident(pid: int) -> float:
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(found.stdout) / 1024
