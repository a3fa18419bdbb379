"""What can stand in an incident's timeline: a closed list of kinds.

[pure]
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What sort of thing happened."""

    DECLARED = "declared"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    CANCELLED = "cancelled"
    MERGED = "merged"
    SEVERITY = "severity"
    ROLE = "role"
    TITLE = "title"
    TASK = "task"
    UPDATE = "update"
    NOTE = "note"
    MARKED = "marked"
    UNMARKED = "unmarked"
    EDITED = "edited"
    MILESTONE = "milestone"
    CLOCK = "clock"
    PAGED = "paged"
    SET_UP = "set_up"
    HEALTH = "health"
    CHANGE = "change"
    REQUEST = "request"
    BREAK_GLASS = "break_glass"
    STATUS_PAGE = "status_page"
    ALERT = "alert"
    POSTMORTEM = "postmortem"
