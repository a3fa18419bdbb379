"""The JSON door of the control panel, `/panel/…`: the switches of everything that can break."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.faults import KINDS, Fault
from sandbox.slack.scopes import NEEDS, writes

if TYPE_CHECKING:
    from sandbox.server import Sandbox


class Panel:
    """Serves the switches of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Serve this sandbox."""
        self._sandbox = sandbox

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add everything that the panel asks."""
        router.add_get("/panel/state", self._guarded(self._state))
        router.add_get("/panel/clock", self._guarded(self._clock_state))
        router.add_get("/panel/log", self._guarded(self._log))
        router.add_delete("/panel/fault/{id}", self._guarded(self._remove_fault))
        for path, act in (
            ("switch", self._switch),
            ("fault", self._fault),
            ("faults/clear", self._clear),
            ("database", self._database),
            ("clock", self._clock),
            ("bot", self._bot),
            ("slack", self._slack),
        ):
            router.add_post(f"/panel/{path}", self._guarded(act))

    def _guarded(self, answer: Callable[[web.Request], Awaitable[Any]]) -> Callable[..., Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            try:
                answered = await answer(request)
            except (KeyError, TypeError, ValueError) as wrong:
                return web.json_response({"error": str(wrong.args[0]) if wrong.args else "?"}, status=400)
            if request.method != "GET":
                self._sandbox.workspace.push({"type": "panel"})
            return web.json_response(answered if answered is not None else {"ok": True})

        return guarded

    # what it shows

    async def _state(self, request: web.Request) -> dict[str, Any]:
        del request
        sandbox = self._sandbox
        control = sandbox.bot_control
        workspace = sandbox.workspace
        return {
            "vendors": [
                {
                    "name": vendor.name,
                    "title": vendor.title,
                    "switches": [
                        {
                            "name": switch.name,
                            "label": switch.label,
                            "options": list(switch.options),
                            "value": vendor.state[switch.name],
                        }
                        for switch in vendor.switches
                    ],
                    "calls": [
                        {"name": call.name, "method": call.method, "path": call.path, "writes": call.writes}
                        for call in vendor.declared()
                    ],
                    "faults": self._faults(vendor.name),
                    "requests": len(vendor.log),
                }
                for vendor in sandbox.vendors.values()
            ],
            "slack": {
                "faults": self._faults("slack"),
                "calls": _slack_calls(),
                "switches": self._slack_switches(),
                "requests": len(workspace.calls),
                "connections": workspace.socket.connections,
            },
            "databases": [
                {"name": name, "state": database.state, "states": ["up", "slow", "hang", "down"]}
                for name, database in sandbox.databases.items()
            ],
            "clock": await self._clock_state(),
            "bot": dict(await control.state()) if control else {"state": "none", "pid": None},
            "fault_kinds": list(KINDS),
        }

    def _faults(self, vendor: str) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._sandbox.faults.list() if fault.vendor == vendor]

    def _slack_switches(self) -> list[dict[str, Any]]:
        workspace = self._sandbox.workspace
        return [
            {
                "name": "tickets",
                "label": "Socket Mode addresses",
                "options": ["alive", "dead"],
                "value": "dead" if workspace.socket.tickets_are_dead else "alive",
            },
            {
                "name": "rate_limits",
                "label": "Rate limits",
                "options": ["on", "off"] if self._sandbox.config.rate_limits else ["off", "on"],
                "value": "on" if workspace.limits.on else "off",
            },
        ]

    async def _clock_state(self, request: web.Request | None = None) -> dict[str, float]:
        """The clock, with what a copy of it in another process needs."""
        del request
        clock = self._sandbox.world.clock
        return {"speed": clock.speed, "now": clock.timestamp(), **clock.state()}

    async def _log(self, request: web.Request) -> dict[str, Any]:
        """The last requests, newest first."""
        wanted = request.query.get("vendor", "")
        found: list[dict[str, Any]] = []
        for vendor in self._sandbox.vendors.values():
            if wanted in ("", vendor.name):
                found.extend(
                    {
                        "at": logged.at,
                        "vendor": logged.vendor,
                        "call": logged.call,
                        "method": logged.method,
                        "path": logged.path,
                        "status": logged.status,
                        "fault": logged.fault,
                    }
                    for logged in vendor.log[-200:]
                )
        if wanted in ("", "slack"):
            found.extend(
                {
                    "at": called.at,
                    "vendor": "slack",
                    "call": called.method,
                    "method": "POST",
                    "path": f"/slack/api/{called.method}",
                    "status": called.status,
                    "fault": called.fault or None,
                    "error": called.error,
                }
                for called in self._sandbox.workspace.calls[-200:]
            )
        return {"log": sorted(found, key=lambda one: one["at"], reverse=True)[:200]}

    # what it does

    async def _remove_fault(self, request: web.Request) -> None:
        self._sandbox.faults.remove(int(request.match_info["id"]))

    async def _switch(self, request: web.Request) -> None:
        given = await _body(request)
        name, option = str(given["name"]), str(given["option"])
        if given["vendor"] == "slack":
            self._switch_slack(name, option)
        else:
            self._sandbox.vendors[given["vendor"]].set_switch(name, option)

    def _switch_slack(self, name: str, option: str) -> None:
        if not any(switch["name"] == name and option in switch["options"] for switch in self._slack_switches()):
            raise ValueError(f"slack has no switch {name} with the option {option}")
        if name == "tickets":
            self._sandbox.workspace.socket.tickets_are_dead = option == "dead"
        else:
            self._sandbox.workspace.limits.on = option == "on"

    async def _fault(self, request: web.Request) -> dict[str, Any]:
        given = await _body(request)
        vendor = str(given["vendor"])
        if vendor != "slack" and vendor not in self._sandbox.vendors:
            raise ValueError(f"there is no vendor {vendor}")
        times = given.get("times")
        fault: Fault = self._sandbox.faults.add(
            vendor,
            str(given.get("call") or "*"),
            kind=str(given["kind"]),
            status=int(given.get("status") or 503),
            seconds=float(given.get("seconds") or 1.0),
            times=int(times) if times else None,
        )
        return asdict(fault)

    async def _clear(self, request: web.Request) -> None:
        given = await _body(request)
        self._sandbox.faults.clear(given.get("vendor") or None)

    async def _database(self, request: web.Request) -> None:
        given = await _body(request)
        self._sandbox.databases[str(given["name"])].set(str(given["state"]))

    async def _clock(self, request: web.Request) -> dict[str, float]:
        given = await _body(request)
        clock = self._sandbox.world.clock
        if given.get("speed") is not None:
            clock.set_speed(float(given["speed"]))
        if given.get("jump") is not None:
            clock.jump(float(given["jump"]))
        state = await self._clock_state()
        self._sandbox.workspace.push({"type": "clock", **state})
        return state

    async def _bot(self, request: web.Request) -> dict[str, Any]:
        given = await _body(request)
        control = self._sandbox.bot_control
        acts = {"start", "stop", "kill"}
        if control is None:
            raise ValueError("This sandbox has started no bot.")
        if given.get("do") not in acts:
            raise ValueError(f"do is one of {', '.join(sorted(acts))}")
        await getattr(control, str(given["do"]))()
        return dict(await control.state())

    async def _slack(self, request: web.Request) -> None:
        given = await _body(request)
        workspace = self._sandbox.workspace
        acts: Mapping[str, Callable[[], Any]] = {
            "drop_sockets": workspace.socket.drop,
            "refresh_sockets": lambda: workspace.socket.disconnect("refresh_requested"),
            "warn_sockets": lambda: workspace.socket.disconnect("warning"),
            "disable_link": lambda: workspace.socket.disconnect("link_disabled"),
            "dead_ticket": workspace.socket.break_next_ticket,
            "redeliver": workspace.redeliver,
        }
        if given.get("do") not in acts:
            raise ValueError(f"do is one of {', '.join(acts)}")
        done = acts[str(given["do"])]()
        if inspect.isawaitable(done):
            await done


def _slack_calls() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "socket", "method": "GET", "path": "/slack/link", "writes": False},
        {"name": "response_url", "method": "POST", "path": "/slack/response/…", "writes": True},
    ]
    found.extend(
        {"name": name, "method": "POST", "path": f"/slack/api/{name}", "writes": writes(name)} for name in NEEDS
    )
    return found


async def _body(request: web.Request) -> dict[str, Any]:
    given = json.loads(await request.read() or b"{}")
    if not isinstance(given, dict):
        raise TypeError("an object is needed")
    return given
