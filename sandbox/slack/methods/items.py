"""pins.*, bookmarks.*, reactions.*."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sandbox import world
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.people import put_reaction, take_reaction
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

_MOST: Final = 100
"""Pins and bookmarks a channel."""
_EMOJI: Final = re.compile(r"[a-z0-9_'+-]+(?:::skin-tone-[2-6])?")


def _message(workspace: Workspace, args: Arguments) -> tuple[Channel, Json]:
    channel = args.own_channel(workspace)
    ts = args.text("timestamp")
    if not ts:
        raise RefusedError("no_item_specified")
    if not re.fullmatch(r"\d+\.\d{6}", ts):
        raise RefusedError("bad_timestamp")
    message = channel.message(ts)
    if message is None:
        raise RefusedError("message_not_found")
    return channel, message


def add_pin(workspace: Workspace, args: Arguments) -> Json:
    """Pin a message."""
    channel, message = _message(workspace, args)
    if any(pin["ts"] == message["ts"] for pin in channel.pins):
        raise RefusedError("already_pinned")
    if len(channel.pins) >= _MOST:
        raise RefusedError("too_many_pins")
    pin = {"ts": message["ts"], "created": int(workspace.now()), "created_by": world.BOT_USER_ID}
    channel.pins.append(pin)
    workspace.push_message(channel, message)
    return {}


def remove_pin(workspace: Workspace, args: Arguments) -> Json:
    """Take a pin away."""
    channel, message = _message(workspace, args)
    if not any(pin["ts"] == message["ts"] for pin in channel.pins):
        raise RefusedError("no_pin")
    channel.pins = [pin for pin in channel.pins if pin["ts"] != message["ts"]]
    workspace.push_message(channel, message)
    return {}


def list_pins(workspace: Workspace, args: Arguments) -> Json:
    """All pins of a channel, newest first."""
    channel = args.channel(workspace)
    if world.BOT_USER_ID not in channel.members:
        raise RefusedError("not_in_channel")
    items = [
        {
            "type": "message",
            "channel": channel.id,
            "message": channel.message(pin["ts"]),
            "created": pin["created"],
            "created_by": pin["created_by"],
        }
        for pin in reversed(channel.pins)
    ]
    return {"items": items}


def _link(args: Arguments) -> str:
    link = args.text("link")
    if not link.startswith(("http://", "https://")):
        raise RefusedError("invalid_link")
    return link


def _bookmark_channel(workspace: Workspace, args: Arguments) -> Channel:
    channel = args.channel(workspace, "channel_id")
    if world.BOT_USER_ID not in channel.members:
        raise RefusedError("channel_not_found" if channel.is_private else "not_in_channel")
    return channel


def add_bookmark(workspace: Workspace, args: Arguments) -> Json:
    """Put a link under a channel's name."""
    channel = _bookmark_channel(workspace, args)
    title = str(args.required("title"))
    if args.required("type") != "link":
        raise RefusedError("invalid_bookmark_type")
    link = _link(args)
    emoji = args.text("emoji")
    if emoji and not _EMOJI.fullmatch(emoji.strip(":")):
        raise RefusedError("invalid_emoji")
    if len(channel.bookmarks) >= _MOST:
        raise RefusedError("too_many_bookmarks")
    bookmark = {
        "id": workspace.next_id("Bk"),
        "channel_id": channel.id,
        "title": title,
        "link": link,
        "emoji": emoji,
        "icon_url": "",
        "entity_id": None,
        "type": "link",
        "date_created": int(workspace.now()),
        "date_updated": 0,
        "rank": "i",
        "last_updated_by_user_id": world.BOT_USER_ID,
        "last_updated_by_team_id": world.TEAM_ID,
        "shortcut_id": None,
        "app_id": None,
    }
    channel.bookmarks.append(bookmark)
    workspace.push({"type": "messages", "channel": channel.id})
    return {"bookmark": bookmark}


def _bookmark(channel: Channel, args: Arguments) -> Json:
    for bookmark in channel.bookmarks:
        if bookmark["id"] == args.text("bookmark_id"):
            return bookmark
    raise RefusedError("not_found")


def edit_bookmark(workspace: Workspace, args: Arguments) -> Json:
    """Change a bookmark."""
    channel = _bookmark_channel(workspace, args)
    bookmark = _bookmark(channel, args)
    if args.get("link") is not None:
        bookmark["link"] = _link(args)
    for key in ("title", "emoji"):
        if args.get(key) is not None:
            bookmark[key] = args.text(key)
    bookmark["date_updated"] = int(workspace.now())
    workspace.push({"type": "messages", "channel": channel.id})
    return {"bookmark": bookmark}


def remove_bookmark(workspace: Workspace, args: Arguments) -> Json:
    """Take a bookmark away."""
    channel = _bookmark_channel(workspace, args)
    channel.bookmarks.remove(_bookmark(channel, args))
    workspace.push({"type": "messages", "channel": channel.id})
    return {}


def list_bookmarks(workspace: Workspace, args: Arguments) -> Json:
    """All bookmarks of a channel."""
    return {"bookmarks": _bookmark_channel(workspace, args).bookmarks}


def _reaction(args: Arguments) -> str:
    name = args.text("name").strip(":")
    if not _EMOJI.fullmatch(name):
        raise RefusedError("invalid_name")
    return name


def add_reaction(workspace: Workspace, args: Arguments) -> Json:
    """React to a message."""
    channel, message = _message(workspace, args)
    name = _reaction(args)
    if not put_reaction(message, world.BOT_USER_ID, name):
        raise RefusedError("already_reacted")
    workspace.push_message(channel, message)
    workspace.people.reaction_events(world.BOT_USER_ID, channel, message, name, remove=False)
    return {}


def remove_reaction(workspace: Workspace, args: Arguments) -> Json:
    """Take the bot's reaction away."""
    channel, message = _message(workspace, args)
    name = _reaction(args)
    if not take_reaction(message, world.BOT_USER_ID, name):
        raise RefusedError("no_reaction")
    workspace.push_message(channel, message)
    workspace.people.reaction_events(world.BOT_USER_ID, channel, message, name, remove=True)
    return {}


def get_reactions(workspace: Workspace, args: Arguments) -> Json:
    """A message with its reactions."""
    channel, message = _message(workspace, args)
    return {"type": "message", "channel": channel.id, "message": workspace.decorated(channel, message)}
