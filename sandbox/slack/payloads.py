"""The JSON that Slack sends and answers: people, channels, messages, events, interactions.

Source: the shapes in Slack's reference for events, interaction payloads and Web API methods.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox import world
from sandbox.slack.state import CREATED, Account, Channel, Json, View

TOKEN: Final = "legacy-verification-token"
TEAM: Final = {"id": world.TEAM_ID, "domain": world.TEAM_DOMAIN}
COMMON: Final[Json] = {"api_app_id": world.APP_ID, "token": TOKEN}
NOT_ENTERPRISE: Final[Json] = {"enterprise": None, "is_enterprise_install": False}


def user(account: Account, now: float, *, email: bool) -> Json:
    """What `users.info` says of somebody; the e-mail only for apps with `users:read.email`."""
    first, _, last = account.real_name.partition(" ")
    zone = ZoneInfo(account.tz)
    here = datetime.fromtimestamp(now, zone)
    offset = here.utcoffset()
    profile: Json = {
        "title": account.title,
        "phone": account.phone,
        "skype": "",
        "real_name": account.real_name,
        "real_name_normalized": account.real_name,
        "display_name": account.name,
        "display_name_normalized": account.name,
        "fields": None,
        "status_text": "",
        "status_emoji": "",
        "status_expiration": 0,
        "avatar_hash": "g" + account.id.lower(),
        "first_name": first,
        "last_name": last,
        "status_text_canonical": "",
        "team": account.team_id,
    }
    if email and account.email and account.kind != "stranger":
        profile["email"] = account.email
    guest = account.kind == "guest"
    shown: Json = {
        "id": account.id,
        "team_id": account.team_id,
        "name": account.name,
        "deleted": account.kind == "deactivated",
        "color": "9f69e7",
        "real_name": account.real_name,
        "tz": account.tz,
        "tz_label": str(here.tzname()),
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": guest,
        "is_ultra_restricted": guest,
        "is_bot": account.kind == "bot",
        "is_app_user": False,
        "updated": CREATED,
        "is_email_confirmed": True,
        "who_can_share_contact_card": "EVERYONE",
    }
    if account.kind == "stranger":
        shown["is_stranger"] = True
    if account.kind == "bot":
        profile |= {"api_app_id": world.APP_ID, "bot_id": world.BOT_ID, "always_active": True}
    return shown


def channel(found: Channel, viewer: str) -> Json:
    """What `conversations.info` says of a channel, for the one who asks."""
    base: Json = {
        "id": found.id,
        "created": found.created,
        "is_archived": found.is_archived,
        "is_im": found.is_im,
        "is_org_shared": False,
        "context_team_id": world.TEAM_ID,
        "updated": found.created * 1000 + 123,
    }
    if found.is_im:
        return base | {"user": found.user, "is_user_deleted": False, "priority": 0, "is_open": True}
    shown = base | {
        "name": found.name,
        "is_channel": not found.is_private,
        "is_group": found.is_private,
        "is_mpim": False,
        "is_private": found.is_private,
        "is_general": found.is_general,
        "unlinked": 0,
        "name_normalized": found.name,
        "is_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "parent_conversation": None,
        "creator": found.creator,
        "is_ext_shared": False,
        "shared_team_ids": [world.TEAM_ID],
        "pending_connected_team_ids": [],
        "is_member": viewer in found.members,
        "last_read": "0000000000.000000",
        "topic": found.topic,
        "purpose": found.purpose,
        "previous_names": found.previous_names,
        "priority": 0,
    }
    if found.canvas:
        shown["properties"] = {"canvas": {"file_id": found.canvas, "is_empty": False, "quip_thread_id": "AbC"}}
    return shown


def group(found: Json, *, users: bool) -> Json:
    """What `usergroups.list` says of a group."""
    shown: Json = {
        "id": found["id"],
        "team_id": world.TEAM_ID,
        "is_usergroup": True,
        "is_subteam": True,
        "name": found["name"],
        "description": "",
        "handle": found["handle"],
        "is_external": False,
        "date_create": CREATED,
        "date_update": CREATED,
        "date_delete": 0,
        "auto_type": None,
        "auto_provision": False,
        "enterprise_subteam_id": "",
        "created_by": "U0CAROL03",
        "updated_by": "U0CAROL03",
        "deleted_by": None,
        "prefs": {"channels": [], "groups": []},
        "user_count": len(found["users"]),
        "channel_count": 0,
    }
    return {**shown, "users": list(found["users"])} if users else shown


def bot_message(text: str, ts: str, app_name: str) -> Json:
    """A message of the bot, before its blocks, thread and metadata."""
    icons = {f"image_{size}": f"https://a.slack-edge.com/80588/img/plugins/app/bot_{size}.png" for size in (36, 48, 72)}
    return {
        "type": "message",
        "user": world.BOT_USER_ID,
        "bot_id": world.BOT_ID,
        "app_id": world.APP_ID,
        "team": world.TEAM_ID,
        "text": text,
        "ts": ts,
        "bot_profile": {
            "id": world.BOT_ID,
            "app_id": world.APP_ID,
            "name": app_name,
            "icons": icons,
            "deleted": False,
            "updated": CREATED,
            "team_id": world.TEAM_ID,
        },
    }


def event(inner: Json, now: float) -> Json:
    """The envelope around an event."""
    return {
        "token": TOKEN,
        "team_id": world.TEAM_ID,
        "context_team_id": world.TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": world.APP_ID,
        "event": inner,
        "type": "event_callback",
        "event_id": "Ev0" + secrets.token_hex(5).upper(),
        "event_time": int(now),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": world.TEAM_ID,
                "user_id": world.BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": "4-" + secrets.token_hex(8),
    }


def actor(account: Account, *, name: bool = True) -> Json:
    """The person in an interaction."""
    shown = {"id": account.id, "username": account.name, "name": account.name, "team_id": account.team_id}
    return shown if name else {key: value for key, value in shown.items() if key != "name"}


def slash_command(account: Account, found: Channel, command: str, text: str, trigger: str, response_url: str) -> Json:
    """A slash command; `is_enterprise_install` is a string in it."""
    name = "directmessage" if found.is_im else "privategroup" if found.is_private else found.name
    return {
        "token": TOKEN,
        "team_id": world.TEAM_ID,
        "team_domain": world.TEAM_DOMAIN,
        "channel_id": found.id,
        "channel_name": name,
        "user_id": account.id,
        "user_name": account.name,
        "command": command,
        "text": text,
        "api_app_id": world.APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
    }


def interaction(kind: str, account: Account, **parts: Any) -> Json:
    """The parts that every interaction has, and its own."""
    return {"type": kind, "team": TEAM, "user": actor(account), **COMMON, **NOT_ENTERPRISE, **parts}


def shown_channel(found: Channel) -> Json:
    """A channel in an interaction."""
    name = "directmessage" if found.is_im else "privategroup" if found.is_private else found.name
    return {"id": found.id, "name": name}


def first_view(given: Json, view_id: str, hash_: str, *, previous: View | None, root: str) -> Json:
    """A view as Slack answers it: what the bot gave, with everything it left out."""
    modal = given["type"] == "modal"
    title = given.get("title") or {"type": "plain_text", "text": "ilab", "emoji": True}
    return {
        "id": view_id,
        "team_id": world.TEAM_ID,
        "type": given["type"],
        "blocks": given["blocks"],
        "private_metadata": given.get("private_metadata", ""),
        "callback_id": given.get("callback_id", ""),
        "state": {"values": {}},
        "hash": hash_,
        "title": title,
        "clear_on_close": bool(given.get("clear_on_close")),
        "notify_on_close": bool(given.get("notify_on_close")),
        "close": given.get("close"),
        "submit": given.get("submit") if modal else None,
        "previous_view_id": previous.id if previous else None,
        "root_view_id": root,
        "app_id": world.APP_ID,
        "external_id": given.get("external_id", ""),
        "app_installed_team_id": world.TEAM_ID,
        "bot_id": world.BOT_ID,
    }
