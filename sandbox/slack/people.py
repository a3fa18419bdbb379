"""What the people in the workspace write and do with channels. Each returns when Slack has the app's acknowledgement.

Slack's own client refuses some things before anything is sent: those raise `NotAllowedError`.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sandbox.slack import markup, payloads
from sandbox.slack.delivery import Answer
from sandbox.slack.outcome import Outcome, error_of
from sandbox.slack.refusal import NotAllowedError, RefusedError
from sandbox.slack.response_urls import ResponseUrl
from sandbox.slack.state import Account, Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

_FIRST_SPACE: Final = re.compile(r"\s")


class People:
    """The hands of everybody in the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Act in this workspace."""
        self._workspace = workspace

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
        return await self.seen(events, ts=ts)

    async def _command(self, user: str, place: Channel, text: str, thread_ts: str | None, *, encoded: bool) -> Outcome:
        workspace = self._workspace
        word, rest = [*_FIRST_SPACE.split(text, maxsplit=1), ""][:2]
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
            return self.failed(user, answer, trigger, f"{word} failed with the error “{error_of(answer)}”")
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

    def failed(self, user: str, answer: Answer, trigger: str, toast: str) -> Outcome:
        """Tell the person that no acknowledgement came."""
        self._workspace.toast(user, toast)
        return Outcome(ok=False, error=error_of(answer), took=answer.took, trigger_id=trigger)

    async def seen(self, events: Iterable[asyncio.Task[Answer]], ts: str = "") -> Outcome:
        """Wait until the app has acknowledged these events, or not."""
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
        return await self.seen(self._workspace.change(place, message, previous), ts)

    async def delete(self, user: str, channel: str, ts: str) -> Outcome:
        """Delete a message of one's own."""
        place = self._open(user, channel)
        return await self.seen(self._workspace.remove(place, self._own(user, place, ts)), ts)

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
        return await self.seen(self.reaction_events(user, place, message, name, remove=remove), ts)

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

    # channels

    async def join(self, user: str, channel: str) -> Outcome:
        """Join a public channel."""
        place = self.channel(user, channel)
        if user in place.members:
            raise NotAllowedError(f"You are in #{place.name} already.")
        return await self.seen(self._workspace.add_member(place, user))

    async def leave(self, user: str, channel: str) -> Outcome:
        """Leave a channel."""
        place = self.channel(user, channel, member=True)
        if place.is_general or place.is_im:
            raise NotAllowedError("You cannot leave this one.")
        return await self.seen(self._workspace.drop_member(place, user))

    async def invite(self, user: str, channel: str, who: str) -> Outcome:
        """Bring somebody, or the bot, into a channel."""
        place = self._open(user, channel)
        if who not in self._workspace.state.accounts or who in place.members:
            raise NotAllowedError("They are in already, or nobody.")
        return await self.seen(self._workspace.add_member(place, who, inviter=user))

    async def archive(self, user: str, channel: str) -> Outcome:
        """Archive a channel."""
        return await self.seen(self._workspace.archive(self._open(user, channel), user))

    async def delete_channel(self, user: str, channel: str) -> Outcome:
        """Delete a channel: Slack lets owners do that."""
        return await self.seen(self._workspace.delete(self.channel(user, channel), user))

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
        return await self.seen(events)

    async def rename(self, user: str, channel: str, name: str) -> Outcome:
        """Rename a channel."""
        place = self._open(user, channel)
        if self._workspace.name_taken(name):
            raise NotAllowedError(f"The name {name} is taken.")
        return await self.seen(self._workspace.rename(place, name, user))

    def canvas(self, user: str, canvas_id: str) -> Json:
        """A canvas that the person may read: that of a channel that they may see. Raise NotAllowedError."""
        found = self._workspace.state.canvases.get(canvas_id)
        if found is None or not found["channel"]:
            raise NotAllowedError("There is no such canvas that you can see.")
        self.channel(user, found["channel"])
        return found

    async def edit_canvas(self, user: str, canvas_id: str, text: str) -> Outcome:
        """Write a canvas anew, as its page lets everybody in the channel do."""
        found = self.canvas(user, canvas_id)
        self._open(user, found["channel"])
        found |= {"markdown": text, "edited_by": user}
        return Outcome(ok=True)

    async def create_canvas(self, user: str, channel: str, text: str) -> Outcome:
        """Give a channel its canvas by hand."""
        place = self._open(user, channel)
        if place.canvas:
            raise NotAllowedError("This channel has its canvas already.")
        place.canvas = self._workspace.next_id("F")
        self._workspace.state.canvases[place.canvas] = {
            "id": place.canvas,
            "title": place.name,
            "channel": place.id,
            "markdown": text,
            "user": user,
            "edited_by": user,
        }
        return Outcome(ok=True)

    async def set_topic(self, user: str, channel: str, topic: str) -> Outcome:
        """Set a channel's topic."""
        return await self.seen(self._workspace.set_topic(self._open(user, channel), topic, user))


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


def _mention(message: Json, place: Channel) -> Json:
    kept = ("user", "ts", "client_msg_id", "text", "team", "blocks", "thread_ts", "parent_user_id")
    shown = {key: message[key] for key in kept if key in message}
    return {**shown, "type": "app_mention", "channel": place.id, "event_ts": message["ts"]}
