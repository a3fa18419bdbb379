"""The app's manifest: what Slack would say of it, and whether it asks for what the bot does, and for no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.app import registry
from bot.serving import SLACK_COMMAND
from bot.slack.payloads import FROM_MESSAGE
from bot.words import parse
from sandbox.server import installed_manifest
from sandbox.slack.scopes import EVENT_SCOPES, NEEDS

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT.parent / "shared" / "facts" / "slack-schema"
BESIDE_METHODS = {
    "commands",  # slash commands and shortcuts
    "chat:write.public",  # chat.postMessage in public channels the bot is not in, for `status watch`
}
WITHOUT_A_SCOPE = {"app_home_opened", "app_uninstalled", "tokens_revoked"}
"""Events that need none. Source: docs.slack.dev, the reference page of each event."""


NOT_IN_DIRECT = {"conversations.info", "conversations.list"}
"""Methods that the bot uses for incidents' channels alone, which are public or private, and no direct messages."""


@pytest.fixture
def ours() -> dict[str, Any]:
    """The manifest that is pasted into Slack."""
    return installed_manifest()


@pytest.fixture
def words() -> set[str]:
    """Every name that stands as a string in the bot: among them the methods it calls, and the events it knows."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    return set(re.findall(r'"([a-z_]+(?:\.[A-Za-z]+)*)"', sources))


def test_slacks_schema_accepts_it(ours: dict[str, Any]) -> None:
    """Shape and lengths are those of Slack's published schema."""
    found = sorted(SCHEMAS.rglob("*manifest.schema.1*.json"))
    if not found:
        pytest.skip("Slack's manifest schema is not beside this checkout")
    jsonschema.validate(ours, json.loads(found[0].read_text(encoding="utf-8")))


def test_every_scope_is_granted_and_used(ours: dict[str, Any], words: set[str]) -> None:
    """Each method and event finds one of the scopes that will do, in every kind of channel; and no scope can be spared."""
    granted = set(ours["oauth_config"]["scopes"]["bot"])
    events = set(ours["settings"]["event_subscriptions"]["bot_events"])
    called = words & NEEDS.keys()
    assert {"chat.postMessage", "users.info", "views.open", "views.publish"} <= called
    assert {event.partition(".")[0] for event in events} <= words, "what nobody hears"
    wanted = {event: EVENT_SCOPES[event] for event in events - WITHOUT_A_SCOPE}
    for method in called:
        need = NEEDS[method]
        if not need.app_token:
            kinds = (need.scopes, need.private) if method in NOT_IN_DIRECT else (need.scopes, need.private, need.im)
            wanted |= {f"{method} {number}": will_do for number, will_do in enumerate(kinds)}
    by = {what: granted & set(will_do) for what, will_do in wanted.items() if will_do}
    assert [what for what, scopes in by.items() if not scopes] == []
    indispensable = {scope for scopes in by.values() if len(scopes) == 1 for scope in scopes}
    assert granted == indispensable | BESIDE_METHODS


def test_it_is_the_bot_that_the_product_describes(ours: dict[str, Any]) -> None:
    """One command with Slack's escaping, shortcuts that stand for commands, a Home, messages, and Socket Mode."""
    features = ours["features"]
    assert [(command["command"], command["should_escape"]) for command in features["slash_commands"]] == [
        (SLACK_COMMAND, True)
    ]
    for shortcut in features["shortcuts"]:
        words = shortcut["callback_id"].removesuffix(FROM_MESSAGE)
        assert words != shortcut["callback_id"] or shortcut["type"] == "global"
        assert parse(registry(), words.replace("_", " ")).operation
    hint = features["slash_commands"][0]["usage_hint"]
    assert set(hint.strip("[]").split(" | ")) <= registry().by_words.keys()
    assert features["app_home"]["home_tab_enabled"]
    assert not features["app_home"]["messages_tab_read_only_enabled"]
    assert ours["settings"]["socket_mode_enabled"]
