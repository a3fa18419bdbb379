"""The JSON door of a person, `/person/<user id>/…`: what they see and can do. The page and tests use it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox import world
from sandbox.slack.outcome import Outcome
from sandbox.slack.refusal import NotAllowedError
from sandbox.slack.state import Account, Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

Act = Callable[[str, Json], Awaitable[Outcome]]


class PersonApi:
    """Serves everybody of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Serve this workspace."""
        self._workspace = workspace
        self._open: set[web.WebSocketResponse] = set()
        people, interactions = workspace.people, workspace.interactions
        self._acts: dict[str, Act] = {
            "say": lambda user, given: people.say(user, _text(given, "channel"), _text(given, "text"), _ts(given)),
            "click": self._click,
            "submit": lambda user, given: interactions.submit(user, _text(given, "view_id"), given.get("values") or {}),
            "close": lambda user, given: interactions.close(
                user, _text(given, "view_id"), everything=bool(given.get("all"))
            ),
            "options": self._options,
            "shortcut": lambda user, given: interactions.shortcut(
                user, _text(given, "callback_id"), given.get("channel"), given.get("ts")
            ),
            "react": lambda user, given: people.react(
                user,
                _text(given, "channel"),
                _text(given, "ts"),
                _text(given, "name"),
                remove=bool(given.get("remove")),
            ),
            "edit": lambda user, given: people.edit(
                user, _text(given, "channel"), _text(given, "ts"), _text(given, "text")
            ),
            "delete": lambda user, given: people.delete(user, _text(given, "channel"), _text(given, "ts")),
            "join": lambda user, given: people.join(user, _text(given, "channel")),
            "leave": lambda user, given: people.leave(user, _text(given, "channel")),
            "invite": lambda user, given: people.invite(user, _text(given, "channel"), _text(given, "user")),
            "archive": lambda user, given: people.archive(user, _text(given, "channel")),
            "unarchive": lambda user, given: people.unarchive(user, _text(given, "channel")),
            "rename": lambda user, given: people.rename(user, _text(given, "channel"), _text(given, "name")),
            "edit_canvas": lambda user, given: people.edit_canvas(
                user, _text(given, "canvas"), str(given.get("text", ""))
            ),
            "topic": lambda user, given: people.set_topic(user, _text(given, "channel"), str(given.get("topic", ""))),
        }

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add everything that a person's page asks."""
        router.add_get("/person/{user}/state", self._guarded(self._state))
        router.add_get("/person/{user}/messages", self._guarded(self._messages))
        router.add_get("/person/{user}/home", self._guarded(self._home))
        router.add_get("/person/{user}/canvas", self._guarded(self._canvas))
        router.add_get("/person/{user}/views", self._guarded(self._views))
        router.add_get("/person/{user}/events", self._events)
        router.add_post("/person/{user}/{act}", self._guarded(self._act))

    def _guarded(self, answer: Callable[[web.Request], Awaitable[Json]]) -> Callable[..., Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            if request.match_info["user"] not in self._workspace.state.accounts:
                return web.json_response({"error": "There is nobody with this id."}, status=404)
            try:
                return web.json_response(await answer(request))
            except NotAllowedError as refused:
                return web.json_response({"error": str(refused)}, status=403)
            except (KeyError, TypeError, ValueError) as wrong:
                return web.json_response({"error": f"That cannot be understood: {wrong}"}, status=400)

        return guarded

    # what they see

    async def _state(self, request: web.Request) -> Json:
        user = request.match_info["user"]
        workspace = self._workspace
        clock = workspace.world.clock
        account = workspace.account(user)
        return {
            "me": _person(account),
            "people": [_person(one) for one in workspace.state.accounts.values()],
            "groups": [
                {"id": group["id"], "handle": group["handle"], "users": list(group["users"])}
                for group in workspace.state.groups.values()
            ],
            "channels": [
                self._channel(user, channel)
                for channel in workspace.state.channels.values()
                if account.kind != "deactivated" and workspace.may_see(user, channel)
            ],
            "commands": workspace.completions,
            "shortcuts": [
                {"name": shortcut.name, "type": shortcut.type, "callback_id": shortcut.callback_id}
                for shortcut in workspace.app.shortcuts
            ],
            "speed": clock.speed,
            "now": clock.timestamp(),
        }

    def _channel(self, user: str, channel: Channel) -> Json:
        read = self._workspace.state.last_read.get(user, {}).get(channel.id, "")
        unread = [one for one in channel.messages if one["ts"] > read and one.get("user") != user and _outside(one)]
        shown: Json = {
            "id": channel.id,
            "name": channel.name,
            "is_private": channel.is_private,
            "is_im": channel.is_im,
            "is_archived": channel.is_archived,
            "topic": channel.topic["value"],
            "is_member": user in channel.members,
            "unread": len(unread) if user in channel.members else 0,
            "last_ts": channel.messages[-1]["ts"] if channel.messages else "",
        }
        return {**shown, "user": world.BOT_USER_ID} if channel.is_im else shown

    async def _messages(self, request: web.Request) -> Json:
        user = request.match_info["user"]
        channel = self._workspace.people.channel(user, request.query.get("channel", ""))
        thread_ts = request.query.get("thread_ts")
        if thread_ts:
            parent = channel.message(thread_ts)
            found = [*([parent] if parent else []), *channel.replies(thread_ts)]
        else:
            found = [message for message in channel.messages if _outside(message)]
        shown = [self._workspace.decorated(channel, message) for message in found]
        shown += [
            held["message"]
            for held in channel.ephemerals
            if held["to"] == user and held["message"].get("thread_ts") == thread_ts
        ]
        if channel.messages and not thread_ts:
            self._workspace.state.last_read.setdefault(user, {})[channel.id] = channel.messages[-1]["ts"]
        return {
            "messages": sorted(shown, key=lambda message: str(message["ts"])),
            "bookmarks": channel.bookmarks,
            "pins": [pin["ts"] for pin in channel.pins],
            "members": channel.members,
        }

    async def _home(self, request: web.Request) -> Json:
        """Opening it tells the app; `?look=1` looks again at what is open."""
        user = request.match_info["user"]
        if not request.query.get("look"):
            await self._workspace.interactions.open_home(user)
        home = self._workspace.state.homes.get(user)
        return {"view": self._workspace.views.shown(home) if home else None}

    async def _canvas(self, request: web.Request) -> Json:
        found = self._workspace.people.canvas(request.match_info["user"], request.query.get("id", ""))
        return {"title": found["title"], "markdown": found["markdown"]}

    async def _views(self, request: web.Request) -> Json:
        views = self._workspace.views
        return {"views": [views.shown(view) for view in views.stack(request.match_info["user"])]}

    async def _events(self, request: web.Request) -> web.StreamResponse:
        user = request.match_info["user"]
        if user not in self._workspace.state.accounts:
            return web.json_response({"error": "There is nobody with this id."}, status=404)
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        queue = self._workspace.watch(user)
        self._open.add(socket)
        sender = asyncio.ensure_future(_send_all(socket, queue))
        try:
            async for _ in socket:
                continue
        finally:
            sender.cancel()
            self._open.discard(socket)
            self._workspace.unwatch(user, queue)
        return socket

    async def stop(self) -> None:
        """Close the pages' connections."""
        for socket in list(self._open):
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(socket.close(), 0.2)

    # what they do

    async def _act(self, request: web.Request) -> Json:
        act = self._acts.get(request.match_info["act"])
        if act is None:
            raise NotAllowedError(f"There is no such thing to do: {request.match_info['act']}.")
        given = json.loads(await request.read() or b"{}")
        if not isinstance(given, dict):
            raise TypeError("an object is needed")
        outcome = await act(request.match_info["user"], given)
        return outcome.to_json()

    async def _click(self, user: str, given: Json) -> Outcome:
        return await self._workspace.interactions.click(
            user,
            given["container"],
            _text(given, "action_id"),
            block_id=given.get("block_id"),
            value=given.get("value"),
            values=given.get("values"),
        )

    async def _options(self, user: str, given: Json) -> Outcome:
        return await self._workspace.interactions.options(
            user,
            given["container"],
            _text(given, "action_id"),
            str(given.get("query", "")),
            block_id=given.get("block_id"),
        )


async def _send_all(socket: web.WebSocketResponse, queue: asyncio.Queue[Json]) -> None:
    with contextlib.suppress(ConnectionError):
        while not socket.closed:
            await socket.send_json(await queue.get())


def _person(account: Account) -> Json:
    return {
        "id": account.id,
        "name": account.name,
        "real_name": account.real_name,
        "title": account.title,
        "kind": account.kind,
        "is_bot": account.kind == "bot",
    }


def _outside(message: Json) -> bool:
    """Say whether a message stands in the channel itself, not in a thread."""
    in_thread = message.get("thread_ts", message["ts"]) != message["ts"]
    return not in_thread or message.get("subtype") == "thread_broadcast"


def _text(given: Json, key: str) -> str:
    value: Any = given.get(key)
    if not isinstance(value, str) or not value:
        raise NotAllowedError(f"{key} is missing.")
    return value


def _ts(given: Json) -> str | None:
    return given.get("thread_ts") or None
