"""files.*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import world
from sandbox.slack import payloads
from sandbox.slack.blocks import parsed
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


def get_upload_url(workspace: Workspace, args: Arguments) -> Json:
    """An address that takes the bytes of one file."""
    name = str(args.required("filename"))
    length = args.number("length", 0)
    if length <= 0:
        raise RefusedError("invalid_arguments")
    file_id = workspace.next_id("F")
    workspace.state.files[file_id] = {
        "id": file_id,
        "name": name,
        "title": name,
        "size": length,
        "user": world.BOT_USER_ID,
        "created": int(workspace.now()),
        "content": None,
        "complete": False,
        "channels": [],
    }
    return {"upload_url": f"{workspace.base_url}/slack/upload/{file_id}", "file_id": file_id}


def _shown(file: Json) -> Json:
    kept = ("id", "name", "title", "size", "user", "created", "channels")
    shown = {key: file[key] for key in kept}
    return {**shown, "mode": "hosted", "is_external": False, "is_public": bool(file["channels"])}


def _target(workspace: Workspace, args: Arguments) -> list[Channel]:
    found = []
    for key in args.names("channel_id") or args.names("channels"):
        channel = workspace.state.channels.get(key)
        if channel is None or (channel.is_private and world.BOT_USER_ID not in channel.members):
            raise RefusedError("channel_not_found")
        if world.BOT_USER_ID not in channel.members:
            raise RefusedError("not_in_channel")
        found.append(channel)
    return found


def complete_upload(workspace: Workspace, args: Arguments) -> Json:
    """Share files whose bytes have come, with a message in the channel where one is named."""
    given = parsed(args.required("files"), "invalid_arguments")
    if not isinstance(given, list) or not given:
        raise RefusedError("invalid_arguments")
    channels = _target(workspace, args)
    files = []
    for one in given:
        file = workspace.state.files.get(str(one.get("id"))) if isinstance(one, dict) else None
        if file is None or file["content"] is None:
            raise RefusedError("file_not_found")
        file |= {"complete": True, "title": one.get("title") or file["name"]}
        file["channels"].extend(channel.id for channel in channels)
        files.append(file)
    for channel in channels:
        text = args.text("initial_comment")
        message = payloads.bot_message(text, workspace.next_ts(), workspace.app.name)
        message |= {"files": [_shown(file) for file in files], "upload": True}
        if args.text("thread_ts"):
            message["thread_ts"] = args.text("thread_ts")
        workspace.post(channel, message)
    return {"files": [{"id": file["id"], "title": file["title"]} for file in files]}


def info(workspace: Workspace, args: Arguments) -> Json:
    """What there is to know about a file."""
    file = workspace.state.files.get(str(args.required("file")))
    if file is None or not file["complete"]:
        raise RefusedError("file_not_found")
    return {"file": _shown(file), "comments": [], "response_metadata": {"next_cursor": ""}}
