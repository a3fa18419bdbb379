"""conversations.*: who is in a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import world
from sandbox.slack import payloads
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


def members(workspace: Workspace, args: Arguments) -> Json:
    """The ids of those in a channel."""
    page, metadata = args.page(args.channel(workspace).members, 100, 1000)
    return {"members": page, "response_metadata": metadata}


def _obstacle(workspace: Workspace, channel: Channel, user: str) -> str:
    account = workspace.state.accounts.get(user)
    if user == world.BOT_USER_ID:
        return "cant_invite_self"
    if account is None:
        return "user_not_found"
    if user in channel.members:
        return "already_in_channel"
    refusals = {"guest": "ura_max_channels", "stranger": "no_external_invite_permission", "deactivated": "cant_invite"}
    if account.kind == "guest" and not any(
        user in other.members for other in workspace.state.channels.values() if not other.is_im
    ):
        return ""
    return refusals.get(account.kind, "")


def invite(workspace: Workspace, args: Arguments) -> Json:
    """Bring people in: all or none, or with `force` those who can be."""
    channel = args.channel(workspace)
    if channel.is_im:
        raise RefusedError("method_not_supported_for_channel_type")
    args.own_channel(workspace)
    users = args.names("users")
    if not users:
        raise RefusedError("no_user")
    if len(users) > 100:
        raise RefusedError("too_many_users")
    obstacles = {user: _obstacle(workspace, channel, user) for user in dict.fromkeys(users)}
    errors = [{"user": user, "ok": False, "error": error} for user, error in obstacles.items() if error]
    free = [user for user, error in obstacles.items() if not error]
    if not errors or args.flag("force"):
        for user in free:
            workspace.add_member(channel, user, inviter=world.BOT_USER_ID)
    if errors and not (args.flag("force") and free):
        first = str(errors[0]["error"])
        raise RefusedError(first, errors=errors) if len(obstacles) > 1 else RefusedError(first)
    answer: Json = {"channel": payloads.channel(channel, world.BOT_USER_ID)}
    return {**answer, "errors": errors} if errors else answer


def kick(workspace: Workspace, args: Arguments) -> Json:
    """Take somebody out of a channel."""
    channel = args.own_channel(workspace)
    if channel.is_im:
        raise RefusedError("method_not_supported_for_channel_type")
    user = args.user(workspace)
    if user == world.BOT_USER_ID:
        raise RefusedError("cant_kick_self")
    if channel.is_general:
        raise RefusedError("cant_kick_from_general")
    if user not in channel.members:
        raise RefusedError("not_in_channel")
    workspace.drop_member(channel, user)
    return {"errors": {}}


def join(workspace: Workspace, args: Arguments) -> Json:
    """Put the bot into a public channel."""
    channel = args.channel(workspace)
    if channel.is_im or channel.is_private:
        raise RefusedError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise RefusedError("is_archived")
    answer: Json = {}
    if world.BOT_USER_ID in channel.members:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        workspace.add_member(channel, world.BOT_USER_ID)
    return {"channel": payloads.channel(channel, world.BOT_USER_ID), **answer}


def leave(workspace: Workspace, args: Arguments) -> Json:
    """Take the bot out of a channel."""
    channel = args.channel(workspace)
    if channel.is_im:
        raise RefusedError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise RefusedError("is_archived")
    if channel.is_general:
        raise RefusedError("cant_leave_general")
    if world.BOT_USER_ID not in channel.members:
        return {"not_in_channel": True}
    workspace.drop_member(channel, world.BOT_USER_ID)
    return {}


def open_direct(workspace: Workspace, args: Arguments) -> Json:
    """Open the direct message with somebody."""
    users = args.names("users")
    if not users:
        if not args.get("channel"):
            raise RefusedError("users_list_not_supplied")
        channel = args.channel(workspace)
        if not channel.is_im:
            raise RefusedError("method_not_supported_for_channel_type")
        return {"no_op": True, "already_open": True, "channel": _direct(channel, args)}
    if len(users) > 8:
        raise RefusedError("too_many_users")
    if len(users) > 1:
        raise RefusedError("missing_scope", needed="mpim:write", provided=",".join(workspace.app.scopes))
    account = workspace.state.accounts.get(users[0])
    if account is None or account.kind in ("bot", "stranger"):
        raise RefusedError("user_not_found")
    if account.kind == "deactivated":
        raise RefusedError("user_disabled")
    return {"channel": _direct(workspace.direct(account.id), args)}


def _direct(channel: Channel, args: Arguments) -> Json:
    return payloads.channel(channel, world.BOT_USER_ID) if args.flag("return_im") else {"id": channel.id}
