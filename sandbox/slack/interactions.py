"""What people do with the app's elements: press, choose, fill in, submit, close; and its shortcuts and Home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.slack import elements, inputs, payloads
from sandbox.slack.outcome import TROUBLE, Outcome, error_of
from sandbox.slack.refusal import NotAllowedError, RefusedError
from sandbox.slack.state import Account, Channel, Json, View

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where an element stands that somebody uses."""

    payload: Json
    """`container` and what goes with it."""
    blocks: list[Json]
    typed: inputs.Typed
    view: View | None = None
    channel: Channel | None = None
    message: Json | None = None
    ephemeral: bool = False


def in_message(channel: str, ts: str) -> Json:
    """The container of a message's element."""
    return {"type": "message", "channel": channel, "ts": ts}


def in_ephemeral(channel: str, ts: str) -> Json:
    """The container of an ephemeral message's element."""
    return {"type": "ephemeral", "channel": channel, "ts": ts}


def in_view(view_id: str) -> Json:
    """The container of a modal's or App Home's element."""
    return {"type": "view", "view_id": view_id}


class Interactions:
    """The hands of everybody on the app's elements. Each method returns when Slack has the app's acknowledgement."""

    def __init__(self, workspace: Workspace) -> None:
        """Act in this workspace."""
        self._workspace = workspace
        self._people = workspace.people
        self._typed: dict[tuple[str, str, str], inputs.Typed] = {}

    async def click(
        self,
        user: str,
        container: Mapping[str, Any],
        action_id: str,
        *,
        block_id: str | None = None,
        value: Any = None,
        values: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Outcome:
        """Use an element: press a button, choose an option, pick a date; a confirm dialog counts as confirmed.

        `value` is what the element yields; `values` is what stands in the other inputs around it.
        """
        account = self._people.account(user)
        place = self._place(account, container)
        found = inputs.find(place.blocks, action_id, block_id)
        if found is None:
            raise NotAllowedError(f"There is nothing here with the action id {action_id}.")
        block, element = found
        known = {
            key: {inner: state for inner, state in states.items() if inputs.find(place.blocks, inner, key)}
            for key, states in (values or {}).items()
        }
        self._type(place.blocks, place.typed, known)
        self._type(place.blocks, place.typed, {block["block_id"]: {action_id: value}} if _has_state(element) else {})
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Outcome(ok=True)
        try:
            action = inputs.action(block, element, value, self._workspace.next_ts())
        except KeyError as missing:
            raise NotAllowedError(str(missing.args[0])) from None
        view_id = place.view.id if place.view is not None and place.view.json["type"] == "modal" else None
        trigger = self._workspace.triggers.issue(user, view_id)
        payload = payloads.interaction("block_actions", account, **self._where(account, place), trigger_id=trigger)
        payload["actions"] = [action]
        answer = await self._workspace.delivery.send("interactive", payload)
        if not answer.ok:
            return self._people.failed(
                user, answer, trigger, f"That did not work: the app answered “{error_of(answer)}”"
            )
        return Outcome(ok=True, took=answer.took, trigger_id=trigger)

    async def options(
        self, user: str, container: Mapping[str, Any], action_id: str, query: str, *, block_id: str | None = None
    ) -> Outcome:
        """Ask the app what an external select offers for a query."""
        account = self._people.account(user)
        place = self._place(account, container)
        found = inputs.find(place.blocks, action_id, block_id)
        if found is None or "external_select" not in found[1]["type"]:
            raise NotAllowedError(f"There is no external select with the action id {action_id}.")
        block, element = found
        if len(query) < element.get("min_query_length", 3):
            return Outcome(ok=True)
        where = {key: part for key, part in self._where(account, place).items() if key not in ("response_url", "state")}
        payload = payloads.interaction("block_suggestion", account, **where, value=query)
        payload |= {"action_id": action_id, "block_id": block["block_id"]}
        answer = await self._workspace.delivery.send("interactive", payload)
        findings = elements.check_options(answer.body).messages if answer.ok else []
        if not answer.ok or findings:
            return Outcome(ok=False, error=error_of(answer) if not answer.ok else findings[0], took=answer.took)
        body = answer.body or {}
        options = list(body.get("options") or [])
        for group in body.get("option_groups") or []:
            options.extend(group["options"])
        return Outcome(ok=True, took=answer.took, options=options)

    def _place(self, account: Account, container: Mapping[str, Any]) -> _Place:
        kind = container.get("type")
        if kind == "view":
            return self._in_view(account, str(container.get("view_id", "")))
        place = self._people.channel(account.id, str(container.get("channel", "")))
        ts = str(container.get("ts", ""))
        typed = self._typed.setdefault((account.id, place.id, ts), {})
        payload: Json = {
            "type": "message",
            "message_ts": ts,
            "channel_id": place.id,
            "is_ephemeral": kind == "ephemeral",
        }
        if kind == "ephemeral":
            for held in place.ephemerals:
                if held["to"] == account.id and held["message"]["ts"] == ts:
                    message = held["message"]
                    break
            else:
                raise NotAllowedError("You have no such message.")
        else:
            message = place.message(ts) or {}
            if not message:
                raise NotAllowedError("There is no such message.")
        if message.get("thread_ts"):
            payload["thread_ts"] = message["thread_ts"]
        blocks = message.get("blocks") or []
        kept = inputs.surviving(typed, blocks)
        typed.clear()
        typed.update(kept)
        return _Place(
            payload=payload,
            blocks=blocks,
            typed=typed,
            channel=place,
            message=message,
            ephemeral=kind == "ephemeral",
        )

    def _in_view(self, account: Account, view_id: str) -> _Place:
        view = self._view(account.id, view_id)
        if view.json["type"] == "modal" and self._workspace.views.stack(account.id)[-1] is not view:
            raise NotAllowedError("Another view lies over this one.")
        payload = {"type": "view", "view_id": view.id}
        return _Place(payload=payload, blocks=view.json["blocks"], typed=view.typed, view=view)

    def _view(self, user: str, view_id: str) -> View:
        try:
            view = self._workspace.views.find(view_id=view_id)
        except RefusedError:
            raise NotAllowedError("That view is not open.") from None
        if view.user != user:
            raise NotAllowedError("That view is not open.")
        return view

    def _where(self, account: Account, place: _Place) -> Json:
        """The parts of a payload that say where the element stands."""
        if place.view is not None:
            return {"container": place.payload, "view": self._workspace.views.payload(place.view)}
        if place.channel is None or place.message is None:
            raise NotAllowedError("There is no such message.")
        shown: Json = {
            "container": place.payload,
            "channel": payloads.shown_channel(place.channel),
            "state": {"values": inputs.values(place.blocks, place.typed)},
            "response_url": self._workspace.response_urls.issue(
                account.id,
                place.channel.id,
                source=place.message["ts"],
                ephemeral=place.ephemeral,
                thread_ts=_thread_of(place.message),
            ),
        }
        if not place.ephemeral:
            shown["message"] = place.message
        return shown

    def _type(self, blocks: list[Json], typed: inputs.Typed, values: Mapping[str, Mapping[str, Any]]) -> None:
        for block_id, states in values.items():
            for action_id, value in states.items():
                found = inputs.find(blocks, action_id, block_id)
                if found is None or not _has_state(found[1]):
                    raise NotAllowedError(f"There is no input {block_id} / {action_id}.")
                try:
                    state = inputs.state_of(found[1], value)
                except KeyError as missing:
                    raise NotAllowedError(str(missing.args[0])) from None
                typed.setdefault(block_id, {})[action_id] = state

    # modals, shortcuts, App Home

    async def submit(self, user: str, view_id: str, values: Mapping[str, Mapping[str, Any]] | None = None) -> Outcome:
        """Fill in a modal and submit it. What Slack's own form finds wrong is shown and never sent."""
        account = self._people.account(user)
        workspace = self._workspace
        view = self._view(user, view_id)
        if view.json["type"] != "modal" or workspace.views.stack(user)[-1] is not view:
            raise NotAllowedError("Another view lies over this one.")
        self._type(view.json["blocks"], view.typed, values or {})
        view.errors = inputs.wrong(view.json["blocks"], view.typed)
        if view.errors:
            workspace.push({"type": "view", "view_id": view.id}, [user])
            return Outcome(ok=False, error="invalid_input", errors=dict(view.errors))
        trigger = workspace.triggers.issue(user, view.id)
        payload = payloads.interaction("view_submission", account, view=workspace.views.payload(view))
        payload |= {"trigger_id": trigger, "response_urls": self._response_urls(user, view)}
        answer = await workspace.delivery.send("interactive", payload)
        if not answer.ok:
            return self._people.failed(user, answer, trigger, TROUBLE)
        nonsense = workspace.views.answered(view, answer.body) if view in workspace.views.stack(user) else ""
        if nonsense:
            workspace.toast(user, TROUBLE)
        return Outcome(
            ok=not nonsense and not view.errors,
            error=nonsense or ("errors" if view.errors else ""),
            took=answer.took,
            trigger_id=trigger,
            errors=dict(view.errors),
        )

    def _response_urls(self, user: str, view: View) -> list[Json]:
        found: list[Json] = []
        for block, element in inputs.elements(view.json["blocks"]):
            if not element.get("response_url_enabled"):
                continue
            state = inputs.values([block], view.typed)[block["block_id"]][element["action_id"]]
            channel_id = state[inputs.FIELDS[element["type"]]]
            if channel_id:
                issued = self._workspace.response_urls.issue(user, channel_id)
                ids = {"block_id": block["block_id"], "action_id": element["action_id"]}
                found.append({**ids, "channel_id": channel_id, "response_url": issued})
        return found

    async def close(self, user: str, view_id: str, *, everything: bool = False) -> Outcome:
        """Close a modal by its button, or all of them by the X; the app hears of it where the view asks for that."""
        account = self._people.account(user)
        view = self._view(user, view_id)
        closed = [view]
        if everything:
            closed = list(reversed(self._workspace.views.stack(user)))
            self._workspace.views.clear(user)
        else:
            self._workspace.views.close(view)
        took = 0.0
        for gone in closed:
            if gone.json["notify_on_close"]:
                payload = payloads.interaction("view_closed", account, view=self._workspace.views.payload(gone))
                answer = await self._workspace.delivery.send("interactive", payload | {"is_cleared": everything})
                took = max(took, answer.took)
        return Outcome(ok=True, took=took)

    async def shortcut(self, user: str, callback_id: str, channel: str | None = None, ts: str | None = None) -> Outcome:
        """Use a shortcut of the app: a global one, or one on a message."""
        account = self._people.account(user)
        workspace = self._workspace
        known = next((one for one in workspace.app.shortcuts if one.callback_id == callback_id), None)
        if known is None or (known.type == "message") != bool(ts):
            raise NotAllowedError(f"There is no such shortcut: {callback_id}.")
        if account.kind == "stranger":
            raise NotAllowedError("Shortcuts are not available to people of other companies.")
        trigger = workspace.triggers.issue(user)
        payload: Json = {
            "type": "shortcut",
            "token": payloads.TOKEN,
            "action_ts": workspace.next_ts(),
            "team": payloads.TEAM,
            "user": payloads.actor(account, name=known.type == "message"),
            **payloads.NOT_ENTERPRISE,
            "callback_id": callback_id,
            "trigger_id": trigger,
        }
        if known.type == "message":
            place = self._people.channel(user, channel or "")
            message = place.message(ts or "")
            if message is None:
                raise NotAllowedError("There is no such message.")
            payload |= {
                "type": "message_action",
                "channel": payloads.shown_channel(place),
                "response_url": workspace.response_urls.issue(user, place.id),
                "message_ts": message["ts"],
                "message": message,
            }
        answer = await workspace.delivery.send("interactive", payload)
        if not answer.ok:
            return self._people.failed(
                user, answer, trigger, f"“{known.name}” failed with the error “{error_of(answer)}”"
            )
        return Outcome(ok=True, took=answer.took, trigger_id=trigger)

    async def open_home(self, user: str, tab: str = "home") -> Outcome:
        """Open the app: its Home tab, or its messages."""
        if self._people.account(user).kind == "stranger":
            raise NotAllowedError("Apps are not available to people of other companies.")
        workspace = self._workspace
        inner: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": workspace.direct(user).id,
            "tab": tab,
            "event_ts": workspace.next_ts(),
        }
        home = workspace.state.homes.get(user)
        if tab == "home" and home is not None:
            inner["view"] = workspace.views.payload(home)
        return await self._people.seen(workspace.emit("app_home_opened", inner))


def _has_state(element: Json) -> bool:
    return element["type"] in inputs.FIELDS


def _thread_of(message: Json) -> str | None:
    """The thread that a message is in: one that a thread hangs on is in the channel, and so are answers to it."""
    thread = message.get("thread_ts")
    return None if thread == message.get("ts") else thread
