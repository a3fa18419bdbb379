"""`db health` and `db query`: how the product's database is, and what is in it."""

from __future__ import annotations

import asyncio
import re

import psycopg
from buyers import product
from storytelling import Story, until

from bot.database_care.catalogue import catalogue
from sandbox.product.books import CASES

# health


async def test_the_database_is_well(story: Story) -> None:
    """Each figure against its threshold, with its age; the processor's share needs two looks a minute apart."""
    said = await story.asks("alice", "/ilab db health")
    assert said.first_line == ":white_check_mark: The database is well: every figure is below its threshold."
    assert (
        ":white_check_mark: CPU  by the load of 5 minutes, 0.4 on 2 cores; its share needs a second look" in said.text
    )
    assert re.search(r":white_check_mark: Memory  563\.2 MB of 1\.0 GB \(55%\)  _\d+ s ago_", said.text)
    assert ":white_check_mark: Storage  2.5 GB of 8.0 GB (31%)" in said.text
    assert ":white_check_mark: Locks  nobody waits for one" in said.text
    assert said.buttons == ["Look again", "Who holds connections"]
    story.sandbox.world.clock.jump(61)
    said = await story.presses("alice", "Look again", said=said)
    assert ":white_check_mark: CPU  over the last 61 s (22%)" in said.text
    scrapes = [one for one in story.sandbox.vendors["supabase"].log if one.call == "metrics.scrape"]
    assert len(scrapes) == 2


async def test_it_is_asked_once_a_minute(story: Story) -> None:
    """Ten people who ask cause one scrape: the figures are refreshed once a minute, and their age is shown."""
    await asyncio.gather(*(story.says(name, "/ilab db health") for name in ("alice", "erin", "bob") * 3))
    await story.settled()
    story.sandbox.world.clock.jump(30)
    said = await story.asks("alice", "/ilab db health")
    assert re.search(r"Memory .* \(55%\)  _3\d s ago_", said.text)
    scrapes = [one for one in story.sandbox.vendors["supabase"].log if one.call == "metrics.scrape"]
    assert len(scrapes) == 1


async def test_near_its_limits(story: Story) -> None:
    """What is over a threshold stands in the first line, with the threshold; an alert offers an incident."""
    healthy = {"load": "normal", "disk": "roomy"}
    for switch, option, says in (
        (
            "load",
            "busy",
            ":warning: The database needs a look: connections, by Supabase at 73% (warn at 70%), CPU at 76%",
        ),
        (
            "load",
            "overloaded",
            ":red_circle: The database is in trouble: connections, by Supabase at 97% (alert at 85%)",
        ),
        ("disk", "filling", ":warning: The database needs a look: storage at 92% (warn at 90%)"),
        ("disk", "full", ":red_circle: The database is in trouble: it is read-only, as Supabase makes it"),
    ):
        story.sandbox.vendors["supabase"].set_switch(switch, option)
        story.sandbox.world.clock.jump(61)
        said = await story.asks("alice", "/ilab db health")
        assert said.first_line.startswith(says.split("CPU")[0]), option
        assert ("Declare incident" in said.buttons) == says.startswith(":red_circle:")
        story.sandbox.vendors["supabase"].set_switch(switch, healthy[switch])


async def test_who_waits_for_a_lock(story: Story) -> None:
    """A blocked statement is named with who blocks it; values in it are not shown, since they may be somebody's."""
    async with (
        await psycopg.AsyncConnection.connect(story.direct_product) as holder,
        await psycopg.AsyncConnection.connect(story.direct_product) as waiter,
    ):
        update = "update auth.users set updated_at = now() where email = 'plus@example.com' or id is not null"
        await holder.execute(update)
        waiting = asyncio.create_task(waiter.execute(update))
        pid = waiter.info.backend_pid

        async def waits() -> bool:
            return bool((await product(story, "select cardinality(pg_blocking_pids(%(pid)s))", pid=pid))[0][0])

        await until(waits, "it never waited")
        said = await story.asks("alice", "/ilab db health")
        blocker = holder.info.backend_pid
        await holder.rollback()
        await waiting
        await waiter.rollback()
    assert re.search(r"wait for a lock, the first for \d+ s", said.first_line)
    assert "update auth.users set updated" in said.text
    assert f"waits for {blocker} (idle in transaction:" in said.text
    assert "plus@example.com" not in said.text


async def test_what_cannot_be_asked(stage: Story) -> None:
    """Without metrics, or without the database, the rest is told, and nothing unseen is called well."""
    await stage.start()
    stage.sandbox.faults.add("supabase", "metrics.scrape", kind="html")
    said = await stage.asks("alice", "/ilab db health")
    assert said.first_line == (
        ":grey_question: What could be checked is well. Could not check: CPU, memory and storage."
    )
    stage.sandbox.faults.clear()
    stage.sandbox.databases["product"].set("down")
    said = await stage.asks("alice", "/ilab db health")
    assert said.first_line.startswith(":grey_question: What could be checked is well. Could not check: Connections.")
    assert ":grey_question: Queries  could not check" in said.text
    assert "Memory  563.2 MB of 1.0 GB (55%)" in said.text


# queries


async def test_every_query_runs(story: Story) -> None:
    """Each query of the catalogue is listed with what it takes, and answers; no address in an answer is whole."""
    listed = await story.asks("alice", "/ilab db query")
    assert listed.first_line.startswith(f"{len(catalogue())} queries")
    for query in catalogue().values():
        assert query.usage.replace("<", "&lt;").replace(">", "&gt;") in listed.text
        told = " ".join({"email": CASES["many_sessions"]}.get(one.kind, "60d") for one in query.arguments)
        said = await story.asks("alice", f"/ilab db query {query.name} {told}")
        assert said.first_line.startswith(f"{query.name}: ")
        assert ": 0 rows" not in said.first_line, query.name
        assert said.ephemeral
        assert not any(email.lower() in said.text for email in CASES.values()), query.name


async def test_rows_are_capped(story: Story) -> None:
    """Of five thousand sessions twenty are shown, and said to be the first; more by button, a thousand at most."""
    said = await story.asks("alice", f"/ilab db query activity {CASES['many_sessions']}")
    assert said.first_line == "activity: the first 20 rows; there are more."
    assert said.buttons == ["100 rows", "As CSV"]
    more = await story.presses("alice", "100 rows", said=said)
    assert more.first_line == "activity: the first 100 rows; there are more."
    assert "from 1 to 1000" in (await story.asks("alice", "/ilab db query sessions --rows 5000")).text


async def test_as_csv(story: Story) -> None:
    """By button the rows come as a file, in a direct message, with the addresses masked."""
    said = await story.asks("alice", f"/ilab db query entitlements {CASES['plus']}")
    assert "s•••@example.com  tier professional, remaining_interviews 3, status active" in said.text
    await story.presses("alice", "As CSV", said=said)
    (shared,) = [one for one in story.sees("alice", story.direct("alice")) if one.raw.get("files")]
    file = story.sandbox.workspace.state.files[shared.raw["files"][0]["id"]]
    content = file["content"].encode("latin-1").decode()
    assert file["name"] == "entitlements.csv"
    assert content.startswith("email,tier,remaining_interviews,status,")
    assert "s•••@example.com,professional,3,active," in content


async def test_what_is_wrong_is_said(story: Story) -> None:
    """Each gets its sentence with how it is written."""
    for words, says in (
        ("entitlments x@example.com", "Did you mean /ilab db query entitlements?"),
        ("entitlements", "The customer's e-mail address."),
        ("entitlements petra", "it must be an e-mail address"),
        ("sessions yesterday", "it must be a time such as 24h or 7d"),
        ("sessions 99999d", "at most ten years"),
        ("sessions 1d 2d", "sessions takes since."),
        ("codes x", "codes takes nothing."),
        ("../person_by_email x@example.com", "There is no query"),
    ):
        assert says in (await story.asks("alice", f"/ilab db query {words}")).text.replace("`", "")


async def test_who_may(story: Story) -> None:
    """A viewer may neither; the product's rows are not everybody's."""
    for words in ("db health", "db query", "db query sessions"):
        assert "needs a responder" in (await story.asks("frank", f"/ilab {words}")).text
