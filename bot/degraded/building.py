"""Puts the keeper together, on the copy that the settings name."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from bot.context import Services
from bot.degraded.following import Following
from bot.degraded.glass import Glass
from bot.degraded.ground import JournalGround, Says
from bot.degraded.keeper import Keeper
from bot.degraded.ledger import Ledger
from bot.degraded.mirror import Mirror
from bot.incidents.bootstrap import Bootstrap
from bot.journal import Journal
from bot.settings import Settings
from bot.slack.announcer import Announcer
from bot.slack.rooms import Rooms

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")

MIRROR: Final = "mirror.json"


def name_of(settings: Settings) -> str:
    """What this copy is called."""
    return settings.name or socket.gethostname()


@contextmanager
def keeping(
    services: Services,
    journal: Journal,
    data_dir: Path,
    *,
    rooms: Rooms,
    speaker: Says,
    announce: Announcer,
    resume: Callable[[], None],
) -> Iterator[Keeper | None]:
    """The keeper until the block ends; None where another copy is named, or none, or the folder is another's."""
    if services.settings.degraded.keeper != name_of(services.settings):
        yield None
        return
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "keeper.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("another process keeps incidents in this folder")
            yield None
            return
        pager = services.vendors().pagerduty

        def follow(ledger: Callable[[], Ledger]) -> Following:
            ground = JournalGround(services, ledger, speaker, announce.render)
            bootstrap = Bootstrap(services=services, ground=ground, rooms=rooms, pager=pager)
            return Following(services, ledger, ground, bootstrap, pager, Glass(services, ledger, ground))

        yield Keeper(services, journal, Mirror(data_dir / MIRROR), follow, resume=resume)
