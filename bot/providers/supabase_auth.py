"""Supabase Auth (GoTrue) with the secret key: who somebody is, and what an operator may do for them.

https://supabase.com/docs/reference/api and supabase/auth `openapi.yaml`; `filter` is in the code alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from bot.providers.http import Api, is_json
from bot.settings import SupabaseSettings

_PAGE: Final = 200
_MOST_PAGES: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthUser:
    """An account, as Auth knows it."""

    id: str
    email: str
    created_at: datetime
    confirmed_at: datetime | None
    confirmation_sent_at: datetime | None
    recovery_sent_at: datetime | None
    last_sign_in_at: datetime | None
    banned_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn:
    """What became of a sign-in: `code` is Auth's own word for why it was refused, empty where it worked."""

    code: str
    token: SecretStr | None = None


class _User(BaseModel):
    id: str
    email: str | None = None
    created_at: datetime
    email_confirmed_at: datetime | None = None
    confirmation_sent_at: datetime | None = None
    recovery_sent_at: datetime | None = None
    last_sign_in_at: datetime | None = None
    banned_until: datetime | None = None


class _Users(BaseModel):
    users: list[_User]


class _Refusal(BaseModel):
    error_code: str = ""
    code: str | int = ""

    @property
    def said(self) -> str:
        return self.error_code or (self.code if isinstance(self.code, str) else "")


class _Token(BaseModel):
    access_token: SecretStr


_USER: Final = TypeAdapter(_User)
_USERS: Final = TypeAdapter(_Users)
_REFUSAL: Final = TypeAdapter(_Refusal)
_TOKEN: Final = TypeAdapter(_Token)


class SupabaseAuth:
    """`/auth/v1`. The secret key acts; signing in as a customer would is done with the publishable one."""

    def __init__(self, settings: SupabaseSettings, secret_key: SecretStr, http: httpx.AsyncClient) -> None:
        """Send the secret key as `apikey`: it is no JWT, and no bearer token."""
        self.settings = settings
        base_url = f"{settings.url.rstrip('/')}/auth/v1"
        headers = {"apikey": secret_key.get_secret_value()}
        self._api = Api(provider="Supabase Auth", http=http, base_url=base_url, headers=headers)
        public = {"apikey": settings.publishable_key.get_secret_value()}
        self._public = Api(provider="Supabase Auth", http=http, base_url=base_url, headers=public)

    async def by_email(self, email: str) -> AuthUser | None:
        """Return the account of exactly this address: `filter` only contains it, and `_` in it stands for anything."""
        for page in range(1, _MOST_PAGES + 1):
            params: dict[str, str | int] = {"filter": email.lower(), "page": page, "per_page": _PAGE}
            found = (await self._api.read("/admin/users", _USERS, params=params)).users
            for user in found:
                if (user.email or "").lower() == email.lower():
                    return _known(user)
            if len(found) < _PAGE:
                return None
        why = f"lists more than {_PAGE * _MOST_PAGES:,} accounts for one address"
        raise self._api.failed("garbled", why=why)

    async def get(self, user: str) -> AuthUser | None:
        """Return the account of this id; None where there is none (404)."""
        response = await self._api.answer("GET", f"/admin/users/{user}")
        if response.status_code == 404 and _code(response) == "user_not_found":
            return None
        return _known(self._api.parsed(self._api.accepted(response), _USER))

    async def confirm(self, user: str) -> AuthUser:
        """Confirm the address; an earlier confirmation stays as it is: `PUT /admin/users/{id}`."""
        response = await self._api.send("PUT", f"/admin/users/{user}", body={"email_confirm": True})
        return _known(self._api.parsed(response, _USER, ambiguous=True))

    async def send_reset(self, email: str) -> None:
        """Have Auth mail a link for a new password: `POST /recover`, at most one a minute for the same account."""
        await self._api.send("POST", "/recover", body={"email": email})

    async def delete(self, user: str) -> None:
        """Delete the account and all rows that cascade from it. Raise ProviderError, 500 where another table holds it."""
        await self._api.send("DELETE", f"/admin/users/{user}", body={"should_soft_delete": False})

    async def sign_in(self, email: str, password: SecretStr) -> SignIn:
        """Sign in as the app does, and say what came of it. Raise ProviderError where Auth itself fails."""
        body = {"email": email, "password": password.get_secret_value()}
        response = await self._public.answer("POST", "/token", params={"grant_type": "password"}, body=body)
        if response.status_code in (400, 403, 422) and (code := _code(response)):
            return SignIn(code=code)
        found = self._public.parsed(self._public.accepted(response, ambiguous=True), _TOKEN)
        return SignIn(code="", token=found.access_token)

    async def sign_out(self, token: SecretStr) -> None:
        """End the session of this token alone: `POST /logout?scope=local`."""
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        await self._public.send("POST", "/logout", params={"scope": "local"}, headers=headers)


def _known(user: _User) -> AuthUser:
    return AuthUser(
        id=user.id,
        email=user.email or "",
        created_at=user.created_at,
        confirmed_at=user.email_confirmed_at,
        confirmation_sent_at=user.confirmation_sent_at,
        recovery_sent_at=user.recovery_sent_at,
        last_sign_in_at=user.last_sign_in_at,
        banned_until=user.banned_until,
    )


def _code(response: httpx.Response) -> str:
    """Return Auth's own word for a refusal: in a header, and in the body's old or new shape."""
    said = response.headers.get("x-sb-error-code", "")
    if said or not is_json(response):
        return str(said)
    try:
        return _REFUSAL.validate_json(response.content).said
    except ValidationError:
        return ""
