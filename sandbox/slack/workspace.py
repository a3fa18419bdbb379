"""The workspace: its state, and everything that happens in it whoever causes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sandbox import world
from sandbox.faults import Faults
from sandbox.slack import markup, payloads
from sandbox.slack.app import App
from sandbox.slack.delivery import Answer, Background, Carrier, Delivery
from sandbox.slack.http_delivery import HttpDelivery
from sandbox.slack.interactions import Interactions
from sandbox.slack.limits import Limits
from sandbox.slack.people import People
from sandbox.slack.response_urls import ResponseUrls
from sandbox.slack.scopes import EVENT_SCOPES
from sandbox.slack.socket import SocketMode
from sandbox.slack.state import Account, Channel, Json, State, im_id
from sandbox.slack.triggers import Triggers
from sandbox.slack.views import Views

RETRY_SECONDS: Final = (0.1, 60.0, 300.0)
"""When an event comes again that nobody acknowledged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How a workspace is set up."""

    manifest: Mapping[str, Any]
    """The parsed manifest of the app: scopes, events, commands, shortcuts."""
    request_url: str | None = None
    """Where Slack delivers by signed HTTP; None: by Socket Mode."""
    completions: Sequence[Mapping[str, Any]] = ()
    """What the composer of the page completes: `{"words", "usage", "summary"}`."""
    rate_limits: bool = True
    state_file: Path | None = None
    """Where the workspace is kept over restarts; None: nowhere."""
    ack_seconds: float = 3.0
    """How long Slack waits for an acknowledgement, in real time."""
    retry_seconds: Sequence[float] = RETRY_SECONDS
    """The pauses before Slack repeats an event that nobody acknowledged, in real time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiCall:
    """A call of the Web API, a response_url or an upload, and what became of it. `at` is in the bot's time."""

    at: float
    method: str
    args: Json
    ok: bool
    error: str = ""
    status: int = 200
    fault: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ping:
    """Somebody was pinged by the bot: `kind` is channel, here, everyone, group or user."""

    kind: str
    target: str
    channel: str
    ts: str


@dataclass(kw_only=True, slots=True)
class Posted:
    """A message that stands in a channel now, and the events that tell the app of it."""

    message: Json
    events: list[asyncio.Task[Answer]] = field(default_factory=list)


class Workspace:
    """Slack. What people do is in `people` and `interactions`, what the app may ask in `webapi`, all beside this."""

    def __init__(self, scene: world.World, faults: Faults, terms: Terms) -> None:
        """Open the workspace, with the app of the manifest installed in it."""
        self.world = scene
        self.faults = faults
        self.app = App.of(terms.manifest)
        self.completions = [dict(completion) for completion in terms.completions]
        self.base_url = ""
        """`http://127.0.0.1:<port>`, set when the server listens."""
        self.state = State.kept_in(terms.state_file)
        self.calls: list[ApiCall] = []
        self.unknown_calls: list[str] = []
        """Methods that the bot called and this stand-in does not know."""
        self.apps_may_create = {"public": True, "private": True}
        """Whether the owners let apps make channels of that kind."""
        self.canvases = "all"
        """Which canvases the plan has: all, none (of channels), or disabled altogether."""
        self.pings: list[Ping] = []
        self.toasts: list[tuple[str, str]] = []
        """What Slack itself told people: (user id, text)."""
        self.background = Background()
        self.limits = Limits(on=terms.rate_limits)
        self.socket = SocketMode(faults, terms.ack_seconds)
        url = terms.request_url
        self.http: HttpDelivery | None = HttpDelivery(url, terms.ack_seconds) if url else None
        self.delivery = Delivery(self.background, self._carrier, self.now, terms.retry_seconds)
        self.triggers = Triggers()
        self.response_urls = ResponseUrls(self)
        self.views = Views(self)
        self.people = People(self)
        self.interactions = Interactions(self)
        self.say, self.edit, self.react = self.people.say, self.people.edit, self.people.react
        self.join, self.leave = self.people.join, self.people.leave
        self.click, self.submit = self.interactions.click, self.interactions.submit
        self.close, self.options = self.interactions.close, self.interactions.options
        self.shortcut, self.open_home = self.interactions.shortcut, self.interactions.open_home
        self._ack_seconds = terms.ack_seconds
        self._state_file = terms.state_file
        self._kept = ""
        self._watchers: dict[str, set[asyncio.Queue[Json]]] = {}

    # time and ids

    def now(self) -> float:
        """Seconds since the epoch, in the bot's time."""
        return self.world.clock.timestamp()

    def next_ts(self) -> str:
        """A ts later than every other."""
        self.state.last_ts = max(int(self.now() * 1_000_000), self.state.last_ts + 1)
        return f"{self.state.last_ts // 1_000_000}.{self.state.last_ts % 1_000_000:06d}"

    def next_id(self, prefix: str) -> str:
        """An id that nothing else has."""
        self.state.last_id += 1
        return f"{prefix}0NEW{self.state.last_id:05d}"

    # what there is

    def account(self, user: str) -> Account:
        """A user by id. Raise KeyError where there is none."""
        return self.state.accounts[user]

    def channel(self, key: str) -> Channel:
        """A channel by id or name. Raise KeyError where there is none."""
        if key in self.state.channels:
            return self.state.channels[key]
        for channel in self.state.channels.values():
            if channel.name == key.lstrip("#") and channel.name:
                return channel
        raise KeyError(key)

    @property
    def bot(self) -> Account:
        """The bot's own user."""
        return self.state.accounts[world.BOT_USER_ID]

    def may_see(self, user: str, channel: Channel) -> bool:
        """Say whether somebody may look into a channel: full members into public ones, everybody into their own."""
        if user in channel.members:
            return True
        account = self.state.accounts.get(user)
        return account is not None and account.is_full and not channel.is_private and not channel.is_im

    def direct(self, user: str) -> Channel:
        """The direct message between the bot and somebody, opened where it was not."""
        channel_id = im_id(user)
        if channel_id not in self.state.channels:
            self.state.channels[channel_id] = Channel(
                id=channel_id,
                name="",
                is_im=True,
                user=user,
                creator=world.BOT_USER_ID,
                created=int(self.now()),
                members=[user, world.BOT_USER_ID],
            )
        return self.state.channels[channel_id]

    def log_call(
        self, method: str, args: Json, *, ok: bool, error: str = "", status: int = 200, fault: str = ""
    ) -> None:
        """Keep a call in `calls`."""
        called = ApiCall(at=self.now(), method=method, args=dict(args), ok=ok, error=error, status=status, fault=fault)
        self.calls.append(called)
        del self.calls[:-5000]

    # the page

    def watch(self, user: str) -> asyncio.Queue[Json]:
        """A queue that gets what this person's page must know, until `unwatch`."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._watchers.setdefault(user, set()).add(queue)
        return queue

    def unwatch(self, user: str, queue: asyncio.Queue[Json]) -> None:
        """Stop that."""
        self._watchers.get(user, set()).discard(queue)

    def push(self, happened: Json, users: Iterable[str] | None = None) -> None:
        """Tell the pages of these people, or of all."""
        for user in list(self._watchers) if users is None else users:
            for queue in self._watchers.get(user, ()):
                queue.put_nowait(happened)

    def push_message(self, channel: Channel, message: Json, *, to: str | None = None) -> None:
        """Tell the pages of all who may see a message that it is there or has changed."""
        happened = {"type": "message", "channel": channel.id, "ts": message["ts"]}
        if message.get("thread_ts"):
            happened["thread_ts"] = message["thread_ts"]
        self.push(happened, [to] if to else [user for user in self._watchers if self.may_see(user, channel)])

    def toast(self, user: str, text: str) -> None:
        """Show a person a word of Slack itself."""
        self.toasts.append((user, text))
        self.push({"type": "toast", "text": text}, [user])

    # events

    def emit(self, kind: str, inner: Json, channel: Channel | None = None) -> list[asyncio.Task[Answer]]:
        """Tell the app of an event, if its manifest asks for this kind, has its scope, and the bot is in the channel."""
        scopes = EVENT_SCOPES.get(kind, ())
        if kind not in self.app.events or (scopes and not set(scopes) & set(self.app.scopes)):
            return []
        if channel is not None and world.BOT_USER_ID not in channel.members:
            return []
        return [self.delivery.event(payloads.event(inner, self.now()))]

    def emit_message(self, channel: Channel, message: Json) -> list[asyncio.Task[Answer]]:
        """Tell the app of a message."""
        kind = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}[channel.kind]
        inner = {**message, "channel": channel.id, "event_ts": message["ts"], "channel_type": channel.kind}
        return self.emit(kind, inner, channel)

    # messages

    def post(self, channel: Channel, message: Json, *, link_names: bool = False) -> Posted:
        """Put a message into a channel and tell everybody; with `link_names`, a bare `@here` in its text pings."""
        thread_ts = message.get("thread_ts")
        if thread_ts:
            parent = channel.message(thread_ts)
            if parent is not None:
                parent.setdefault("thread_ts", parent["ts"])
                message.setdefault("parent_user_id", parent.get("user", ""))
        channel.messages.append(message)
        if message.get("bot_id"):
            self.note_pings(channel, message, link_names=link_names)
        self.push_message(channel, message)
        return Posted(message=message, events=self.emit_message(channel, message))

    def post_ephemeral(self, channel: Channel, user: str, message: Json) -> Json:
        """Show one person a message in a channel."""
        message["is_ephemeral"] = True
        channel.ephemerals.append({"to": user, "message": message})
        self.push_message(channel, message, to=user)
        return message

    def change(self, channel: Channel, message: Json, previous: Json) -> list[asyncio.Task[Answer]]:
        """Tell everybody that a message is another now."""
        if message.get("bot_id"):
            self.note_pings(channel, message, previous)
        self.push_message(channel, message)
        inner = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "message": message,
            "previous_message": previous,
            "ts": self.next_ts(),
        }
        return self.emit_message(channel, inner)

    def remove(self, channel: Channel, message: Json) -> list[asyncio.Task[Answer]]:
        """Take a message away and tell everybody."""
        channel.messages.remove(message)
        channel.pins = [pin for pin in channel.pins if pin["ts"] != message["ts"]]
        self.push_message(channel, message)
        inner = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "deleted_ts": message["ts"],
            "previous_message": message,
            "ts": self.next_ts(),
        }
        return self.emit_message(channel, inner)

    def system_message(self, channel: Channel, subtype: str, user: str, text: str, **parts: Any) -> Posted:
        """Put one of Slack's own lines into a channel: who joined, the new topic."""
        ts = self.next_ts()
        return self.post(
            channel, {"type": "message", "subtype": subtype, "user": user, "text": text, "ts": ts, **parts}
        )

    def note_pings(
        self, channel: Channel, message: Json, previous: Json | None = None, *, link_names: bool = False
    ) -> None:
        """Record whom a message of the bot pings; an edit pings nobody a second time."""
        before = set(_pings_of(previous, link_names)) if previous else set()
        for kind, target in dict.fromkeys(_pings_of(message, link_names)):
            if (kind, target) not in before:
                self.pings.append(Ping(kind=kind, target=target, channel=channel.id, ts=message["ts"]))

    def decorated(self, channel: Channel, message: Json) -> Json:
        """A message as history shows it: with its thread and its pin."""
        shown = dict(message)
        if message.get("thread_ts") == message["ts"]:
            replies = channel.replies(message["ts"])
            users = list(dict.fromkeys(str(reply.get("user", "")) for reply in replies))
            shown |= {"reply_count": len(replies), "reply_users_count": len(users), "reply_users": users}
            if replies:
                shown["latest_reply"] = replies[-1]["ts"]
        if any(pin["ts"] == message["ts"] for pin in channel.pins):
            shown["pinned_to"] = [channel.id]
        return shown

    # membership

    def add_member(self, channel: Channel, user: str, inviter: str = "") -> list[asyncio.Task[Answer]]:
        """Put somebody into a channel and tell everybody."""
        channel.members.append(user)
        return self._member_event("joined", channel, user, **({"inviter": inviter} if inviter else {}))

    def drop_member(self, channel: Channel, user: str) -> list[asyncio.Task[Answer]]:
        """Take somebody out of a channel and tell everybody who is left."""
        channel.members.remove(user)
        return self._member_event("left", channel, user)

    def _member_event(self, what: str, channel: Channel, user: str, **by: str) -> list[asyncio.Task[Answer]]:
        noun = "group" if channel.is_private else "channel"
        subtype = f"{noun}_{'join' if what == 'joined' else 'leave'}"
        posted = self.system_message(channel, subtype, user, f"<@{user}> has {what} the {noun}", **by)
        inner = {
            "type": f"member_{what}_channel",
            "user": user,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": self.account(user).team_id,
            **by,
            "event_ts": self.next_ts(),
        }
        self.push({"type": "channels"})
        return posted.events + self.emit(f"member_{what}_channel", inner, channel)

    # the life of channels

    def channel_event(self, what: str, channel: Channel, user: str, **parts: Any) -> list[asyncio.Task[Answer]]:
        """Tell the app that a channel was archived, unarchived …; private ones have `group_…` events."""
        kind = f"{'group' if channel.is_private else 'channel'}_{what}"
        inner = {"type": kind, "channel": channel.id, "user": user, "event_ts": self.next_ts(), **parts}
        self.push({"type": "channels"})
        return self.emit(kind, inner, channel)

    def archive(self, channel: Channel, user: str) -> list[asyncio.Task[Answer]]:
        """Close a channel; its name stays taken."""
        noun = "group" if channel.is_private else "channel"
        posted = self.system_message(channel, f"{noun}_archive", user, f"<@{user}> archived the channel", members=[])
        channel.is_archived = True
        return posted.events + self.channel_event("archive", channel, user, is_moved=0)

    def delete(self, channel: Channel, user: str) -> list[asyncio.Task[Answer]]:
        """Delete a channel, with everything in it, as an owner may; its name is free again."""
        events = self.channel_event("deleted", channel, user)
        del self.state.channels[channel.id]
        return events

    def rename(self, channel: Channel, name: str, user: str) -> list[asyncio.Task[Answer]]:
        """Give a channel another name."""
        old, channel.name = channel.name, name
        channel.previous_names.insert(0, old)
        noun = "group" if channel.is_private else "channel"
        text = f"<@{user}> has renamed the channel from “{old}” to “{name}”"
        posted = self.system_message(channel, f"{noun}_name", user, text, old_name=old, name=name)
        shown = {
            "id": channel.id,
            "is_channel": not channel.is_private,
            "is_mpim": False,
            "name": name,
            "name_normalized": name,
            "created": channel.created,
        }
        inner = {"type": f"{noun}_rename", "channel": shown, "event_ts": self.next_ts()}
        self.push({"type": "channels"})
        return posted.events + self.emit(f"{noun}_rename", inner, channel)

    def set_topic(self, channel: Channel, topic: str, user: str) -> list[asyncio.Task[Answer]]:
        """Give a channel another topic; everybody sees a line about it."""
        channel.topic = {"value": topic, "creator": user, "last_set": int(self.now())}
        text = f"<@{user}> set the channel topic: {topic}" if topic else f"<@{user}> cleared the channel topic"
        self.push({"type": "channels"})
        noun = "group" if channel.is_private else "channel"
        return self.system_message(channel, f"{noun}_topic", user, text, topic=topic).events

    def name_taken(self, name: str) -> bool:
        """Say whether a channel has this name, archived ones too."""
        return any(channel.name == name for channel in self.state.channels.values())

    # the way to the app

    def deliver_to(self, request_url: str | None) -> None:
        """Deliver by signed HTTP to this address from now on, or by Socket Mode."""
        if self.http is not None:
            self.background.start(self.http.stop())
        self.http = HttpDelivery(request_url, self._ack_seconds) if request_url else None

    def _carrier(self) -> Carrier:
        return self.http or self.socket

    async def redeliver(self, index: int = -1, times: int = 1) -> list[Answer]:
        """Deliver an earlier payload again, as it was."""
        return await self.delivery.redeliver(index, times)

    async def deliver_raw(self, payload: Json, times: int = 3, *, at_once: bool = False) -> list[Answer]:
        """Deliver any payload several times, one after the other or all at once."""
        return await self.delivery.deliver_raw(payload, times, at_once=at_once)

    async def settled(self, limit: float = 10.0) -> None:
        """Return when nothing is on its way to the app."""
        await self.delivery.settled(limit)

    # the end

    def keep(self) -> None:
        """Write the state to its file, where there is one."""
        if self._state_file is not None:
            self._kept = self.state.keep_in(self._state_file, unless=self._kept)

    async def stop(self) -> None:
        """Close all connections and end all work; keep the state."""
        await self.socket.stop()
        await self.background.stop()
        if self.http is not None:
            await self.http.stop()
        self.keep()


def _pings_of(message: Json, link_names: bool) -> list[tuple[str, str]]:  # noqa: FBT001
    found = markup.pings_in_text(str(message.get("text", "")), bare=link_names)
    for attachment in message.get("attachments") or []:
        for key in ("pretext", "text"):
            found += markup.pings_in_text(str(attachment.get(key, "")))
        found += markup.pings_in_blocks(attachment.get("blocks") or [])
    return found + markup.pings_in_blocks(message.get("blocks") or [])
