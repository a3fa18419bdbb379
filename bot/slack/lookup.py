"""Asks the workspace who a person is and which groups they are in."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from bot.context import Now
from bot.errors import ProviderError
from bot.people import Standing
from bot.slack.client import Slack, call
from bot.store.people import Known

GROUPS_FOR: Final = 60.0
"""Real seconds for which a group's member list is used at most: `usergroups.users.list` allows 20 a minute."""


class WorkspaceLookup:
    """`bot.directory.Lookup`, by `users.info` and `usergroups.users.list`."""

    def __init__(self, slack: Slack, now: Now, *, groups_for: float = GROUPS_FOR) -> None:
        """`slack` knows its own workspace (`team_id`)."""
        self._slack = slack
        self._now = now
        self._groups_for = groups_for
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._asking: dict[str, asyncio.Task[frozenset[str]]] = {}

    async def __call__(self, person_id: str, groups: frozenset[str]) -> Known | None:
        """The person; None where there is none of that id."""
        try:
            info, *members = await asyncio.gather(
                call(self._slack.quick, "users.info", user=person_id), *(self._members(group) for group in groups)
            )
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
            member_of=frozenset(group for group, in_it in zip(groups, members, strict=True) if person_id in in_it),
            checked_at=self._now(),
        )

    async def _members(self, group: str) -> frozenset[str]:
        known = self._groups.get(group)
        if known is not None and time.monotonic() - known[0] < self._groups_for:
            return known[1]
        task = self._asking.get(group)
        if task is None:
            task = asyncio.create_task(self._ask(group), name=f"members of {group}")
            self._asking[group] = task
            task.add_done_callback(lambda _: self._asking.pop(group, None))
        return await asyncio.shield(task)

    async def _ask(self, group: str) -> frozenset[str]:
        try:
            answer = await call(self._slack.quick, "usergroups.users.list", usergroup=group)
        except ProviderError as error:
            if error.why != "no_such_subteam":
                raise
            # a group that was deleted gives nobody any right; the rest of the settings still hold
            answer = {"users": []}
        members = frozenset(answer["users"])
        self._groups[group] = (time.monotonic(), members)
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
