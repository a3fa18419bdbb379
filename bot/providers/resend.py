"""Resend: what became of the mails that went to somebody (https://resend.com/docs/api-reference/emails)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, BeforeValidator, TypeAdapter

from bot.providers.http import Api
from bot.settings import ResendSettings

_PAGE: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail. `event` is Resend's last word on it: queued, sent, delivered, opened, bounced, complained …."""

    id: str
    subject: str
    sent_at: datetime
    event: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mails:
    """What went to an address, newest first, among the newest mails of the account."""

    mails: tuple[Mail, ...]
    looked_at: int
    reach_back: datetime | None
    """When the oldest of those went out: before that, Resend has forgotten or was not asked."""


def _moment(given: object) -> object:
    """Read what Resend writes: `2026-11-25 10:00:00.123+00`, an ISO date to Python, and none to Pydantic."""
    return datetime.fromisoformat(given) if isinstance(given, str) else given


class _Mail(BaseModel):
    id: str
    to: list[str] = []
    subject: str = ""
    created_at: Annotated[datetime, BeforeValidator(_moment)]
    last_event: str = ""


class _Page(BaseModel):
    data: list[_Mail]
    has_more: bool = False


_PAGES: Final = TypeAdapter(_Page)


class Resend:
    """Resend's API with the product's key."""

    def __init__(self, settings: ResendSettings, http: httpx.AsyncClient) -> None:
        """Send the key as a bearer token."""
        self.settings = settings
        headers = {"authorization": f"Bearer {settings.api_key.get_secret_value()}"}
        self._api = Api(provider="Resend", http=http, base_url=settings.base_url, headers=headers)

    async def send_batch(self, addresses: Sequence[str], subject: str, body: str, *, key: str) -> None:
        """Send the same to each, a hundred at most, nobody seeing another's address: `POST /emails/batch`.

        With the same key it is sent once in a day. Raises ProviderError, 409 where the key was used for other people.
        """
        mails = [
            {"from": self.settings.from_address, "to": [address], "subject": subject, "text": body}
            for address in addresses
        ]
        await self._api.send("POST", "/emails/batch", body=mails, headers={"idempotency-key": key})

    async def sent_to(self, address: str, *, pages: int = 3) -> Mails:
        """Return what went to the address: `GET /emails`, newest first. It has no search; an account may have 2 calls/s."""
        found: list[Mail] = []
        looked_at: list[_Mail] = []
        more = True
        while more and len(looked_at) < pages * _PAGE:
            params: dict[str, str | int] = {"limit": _PAGE}
            if looked_at:
                params["after"] = looked_at[-1].id
            page = await self._api.read("/emails", _PAGES, params=params)
            looked_at += page.data
            found += [_mail(mail) for mail in page.data if _is_to(mail.to, address)]
            more = page.has_more and bool(page.data)
        oldest = _aware(looked_at[-1].created_at) if looked_at else None
        return Mails(mails=tuple(found), looked_at=len(looked_at), reach_back=oldest)


def _is_to(to: Sequence[str], address: str) -> bool:
    return any(one.rpartition("<")[2].rstrip(">").strip().lower() == address.lower() for one in to)


def _mail(mail: _Mail) -> Mail:
    return Mail(id=mail.id, subject=mail.subject, sent_at=_aware(mail.created_at), event=mail.last_event)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
