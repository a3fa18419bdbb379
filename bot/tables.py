"""Rows of the product as people read them: every address in them masked, as lines or as a file.

[pure]
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.masking import masked_text
from bot.operation import Attachment


def shown(value: Any) -> str:
    """A cell as people read it."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f} s"
    if isinstance(value, (date, int, float, Decimal)):
        return str(value)
    return masked_text(str(value))


def file_of(name: str, rows: Sequence[Mapping[str, Any]]) -> Attachment:
    """The rows as CSV, with the first row's names at the head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return Attachment(name=f"{name}.csv", title=name, content=text.getvalue().encode())


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    said = "" if value is None else shown(value)
    is_formula = isinstance(value, str) and said[:1] in ("=", "+", "-", "@")
    return f"'{said}" if is_formula else said
