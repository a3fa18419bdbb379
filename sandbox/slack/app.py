"""The installed app, as its manifest describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortcut:
    """A shortcut of the manifest: `type` is global or message."""

    name: str
    type: str
    callback_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """What the app may do and gets told."""

    name: str
    scopes: tuple[str, ...]
    events: frozenset[str]
    commands: Mapping[str, bool]
    """Slash command → `should_escape`."""
    shortcuts: tuple[Shortcut, ...]
    home_tab: bool
    messages_tab: bool

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> App:
        """Read the parsed manifest."""
        features = manifest.get("features") or {}
        settings = manifest.get("settings") or {}
        home = features.get("app_home") or {}
        return cls(
            name=manifest["display_information"]["name"],
            scopes=tuple(manifest["oauth_config"]["scopes"]["bot"]),
            events=frozenset((settings.get("event_subscriptions") or {}).get("bot_events") or ()),
            commands={
                command["command"]: bool(command.get("should_escape"))
                for command in features.get("slash_commands") or ()
            },
            shortcuts=tuple(
                Shortcut(name=shortcut["name"], type=shortcut["type"], callback_id=shortcut["callback_id"])
                for shortcut in features.get("shortcuts") or ()
            ),
            home_tab=bool(home.get("home_tab_enabled")),
            messages_tab=bool(home.get("messages_tab_enabled")) and not home.get("messages_tab_read_only_enabled"),
        )
