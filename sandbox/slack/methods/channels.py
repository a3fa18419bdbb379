"""conversations.*: channels, their names and their history."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sandbox import world
from sandbox.slack import payloads
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

_NAME: Final = re.compile(r"[\w-]+", re.UNICODE)


def _name(args: Arguments) -> str:
    name = args.text("name").lstrip("#")
    if not name:
        raise RefusedError("invalid_name_required", detail="Value passed for `name` was empty.")
    if len(name) > 80:
        raise RefusedError("invalid_name_maxlength", detail="Value passed for `name` exceeded max length.")
    if name != name.lower() or not _NAME.fullmatch(name):
        detail = "Value passed for `name` contained unallowed special characters."
        raise RefusedError("invalid_name_specials", detail=detail)
    if not any(character.isalnum() for character in name):
        raise RefusedError("invalid_name_punctuation", detail="Value passed for `name` contained only punctuation.")
    return name


def _no_direct(channel: Channel) -> None:
    if channel.is_im:
        raise RefusedError("method_not_supported_for_channel_type")


def create(workspace: Workspace, args: Arguments) -> Json:
    """Create a channel with the bot in it; archived channels keep their names."""
    name = _name(args)
    if not workspace.apps_may_create["private" if args.flag("is_private") else "public"]:
        raise RefusedError("restricted_action")
    if workspace.name_taken(name):
        raise RefusedError("name_taken")
    channel = Channel(
        id=workspace.next_id("C"),
        name=name,
        is_private=args.flag("is_private"),
        creator=world.BOT_USER_ID,
        created=int(workspace.now()),
        members=[world.BOT_USER_ID],
    )
    workspace.state.channels[channel.id] = channel
    noun = "group" if channel.is_private else "channel"
    text = f"<@{world.BOT_USER_ID}> has joined the {noun}"
    workspace.system_message(channel, f"{noun}_join", world.BOT_USER_ID, text)
    if not channel.is_private:
        shown = {"id": channel.id, "name": name, "created": channel.created, "creator": world.BOT_USER_ID}
        inner = {"type": "channel_created", "channel": shown, "event_ts": workspace.next_ts()}
        workspace.emit("channel_created", inner)
    workspace.push({"type": "channels"})
    return {"channel": payloads.channel(channel, world.BOT_USER_ID)}


def archive(workspace: Workspace, args: Arguments) -> Json:
    """Archive a channel that the bot is in."""
    channel = args.channel(workspace)
    _no_direct(channel)
    if channel.is_archived:
        raise RefusedError("already_archived")
    if channel.is_general:
        raise RefusedError("cant_archive_general")
    if world.BOT_USER_ID not in channel.members:
        raise RefusedError("not_in_channel")
    workspace.archive(channel, world.BOT_USER_ID)
    return {}


def unarchive(workspace: Workspace, args: Arguments) -> Json:
    """A bot cannot: Slack answers that it is not in the channel (slack-go issue 1066)."""
    channel = args.channel(workspace)
    raise RefusedError("not_in_channel" if channel.is_archived else "not_archived")


def rename(workspace: Workspace, args: Arguments) -> Json:
    """Rename a channel that the bot created."""
    channel = args.own_channel(workspace)
    _no_direct(channel)
    if channel.creator != world.BOT_USER_ID:
        raise RefusedError("not_authorized")
    name = _name(args)
    if name != channel.name:
        if workspace.name_taken(name):
            raise RefusedError("name_taken")
        workspace.rename(channel, name, world.BOT_USER_ID)
    return {"channel": payloads.channel(channel, world.BOT_USER_ID)}


def set_topic(workspace: Workspace, args: Arguments) -> Json:
    """Set the topic; everybody in the channel sees a line about it."""
    channel = args.own_channel(workspace)
    _no_direct(channel)
    if len(args.text("topic")) > 250:
        raise RefusedError("too_long")
    workspace.set_topic(channel, args.text("topic"), world.BOT_USER_ID)
    return {"channel": payloads.channel(channel, world.BOT_USER_ID)}


def set_purpose(workspace: Workspace, args: Arguments) -> Json:
    """Set the purpose; everybody in the channel sees a line about it."""
    channel = args.own_channel(workspace)
    _no_direct(channel)
    purpose = args.text("purpose")
    if len(purpose) > 250:
        raise RefusedError("too_long")
    channel.purpose = {"value": purpose, "creator": world.BOT_USER_ID, "last_set": int(workspace.now())}
    noun = "group" if channel.is_private else "channel"
    text = f"<@{world.BOT_USER_ID}> set the channel description: {purpose}"
    workspace.system_message(channel, f"{noun}_purpose", world.BOT_USER_ID, text, purpose=purpose)
    return {"purpose": purpose, "channel": payloads.channel(channel, world.BOT_USER_ID)}


def info(workspace: Workspace, args: Arguments) -> Json:
    """What there is to know about a channel."""
    channel = args.channel(workspace)
    shown = payloads.channel(channel, world.BOT_USER_ID)
    if args.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def list_channels(workspace: Workspace, args: Arguments) -> Json:
    """The channels of the types asked for; private ones only where the bot is in them."""
    types = args.names("types") or ["public_channel"]
    known = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
    if not set(types) <= known.keys():
        raise RefusedError("invalid_types")
    kinds = {known[one] for one in types}
    found = [
        channel
        for channel in workspace.state.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channel" or world.BOT_USER_ID in channel.members)
        and not (channel.is_archived and args.flag("exclude_archived"))
    ]
    page, metadata = args.page(found, 100, 1000)
    shown = []
    for channel in page:
        one = payloads.channel(channel, world.BOT_USER_ID)
        if not channel.is_im:
            one["num_members"] = len(channel.members)
        shown.append(one)
    return {"channels": shown, "response_metadata": metadata}


def _readable(workspace: Workspace, args: Arguments) -> Channel:
    channel = args.channel(workspace)
    if world.BOT_USER_ID not in channel.members:
        raise RefusedError("not_in_channel")
    return channel


def _window(args: Arguments, messages: list[Json]) -> list[Json]:
    oldest, latest = args.text("oldest") or "0", args.text("latest") or "9999999999.999999"
    inclusive = args.flag("inclusive")
    return [
        message
        for message in messages
        if oldest < message["ts"] < latest or (inclusive and message["ts"] in (oldest, latest))
    ]


def _shown(workspace: Workspace, channel: Channel, message: Json, *, whole: bool) -> Json:
    shown: dict[str, Any] = workspace.decorated(channel, message)
    if "metadata" in shown and not whole:
        shown["metadata"] = {"event_type": shown["metadata"]["event_type"]}
    return shown


def history(workspace: Workspace, args: Arguments) -> Json:
    """Messages outside threads, newest first."""
    channel = _readable(workspace, args)
    outside = [
        message
        for message in channel.messages
        if message.get("thread_ts", message["ts"]) == message["ts"] or message.get("subtype") == "thread_broadcast"
    ]
    page, metadata = args.page(list(reversed(_window(args, outside))), 100, 999)
    whole = args.flag("include_all_metadata")
    answer: Json = {
        "messages": [_shown(workspace, channel, message, whole=whole) for message in page],
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": len(channel.pins),
    }
    if metadata["next_cursor"]:
        answer["response_metadata"] = metadata
    return answer


def replies(workspace: Workspace, args: Arguments) -> Json:
    """A thread, its parent first, then oldest first."""
    channel = _readable(workspace, args)
    ts = str(args.required("ts"))
    asked = channel.message(ts)
    if asked is None:
        raise RefusedError("thread_not_found")
    parent = channel.message(asked.get("thread_ts", ts)) or asked
    inside = [] if asked is not parent else channel.replies(parent["ts"])
    page, metadata = args.page([asked, *_window(args, inside)], 1000, 1000)
    whole = args.flag("include_all_metadata")
    answer: Json = {
        "messages": [_shown(workspace, channel, message, whole=whole) for message in page],
        "has_more": bool(metadata["next_cursor"]),
    }
    if metadata["next_cursor"]:
        answer["response_metadata"] = metadata
    return answer
