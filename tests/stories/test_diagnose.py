"""`diagnose`: the chain link by link, the break in the first line, and the mend as a button that mends it."""

from __future__ import annotations

import re

from customers import product, sign_in, start_interview
from storytelling import Said, Story, until

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
    nothing = {"ILAB_RESEND__API_KEY": "", "ILAB_RESEND__BASE_URL": "", "ILAB_SUPABASE__SECRET_KEY": ""}
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
