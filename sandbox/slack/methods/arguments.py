"""The arguments of a Web API call, whether they came as JSON, as a form or in the query."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox import world
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

T = TypeVar("T")


class Arguments(dict[str, Any]):
    """What the bot gave."""

    def required(self, name: str) -> Any:
        """A value that must be there. Raise RefusedError `invalid_arguments`."""
        value = self.get(name)
        if value is None or value == "":
            message = f"[ERROR] missing required field: {name}"
            raise RefusedError("invalid_arguments", response_metadata={"messages": [message]})
        return value

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.get(name)
        return default if value is None else str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A Boolean, as JSON or as text."""
        value = self.get(name)
        return default if value is None else value in (True, "true", "True", "1", 1)

    def number(self, name: str, default: int) -> int:
        """A whole number. Raise RefusedError `invalid_arguments`."""
        try:
            return int(self.get(name) or default)
        except (TypeError, ValueError):
            raise RefusedError("invalid_arguments") from None

    def names(self, name: str) -> list[str]:
        """A list, as JSON or comma-separated."""
        value = self.get(name)
        if isinstance(value, str) and value.startswith("["):
            value = json.loads(value)
        if isinstance(value, str):
            value = value.split(",")
        return [str(one).strip() for one in value or [] if str(one).strip()]

    def any_channel(self, workspace: Workspace) -> Channel | None:
        """The channel that the call is about, if one is named and there is."""
        key = self.get("channel") or self.get("channel_id")
        return workspace.state.channels.get(key) if isinstance(key, str) else None

    def channel(self, workspace: Workspace, name: str = "channel") -> Channel:
        """A channel that the bot may know of. Raise RefusedError `channel_not_found`."""
        key = self.get(name)
        found = workspace.state.channels.get(key) if isinstance(key, str) else None
        if found is None or ((found.is_private or found.is_im) and world.BOT_USER_ID not in found.members):
            raise RefusedError("channel_not_found")
        return found

    def own_channel(self, workspace: Workspace, name: str = "channel") -> Channel:
        """A channel that the bot is in, and that is open. Raise RefusedError."""
        found = self.channel(workspace, name)
        if world.BOT_USER_ID not in found.members:
            raise RefusedError("not_in_channel")
        if found.is_archived:
            raise RefusedError("is_archived")
        return found

    def user(self, workspace: Workspace, name: str = "user") -> str:
        """The id of somebody there is. Raise RefusedError `user_not_found`."""
        value = self.get(name)
        if not isinstance(value, str) or value not in workspace.state.accounts:
            raise RefusedError("user_not_found")
        return value

    def page(self, whole: list[T], default: int, most: int) -> tuple[list[T], Json]:
        """The page of a list that `cursor` and `limit` ask for, and the `response_metadata`. Raise RefusedError."""
        limit = self.number("limit", default)
        if not 1 <= limit <= most:
            raise RefusedError("invalid_limit")
        start = 0
        if self.text("cursor"):
            try:
                start = int(base64.b64decode(self.text("cursor"), validate=True).decode().removeprefix("at:"))
            except (ValueError, binascii.Error):
                raise RefusedError("invalid_cursor") from None
        end = start + limit
        cursor = base64.b64encode(f"at:{end}".encode()).decode() if end < len(whole) else ""
        return whole[start:end], {"next_cursor": cursor}
