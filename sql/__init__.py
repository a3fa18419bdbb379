"""Every SQL statement of the bot, as package data, and the loader for it."""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def load(path: str) -> str:
    """The text of a file under `sql/`, such as `state/requests.sql`. Raises FileNotFoundError."""
    return resources.files(__name__).joinpath(*path.split("/")).read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """The names of the `.sql` files directly in a folder under `sql/`, sorted; none where there is no such folder."""
    place = resources.files(__name__).joinpath(*folder.split("/"))
    if not place.is_dir():
        return []
    return sorted(entry.name for entry in place.iterdir() if entry.name.endswith(".sql"))
