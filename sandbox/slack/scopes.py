"""Which scope each Web API method needs, and its rate limit tier.

Source: the reference page of each method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandbox.slack.state import Channel

_READS: Final = ("list", "info", "history", "replies", "members", "test", "get", "lookupByEmail", "getPermalink")


def writes(method: str) -> bool:
    """Whether a method changes anything."""
    return method.rpartition(".")[2] not in _READS and method != "apps.connections.open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a method needs. Where the channel decides, `private` and `im` differ from `scopes`; any one of each will do."""

    tier: int | None
    """None: outside the tiers."""
    scopes: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    im: tuple[str, ...] = ()
    app_token: bool = False
    public: bool = False
    """Needs no token at all."""

    def for_channel(self, channel: Channel | None) -> tuple[str, ...]:
        """The scopes of which one is needed for this channel."""
        if channel is not None and channel.is_im and self.im:
            return self.im
        if channel is not None and channel.is_private and self.private:
            return self.private
        return self.scopes


def _manage(tier: int, *also: str) -> Need:
    private = tuple(scope.replace("channels:", "groups:") for scope in also)
    return Need(tier=tier, scopes=("channels:manage", *also), private=("groups:write", *private))


def _read(tier: int) -> Need:
    return Need(tier=tier, scopes=("channels:read",), private=("groups:read",), im=("im:read",))


def _history(tier: int) -> Need:
    return Need(tier=tier, scopes=("channels:history",), private=("groups:history",), im=("im:history",))


NEEDS: Final[dict[str, Need]] = {
    "api.test": Need(tier=None, public=True),
    "auth.test": Need(tier=None),
    "apps.connections.open": Need(tier=3, scopes=("connections:write",), app_token=True),
    "chat.postMessage": Need(tier=None, scopes=("chat:write",)),
    "chat.update": Need(tier=3, scopes=("chat:write",)),
    "chat.delete": Need(tier=3, scopes=("chat:write",)),
    "chat.postEphemeral": Need(tier=4, scopes=("chat:write",)),
    "chat.getPermalink": Need(tier=None),
    "conversations.create": _manage(2),
    "conversations.invite": _manage(3, "channels:write.invites"),
    "conversations.kick": _manage(3),
    "conversations.leave": _manage(3),
    "conversations.join": Need(tier=3, scopes=("channels:join",)),
    "conversations.archive": _manage(2),
    "conversations.unarchive": _manage(2),
    "conversations.rename": _manage(2),
    "conversations.setTopic": _manage(2, "channels:write.topic"),
    "conversations.setPurpose": _manage(2, "channels:write.topic"),
    "conversations.info": _read(3),
    "conversations.list": _read(2),
    "conversations.members": _read(4),
    "conversations.history": _history(3),
    "conversations.replies": _history(3),
    "conversations.open": Need(tier=3, scopes=("im:write",)),
    "conversations.canvases.create": Need(tier=2, scopes=("canvases:write",)),
    "canvases.create": Need(tier=2, scopes=("canvases:write",)),
    "canvases.edit": Need(tier=3, scopes=("canvases:write",)),
    "canvases.sections.lookup": Need(tier=3, scopes=("canvases:read",)),
    "users.info": Need(tier=4, scopes=("users:read",)),
    "users.list": Need(tier=2, scopes=("users:read",)),
    "users.lookupByEmail": Need(tier=3, scopes=("users:read.email",)),
    "users.conversations": _read(3),
    "usergroups.list": Need(tier=2, scopes=("usergroups:read",)),
    "usergroups.users.list": Need(tier=2, scopes=("usergroups:read",)),
    "views.open": Need(tier=4),
    "views.push": Need(tier=4),
    "views.update": Need(tier=4),
    "views.publish": Need(tier=4),
    "pins.add": Need(tier=2, scopes=("pins:write",)),
    "pins.remove": Need(tier=2, scopes=("pins:write",)),
    "pins.list": Need(tier=2, scopes=("pins:read",)),
    "bookmarks.add": Need(tier=2, scopes=("bookmarks:write",)),
    "bookmarks.edit": Need(tier=2, scopes=("bookmarks:write",)),
    "bookmarks.remove": Need(tier=2, scopes=("bookmarks:write",)),
    "bookmarks.list": Need(tier=3, scopes=("bookmarks:read",)),
    "reactions.add": Need(tier=3, scopes=("reactions:write",)),
    "reactions.remove": Need(tier=2, scopes=("reactions:write",)),
    "reactions.get": Need(tier=3, scopes=("reactions:read",)),
    "files.getUploadURLExternal": Need(tier=4, scopes=("files:write",)),
    "files.completeUploadExternal": Need(tier=4, scopes=("files:write",)),
    "files.info": Need(tier=4, scopes=("files:read",)),
}
"""Method → what it needs."""

EVENT_SCOPES: Final[dict[str, tuple[str, ...]]] = {
    "app_mention": ("app_mentions:read",),
    "reaction_added": ("reactions:read",),
    "reaction_removed": ("reactions:read",),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
    "member_joined_channel": ("channels:read", "groups:read"),
    "member_left_channel": ("channels:read", "groups:read"),
    "channel_archive": ("channels:read",),
    "channel_unarchive": ("channels:read",),
    "channel_rename": ("channels:read",),
    "channel_created": ("channels:read",),
    "channel_deleted": ("channels:read",),
    "group_archive": ("groups:read",),
    "group_deleted": ("groups:read",),
    "group_unarchive": ("groups:read",),
    "group_rename": ("groups:read",),
}
"""Event → scopes of which one is needed; others need none."""
