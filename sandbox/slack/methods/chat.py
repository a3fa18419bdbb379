"""chat.*: messages of the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import world
from sandbox.slack import payloads
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.response_urls import content
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

_TRUNCATED = 40_000
"""Characters of `text`; what is longer is cut (Slack's page on chat.postMessage)."""


def _target(workspace: Workspace, args: Arguments) -> Channel:
    """The channel named by id or name, or the direct message with the user named."""
    key = str(args.required("channel"))
    if key in workspace.state.accounts and key != world.BOT_USER_ID:
        found = workspace.direct(key)
    else:
        try:
            found = workspace.channel(key)
        except KeyError:
            raise RefusedError("channel_not_found") from None
    if found.is_im and not workspace.app.messages_tab:
        raise RefusedError("messages_tab_disabled")
    if world.BOT_USER_ID not in found.members:
        if found.is_private or found.is_im:
            raise RefusedError("channel_not_found")
        if "chat:write.public" not in workspace.app.scopes:
            raise RefusedError("not_in_channel")
    if found.is_archived:
        raise RefusedError("is_archived")
    return found


def _threaded(channel: Channel, args: Arguments, message: Json) -> None:
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return
    parent = channel.message(thread_ts)
    if parent is None or parent.get("thread_ts", thread_ts) != thread_ts:
        raise RefusedError("cannot_reply_to_message")
    message["thread_ts"] = thread_ts


def post_message(workspace: Workspace, args: Arguments) -> Json:
    """Post a message."""
    channel = _target(workspace, args)
    workspace.limits.count_post(channel.id)
    parts = content(args)
    message = payloads.bot_message(parts.pop("text")[:_TRUNCATED], "", workspace.app.name) | parts
    if not message.get("metadata", True):
        del message["metadata"]
    _threaded(channel, args, message)
    message["ts"] = workspace.next_ts()
    if args.flag("reply_broadcast") and "thread_ts" in message:
        message["subtype"] = "thread_broadcast"
    workspace.post(channel, message, link_names=args.flag("link_names") or args.text("parse") == "full")
    answer: Json = {"channel": channel.id, "ts": message["ts"], "message": message}
    if len(args.text("text")) > _TRUNCATED:
        answer["warning"] = "message_truncated"
    return answer


def _own(workspace: Workspace, args: Arguments, refusal: str) -> tuple[Channel, Json]:
    channel = args.channel(workspace)
    message = channel.message(str(args.required("ts")))
    if message is None:
        raise RefusedError("message_not_found")
    if message.get("bot_id") != world.BOT_ID or (message.get("subtype") not in (None, "thread_broadcast")):
        raise RefusedError(refusal)
    return channel, message


def update(workspace: Workspace, args: Arguments) -> Json:
    """Change a message of the bot; `blocks` left out go when there is a `text`."""
    channel, message = _own(workspace, args, "cant_update_message")
    if channel.is_archived:
        raise RefusedError("is_inactive")
    if len(args.text("text")) > 4000:
        raise RefusedError("msg_too_long")
    only_metadata = args.get("metadata") is not None and not any(args.get(key) for key in ("text", "blocks"))
    parts = content(Arguments({**args, "text": message["text"], "blocks": None}) if only_metadata else args)
    previous = dict(message)
    if "metadata" in parts:
        message["metadata"] = parts.pop("metadata")
        if not message["metadata"]:
            del message["metadata"]
    if not only_metadata:
        if args.get("text") is not None:
            message["text"] = parts["text"]
            message.pop("blocks", None)
            message.pop("attachments", None)
        message.update({key: value for key, value in parts.items() if key != "text"})
    if "blocks" not in message:
        message["edited"] = {"user": world.BOT_ID, "ts": workspace.next_ts()}
    workspace.change(channel, message, previous)
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}


def delete(workspace: Workspace, args: Arguments) -> Json:
    """Delete a message of the bot."""
    channel, message = _own(workspace, args, "cant_delete_message")
    workspace.remove(channel, message)
    return {"channel": channel.id, "ts": message["ts"]}


def post_ephemeral(workspace: Workspace, args: Arguments) -> Json:
    """Show one person a message in a channel that both are in."""
    channel = args.channel(workspace)
    if world.BOT_USER_ID not in channel.members:
        raise RefusedError("not_in_channel")
    if channel.is_archived:
        raise RefusedError("is_archived")
    user = str(args.required("user"))
    if user not in channel.members:
        raise RefusedError("user_not_in_channel")
    parts = content(args)
    if len(parts["text"]) > _TRUNCATED:
        raise RefusedError("msg_too_long")
    message = payloads.bot_message(parts.pop("text"), workspace.next_ts(), workspace.app.name) | parts
    message.pop("metadata", None)
    _threaded(channel, args, message)
    # "Ephemeral messages in threads are only shown if there is already an active thread", says the method's page
    if "thread_ts" not in message or channel.replies(message["thread_ts"]):
        workspace.post_ephemeral(channel, user, message)
    return {"message_ts": message["ts"]}


def get_permalink(workspace: Workspace, args: Arguments) -> Json:
    """The address of a message."""
    channel = args.channel(workspace)
    ts = str(args.required("message_ts"))
    message = channel.message(ts)
    if message is None:
        raise RefusedError("message_not_found")
    link = f"https://{world.TEAM_DOMAIN}.slack.com/archives/{channel.id}/p{ts.replace('.', '')}"
    thread_ts = message.get("thread_ts", ts)
    if thread_ts != ts:
        link += f"?thread_ts={thread_ts}&cid={channel.id}"
    return {"permalink": link, "channel": channel.id}
