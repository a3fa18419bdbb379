"""Modals, three to a stack, and the App Home: what the bot gives, what people type, and what becomes of an answer."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from sandbox.slack import blocks as block_kit
from sandbox.slack import inputs, payloads
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Json, View

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

STACK: Final = 3


def _hash() -> str:
    return f"{int(time.time())}.{secrets.token_hex(4)}"


class Views:
    """Every open view of everybody."""

    def __init__(self, workspace: Workspace) -> None:
        """Take care of the workspace's views."""
        self._workspace = workspace

    def stack(self, user: str) -> list[View]:
        """Somebody's open modals, bottom first."""
        return self._workspace.state.stacks.setdefault(user, [])

    def find(self, *, view_id: str = "", external_id: str = "") -> View:
        """A view by either id. Raise RefusedError `not_found`."""
        for view in self._all():
            if (view_id and view.id == view_id) or (external_id and view.json["external_id"] == external_id):
                return view
        raise RefusedError("not_found")

    def _all(self) -> list[View]:
        state = self._workspace.state
        return [*(view for stack in state.stacks.values() for view in stack), *state.homes.values()]

    def _unique(self, external_id: str, but: View | None = None) -> None:
        if external_id and any(view is not but and view.json["external_id"] == external_id for view in self._all()):
            raise RefusedError("duplicate_external_id")

    def open(self, user: str, given: Any) -> View:
        """Show somebody a modal, in place of what they had open. Raise RefusedError as `views.open` does."""
        checked = block_kit.view(given, home=False)
        self._unique(checked.get("external_id", ""))
        self.stack(user).clear()
        return self._put(user, checked)

    def push(self, user: str, given: Any) -> View:
        """Show somebody a modal over the one they have open. Raise RefusedError as `views.push` does."""
        checked = block_kit.view(given, home=False)
        self._unique(checked.get("external_id", ""))
        if not self.stack(user):
            raise RefusedError("not_found")
        if len(self.stack(user)) >= STACK:
            raise RefusedError("push_limit_reached")
        return self._put(user, checked)

    def _put(self, user: str, checked: Json) -> View:
        stack = self.stack(user)
        view_id = self._workspace.next_id("V")
        previous = stack[-1] if stack else None
        root = stack[0].id if stack else view_id
        view = View(json=payloads.first_view(checked, view_id, _hash(), previous=previous, root=root), user=user)
        stack.append(view)
        self._tell(view)
        return view

    def update(self, view: View, given: Any, hash_: str | None = None) -> View:
        """Show another content in a view; what was typed stays where block and action id stay the same."""
        home = view.json["type"] == "home"
        checked = block_kit.view(given, home=home)
        self._unique(checked.get("external_id", ""), view)
        if hash_ and hash_ != view.json["hash"]:
            raise RefusedError("hash_conflict")
        kept = {key: view.json[key] for key in ("previous_view_id", "root_view_id")}
        view.json = payloads.first_view(checked, view.id, _hash(), previous=None, root=view.id) | kept
        view.errors = {}
        view.typed = inputs.surviving(view.typed, view.json["blocks"])
        self._tell(view)
        return view

    def publish(self, user: str, given: Any, hash_: str | None = None) -> View:
        """Give somebody their App Home. Raise RefusedError as `views.publish` does."""
        if not self._workspace.app.home_tab:
            raise RefusedError("not_enabled")
        home = self._workspace.state.homes.get(user)
        if home is not None:
            return self.update(home, given, hash_)
        checked = block_kit.view(given, home=True)
        self._unique(checked.get("external_id", ""))
        view_id = self._workspace.next_id("V")
        view = View(json=payloads.first_view(checked, view_id, _hash(), previous=None, root=view_id), user=user)
        self._workspace.state.homes[user] = view
        self._tell(view)
        return view

    def close(self, view: View) -> None:
        """Take a modal away, and what lies over it."""
        stack = self.stack(view.user)
        del stack[stack.index(view) :]
        self._workspace.push({"type": "view"}, [view.user])

    def clear(self, user: str) -> None:
        """Take all modals of somebody away."""
        self.stack(user).clear()
        self._workspace.push({"type": "view"}, [user])

    def payload(self, view: View) -> Json:
        """A view as an interaction carries it, with what was typed."""
        return {**view.json, "state": {"values": inputs.values(view.json["blocks"], view.typed)}}

    def shown(self, view: View) -> Json:
        """A view as the person's page gets it."""
        return {**self.payload(view), "errors": dict(view.errors)}

    def _tell(self, view: View) -> None:
        kind = "home" if view.json["type"] == "home" else "view"
        self._workspace.push({"type": kind, "view_id": view.id}, [view.user])

    def answered(self, view: View, body: Json | None) -> str:
        """Do what an acknowledged `view_submission` says; return what Slack tells the person where it makes no sense."""
        action = (body or {}).get("response_action")
        if not action:
            self.close(view)
            return ""
        try:
            return self._act(view, str(action), body or {})
        except RefusedError as refused:
            return refused.code

    def _act(self, view: View, action: str, body: Json) -> str:
        if action == "clear":
            self.clear(view.user)
        elif action == "update":
            self.update(view, body.get("view"))
        elif action == "push":
            self.push(view.user, body.get("view"))
        elif action == "errors":
            errors = body.get("errors")
            known = {block["block_id"] for block in view.json["blocks"] if block["type"] == "input"}
            if not isinstance(errors, dict) or not errors or not errors.keys() <= known:
                return "invalid_errors"
            view.errors = {block_id: str(message) for block_id, message in errors.items()}
            self._tell(view)
        else:
            return "invalid_response_action"
        return ""
