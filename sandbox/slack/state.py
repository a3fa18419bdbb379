"""What the workspace knows: accounts, groups, channels with their messages, views, files. It can be kept in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from sandbox import world

Json = dict[str, Any]

PARTNER_TEAM: Final = "T0PARTNER"
CREATED: Final = 1_700_000_000
"""When the first channels and groups came to be, in seconds since the epoch."""


@dataclass(kw_only=True, slots=True)
class Account:
    """A user of the workspace, as Slack knows them; a test may change what they are."""

    id: str
    name: str
    real_name: str
    email: str
    title: str
    kind: str = "member"
    """member | guest (single-channel) | deactivated | stranger | bot, as in `sandbox.world.Person`."""
    tz: str = "Europe/London"
    phone: str = ""

    @property
    def team_id(self) -> str:
        """The workspace they belong to: a stranger's is another."""
        return PARTNER_TEAM if self.kind == "stranger" else world.TEAM_ID

    @property
    def is_full(self) -> bool:
        """Say whether they may see every public channel."""
        return self.kind in ("member", "bot")


@dataclass(kw_only=True, slots=True)
class Channel:
    """A channel or a direct message with the bot (`is_im`, with `user` the other side)."""

    id: str
    name: str
    is_private: bool = False
    is_im: bool = False
    user: str = ""
    creator: str = ""
    created: int = CREATED
    is_archived: bool = False
    topic: Json = field(default_factory=lambda: {"value": "", "creator": "", "last_set": 0})
    purpose: Json = field(default_factory=lambda: {"value": "", "creator": "", "last_set": 0})
    members: list[str] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)
    """Slack's own message JSON, oldest first, replies of threads among them."""
    ephemerals: list[Json] = field(default_factory=list)
    """Messages one person sees: `{"to": user id, "message": …}`."""
    pins: list[Json] = field(default_factory=list)
    """`{"ts", "created", "created_by"}`, newest last."""
    bookmarks: list[Json] = field(default_factory=list)
    previous_names: list[str] = field(default_factory=list)
    canvas: str = ""
    is_general: bool = False

    def message(self, ts: str) -> Json | None:
        """Find a message by its ts."""
        return next((message for message in reversed(self.messages) if message["ts"] == ts), None)

    def replies(self, ts: str) -> list[Json]:
        """All replies of a thread, oldest first, without its parent."""
        return [message for message in self.messages if message.get("thread_ts") == ts and message["ts"] != ts]

    @property
    def kind(self) -> str:
        """Slack's `channel_type` in events."""
        return "im" if self.is_im else "group" if self.is_private else "channel"


@dataclass(kw_only=True, slots=True)
class View:
    """A modal or an App Home: what the bot gave, and what the person has typed into it."""

    json: Json
    user: str
    typed: dict[str, dict[str, Json]] = field(default_factory=dict)
    """block id → action id → the element's state."""
    errors: dict[str, str] = field(default_factory=dict)
    """block id → what is wrong with it, shown under the input."""

    @property
    def id(self) -> str:
        """Slack's id of it."""
        return str(self.json["id"])


@dataclass(kw_only=True, slots=True)
class State:
    """Everything the workspace knows."""

    accounts: dict[str, Account] = field(default_factory=dict)
    groups: dict[str, Json] = field(default_factory=dict)
    """User group id → `{"id", "handle", "name", "users"}`."""
    channels: dict[str, Channel] = field(default_factory=dict)
    stacks: dict[str, list[View]] = field(default_factory=dict)
    """User id → their open modals, bottom first."""
    homes: dict[str, View] = field(default_factory=dict)
    """User id → their published App Home."""
    files: dict[str, Json] = field(default_factory=dict)
    canvases: dict[str, Json] = field(default_factory=dict)
    last_read: dict[str, dict[str, str]] = field(default_factory=dict)
    """User id → channel id → the last ts they have seen."""
    last_id: int = 0
    last_ts: int = 0
    """Microseconds since the epoch: the next ts is later."""

    def to_json(self) -> str:
        """All of it as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> State:
        """Read back what `to_json` wrote."""
        raw = json.loads(text)
        return cls(
            accounts={key: Account(**value) for key, value in raw["accounts"].items()},
            groups=raw["groups"],
            channels={key: Channel(**value) for key, value in raw["channels"].items()},
            stacks={key: [View(**view) for view in views] for key, views in raw["stacks"].items()},
            homes={key: View(**value) for key, value in raw["homes"].items()},
            files=raw["files"],
            canvases=raw["canvases"],
            last_read=raw["last_read"],
            last_id=raw["last_id"],
            last_ts=raw["last_ts"],
        )

    @classmethod
    def kept_in(cls, path: Path | None) -> State:
        """The state of the file, or of a new workspace where there is none."""
        if path is not None and path.exists():
            return cls.from_json(path.read_text(encoding="utf-8"))
        return first_state()

    def keep_in(self, path: Path, unless: str = "") -> str:
        """Write it to the file, whole or not at all, unless that is there already; return what is there now."""
        text = self.to_json()
        if text == unless:
            return text
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
        return text


def im_id(user: str) -> str:
    """The id of the direct message between the bot and a user."""
    return "D" + user[1:]


def first_state() -> State:
    """The workspace as `sandbox.world` describes it, with the bot installed and a direct message for everybody."""
    state = State()
    for person in world.CAST:
        state.accounts[person.id] = Account(
            id=person.id,
            name=person.name,
            real_name=person.real_name,
            email=person.email,
            title=person.title,
            kind=person.kind,
            tz=person.tz,
            phone=person.phone,
        )
    state.accounts[world.BOT_USER_ID] = Account(
        id=world.BOT_USER_ID, name="ilab", real_name="ilab", email="", title="", kind="bot"
    )
    for group_id, (handle, users) in world.GROUPS.items():
        state.groups[group_id] = {
            "id": group_id,
            "handle": handle,
            "name": handle.replace("-", " ").capitalize(),
            "users": list(users),
        }
    full = [person.id for person in world.CAST if person.kind == "member"]
    for channel_id, name, private in world.CHANNELS:
        members = ["U0BOB0002", "U0CAROL03"] if private else list(full)
        if name == "support":
            members.append("U0GUS0007")
        if not private and name not in ("general", "support"):
            members.append(world.BOT_USER_ID)
        state.channels[channel_id] = Channel(
            id=channel_id,
            name=name,
            is_private=private,
            creator="U0CAROL03",
            members=members,
            is_general=name == "general",
        )
    for person in world.CAST:
        if person.kind in ("member", "guest"):
            state.channels[im_id(person.id)] = Channel(
                id=im_id(person.id),
                name="",
                is_im=True,
                user=person.id,
                creator=world.BOT_USER_ID,
                members=[person.id, world.BOT_USER_ID],
            )
    return state
