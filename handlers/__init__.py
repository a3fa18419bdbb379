"""What people can ask for: one module a command family. This listing is the feature list."""

from __future__ import annotations

from typing import Final

from bot.operation import Family
from handlers import (
    about,
    alert,
    approvals,
    audit,
    database,
    deploy,
    diagnose,
    doctor,
    grant,
    incident,
    maintenance,
    metrics,
    oncall,
    payment,
    postmortem,
    runbook,
    status,
    storage,
    task,
    token,
    user,
)

FAMILIES: Final[tuple[Family, ...]] = (
    status.FAMILY,
    incident.FAMILY,
    postmortem.FAMILY,
    task.FAMILY,
    oncall.FAMILY,
    alert.FAMILY,
    metrics.FAMILY,
    maintenance.FAMILY,
    deploy.FAMILY,
    grant.FAMILY,
    diagnose.FAMILY,
    user.FAMILY,
    storage.FAMILY,
    payment.FAMILY,
    database.FAMILY,
    approvals.FAMILY,
    audit.FAMILY,
    doctor.FAMILY,
    runbook.FAMILY,
    about.FAMILY,
    token.FAMILY,
)
