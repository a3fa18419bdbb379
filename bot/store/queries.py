"""The named statements of `sql/state/<family>.sql`."""

from __future__ import annotations

import functools
import re
from typing import LiteralString, cast

import sql

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@functools.cache
def statements(family: str) -> dict[str, LiteralString]:
    """The statements of one family, by name. They are constants of ours, hence literal."""
    parts = _NAME.split(sql.load(f"state/{family}.sql"))
    return {name: cast("LiteralString", text.strip()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}
