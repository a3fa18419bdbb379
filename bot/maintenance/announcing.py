"""How customers hear of a maintenance: the status page, and mail in batches of a hundred; each once, whatever dies.

The page is looked at for our own id first. A batch is a recorded step with an idempotency key of its own, which Resend
remembers for a day; addresses are read when they are needed, and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.context import Services
from bot.errors import ProviderError
from bot.maintenance.texts import Occasion, Text, text
from bot.steps import Results, Step, Table, once
from bot.store import maintenances
from bot.store.maintenances import Maintenance

MAILED: Final = (Occasion.ANNOUNCED, Occasion.CANCELLED, Occasion.COMPLETED)
"""The occasions that are worth a mail; of the others only the page tells."""
_PAGE: Final[Mapping[Occasion, str]] = {
    Occasion.ANNOUNCED: "scheduled",
    Occasion.MOVED: "in_progress",
    Occasion.STARTED: "in_progress",
    Occasion.COMPLETED: "completed",
    Occasion.CANCELLED: "completed",
}
"""Statuspage's words for a maintenance. It knows no cancelled one: completed, and the text says what became of it."""
MOST_BATCHES: Final = 1000


def said(maintenance: Maintenance, occasion: Occasion) -> Text:
    """What is said of this maintenance on this occasion. Pure."""
    return text(
        occasion,
        what=maintenance.what,
        start=maintenance.start_at,
        end=maintenance.end_at,
        offline=maintenance.offline,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Whom it was told: whether the page has it (None: there is no page), and how many mails went out (None: no mail)."""

    page: bool | None
    mails: int | None

    @property
    def sentence(self) -> str:
        """In words, for cards and posts."""
        page = {True: "the status page", False: "", None: ""}[self.page]
        mails = f"{self.mails:,} customers by mail" if self.mails is not None else ""
        return (
            " and ".join(part for part in (page, mails) if part) or "nobody outside: no page and no mail is configured"
        )


async def announce(services: Services, maintenance: Maintenance, occasion: Occasion) -> Told:
    """Tell it everywhere that the settings know; run again, it goes on where it was. Raises ProviderError."""
    page = await _on_page(services, maintenance, occasion)
    mails = await _by_mail(services, maintenance, occasion) if occasion in MAILED else None
    told = Told(page=page, mails=mails)
    kept = {occasion.value: {"page": page, "mails": mails}}
    await services.database.call(lambda connection: maintenances.tell(connection, maintenance.id, kept))
    return told


async def _on_page(services: Services, maintenance: Maintenance, occasion: Occasion) -> bool | None:
    page = services.vendors().statuspage
    if page is None:
        return None
    wording = said(maintenance, occasion)

    async def publish(_: Results) -> dict[str, Any]:
        fields: dict[str, Any] = {"status": _PAGE[occasion], "body": wording.body, "deliver_notifications": True}
        there = await page.find(maintenance.subject)
        if there is None and occasion is Occasion.ANNOUNCED:
            scheduled = {
                "name": f"Maintenance: {maintenance.what}",
                "scheduled_for": maintenance.start_at.isoformat(),
                "scheduled_until": maintenance.end_at.isoformat(),
                "scheduled_auto_in_progress": False,
                "scheduled_auto_completed": False,
            }
            there = await page.create(maintenance.subject, fields | scheduled)
        elif there is not None and not any(update.body == wording.body for update in there.incident_updates):
            if occasion is Occasion.MOVED:
                fields["scheduled_until"] = maintenance.end_at.isoformat()
            there = await page.update(there.id, fields)
        return {"page": there.id if there else ""}

    moved = f":{maintenance.end_at:%Y%m%d%H%M}" if occasion is Occasion.MOVED else ""
    step = Step(name=f"page:{occasion}{moved}", title="Status page", run=publish)
    return bool((await once(Table(services.database, maintenance.subject), step))["page"])


async def _by_mail(services: Services, maintenance: Maintenance, occasion: Occasion) -> int | None:
    resend, product = services.vendors().resend, services.product
    if resend is None or product is None or not services.settings.maintenance.mail_customers:
        return None
    wording = said(maintenance, occasion)
    table = Table(services.database, maintenance.subject)
    after, count = "", 0
    for number in range(MOST_BATCHES):
        key = f"{maintenance.subject}:{occasion}:{number}"

        async def send(_: Results, after: str = after, key: str = key) -> dict[str, Any]:
            people = await product.fetch("announcement_addresses", {"after": after})
            if not people:
                return {"after": "", "count": 0}
            try:
                await resend.send_batch(
                    [str(person["email"]) for person in people], wording.subject, wording.body, key=key
                )
            except ProviderError as error:
                if error.status != 409:
                    raise
                # the key was used for this batch before somebody signed up or left: it went out then
            return {"after": str(people[-1]["id"]), "count": len(people)}

        step = Step(name=f"mail:{occasion}:{number}", title=f"Mails {number + 1}", run=send)
        sent = await once(table, step)
        count += int(sent["count"])
        after = str(sent["after"])
        if not after:
            break
    return count
