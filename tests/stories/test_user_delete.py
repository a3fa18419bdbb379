"""`user delete`: planned with every count, approved by a second admin, done in steps, proven, certified, and forgotten."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from customers import id_of, product, sign_in, upload
from psycopg.sql import SQL, Identifier
from storytelling import Said, Story, until

from bot.erasure import certificate
from sandbox.product.books import CASES

WHO = CASES["plus"]
MASKED = "s•••@example.com"


def card(story: Story, number: int) -> Said:
    """The card of a request."""
    return [said for said in story.sees("ivy", "ops-approvals") if f"· request {number}:" in said.text][-1]


async def delete(story: Story, email: str = WHO, number: int = 1) -> Said:
    """Carol asks, ivy approves, and it ends; the card then."""
    asked = await story.asks("carol", f"/ilab user delete {email} {email}")
    assert f"Request {number} waits for approval" in asked.first_line, asked.text
    await story.presses("ivy", "Approve", "ops-approvals", said=card(story, number))
    await until(lambda: story.state_of(number, "succeeded", "failed", "unknown"), "it never ended")
    await story.settled()
    return card(story, number)


async def held(story: Story, *words: str) -> dict[str, int]:
    """In how many rows of which of our own tables any of the words stands, in whatever column and case."""
    found = {}
    async with await own(story) as connection:
        tables = await connection.execute("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in await tables.fetchall():
            query = SQL("select count(*) from {} as t where t::text ilike any(%s)").format(Identifier(table))
            row = await (await connection.execute(query, [[f"%{word}%" for word in words]])).fetchone()
            if row and row[0]:
                found[str(table)] = int(row[0])
    return found


async def own(story: Story) -> psycopg.AsyncConnection[Any]:
    """The bot's own database."""
    return await psycopg.AsyncConnection.connect(story.proxies["own"].conninfo, autocommit=True)


async def test_asked_approved_deleted_proven(story: Story) -> None:
    """Every count is in the plan; afterwards no row, no file, no Stripe customer is left, and a certificate says so."""
    person = await id_of(story, WHO)
    await product(story, 'create policy "let" on storage.objects for all using (true) with check (true)')
    assert (await upload(story, WHO))[0] == 200
    asked = await story.asks("carol", f"/ilab user delete {WHO} {WHO}")
    assert asked.ephemeral
    assert f"Request 1 waits for approval: erase {MASKED} for good: " in asked.first_line
    assert "1 file, 1 Stripe customer" in asked.first_line
    shown = card(story, 1)
    assert WHO not in shown.text
    assert person not in shown.text
    for table in ("entitlements", "entitlement_history", "sessions", "turns", "auth.identities", "auth.refresh_tokens"):
        assert table in shown.text
    assert "turns  " in shown.text
    assert "session_id → sessions.user_id" in shown.text
    assert "none: it is for good" in shown.text
    refused = await story.presses("bob", "Approve", "ops-approvals", said=shown)
    assert "needs an admin" in refused.text
    assert (await story.presses("carol", "Approve", "ops-approvals", said=shown)).first_line.startswith(
        "You asked for this"
    )
    await story.presses("ivy", "Approve", "ops-approvals", said=shown)
    await until(lambda: story.state_of(1, "succeeded"), "it never ended")
    await story.settled()
    ended = card(story, 1)
    assert "1 Stripe customer deleted; counted again, and nothing is left." in ended.text
    assert (await sign_in(story, WHO))["error_code"] == "invalid_credentials"
    left = "select count(*) from {table} where user_id = '{person}'"
    for table in ("entitlements", "entitlement_history", "sessions"):
        assert await product(story, left.format(table=table, person=person)) == [(0,)]
    assert await product(story, "select count(*) from storage.objects where owner_id = %s", person) == [(0,)]
    assert [call.call for call in story.sandbox.vendors["supabase"].log if call.acted].count("storage.delete_many") == 1
    assert len(story.sandbox.vendors["stripe"].ledger.deleted) == 1
    read = await story.asks("carol", "/ilab user certificate 1")
    assert read.first_line == ":white_check_mark: Certificate 1: deleted, and nothing is left."
    assert "Not reached: backups at Supabase  until 20" in read.text
    assert "Counted again  nothing is left" in read.text
    (body, sha256) = (await story.rows("select body, sha256 from certificates"))[0]
    assert certificate.digest(body) == sha256
    assert sha256 in read.text
    assert body["deleted"]["rows"]["auth.users"] == 1
    gone = await story.asks("carol", f"/ilab user delete {WHO} {WHO}")
    assert gone.first_line == f"There is no account with the address {WHO}."


async def test_nothing_of_the_person_is_left_with_us(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever was asked and typed about them before: no table, no card, no line of the log holds address or id."""
    person, other = await id_of(story, WHO), "j" + WHO
    await story.asks("erin", f"/ilab user show {WHO.upper()}")
    await story.asks("erin", f"/ilab diagnose signin {WHO}")
    await story.asks("erin", f"/ilab user show {WHO}", channel=story.direct("erin"))
    await story.asks("alice", f"/ilab incident declare P2 {WHO} cannot sign in, id {person}")
    await story.asks("erin", f"/ilab grant {WHO} 2 --reason {WHO} ({person}) asked, and {other} did not")
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    await story.asks("erin", f"/ilab grant {WHO} 3 --reason again")
    await story.says("bob", f"/ilab deny 2 {WHO} has enough")
    await story.asks("erin", f"/ilab grant {WHO} 4 --reason waits")
    await story.says("carol", f"/ilab user delete {WHO}")
    await story.settled()
    before = await held(story, WHO, person)
    assert {"inbox", "offers", "requests", "incidents", "customers"} <= before.keys()
    assert "audit" not in before
    assert MASKED in card(story, 1).text
    ended = await delete(story, number=4)
    assert "nothing is left" in ended.text
    assert await held(story, person) == {}
    assert await held(story, WHO) == {"inbox": 1}
    (text,) = (await story.rows("select payload ->> 'text' from inbox where payload::text ilike %s", f"%{WHO}%"))[0]
    assert text.count(WHO) == text.count(other) == 2  # another's address, which contains it, stays whole
    assert await held(story, MASKED) == {}
    assert not any(MASKED in said.text for said in story.sees("ivy", "ops-approvals") if "request" in said.text)
    assert (await story.rows("select count(*) from customers"))[0][0] == 0
    out = capsys.readouterr()
    assert "request" in out.out
    for word in (WHO, person):
        assert word not in (out.out + out.err).lower()
    stale = await story.asks("bob", "/ilab approve 3")
    assert "The customer was deleted in the meantime." in stale.text
    assert (await story.asks("erin", "/ilab approvals who 1")).first_line.endswith("somebody who has been deleted.")


async def test_tables_that_nobody_told_us_of(story: Story) -> None:
    """One refers to the account by a key, three tables away; one holds the address alone: both are found and named."""
    person = await id_of(story, WHO)
    await product(
        story,
        "create table coach (id int primary key, account uuid references auth.users on delete cascade);"
        "create table coach_note (id int primary key, coach int references coach on delete cascade, text text);"
        "create table newsletter (id int primary key, contact_email varchar(200));"
        "create table referral (id int primary key, by uuid references auth.users on delete set null, invited_mail text)",
    )
    await product(story, "insert into coach values (1, %s)", person)
    await product(story, "insert into coach_note select n, 1, 'good' from generate_series(1, 7) n")
    await product(story, "insert into newsletter values (1, %s), (2, 'somebody@example.com')", WHO.title())
    await product(story, "insert into referral values (1, %s, 'x@example.com')", person)
    asked = await story.asks("carol", f"/ilab user delete {WHO} {WHO}")
    assert "coach_note  7 rows (coach → coach.account)" in asked.text
    assert "Must be handled  newsletter: 1 row with the address alone (contact_email)" in asked.text
    assert "Stays  referral: 1 row, without the reference (by)" in asked.text
    await product(story, "create table waiting (email text)")
    await product(story, "insert into waiting values (%s)", WHO)
    await story.presses("ivy", "Approve", "ops-approvals", said=card(story, 1))
    assert await story.state_of(1, "stale")
    await product(story, "drop table waiting")
    ended = await delete(story, number=2)
    assert "deleted; still to be handled: newsletter." in ended.text
    assert await product(story, "select (select count(*) from coach_note), (select count(*) from newsletter)") == [
        (0, 2)
    ]
    assert await product(story, "select by from referral") == [(None,)]
    read = await story.asks("carol", "/ilab user certificate 2")
    assert read.first_line == ":warning: Certificate 2: deleted; to be handled by hand: newsletter."


async def test_a_key_that_holds_the_account(story: Story) -> None:
    """Who made a code cannot be deleted while it is there: said before anything is gone, with the rows that hold."""
    author = CASES["code_author"]
    said = await story.asks("carol", f"/ilab user delete {author} {author}")
    assert said.first_line == f"{author} cannot be deleted yet: rows that do not go with the account refer to it."
    assert "3 in exemption_codes (created_by)" in said.text
    await product(story, "update exemption_codes set created_by = null")
    asked = await story.asks("carol", f"/ilab user delete {author} {author}")
    assert "waits for approval" in asked.first_line
    await product(
        story, "update exemption_codes set created_by = %s where code = 'WELCOME3'", await id_of(story, author)
    )
    pressed = await story.presses("ivy", "Approve", "ops-approvals", said=card(story, 2))
    assert "Rows in exemption_codes hold the account by now." in pressed.text


async def test_a_key_that_appears_while_it_runs(story: Story) -> None:
    """Auth refuses: the request says what is gone and what is not; asked again when the rows are handled, it goes on."""
    person = await id_of(story, WHO)
    story.sandbox.faults.add("stripe", "customers.delete", kind="slow", seconds=1.5, times=1)
    await story.asks("carol", f"/ilab user delete {WHO} {WHO}")
    await story.presses("ivy", "Approve", "ops-approvals", said=card(story, 1))
    await until(lambda: _begun(story, "stripe"), "it never came so far")
    await product(
        story,
        "insert into exemption_codes (code, interviews, remaining_uses, created_by) values ('X', 1, 1, %s)",
        person,
    )
    await until(lambda: story.state_of(1, "failed"), "it never ended")
    await story.settled()
    ended = card(story, 1).text
    assert (
        "Done: the address remembered, nothing found that holds it back, the files deleted, the Stripe customer deleted. "
        in ended
    )
    assert "Rows hold the account, because their key has no cascade: 1 in exemption_codes." in ended
    await product(story, "delete from exemption_codes where code = 'X'")
    assert "nothing is left" in (await delete(story, number=2)).text
    assert await held(story, WHO, person) == {}


async def _begun(story: Story, step: str) -> bool:
    return bool(await story.rows("select 1 from steps where name = %s", step))


async def test_lost_answers_and_silence(story: Story) -> None:
    """Each vendor acts and its answer is lost, once: everything is done once, and the certificate counts what there was."""
    story.sandbox.faults.add("supabase", "storage.delete_many", kind="lost", times=1)
    story.sandbox.faults.add("stripe", "customers.delete", kind="lost", times=1)
    story.sandbox.faults.add("supabase", "auth.delete_user", kind="lost", times=1)
    who = CASES["upload_refused"]
    ended = await delete(story, who)
    assert "1 file, 1 Stripe customer deleted; counted again, and nothing is left." in ended.text
    (body,) = (await story.rows("select body from certificates"))[0]
    assert (body["deleted"]["files"], body["deleted"]["stripe"]) == (1, 1)


async def test_a_running_subscription_ends(story: Story) -> None:
    """It is said before, since it cannot be taken back."""
    who = CASES["subscriber"]
    asked = await story.asks("carol", f"/ilab user delete {who} {who}")
    assert "1 customer; 1 running subscription will end at once" in asked.text
    await story.presses("ivy", "Approve", "ops-approvals", said=card(story, 1))
    await until(lambda: story.state_of(1, "succeeded"), "it never ended")
    (body,) = (await story.rows("select body from certificates"))[0]
    assert body["deleted"]["subscriptions"] == 1


@pytest.mark.parametrize("email", [CASES["capitals"], CASES["same_name"], CASES["many_sessions"]])
async def test_exactly_the_one_who_was_meant(story: Story, email: str) -> None:
    """Capitals, one of two hundred namesakes, five thousand interviews: the one is gone, and nobody else."""
    before = (await product(story, "select count(*) from auth.users"))[0][0]
    ended = await delete(story, email)
    assert "nothing is left" in ended.text
    assert await product(story, "select count(*) from auth.users") == [(before - 1,)]
    assert await product(story, "select count(*) from auth.users where email = lower(%s)", email) == [(0,)]


async def test_typed_twice(story: Story) -> None:
    """The form asks for the address once more; another one is refused, and so is who is no admin."""
    await story.says("carol", f"/ilab user delete {WHO}")
    await story.settled()
    form = story.modal("carol")
    assert form is not None
    assert "Confirm: ____" in form.text
    shown = await story.submits("carol", email=WHO, confirm="sam.plus@example.com")
    assert "The two addresses differ" in shown.text
    said = await story.asks("bob", f"/ilab user delete {WHO} {WHO}")
    assert "needs an admin" in said.text
    nobody = await story.asks("carol", "/ilab user delete no.body@example.com no.body@example.com")
    assert nobody.first_line == "There is no account with the address no.body@example.com."
    assert "There is no certificate 7." in (await story.asks("erin", "/ilab user certificate 7")).first_line
    assert await story.rows("select distinct state from requests") == [("denied",)]


async def test_a_copy_that_dies_in_the_middle(stage: Story) -> None:
    """Killed between two steps, another copy goes on where it was; nothing is done twice, and the end is the same."""
    stage.sandbox.faults.add("supabase", "auth.delete_user", kind="slow", seconds=30)
    async with stage.process() as process:
        await until(lambda: stage.sandbox.workspace.socket.connections >= 1, "it never connected")
        await stage.says("carol", f"/ilab user delete {WHO} {WHO}")
        await until(lambda: stage.state_of(1, "awaiting_approval"), "it was never asked")
        await stage.says("ivy", "/ilab approve 1")
        await until(lambda: _begun(stage, "account"), "it never came so far", seconds=25)
        process.kill()
        await process.wait()
    stage.sandbox.faults.clear()
    await stage.expire_claims()
    await stage.make_jobs_stalled()
    async with await own(stage) as connection:
        await connection.execute("update steps set started_at = started_at - interval '1 minute'")
    await stage.start()
    await until(lambda: stage.state_of(1, "succeeded"), "nobody went on", seconds=25)
    (body,) = (await stage.rows("select body from certificates"))[0]
    assert body["left"] == {}
    assert json.dumps(body).count("@") == 0
