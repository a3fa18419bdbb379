"""users.* and usergroups.*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import world
from sandbox.slack import payloads
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Account, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


def _user(workspace: Workspace, account: Account) -> Json:
    return payloads.user(account, workspace.now(), email="users:read.email" in workspace.app.scopes)


def info(workspace: Workspace, args: Arguments) -> Json:
    """What there is to know about somebody."""
    return {"user": _user(workspace, workspace.account(args.user(workspace)))}


def list_users(workspace: Workspace, args: Arguments) -> Json:
    """Everybody, the deactivated too."""
    page, metadata = args.page(list(workspace.state.accounts.values()), 200, 1000)
    members = [_user(workspace, account) for account in page]
    return {"members": members, "cache_ts": int(workspace.now()), "response_metadata": metadata}


def lookup_by_email(workspace: Workspace, args: Arguments) -> Json:
    """The member with this address."""
    email = str(args.required("email")).lower()
    for account in workspace.state.accounts.values():
        if account.email == email and account.kind in ("member", "guest"):
            return {"user": _user(workspace, account)}
    raise RefusedError("users_not_found")


def conversations(workspace: Workspace, args: Arguments) -> Json:
    """The channels that somebody is in, as far as the bot may know."""
    user = args.text("user") or world.BOT_USER_ID
    if user not in workspace.state.accounts:
        raise RefusedError("user_not_found")
    types = args.names("types") or ["public_channel"]
    kinds = {{"public_channel": "channel", "private_channel": "group"}.get(one, one) for one in types}
    found = [
        channel
        for channel in workspace.state.channels.values()
        if user in channel.members
        and channel.kind in kinds
        and (channel.kind == "channel" or world.BOT_USER_ID in channel.members)
        and not (channel.is_archived and args.flag("exclude_archived"))
    ]
    page, metadata = args.page(found, 100, 999)
    shown = [payloads.channel(channel, world.BOT_USER_ID) for channel in page]
    return {"channels": shown, "response_metadata": metadata}


def list_groups(workspace: Workspace, args: Arguments) -> Json:
    """All user groups."""
    users = args.flag("include_users")
    return {"usergroups": [payloads.group(group, users=users) for group in workspace.state.groups.values()]}


def list_group_users(workspace: Workspace, args: Arguments) -> Json:
    """Who is in a user group."""
    group = workspace.state.groups.get(str(args.required("usergroup")))
    if group is None:
        raise RefusedError("no_such_subteam")
    return {"users": list(group["users"])}
