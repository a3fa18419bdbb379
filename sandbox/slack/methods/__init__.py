"""The Web API's methods, one module a family. Each takes the workspace and the arguments, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sandbox.slack.methods import canvases, channels, chat, files, items, membership, people, session, views
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.state import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

Method = Callable[["Workspace", Arguments], Json]

METHODS: Final[dict[str, Method]] = {
    "api.test": session.api_test,
    "auth.test": session.auth_test,
    "apps.connections.open": session.connections_open,
    "chat.postMessage": chat.post_message,
    "chat.update": chat.update,
    "chat.delete": chat.delete,
    "chat.postEphemeral": chat.post_ephemeral,
    "chat.getPermalink": chat.get_permalink,
    "conversations.create": channels.create,
    "conversations.archive": channels.archive,
    "conversations.unarchive": channels.unarchive,
    "conversations.rename": channels.rename,
    "conversations.setTopic": channels.set_topic,
    "conversations.setPurpose": channels.set_purpose,
    "conversations.info": channels.info,
    "conversations.list": channels.list_channels,
    "conversations.history": channels.history,
    "conversations.replies": channels.replies,
    "conversations.open": membership.open_direct,
    "conversations.members": membership.members,
    "conversations.invite": membership.invite,
    "conversations.kick": membership.kick,
    "conversations.join": membership.join,
    "conversations.leave": membership.leave,
    "conversations.canvases.create": canvases.create_in_channel,
    "canvases.create": canvases.create,
    "canvases.edit": canvases.edit,
    "canvases.sections.lookup": canvases.lookup,
    "users.info": people.info,
    "users.list": people.list_users,
    "users.lookupByEmail": people.lookup_by_email,
    "users.conversations": people.conversations,
    "usergroups.list": people.list_groups,
    "usergroups.users.list": people.list_group_users,
    "views.open": views.open_view,
    "views.push": views.push_view,
    "views.update": views.update_view,
    "views.publish": views.publish_view,
    "pins.add": items.add_pin,
    "pins.remove": items.remove_pin,
    "pins.list": items.list_pins,
    "bookmarks.add": items.add_bookmark,
    "bookmarks.edit": items.edit_bookmark,
    "bookmarks.remove": items.remove_bookmark,
    "bookmarks.list": items.list_bookmarks,
    "reactions.add": items.add_reaction,
    "reactions.remove": items.remove_reaction,
    "reactions.get": items.get_reactions,
    "files.getUploadURLExternal": files.get_upload_url,
    "files.completeUploadExternal": files.complete_upload,
    "files.info": files.info,
}
"""Every method there is; a call of any other fails loudly."""
