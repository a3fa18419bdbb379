"""`diagnose`: the chain link by link, the break in the first line, and the mend as a button that mends it."""

from __future__ import annotations

import re

from customers import product, sign_in, start_interview, upload
from storytelling import Said, Story, ilab, until

from sandbox.product import company_of
from sandbox.product.books import CASES

BOUNCED, UNCONFIRMED, EMPTY = CASES["mail_bounced"], CASES["unconfirmed"], CASES["nothing_left"]


def signs(said: Said) -> dict[str, str]:
    """Each link's sign: title → ok, down, degraded, unknown, or nothing."""
    words = {":white_check_mark:": "ok", ":red_circle:": "down", ":warning:": "degraded", ":grey_question:": "unknown"}
    lines = said.text.split("Link by link\n")[1].splitlines()
    found = {}
    for line in lines:
        if match := re.match(r"(:[a-z_]+:)? ?([A-Z][\w' -]+?)  ", line):
            found[match[2]] = words.get(match[1] or "", "")
    return found


# signing in


async def test_a_sign_in_that_should_work(story: Story) -> None:
    """Every link holds, each with its age; what is left is the password, and its mend is a button."""
    who = CASES["plus"]
    said = await story.asks("erin", f"/ilab diagnose signin {who}")
    assert said.ephemeral
    assert said.first_line == (
        f":white_check_mark: Signing in of {who}: every link holds. If they still cannot, it is the password: send a reset."
    )
    assert signs(said) == {
        "Supabase Auth": "ok",
        "Account": "ok",
        "Mail delivery": "",
        "Address confirmed": "ok",
        "Not banned": "ok",
        "Last sign-in": "",
        "Redirects": "ok",
        "Auth's log": "",
        "Known good account": "ok",
    }
    assert said.buttons == ["Send reset", "Account"]
    assert "Runbook: Issue 1: Users Can" in said.text
    pressed = await story.presses("erin", "Send reset")
    assert "Auth has sent the mail" in pressed.first_line


async def test_never_confirmed(story: Story) -> None:
    """The first line says so; the button confirms; the customer, who could not sign in, can; the diagnosis is green."""
    assert (await sign_in(story, UNCONFIRMED))["error_code"] == "email_not_confirmed"
    said = await story.asks("erin", f"/ilab diagnose signin {UNCONFIRMED}")
    assert said.first_line == (
        f":red_circle: Signing in of {UNCONFIRMED} breaks at “Address confirmed”: the address was never confirmed."
    )
    assert signs(said)["Mail delivery"] == "ok"
    assert "have them look for spam" in said.text
    assert said.buttons == ["Confirm e-mail", "Send reset", "Account"]
    pressed = await story.presses("erin", "Confirm e-mail")
    assert "Request 1 succeeded" in pressed.first_line
    assert "access_token" in await sign_in(story, UNCONFIRMED)
    again = await story.asks("erin", f"/ilab diagnose signin {UNCONFIRMED}")
    assert again.first_line.startswith(":white_check_mark:")


async def test_two_causes_at_once(story: Story) -> None:
    """The mail bounced, and so the address was never confirmed: both are said, the first in the chain first."""
    said = await story.asks("erin", f"/ilab diagnose signin {BOUNCED}")
    assert said.first_line == (
        f":red_circle: Signing in of {BOUNCED} breaks at “Mail delivery”: the last mail to them bounced; "
        "and also: the address was never confirmed."
    )
    assert "Ask for an address that takes mail" in said.text
    assert said.buttons[0] == "Confirm e-mail"


async def test_banned(story: Story) -> None:
    """The ban and its end are named; nothing is offered that would not help."""
    who = CASES["banned"]
    assert (await sign_in(story, who))["error_code"] == "user_banned"
    said = await story.asks("erin", f"/ilab diagnose signin {who}")
    assert "breaks at “Not banned”: the account is banned until 20" in said.first_line
    await product(story, "update auth.users set banned_until = null where email = %s", who)
    assert (await story.asks("erin", f"/ilab diagnose signin {who}")).first_line.startswith(":white_check_mark:")


async def test_no_such_account(story: Story) -> None:
    """That is the break, and the address that was perhaps meant stands beside it."""
    said = await story.asks("erin", "/ilab diagnose signin never.bougth@example.com")
    assert "breaks at “Account”: There is no account with the address never.bougth@example.com." in said.first_line
    assert "Did you mean never.bought@example.com?" in said.text
    assert said.buttons == []


async def test_redirects_that_loop(story: Story) -> None:
    """Auth's own site address is another one, or the site is not listed: named, with the place to mend it."""
    management = story.sandbox.vendors["supabase_management"]
    management.set_switch("redirects", "wrong_site")
    said = await story.asks("erin", f"/ilab diagnose signin {CASES['plus']}")
    assert "breaks at “Redirects”: Auth sends people to http://localhost:3000 instead of" in said.first_line
    assert "Set the Site URL to" in said.text
    management.set_switch("redirects", "not_listed")
    said = await story.asks("erin", f"/ilab diagnose signin {UNCONFIRMED}")
    assert (
        "breaks at “Address confirmed”: the address was never confirmed; and also: Auth does not send"
        in said.first_line
    )
    management.set_switch("redirects", "right")
    said = await story.asks("erin", f"/ilab diagnose signin {CASES['plus']}")
    assert said.first_line.startswith(":white_check_mark:")


async def test_nobody_can_sign_in(story: Story) -> None:
    """Auth fails for the known good account, too, and its log shows others: it is no single customer's trouble."""
    story.sandbox.faults.add("supabase", "auth.token", kind="status", status=500)
    said = await story.asks("erin", f"/ilab diagnose signin {CASES['plus']}")
    assert "breaks at “Known good account”: nobody can sign in" in said.first_line
    assert said.buttons[0] == "Declare incident"
    story.sandbox.faults.clear()
    story.sandbox.vendors["supabase"].set_switch("auth", "unhealthy")
    said = await story.asks("erin", f"/ilab diagnose signin {CASES['plus']}")
    assert "breaks at “Supabase Auth”: Supabase Auth is down (answers 503)" in said.first_line
    assert signs(said)["Account"] == "unknown"


async def test_what_cannot_be_checked_is_never_well(story: Story) -> None:
    """Resend and the Management API are silent: the rest is well, and the first line counts what nobody could see."""
    story.sandbox.faults.add("resend", kind="refused")
    story.sandbox.faults.add("supabase_management", kind="status", status=429, seconds=30)
    said = await story.asks("erin", f"/ilab diagnose signin {CASES['plus']}")
    assert said.first_line == (
        f":grey_question: Signing in of {CASES['plus']}: nothing that I could check is broken. "
        "3 of 9 links could not be checked."
    )
    assert signs(said)["Redirects"] == "unknown"


async def test_what_the_settings_lack(stage: Story) -> None:
    """Each link says which setting it needs, and none of them is well."""
    nothing = dict.fromkeys(
        ("ILAB_RESEND__API_KEY", "ILAB_RESEND__BASE_URL", "ILAB_RESEND__FROM_ADDRESS", "ILAB_SUPABASE__SECRET_KEY"), ""
    )
    await stage.start(**nothing, ILAB_SUPABASE__ACCESS_TOKEN="", ILAB_SUPABASE__CANARY_EMAIL="")
    said = await stage.asks("erin", f"/ilab diagnose signin {CASES['plus']}")
    assert "7 of 8 links could not be checked" in said.first_line
    for setting in ("RESEND__API_KEY", "SUPABASE__SECRET_KEY", "SUPABASE__ACCESS_TOKEN", "SUPABASE__CANARY_EMAIL"):
        assert setting in said.text


async def test_ten_ask_at_once(stage: Story) -> None:
    """What concerns everybody alike is asked once for all of them."""
    await stage.start(ILAB_STATUS__CACHE_SECONDS="10")
    for _ in range(10):
        await stage.says("erin", f"/ilab diagnose signin {CASES['plus']}")
    await stage.settled()
    log = stage.sandbox.vendors["supabase"].log
    assert sum(call.call == "auth.token" for call in log) == 1
    assert sum(call.call == "auth.list_users" for call in log) == 10


# starting an interview


async def test_nothing_is_left(story: Story) -> None:
    """No interview left: what to tell them, a code that works, and a grant; granted and approved, it starts. Green."""
    assert await start_interview(story, EMPTY) == (402, {"error": "No interviews left"})
    said = await story.asks("erin", f"/ilab diagnose interview {EMPTY}")
    assert said.ephemeral
    assert said.first_line == (
        f":red_circle: Starting an interview of {EMPTY} breaks at “Entitlements”: there is no interview left."
    )
    assert "Tell them to buy a package, or to use the exemption code WELCOME3." in said.text
    assert signs(said)["Exemption codes"] == "ok"
    await story.presses("erin", "Grant 3 free…")
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    status, _ = await start_interview(story, EMPTY)
    assert status == 201
    again = await story.asks("erin", f"/ilab diagnose interview {EMPTY}")
    assert again.first_line.startswith(":white_check_mark:")
    assert "2 interviews left" in again.text


async def test_two_causes_of_an_interview_that_does_not_start(story: Story) -> None:
    """Never confirmed, and never an entitlement: both are said, in order, each with its button."""
    said = await story.asks("erin", f"/ilab diagnose interview {UNCONFIRMED}")
    assert said.first_line == (
        f":red_circle: Starting an interview of {UNCONFIRMED} breaks at “Account”: the address was never confirmed, so they "
        "cannot sign in; and also: there never was an entitlement."
    )
    assert said.buttons[0] == "Diagnose sign-in"
    assert "Grant 3 free…" in said.buttons


async def test_openai_is_down(story: Story) -> None:
    """It is OpenAI, and its page says so, too: wait, or show the maintenance message."""
    story.sandbox.vendors["openai"].set_switch("api", "down")
    said = await story.asks("erin", f"/ilab diagnose interview {CASES['plus']}")
    assert "breaks at “OpenAI”: OpenAI is down (answers 503)" in said.first_line
    assert "show the maintenance message" in said.text
    story.sandbox.vendors["openai"].set_switch("api", "rate_limited")
    said = await story.asks("erin", f"/ilab diagnose interview {EMPTY}")
    assert (
        "“Entitlements”: there is no interview left; and also: OpenAI refuses us (too many requests (429)"
        in said.first_line
    )


async def test_the_database_is_full(stage: Story) -> None:
    """Connections against the maximum, and where the pooler is that has room."""
    await stage.start(ILAB_PRODUCT__WARN_CONNECTIONS="0.001", ILAB_PRODUCT__ALERT_CONNECTIONS="0.002")
    said = await stage.asks("erin", f"/ilab diagnose interview {CASES['plus']}")
    assert "breaks at “Database connections”: The product's database is nearly full" in said.first_line
    assert (
        "pooler.supabase.com:6543`, mode transaction, for up to 200 clients, without prepared statements" in said.text
    )
    assert said.buttons[0] == "Declare incident"


async def test_the_product_s_database_is_silent(story: Story) -> None:
    """What is known without it is told; the database is the break, and what it would have said is unknown."""
    story.proxies["product"].set("down")
    said = await story.asks("erin", f"/ilab diagnose interview {CASES['plus']}")
    assert "breaks at “Database connections”: The product's database is down" in said.first_line
    assert signs(said)["Entitlements"] == "unknown"
    assert signs(said)["OpenAI"] == "ok"


async def test_the_site_is_in_maintenance(story: Story) -> None:
    """Nothing starts then, and that is said."""
    story.sandbox.world.maintenance = True
    assert (await start_interview(story, CASES["plus"]))[0] == 503
    said = await story.asks("erin", f"/ilab diagnose interview {CASES['plus']}")
    assert "breaks at “Site”: the site is in maintenance mode, and starts no interview." in said.first_line
    unknown = await story.asks("erin", "/ilab diagnose interview nobody@example.com")
    assert unknown.first_line == "There is no account with the address nobody@example.com."


# uploading


async def test_a_policy_is_missing(story: Story) -> None:
    """Refused by row-level security; the policies are re-applied once bob agrees; then it works, and all is green."""
    who = CASES["upload_refused"]
    assert await upload(story, who) == (400, "new row violates row-level security policy")
    said = await story.asks("erin", f"/ilab diagnose upload {who}")
    assert said.ephemeral
    assert "breaks at “Policies”: no policy of cvs lets customers replace files" in said.first_line
    assert "the last was refused by row-level security" in said.text
    assert said.buttons == ["Re-apply storage policies", "Account"]
    pressed = await story.presses("erin", "Re-apply storage policies")
    assert "waits for approval: re-apply the policies of cvs: customers can replace files again" in pressed.first_line
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    assert (await upload(story, who))[0] == 200
    again = await story.asks("erin", f"/ilab diagnose upload {who}")
    assert again.first_line.startswith(":white_check_mark:")
    assert "4 for cvs: read, upload, replace, delete" in again.text


async def test_the_policies_can_be_re_applied_again(story: Story) -> None:
    """Run on a whole set it leaves the same; what changed meanwhile makes the plan stale; a lost answer is repeated."""
    for request in (1, 2):
        await story.asks("erin", "/ilab storage policies")
        await story.presses("bob", "Approve", "ops-approvals")
        await until(lambda number=request: story.state_of(number, "succeeded"), "it never ran")
    names = await product(story, "select policyname from pg_policies where schemaname = 'storage' order by 1")
    assert len(names) == 4
    await story.asks("erin", "/ilab storage policies")
    await product(story, 'drop policy "cvs: upload own" on storage.objects')
    await story.presses("bob", "Approve", "ops-approvals")
    assert await story.state_of(3, "stale")


async def test_two_causes_of_an_upload_that_fails(story: Story) -> None:
    """The file is too large, and a policy is missing: both, the file first."""
    who = CASES["plus"]
    assert (await upload(story, who, size=6 * 1024**2))[1] == "The object exceeded the maximum allowed size"
    said = await story.asks("erin", f"/ilab diagnose upload {who}")
    assert said.first_line == (
        f":red_circle: Uploading of {who} breaks at “File”: the last file was larger than the limit; "
        "and also: no policy of cvs lets customers replace files."
    )
    assert "Have them make it smaller" in said.text
    told = await story.asks("erin", f"/ilab diagnose upload {CASES['capitals']} --size 7.5")
    assert "breaks at “File”: the file has 7.5 MB, and 5 MB is the most; and also:" in told.first_line
    await upload(story, who, kind="image/png")
    said = await story.asks("erin", f"/ilab diagnose upload {who}")
    assert "the last file was of a type that the bucket does not take" in said.first_line


async def test_what_else_keeps_a_file_out(story: Story) -> None:
    """Limits of the bucket, a bucket that is gone, Storage shut off, a full disk: each is named, with where to mend it."""
    await story.asks("erin", "/ilab storage policies")
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    ask = f"/ilab diagnose upload {CASES['plus']}"
    project = story.sandbox.vendors["supabase"]
    await product(story, "update storage.buckets set file_size_limit = 1048576")
    assert "the bucket's limit is 1 MB, and the product promises 5 MB" in (await story.asks("erin", ask)).first_line
    await product(story, "update storage.buckets set file_size_limit = 5242880, public = true")
    said = await story.asks("erin", ask)
    assert said.first_line.endswith("nothing is broken, but the bucket is public: everybody can read every CV.")
    await product(story, "update storage.buckets set public = false")
    project.set_switch("disk", "full")
    assert "“Database takes writes”: the database's disk is full" in (await story.asks("erin", ask)).first_line
    project.set_switch("disk", "roomy")
    project.set_switch("project", "over_quota")
    assert "breaks at “Storage”: Supabase Storage is shut off" in (await story.asks("erin", ask)).first_line
    project.set_switch("project", "active")
    project.set_switch("storage", "unhealthy")
    said = await story.asks("erin", ask)
    assert "breaks at “Storage”: Supabase Storage is down" in said.first_line
    assert signs(said)["Bucket cvs"] == "unknown"
    project.set_switch("storage", "healthy")
    await product(story, "alter table storage.objects disable row level security")
    assert "everybody can read every file" in (await story.asks("erin", ask)).first_line


async def test_a_bucket_that_is_gone(story: Story) -> None:
    """The same script makes it anew."""
    await product(story, "alter table storage.objects drop constraint objects_bucket_id_fkey")
    await product(story, "select set_config('storage.allow_delete_query', 'true', false); delete from storage.buckets")
    said = await story.asks("erin", f"/ilab diagnose upload {CASES['plus']}")
    assert "breaks at “Bucket cvs”: there is no bucket cvs" in said.first_line
    await story.presses("erin", "Re-apply storage policies")
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    assert (await upload(story, CASES["plus"]))[0] == 200


# generating questions


async def questions(story: Story, count: int, *, chars: int = 2000, error: str | None = None) -> None:
    """So many questions were generated, or failed, in the last minutes."""
    await product(
        story,
        "insert into turns (session_id, position, prompt_chars, generation_ms, error, created_at)"
        " select s.id, 1000 + 100 * (select count(*) from turns) + n, %s, %s, %s, now() - interval '5 minutes'"
        " from (select id from sessions order by created_at desc limit 1) s, generate_series(1, %s) n",
        chars,
        30_000 if error else 1500,
        error,
        count,
    )


def server_writes(story: Story, message: str, times: int = 1) -> None:
    """The site's server writes an error of OpenAI."""
    for _ in range(times):
        company_of(story.sandbox.world).write_log("error", f"[openai] {message}", path="/api/interview/question")


async def test_questions_come(story: Story) -> None:
    """One real generation, measured; limits, time-outs and prompts of the last hour; nothing personal, so not in private."""
    await questions(story, 30)
    said = await story.asks("erin", "/ilab diagnose ai")
    assert said.first_line == ":white_check_mark: Generating questions: every link holds."
    assert {title for title, sign in signs(said).items() if sign != "ok"} <= {"Time-outs"}  # one is no trouble
    assert " s with gpt-4o-mini" in said.text
    assert "requests left this minute" in said.text
    calls = [call.call for call in story.sandbox.vendors["openai"].log]
    assert calls == ["create chat completion"]


async def test_openai_refuses_as_too_many(story: Story) -> None:
    """429 now and in the server's log: wait 60 s, or raise the tier."""
    await questions(story, 30)
    story.sandbox.vendors["openai"].set_switch("api", "rate_limited")
    server_writes(story, "429 Rate limit reached for gpt-4o-mini", 4)
    said = await story.asks("erin", "/ilab diagnose ai")
    assert said.first_line == (
        ":red_circle: Generating questions breaks at “One generation now”: OpenAI refuses us now: too many requests (429); "
        "and also: OpenAI has refused 4 requests of the last hour as too many (429)."
    )
    assert "Wait 60 s and look again; if it stays, raise the tier" in said.text
    story.sandbox.vendors["openai"].set_switch("api", "ok")
    story.sandbox.world.clock.jump(3700)
    await questions(story, 30)
    assert (await story.asks("erin", "/ilab diagnose ai")).first_line.startswith(":white_check_mark:")


async def test_questions_time_out(story: Story) -> None:
    """Nothing else is wrong: the time-out itself is too short."""
    await questions(story, 20)
    await questions(story, 5, error="Request timed out")
    server_writes(story, "Request timed out", 5)
    said = await story.asks("erin", "/ilab diagnose ai")
    assert "breaks at “Time-outs”: questions time out: 5 of" in said.first_line
    assert "Raise the time-out in `lib/openai.ts`, 30 s now, and deploy." in said.text


async def test_two_causes_of_questions_that_time_out(story: Story) -> None:
    """Refused as too many, and it is the long prompts that time out: both; raising the time-out is not advised."""
    await questions(story, 20)
    await questions(story, 5, chars=24_000, error="Request timed out")
    server_writes(story, "429 Rate limit reached for gpt-4o-mini", 3)
    said = await story.asks("erin", "/ilab diagnose ai")
    assert "breaks at “Rate limits”: OpenAI has refused 3 requests" in said.first_line
    assert "and also: it is the long prompts that time out (24,000 characters on average" in said.first_line
    assert "Make the prompts more concise." in said.text
    assert "lib/openai.ts" not in said.text


async def test_openai_is_slow_or_down(stage: Story) -> None:
    """Its own page, a slow answer, no answer: named, and to wait; a page that cannot be read is not well."""
    await stage.start(ILAB_OPENAI__SLOW_SECONDS="0.1")
    await questions(stage, 30)
    stage.sandbox.vendors["openai"].slow_seconds = 0.2
    stage.sandbox.vendors["openai"].set_switch("api", "slow")
    said = await stage.asks("erin", "/ilab diagnose ai")
    assert "nothing is broken, but OpenAI is slow: 0." in said.first_line
    stage.sandbox.vendors["openai"].set_switch("api", "down")
    said = await stage.asks("erin", "/ilab diagnose ai")
    assert "breaks at “One generation now”: OpenAI fails" in said.first_line
    assert "show the maintenance message" in said.text
    stage.sandbox.vendors["openai"].set_switch("api", "ok")
    stage.sandbox.faults.add("status_pages", kind="html")
    said = await stage.asks("erin", "/ilab diagnose ai")
    assert said.first_line.startswith(":grey_question:")
    assert signs(said)["OpenAI's status page"] == "unknown"


async def test_from_a_terminal(story: Story) -> None:
    """The same diagnosis and the same mend by words, done by the bot that serves; a terminal waits for the outcome."""
    secret = (await story.asks("erin", "/ilab token issue laptop")).text
    (token,) = re.findall(r"ILAB_TOKEN=(ilab_[\w-]+)", secret)
    status, out, err = await ilab(story, "run", "diagnose", "signin", UNCONFIRMED, token=token)
    assert status == 1, err  # for scripts: something is broken
    assert "breaks at “Address confirmed”: the address was never confirmed." in out
    assert f"user confirm {UNCONFIRMED}" in out
    status, out, err = await ilab(story, "run", "user", "confirm", UNCONFIRMED, token=token)
    assert "Request 1 succeeded: The address is confirmed" in out, err
    assert "access_token" in await sign_in(story, UNCONFIRMED)
