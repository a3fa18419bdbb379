"""The app's manifest: what Slack would say of it, and whether it asks for what the bot does, and for no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.app import SLACK_COMMAND, registry
from sandbox.server import installed_manifest
from sandbox.slack.scopes import EVENT_SCOPES, NEEDS

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT.parent / "shared" / "facts" / "slack-schema"
BESIDE_METHODS = {"app_mentions:read", "chat:write.public", "commands"}
"""Scopes that no method of the table needs: an event's, a refinement, and that of slash commands and shortcuts."""


@pytest.fixture
def ours() -> dict[str, Any]:
    """The manifest that is pasted into Slack."""
    return installed_manifest()


def called() -> set[str]:
    """The methods that the bot calls: every one that stands in its sources."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    return set(re.findall(r'"([a-z]+(?:\.[A-Za-z]+)+)"', sources)) & NEEDS.keys()


def test_slacks_schema_accepts_it(ours: dict[str, Any]) -> None:
    """Shape and lengths are those of Slack's published schema."""
    found = sorted(SCHEMAS.rglob("*manifest.schema.1*.json"))
    if not found:
        pytest.skip("Slack's manifest schema is not beside this checkout")
    jsonschema.validate(ours, json.loads(found[0].read_text(encoding="utf-8")))


def test_every_method_that_is_called_has_its_scopes(ours: dict[str, Any]) -> None:
    """For public and private channels and direct messages alike, one of the scopes that will do is granted."""
    granted = set(ours["oauth_config"]["scopes"]["bot"])
    assert {"chat.postMessage", "users.info", "views.publish"} <= called()
    for method in called():
        need = NEEDS[method]
        for scopes in (need.scopes, need.private, need.im):
            assert need.app_token or not scopes or granted & set(scopes), (method, scopes)


def test_every_event_has_its_scope_and_every_scope_its_use(ours: dict[str, Any]) -> None:
    """No event is asked for in vain, and no scope without a reason."""
    granted = set(ours["oauth_config"]["scopes"]["bot"])
    events = ours["settings"]["event_subscriptions"]["bot_events"]
    for event in events:
        scopes = EVENT_SCOPES.get(event, ())
        assert not scopes or granted & set(scopes), event
    used = {
        scope for method in called() for need in [NEEDS[method]] for scope in (*need.scopes, *need.private, *need.im)
    }
    used |= {scope for event in events for scope in EVENT_SCOPES.get(event, ())}
    assert granted <= used | BESIDE_METHODS


def test_it_is_the_bot_that_the_product_describes(ours: dict[str, Any]) -> None:
    """One command with Slack's escaping, shortcuts that stand for commands, a Home, messages, and Socket Mode."""
    features = ours["features"]
    assert [(command["command"], command["should_escape"]) for command in features["slash_commands"]] == [
        (SLACK_COMMAND, True)
    ]
    commands = registry().by_words
    assert all(shortcut["callback_id"].replace("_", " ") in commands for shortcut in features["shortcuts"])
    assert [shortcut["type"] for shortcut in features["shortcuts"]] == ["global"]
    hint = features["slash_commands"][0]["usage_hint"]
    assert set(hint.strip("[]").split(" | ")) <= commands.keys()
    assert features["app_home"]["home_tab_enabled"]
    assert not features["app_home"]["messages_tab_read_only_enabled"]
    assert ours["settings"]["socket_mode_enabled"]
