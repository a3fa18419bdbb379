"""views.*: modals and the App Home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


def _trigger(args: Arguments) -> object:
    return args.get("trigger_id") or args.get("interactivity_pointer") or args.required("trigger_id")


def open_view(workspace: Workspace, args: Arguments) -> Json:
    """Show a modal to the one whose trigger it is."""
    given = args.required("view")
    trigger = workspace.triggers.exchange(_trigger(args))
    return {"view": workspace.views.open(trigger.user, given).json}


def push_view(workspace: Workspace, args: Arguments) -> Json:
    """Show a modal over the one in which the trigger arose."""
    given = args.required("view")
    trigger = workspace.triggers.exchange(_trigger(args))
    if trigger.view_id is None:
        raise RefusedError("not_found")
    return {"view": workspace.views.push(trigger.user, given).json}


def update_view(workspace: Workspace, args: Arguments) -> Json:
    """Show another content in a view that is open."""
    if not args.text("external_id"):
        args.required("view_id")
    view = workspace.views.find(view_id=args.text("view_id"), external_id=args.text("external_id"))
    workspace.views.update(view, args.required("view"), args.text("hash") or None)
    return {"view": workspace.views.payload(view)}


def publish_view(workspace: Workspace, args: Arguments) -> Json:
    """Give somebody their App Home."""
    user = str(args.required("user_id"))
    if user not in workspace.state.accounts:
        message = "[ERROR] user not found [json-pointer:/user_id]"
        raise RefusedError("invalid_arguments", response_metadata={"messages": [message]})
    return {"view": workspace.views.publish(user, args.required("view"), args.text("hash") or None).json}
