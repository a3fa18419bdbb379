"""What people can ask for: one module a command family. This listing is the feature list."""

from __future__ import annotations

from typing import Final

from bot.operation import Family
from handlers import about, status, token

FAMILIES: Final[tuple[Family, ...]] = (
    status.FAMILY,
    about.FAMILY,
    token.FAMILY,
)
