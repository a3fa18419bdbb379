"""What the people in the workspace do. Every method returns when Slack has the app's acknowledgement, or has given up.

Slack's own client refuses some things before anything is sent: those raise `NotAllowedError`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.slack import elements, inputs, markup, payloads
from sandbox.slack.delivery import Answer
from sandbox.slack.refusal import NotAllowedError, RefusedError
from sandbox.slack.response_urls import ResponseUrl
from sandbox.slack.state import Account, Channel, Json, View

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

TROUBLE: Final = "We had some trouble connecting. Try again?"
"""What Slack says when a modal's submission gets no answer, or one that makes no sense."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of what a person did; `took` seconds of real time to the acknowledgement."""

    ok: bool
    took: float = 0.0
    error: str = ""
    """operation_timeout | dispatch_failed | invalid_input | not_acknowledged"""
    trigger_id: str = ""
    ts: str = ""
    options: list[Json] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The answer to the page."""
        return asdict(self)


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


class People:
    """The hands of everybody in the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Act in this workspace."""
        self._workspace = workspace
        self._typed: dict[tuple[str, str, str], inputs.Typed] = {}

    # who, and where

    def account(self, user: str) -> Account:
        """A person who can use Slack. Raise NotAllowedError where they cannot."""
        try:
            account = self._workspace.account(user)
        except KeyError:
            raise NotAllowedError(f"There is nobody with the id {user}.") from None
        if account.kind == "deactivated":
            raise NotAllowedError(f"{account.real_name}’s account is deactivated.")
        if account.kind == "bot":
            raise NotAllowedError("The bot is no person.")
        return account

    def channel(self, user: str, key: str, *, member: bool = False) -> Channel:
        """A channel that the person may see, or must be in. Raise NotAllowedError where they may not."""
        account = self.account(user)
        try:
            channel = self._workspace.channel(key)
        except KeyError:
            raise NotAllowedError(f"There is no channel {key} that you can see.") from None
        if not self._workspace.may_see(account.id, channel):
            raise NotAllowedError(f"There is no channel {key} that you can see.")
        if member and user not in channel.members:
            raise NotAllowedError(f"You are not in #{channel.name}: join it first.")
        return channel

    def _open(self, user: str, key: str) -> Channel:
        channel = self.channel(user, key, member=True)
        if channel.is_archived:
            raise NotAllowedError(f"#{channel.name} is archived.")
        if channel.is_im and not self._workspace.app.messages_tab:
            raise NotAllowedError("Sending messages to this app has been turned off.")
        return channel

    # messages and slash commands

    async def say(
        self, user: str, channel: str, text: str, thread_ts: str | None = None, *, encoded: bool = False
    ) -> Outcome:
        """Send what a person typed: a slash command where it begins with one, else a message.

        `encoded` text is in Slack's own encoding already, and goes through as it is.
        """
        place = self._open(user, channel)
        if text.startswith("/"):
            return await self._command(user, place, text, thread_ts, encoded=encoded)
        if not text.strip():
            raise NotAllowedError("There is nothing to send.")
        ts = self._workspace.next_ts()
        found = markup.pieces(text, self._workspace.state)
        message: Json = {
            "user": user,
            "type": "message",
            "ts": ts,
            "client_msg_id": str(uuid.uuid4()),
            "text": text if encoded else markup.message_text(found),
            "team": self._workspace.account(user).team_id,
            "blocks": markup.rich_text(found, uuid.uuid4().hex[:5]),
        }
        if thread_ts:
            if place.message(thread_ts) is None:
                raise NotAllowedError("There is no such message to answer.")
            message["thread_ts"] = thread_ts
        posted = self._workspace.post(place, message)
        events = posted.events
        bot = self._workspace.bot.id
        if f"<@{bot}" in message["text"] and not place.is_im:
            events = events + self._workspace.emit("app_mention", _mention(message, place), place)
        return await self._seen(events, ts=ts)

    async def _command(self, user: str, place: Channel, text: str, thread_ts: str | None, *, encoded: bool) -> Outcome:
        workspace = self._workspace
        word, _, rest = text.partition(" ") if " " in text else (*text.partition("\n"),)
        if thread_ts:
            raise NotAllowedError(f"{word} is not supported in threads. Sorry!")
        if word not in workspace.app.commands:
            raise NotAllowedError(f"{word} is not a valid command.")
        if workspace.account(user).kind == "stranger":
            raise NotAllowedError(f"{word} is not available to people of other companies.")
        if workspace.app.commands[word] and not encoded:
            rest = markup.command_text(markup.pieces(rest, workspace.state), workspace.state)
        trigger = workspace.triggers.issue(user)
        given_url = workspace.response_urls.issue(user, place.id)
        payload = payloads.slash_command(workspace.account(user), place, word, rest, trigger, given_url)
        answer = await workspace.delivery.send("slash_commands", payload)
        if not answer.ok:
            return self._failed(user, answer, trigger, f"{word} failed with the error “{_error_of(answer)}”")
        self._answered(user, place.id, answer.body)
        return Outcome(ok=True, took=answer.took, trigger_id=trigger)

    def _answered(self, user: str, channel: str, body: Json | None) -> None:
        """Show what the acknowledgement of a command carries."""
        if body and (body.get("text") or body.get("blocks") or body.get("attachments")):
            try:
                self._workspace.response_urls.respond(
                    ResponseUrl(user=user, channel=channel, at=time.monotonic()), body
                )
            except RefusedError as refused:
                self._workspace.toast(user, f"The app’s answer could not be shown: {refused.code}")

    def _failed(self, user: str, answer: Answer, trigger: str, toast: str) -> Outcome:
        self._workspace.toast(user, toast)
        return Outcome(ok=False, error=_error_of(answer), took=answer.took, trigger_id=trigger)

    async def _seen(self, events: Iterable[asyncio.Task[Answer]], ts: str = "") -> Outcome:
        answers = await asyncio.gather(*events)
        took = max((answer.took for answer in answers), default=0.0)
        error = next((answer.error for answer in answers if not answer.ok), "")
        return Outcome(ok=not error, error=error, took=took, ts=ts)

    async def edit(self, user: str, channel: str, ts: str, text: str) -> Outcome:
        """Change a message of one's own."""
        place = self._open(user, channel)
        message = self._own(user, place, ts)
        previous = dict(message)
        found = markup.pieces(text, self._workspace.state)
        message["text"] = markup.message_text(found)
        message["blocks"] = markup.rich_text(found, uuid.uuid4().hex[:5])
        message["edited"] = {"user": user, "ts": self._workspace.next_ts()}
        return await self._seen(self._workspace.change(place, message, previous), ts)

    async def delete(self, user: str, channel: str, ts: str) -> Outcome:
        """Delete a message of one's own."""
        place = self._open(user, channel)
        return await self._seen(self._workspace.remove(place, self._own(user, place, ts)), ts)

    def _own(self, user: str, place: Channel, ts: str) -> Json:
        message = place.message(ts)
        if message is None or message.get("user") != user or message.get("subtype"):
            raise NotAllowedError("That is no message of yours.")
        return message

    async def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> Outcome:
        """Put a reaction to a message, or take it away."""
        place = self._open(user, channel)
        message = place.message(ts)
        if message is None:
            raise NotAllowedError("There is no such message.")
        changed = take_reaction(message, user, name) if remove else put_reaction(message, user, name)
        if not changed:
            raise NotAllowedError("You have not reacted so." if remove else "You have reacted so already.")
        self._workspace.push_message(place, message)
        return await self._seen(self.reaction_events(user, place, message, name, remove=remove), ts)

    def reaction_events(
        self, user: str, place: Channel, message: Json, name: str, *, remove: bool
    ) -> list[asyncio.Task[Answer]]:
        """Tell the app of a reaction."""
        kind = "reaction_removed" if remove else "reaction_added"
        inner = {
            "type": kind,
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": place.id, "ts": message["ts"]},
            "item_user": message.get("user", ""),
            "event_ts": self._workspace.next_ts(),
        }
        return self._workspace.emit(kind, inner, place)

    # elements

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
        account = self.account(user)
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
            return self._failed(user, answer, trigger, f"That did not work: the app answered “{_error_of(answer)}”")
        return Outcome(ok=True, took=answer.took, trigger_id=trigger)

    async def options(
        self, user: str, container: Mapping[str, Any], action_id: str, query: str, *, block_id: str | None = None
    ) -> Outcome:
        """Ask the app what an external select offers for a query."""
        account = self.account(user)
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
            return Outcome(ok=False, error=_error_of(answer) if not answer.ok else findings[0], took=answer.took)
        body = answer.body or {}
        options = list(body.get("options") or [])
        for group in body.get("option_groups") or []:
            options.extend(group["options"])
        return Outcome(ok=True, took=answer.took, options=options)

    def _place(self, account: Account, container: Mapping[str, Any]) -> _Place:
        kind = container.get("type")
        if kind == "view":
            return self._in_view(account, str(container.get("view_id", "")))
        place = self.channel(account.id, str(container.get("channel", "")))
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
        return _Place(
            payload=payload,
            blocks=message.get("blocks") or [],
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
                thread_ts=place.message.get("thread_ts"),
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
        account = self.account(user)
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
            return self._failed(user, answer, trigger, TROUBLE)
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
        account = self.account(user)
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
        account = self.account(user)
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
            place = self.channel(user, channel or "")
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
            return self._failed(user, answer, trigger, f"“{known.name}” failed with the error “{_error_of(answer)}”")
        return Outcome(ok=True, took=answer.took, trigger_id=trigger)

    async def open_home(self, user: str, tab: str = "home") -> Outcome:
        """Open the app: its Home tab, or its messages."""
        self.account(user)
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
        return await self._seen(workspace.emit("app_home_opened", inner))

    # channels

    async def join(self, user: str, channel: str) -> Outcome:
        """Join a public channel."""
        place = self.channel(user, channel)
        if user in place.members:
            raise NotAllowedError(f"You are in #{place.name} already.")
        return await self._seen(self._workspace.add_member(place, user))

    async def leave(self, user: str, channel: str) -> Outcome:
        """Leave a channel."""
        place = self.channel(user, channel, member=True)
        if place.is_general or place.is_im:
            raise NotAllowedError("You cannot leave this one.")
        return await self._seen(self._workspace.drop_member(place, user))

    async def invite(self, user: str, channel: str, who: str) -> Outcome:
        """Bring somebody, or the bot, into a channel."""
        place = self._open(user, channel)
        if who not in self._workspace.state.accounts or who in place.members:
            raise NotAllowedError("They are in already, or nobody.")
        return await self._seen(self._workspace.add_member(place, who, inviter=user))

    async def archive(self, user: str, channel: str) -> Outcome:
        """Archive a channel."""
        return await self._seen(self._workspace.archive(self._open(user, channel), user))

    async def unarchive(self, user: str, channel: str) -> Outcome:
        """Open an archived channel again; a public one has nobody else in it then, and no bot."""
        place = self.channel(user, channel)
        if not place.is_archived:
            raise NotAllowedError(f"#{place.name} is not archived.")
        place.is_archived = False
        events = self._workspace.channel_event("unarchive", place, user)
        if not place.is_private:
            place.members = [user]
        self._workspace.system_message(place, f"{place.kind}_unarchive", user, f"<@{user}> un-archived the channel")
        return await self._seen(events)

    async def rename(self, user: str, channel: str, name: str) -> Outcome:
        """Rename a channel."""
        place = self._open(user, channel)
        if self._workspace.name_taken(name):
            raise NotAllowedError(f"The name {name} is taken.")
        return await self._seen(self._workspace.rename(place, name, user))

    async def set_topic(self, user: str, channel: str, topic: str) -> Outcome:
        """Set a channel's topic."""
        return await self._seen(self._workspace.set_topic(self._open(user, channel), topic, user))


def put_reaction(message: Json, user: str, name: str) -> bool:
    """Add a reaction to a message; False where it is there already."""
    reactions = message.setdefault("reactions", [])
    for reaction in reactions:
        if reaction["name"] == name:
            if user in reaction["users"]:
                return False
            reaction["users"].append(user)
            reaction["count"] += 1
            return True
    reactions.append({"name": name, "users": [user], "count": 1})
    return True


def take_reaction(message: Json, user: str, name: str) -> bool:
    """Take a reaction away; False where it is not there."""
    for reaction in message.get("reactions", []):
        if reaction["name"] == name and user in reaction["users"]:
            reaction["users"].remove(user)
            reaction["count"] -= 1
            if not reaction["count"]:
                message["reactions"].remove(reaction)
            return True
    return False


def _has_state(element: Json) -> bool:
    return element["type"] in inputs.FIELDS


def _mention(message: Json, place: Channel) -> Json:
    kept = ("user", "ts", "client_msg_id", "text", "team", "blocks", "thread_ts", "parent_user_id")
    shown = {key: message[key] for key in kept if key in message}
    return {**shown, "type": "app_mention", "channel": place.id, "event_ts": message["ts"]}


def _error_of(answer: Answer) -> str:
    """Slack's word for an acknowledgement that did not come."""
    return "operation_timeout" if answer.error == "timeout" else "dispatch_failed"
