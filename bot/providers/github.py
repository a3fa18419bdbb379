"""GitHub's REST API: what lies between two commits (https://docs.github.com/rest)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import GitHubSettings

MOST_FILES: Final = 300
"""GitHub names no more files of a comparison than these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit: the first line of its message, and who wrote it, by login where GitHub knows them."""

    sha: str
    title: str
    author: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What is in the second commit and not in the first. `behind` counts what is in the first alone."""

    commits: tuple[Commit, ...]
    """Oldest first; at most 100 of `ahead`."""
    ahead: int
    behind: int
    files: tuple[str, ...]
    whole: bool
    """Whether `files` is all of them."""
    url: str


class _Person(BaseModel):
    name: str = ""
    date: datetime


class _Login(BaseModel):
    login: str = ""


class _Inner(BaseModel):
    message: str
    author: _Person


class _Commit(BaseModel):
    sha: str
    commit: _Inner
    author: _Login | None = None


class _Repository(BaseModel):
    default_branch: str


class _File(BaseModel):
    filename: str


class _Comparison(BaseModel):
    ahead_by: int
    behind_by: int
    html_url: str
    commits: list[_Commit]
    files: list[_File] = []


_REPOSITORY: Final = TypeAdapter(_Repository)
_COMPARISON: Final = TypeAdapter(_Comparison)


class GitHub:
    """The product's repository."""

    def __init__(self, settings: GitHubSettings, http: httpx.AsyncClient) -> None:
        """Send the token with every call."""
        self.settings = settings
        self._api = Api(
            provider="GitHub",
            http=http,
            base_url=settings.base_url,
            headers={
                "authorization": f"Bearer {settings.token.get_secret_value()}",
                "accept": "application/vnd.github+json",
                "x-github-api-version": "2022-11-28",
            },
            timeout=5,  # who rolls back does not wait longer for what only informs
        )

    async def branch(self) -> str:
        """Return the repository's default branch, as a proof that we may read it: `GET /repos/{o}/{r}`."""
        return (await self._api.read(f"/repos/{self.settings.repository}", _REPOSITORY)).default_branch

    async def compare(self, old: str, new: str) -> Comparison:
        """Return what `new` has that `old` has not: `GET /repos/{o}/{r}/compare/{old}...{new}`.

        404: one of them is gone, such as after a push by force.
        """
        path = f"/repos/{self.settings.repository}/compare/{old}...{new}"
        found = await self._api.read(path, _COMPARISON, params={"per_page": 100})
        return Comparison(
            commits=tuple(_commit(commit) for commit in found.commits),
            ahead=found.ahead_by,
            behind=found.behind_by,
            files=tuple(file.filename for file in found.files),
            whole=len(found.files) < MOST_FILES,
            url=found.html_url,
        )


def _commit(found: _Commit) -> Commit:
    return Commit(
        sha=found.sha,
        title=found.commit.message.partition("\n")[0],
        author=(found.author.login if found.author else "") or found.commit.author.name,
        at=found.commit.author.date,
    )
