"""A P0 that sets itself up, and a press that grants, while Slack and every vendor are slow.

The first stands beside the longest chain of calls that need each other, the second beside the product's own transaction.
Slack and the vendors are stand-ins in this process that wait before each answer; the bot is a process of its own.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import psycopg

from benchmarks.company import Company
from benchmarks.figures import Figure, p50
from sandbox.product.books import CASES
from sandbox.world import CREDENTIALS

SLACK: Final = 0.15
VENDOR: Final = 0.2
TIMES: Final = 5
REST: Final = 5.0
P0_TARGET: Final = 1.15
PRESS_TARGET: Final = 2.0
WHO: Final = CASES["never_bought"]
ASKING: Final = "oncalls (PagerDuty)"
PROBING: Final = "two pages of one vendor (health)"
LAST: Final = "chat.update (the card shows it)"


def graph(called: Mapping[str, int]) -> dict[str, tuple[float, tuple[str, ...]]]:
    """What each call takes, and which calls it cannot begin before; by what was really called."""
    calls: dict[str, tuple[float, tuple[str, ...]]] = {
        "conversations.create": (SLACK, ()),
        "chat.postMessage (the card)": (SLACK, ("conversations.create",)),
        "pins.add": (SLACK, ("chat.postMessage (the card)",)),
        "conversations.setTopic": (SLACK, ("conversations.create",)),
        ASKING: (VENDOR, ()),
        "users.lookupByEmail": (SLACK, (ASKING,)),
        "conversations.invite": (SLACK, ("conversations.create", "users.lookupByEmail")),
        PROBING: (2 * VENDOR, ()),
        "chat.postMessage (the snapshot)": (SLACK, ("conversations.create", PROBING)),
        "enqueue (PagerDuty)": (VENDOR, ()),
    }
    before = "conversations.create"
    for number in range(1, called["bookmarks.add"] + 1):  # Slack refuses two at a time
        calls[f"bookmarks.add {number}"] = (SLACK, (before,))
        before = f"bookmarks.add {number}"
    calls[LAST] = (SLACK, tuple(calls))
    return calls


def longest(calls: Mapping[str, tuple[float, tuple[str, ...]]]) -> list[str]:
    """The chain that takes longest, first call first."""
    best: dict[str, tuple[float, list[str]]] = {}
    for name, (seconds, needs) in calls.items():
        reached, chain = max((best[need] for need in needs), key=lambda one: one[0], default=(0.0, []))
        best[name] = (reached + seconds, [*chain, name])
    return max(best.values(), key=lambda one: one[0])[1]


async def measure(company: Company) -> list[Figure]:
    """Both figures, with their floors."""
    faults = company.sandbox.faults
    faults.add("slack", kind="slow", seconds=SLACK)
    for vendor in company.sandbox.vendors:
        faults.add(vendor, kind="slow", seconds=VENDOR)
    try:
        async with company.bot():
            await asyncio.sleep(3)  # what a bot does at its start is not what is measured
            return [await _p0(company), await _press(company)]
    finally:
        faults.clear()


async def _p0(company: Company) -> Figure:
    workspace = company.sandbox.workspace
    await company.ask("/ilab incident declare P0 the first")
    await asyncio.sleep(REST)
    whole = min(_marks(card) for card in _cards(company, 1))
    taken, floors, calls = [], [], {}
    chain: list[str] = []
    for number in range(2, TIMES + 2):
        await company.ask("/ilab whoami")
        before = len(workspace.calls)
        begun = time.perf_counter()
        asking = asyncio.create_task(_type(company, f"/ilab incident declare --another P0 number {number}"))
        await _settled(company, number, whole)
        taken.append(time.perf_counter() - begun)
        await asking
        calls = graph(Counter(call.method for call in workspace.calls[before:]))
        chain = longest(calls)
        floors.append(await _one_after_another(company, [calls[name][0] for name in chain]))
        await asyncio.sleep(1)
    floor = p50(floors)
    return Figure(
        name="a P0 sets itself up: from the command until every card shows all of it done",
        value=p50(taken) * 1000,
        floor=floor * 1000,
        unit="ms",
        within=P0_TARGET,
        spread=f"{min(taken) * 1000:.0f} to {max(taken) * 1000:.0f} ms of {TIMES}",
        floor_is=f"the longest chain, called alone: {_in_words(chain)}",
        why="\n".join(f"  {calls[name][0] * 1000:4.0f} ms  {name}" for name in chain),
    )


def _in_words(chain: list[str]) -> str:
    words = " → ".join(re.sub(r" \d+$", "", name) for name in chain)
    adds = sum(name.startswith("bookmarks.add") for name in chain)
    return re.sub(r"bookmarks\.add( → bookmarks\.add)+", f"{adds} × bookmarks.add", words)


async def _one_after_another(company: Company, waits: list[float]) -> float:
    """The same waits by a bare client, one after the other."""
    headers = {"Authorization": f"Bearer {CREDENTIALS['slack.bot_token']}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        begun = time.perf_counter()
        for seconds in waits:
            async with session.post(f"{company.sandbox.url}/slack/api/auth.test") as response:
                await response.read()
            await asyncio.sleep(max(0.0, seconds - SLACK))
        return time.perf_counter() - begun


async def _type(company: Company, text: str) -> None:
    workspace = company.sandbox.workspace
    await workspace.say(company.sandbox.world.person("alice").id, workspace.channel("incidents").id, text)


async def _settled(company: Company, number: int, whole: int) -> None:
    """Everything of the incident is there, and both its cards show as many steps done as those of one at rest."""
    posts = {f"incident:{number}:{post}" for post in ("checklist", "snapshot", "changes")}

    def done() -> bool:
        cards, room = _cards(company, number), _room(company, number)
        if room is None or len(cards) < 2 or any(_marks(card) < whole for card in cards):
            return False
        return posts <= {_key(message) for message in room.messages} and bool(room.pins and room.bookmarks)

    await _until(done)


def _room(company: Company, number: int) -> Any:
    channels = company.sandbox.workspace.state.channels.values()
    return next((channel for channel in channels if channel.name.startswith(f"inc-{number}-")), None)


def _cards(company: Company, number: int) -> list[Any]:
    """The blocks of its cards, in #incidents and in its own channel."""
    places = [company.sandbox.workspace.channel("incidents"), _room(company, number)]
    return [
        message["blocks"]
        for channel in places
        if channel is not None
        for message in channel.messages
        if _key(message) in (f"incident:{number}", f"room:{number}")
    ]


def _marks(blocks: Any) -> int:
    return json.dumps(blocks).count(":white_check_mark:")


def _key(message: Mapping[str, Any]) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))


async def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


async def _press(company: Company) -> Figure:
    """From the press of Approve to the commit in the product: seen by another connection, which asks all the time."""
    workspace, world = company.sandbox.workspace, company.sandbox.world
    approvals = workspace.channel("ops-approvals")
    taken, bare = [], []
    async with await psycopg.AsyncConnection.connect(
        company.settings["ILAB_PRODUCT__DATABASE_URL"], autocommit=True
    ) as product:
        for number in range(1, TIMES + 1):
            await _type(company, f"/ilab grant {WHO} 1 --reason benchmark {number}")
            await _until(functools.partial(_is_shown, approvals, f"request:{number}"))
            (shown,) = [one for one in approvals.messages if _key(one) == f"request:{number}"]
            button = next(
                element
                for block in shown["blocks"]
                for element in block.get("elements", ())
                if element.get("type") == "button" and element["text"]["text"] == "Approve"
            )
            before = await _receipts(product)
            container = {"type": "message", "channel": approvals.id, "ts": shown["ts"]}
            begun = time.perf_counter()
            pressing = asyncio.create_task(
                workspace.click(world.person("bob").id, container, button["action_id"], value=button["value"])
            )
            async with asyncio.timeout(30):
                while await _receipts(product) == before:
                    await asyncio.sleep(0.001)
            taken.append(time.perf_counter() - begun)
            await pressing
            bare.append(await _bare(company, product, number))
            await asyncio.sleep(1)
    floor = p50(bare) + SLACK
    return Figure(
        name="from the press of Approve to the entitlement that is committed",
        value=p50(taken) * 1000,
        floor=floor * 1000,
        unit="ms",
        within=PRESS_TARGET,
        spread=f"worst {max(taken) * 1000:.0f} ms",
        floor_is=f"the product's transaction ({p50(bare) * 1000:.1f} ms) and one round trip to Slack",
        why="the press asks Slack anew who presses, and compares the plan with the product before it runs",
    )


def _is_shown(channel: Any, key: str) -> bool:
    return any(_key(message) == key for message in channel.messages)


async def _receipts(product: psycopg.AsyncConnection[Any]) -> int:
    row = await (await product.execute("select count(*) from ilab.receipts where request not like 'bare%'")).fetchone()
    return int(row[0]) if row else 0


async def _bare(company: Company, product: psycopg.AsyncConnection[Any], number: int) -> float:
    """The same transaction by a bare client; then it is taken back, so that the next plan finds the balance it expects."""
    row = await (
        await product.execute(
            "select u.id, coalesce(sum(e.remaining_interviews) filter (where e.status = 'active'"
            " and (e.expires_at is null or e.expires_at > now())), 0)::int"
            " from auth.users u left join entitlements e on e.user_id = u.id where u.email = lower(%s) group by u.id",
            [WHO],
        )
    ).fetchone()
    assert row is not None  # noqa: S101 -- the customer is of the seed
    del company
    begun = time.perf_counter()
    await product.execute(
        "select ilab.grant_interviews(%s, %s, 1, null, '{}', null, %s, '{}')", [f"bare {number}", row[0], row[1]]
    )
    return time.perf_counter() - begun
