"""api.test, auth.test, apps.connections.open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import world
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


def api_test(workspace: Workspace, args: Arguments) -> Json:
    """The arguments come back; `error` among them fails the call."""
    del workspace
    if args.get("error"):
        raise RefusedError(args.text("error"), args=dict(args))
    return {"args": dict(args)}


def auth_test(workspace: Workspace, args: Arguments) -> Json:
    """Who the bot is."""
    del args
    return {
        "url": f"https://{world.TEAM_DOMAIN}.slack.com/",
        "team": "InterviewLab",
        "user": workspace.bot.name,
        "team_id": world.TEAM_ID,
        "user_id": world.BOT_USER_ID,
        "bot_id": world.BOT_ID,
        "is_enterprise_install": False,
    }


def connections_open(workspace: Workspace, args: Arguments) -> Json:
    """A websocket address that works once."""
    url = workspace.socket.issue(workspace.base_url)
    return {"url": url + ("&debug_reconnects=true" if args.flag("debug_reconnects") else "")}
