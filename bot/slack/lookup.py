"""Asks the workspace who a person is and which groups they are in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from bot.context import Now
from bot.errors import ProviderError
from bot.flight import Flight
from bot.people import Standing
from bot.slack.client import Slack, call
from bot.store.people import Known

GROUPS_FOR: Final = 60.0
"""Real seconds for which the lists of members are used at most: `usergroups.list` allows 20 calls a minute."""


class WorkspaceLookup:
    """`bot.directory.Lookup`, by `users.info` and, for all groups at once, `usergroups.list`."""

    def __init__(self, slack: Slack, now: Now, *, groups_for: float = GROUPS_FOR) -> None:
        """`slack` knows its own workspace (`team_id`)."""
        self._slack = slack
        self._now = now
        self._groups_for = groups_for
        self._groups: tuple[float, Mapping[str, frozenset[str]]] | None = None
        self._asking = Flight(self._ask, name="members of groups")

    async def __call__(self, person_id: str, groups: frozenset[str], *, anew: bool = False) -> Known | None:
        """The person; None where there is none of that id."""
        asked = call(self._slack.quick, "users.info", user=person_id)
        try:
            info, members = await asyncio.gather(asked, self._members(groups, anew=anew))
        except ProviderError as error:
            if error.kind == "not_found":
                return None
            raise
        user: dict[str, Any] = info["user"]
        profile = user.get("profile") or {}
        name = profile.get("display_name") or user.get("real_name") or user.get("name") or person_id
        return Known(
            id=person_id,
            name=name,
            standing=standing(user, self._slack.team_id),
            # a group that was deleted gives nobody any right; the rest of the settings still hold
            member_of=frozenset(group for group in groups if person_id in members.get(group, ())),
            checked_at=self._now(),
            email=str(profile.get("email") or "").lower(),
        )

    async def _members(self, groups: frozenset[str], *, anew: bool) -> Mapping[str, frozenset[str]]:
        if not groups:
            return {}
        if anew:
            return await self._asking.anew()
        if self._groups is not None and time.monotonic() - self._groups[0] < self._groups_for:
            return self._groups[1]
        return await self._asking.join()

    async def _ask(self) -> Mapping[str, frozenset[str]]:
        answer = await call(self._slack.quick, "usergroups.list", include_users=True)
        members = {str(group["id"]): frozenset(group.get("users") or ()) for group in answer["usergroups"]}
        self._groups = (time.monotonic(), members)
        return members


def standing(user: dict[str, Any], home: str) -> Standing:
    """What `users.info` says a person is. Full members of the home workspace alone are members."""
    if user.get("deleted"):
        return Standing.DEACTIVATED
    if user.get("is_bot") or user.get("id") == "USLACKBOT":
        return Standing.BOT
    if user.get("is_stranger") or user.get("team_id") != home:
        return Standing.STRANGER
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return Standing.GUEST
    return Standing.MEMBER
