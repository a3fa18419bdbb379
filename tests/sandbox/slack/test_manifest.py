"""The app's manifest: what Slack would say of it, and whether its scopes are enough and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox.slack.scopes import EVENT_SCOPES, NEEDS

SCHEMAS = Path(__file__).parents[4] / "shared" / "facts" / "slack-schema"
BESIDE_METHODS = {"app_mentions:read", "chat:write.public", "commands"}
"""Scopes that no method of the table needs: an event's, a refinement, and that of slash commands and shortcuts."""


def test_slacks_schema_accepts_it(manifest: dict[str, Any]) -> None:
    """Shape and lengths are those of Slack's published schema."""
    found = sorted(SCHEMAS.rglob("*manifest.schema.1*.json"))
    if not found:
        pytest.skip("Slack's manifest schema is not beside this checkout")
    jsonschema.validate(manifest, json.loads(found[0].read_text(encoding="utf-8")))


def test_every_method_of_the_stand_in_has_its_scopes(manifest: dict[str, Any]) -> None:
    """For public and private channels and direct messages alike, one of the scopes that will do is granted."""
    granted = set(manifest["oauth_config"]["scopes"]["bot"])
    for method, need in NEEDS.items():
        for scopes in (need.scopes, need.private, need.im):
            assert need.app_token or not scopes or granted & set(scopes), (method, scopes)


def test_every_event_has_its_scope_and_every_scope_its_use(manifest: dict[str, Any]) -> None:
    """No event is asked for in vain, and no scope without a reason."""
    granted = set(manifest["oauth_config"]["scopes"]["bot"])
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    for event in events:
        scopes = EVENT_SCOPES.get(event, ())
        assert not scopes or granted & set(scopes), event
    used = {scope for need in NEEDS.values() for scope in (*need.scopes, *need.private, *need.im)}
    used |= {scope for event in events for scope in EVENT_SCOPES.get(event, ())}
    assert granted <= used | BESIDE_METHODS


def test_it_is_the_bot_that_the_product_describes(manifest: dict[str, Any]) -> None:
    """One command with Slack's escaping, three shortcuts, a Home, messages, and Socket Mode."""
    features = manifest["features"]
    assert [(command["command"], command["should_escape"]) for command in features["slash_commands"]] == [
        ("/ilab", True)
    ]
    assert {(shortcut["type"], shortcut["callback_id"]) for shortcut in features["shortcuts"]} == {
        ("global", "declare_incident"),
        ("message", "declare_from_message"),
        ("message", "add_to_timeline"),
    }
    assert features["app_home"]["home_tab_enabled"]
    assert not features["app_home"]["messages_tab_read_only_enabled"]
    assert manifest["settings"]["socket_mode_enabled"]
