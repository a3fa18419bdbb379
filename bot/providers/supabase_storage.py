"""Supabase Storage with the secret key: buckets, and deleting files (https://supabase.com/docs/reference/api, storage)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from bot.providers.http import Api, is_json
from bot.settings import SupabaseSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A bucket with its limits; None where it has none of its own."""

    id: str
    public: bool
    largest: int | None
    """Bytes of a file."""
    types: tuple[str, ...] | None


class _Bucket(BaseModel):
    id: str
    public: bool = False
    file_size_limit: int | None = None
    allowed_mime_types: list[str] | None = None


class _Refusal(BaseModel):
    statusCode: str = ""  # noqa: N815 -- Storage's name


_BUCKET: Final = TypeAdapter(_Bucket)
_REFUSAL: Final = TypeAdapter(_Refusal)
_GONE: Final = TypeAdapter(list[dict[str, Any]])
MOST_AT_ONCE: Final = 100
"""Files of one call that deletes."""


class SupabaseStorage:
    """`/storage/v1`."""

    def __init__(self, settings: SupabaseSettings, secret_key: SecretStr, http: httpx.AsyncClient) -> None:
        """Send the secret key as `apikey`: it is no JWT, and no bearer token."""
        self.settings = settings
        self._api = Api(
            provider="Supabase Storage",
            http=http,
            base_url=f"{settings.url.rstrip('/')}/storage/v1",
            headers={"apikey": secret_key.get_secret_value()},
        )

    async def alive(self) -> bool:
        """Return True where the service answers: `GET /status`. Raise ProviderError where it does not."""
        await self._api.send("GET", "/status")
        return True

    async def bucket(self, name: str) -> Bucket | None:
        """Return the bucket; None where there is none, which Storage says as 404 inside a 400."""
        response = await self._api.answer("GET", f"/bucket/{name}")
        if response.status_code in (400, 404) and _status_in(response) == "404":
            return None
        found = self._api.parsed(self._api.accepted(response), _BUCKET)
        types = None if found.allowed_mime_types is None else tuple(found.allowed_mime_types)
        return Bucket(id=found.id, public=found.public, largest=found.file_size_limit, types=types)

    async def delete(self, bucket: str, names: Sequence[str]) -> int:
        """Delete these files, `MOST_AT_ONCE` a call, and return how many were there: `DELETE /object/{bucket}`."""
        gone = 0
        for start in range(0, len(names), MOST_AT_ONCE):
            body = {"prefixes": list(names[start : start + MOST_AT_ONCE])}
            response = await self._api.send("DELETE", f"/object/{bucket}", body=body)
            gone += len(self._api.parsed(response, _GONE, ambiguous=True))
        return gone


def _status_in(response: httpx.Response) -> str:
    if not is_json(response):
        return ""
    try:
        return _REFUSAL.validate_json(response.content).statusCode
    except ValidationError:
        return ""
