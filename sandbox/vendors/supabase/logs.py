"""The query endpoint of Supabase's logs, for the simple forms that an operator's query takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.product import Company, PlatformLine

SOURCE: Final = re.compile(r"source\s*=\s*'([a-z_]+)'")
LIKE: Final = re.compile(r"event_message\s+i?like\s+'%([^']*)%'", re.IGNORECASE)
STATUS: Final = re.compile(r"response\.status_code'\]\)\s*>=\s*(\d+)")
LIMIT: Final = re.compile(r"limit\s+(\d+)", re.IGNORECASE)
ATTRIBUTE: Final = re.compile(r"log_attributes\['([^']+)'\]\)?\s+as\s+(\w+)", re.IGNORECASE)


def read_logs(company: Company, query: Mapping[str, str]) -> dict[str, Any]:
    """Return `{"result": […], "error": null}`, newest first.

    Understood: `from logs`, `source = '…'`, `event_message like '%…%'`, a smallest status, `limit`. The range is at
    most 24 hours, and the last minute where no time is given.
    """
    sql = query.get("sql", "")
    if not re.search(r"from\s+logs\b", sql, re.IGNORECASE):
        return _error("Unknown table expression identifier: only `logs` can be queried")
    now = company.world.clock.timestamp()
    try:
        end = _time(query.get("iso_timestamp_end"), now)
        start = _time(query.get("iso_timestamp_start"), end - 60)
    except ValueError:
        return _error("Invalid timestamp")
    if end - start > 86_400:
        return _error("The time range cannot be longer than 24 hours")
    source, like, status = SOURCE.search(sql), LIKE.search(sql), STATUS.search(sql)
    found = [
        line
        for line in reversed(company.platform_log)
        if start <= line.at <= end
        and (source is None or line.source == source[1])
        and (like is None or like[1].lower() in line.message.lower())
        and (status is None or int(line.attributes.get("response.status_code", "0")) >= int(status[1]))
    ]
    limit = LIMIT.search(sql)
    wanted = ATTRIBUTE.findall(sql)
    return {"result": [_row(line, wanted) for line in found[: int(limit[1]) if limit else 1000]], "error": None}


def _row(line: PlatformLine, wanted: list[tuple[str, str]]) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(line.at, UTC).isoformat()
    row: dict[str, Any] = {"timestamp": stamp, "event_message": line.message, "source": line.source}
    row["log_attributes"] = dict(line.attributes)
    for key, name in wanted:
        value = line.attributes.get(key, "")
        row[name] = int(value) if value.isdigit() else value
    return row


def _time(text: str | None, otherwise: float) -> float:
    return datetime.fromisoformat(text).timestamp() if text else otherwise


def _error(message: str) -> dict[str, Any]:
    return {"result": [], "error": {"code": 400, "errors": [], "message": message, "status": "INVALID_ARGUMENT"}}
