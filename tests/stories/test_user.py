"""`user`: what is known of a customer, and what is done for them at Supabase Auth."""

from __future__ import annotations

from datetime import timedelta

import pytest
from customers import id_of, sign_in
from storytelling import Said, Story, until

from bot.store import customers
from sandbox.product import company_of
from sandbox.product.books import CASES

UNCONFIRMED = CASES["unconfirmed"]


def mails(story: Story) -> list[tuple[float, str, str]]:
    """What Auth has mailed."""
    return company_of(story.sandbox.world).mails


def confirmations(story: Story) -> int:
    """How often Auth was asked to confirm an address."""
    return sum(call.call == "auth.update_user" for call in story.sandbox.vendors["supabase"].log)


async def test_everything_about_one_customer(story: Story) -> None:
    """Account, entitlements, interviews and payments, and what can be done next; for nobody else's eyes."""
    said = await story.asks("erin", f"/ilab user show {CASES['plus']}")
    assert said.ephemeral
    assert said.first_line == f"{CASES['plus']}: 3 interviews left."
    for part in (
        "confirmed",
        "Last sign-in",
        "3 left",
        "professional interview package, active",
        "voice_mode",
        "cs_test_",
    ):
        assert part in said.text
    assert "$39.00" in said.text
    assert said.buttons == ["Activity", "Grant…"]
    pressed = await story.presses("erin", "Activity")
    assert pressed.first_line.startswith(f"{CASES['plus']} has had 2 interviews, the last")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Zoe.Capitals@Example.COM", "zoe.capitals@example.com: 1 interview left."),
        (CASES["plus"], "sam.plus+interviews@example.com: 3 interviews left."),
        (CASES["banned"], "banned@example.com: is banned."),
        (UNCONFIRMED, "unconfirmed@example.com: has not confirmed the address."),
        (CASES["never_bought"], "never.bought@example.com: no interviews left."),
        ("alex.ash1@example.com", "alex.ash1@example.com: no interviews left."),
    ],
)
async def test_exactly_the_one_who_was_meant(story: Story, typed: str, shown: str) -> None:
    """Capitals, a plus, Slack's own link, one of many namesakes: the first line names the one, and what matters."""
    said = await story.asks("erin", f"/ilab user show {typed}")
    assert said.first_line.endswith(shown)


async def test_nobody_has_this_address(story: Story) -> None:
    """Said in one line, with the address that may be meant; part of a name is no address."""
    said = await story.asks("erin", "/ilab user show nothing.lefft@example.com")
    assert said.ephemeral
    assert said.first_line == "There is no account with the address nothing.lefft@example.com."
    assert "Did you mean nothing.left@example.com?" in said.text
    said = await story.asks("erin", "/ilab user show xyz@nowhere.example")
    assert "`+` and dots count" in said.text
    said = await story.asks("erin", "/ilab user show alex")
    assert "an e-mail address, such as ann@example.com" in said.text
    said = await story.asks("frank", f"/ilab user show {CASES['plus']}")
    assert "needs a responder" in said.text


async def test_five_thousand_interviews(story: Story) -> None:
    """Counted in all, the latest shown, within Slack's limits."""
    said = await story.asks("erin", f"/ilab user activity {CASES['many_sessions']}")
    assert said.first_line.startswith(f"{CASES['many_sessions']} has had 5,000 interviews, the last ")
    assert said.first_line.endswith("The latest 20 are below.")
    assert " completed" in said.text
    assert said.text.count("answered") == 20
    shown = await story.asks("erin", f"/ilab user show {CASES['many_sessions']}")
    assert "11 interviews left" in shown.first_line
    none = await story.asks("erin", f"/ilab user activity {CASES['never_bought']}")
    assert none.first_line == "never.bought@example.com has had 0 interviews."


async def test_a_confirmation_lets_them_in(story: Story) -> None:
    """The customer cannot sign in; erin confirms, alone and at once; now they can. Asked again, it says so."""
    assert (await sign_in(story, UNCONFIRMED))["error_code"] == "email_not_confirmed"
    said = await story.asks("erin", f"/ilab user confirm {UNCONFIRMED}")
    assert said.ephemeral
    assert said.first_line.endswith("Request 1 succeeded: The address is confirmed: they can sign in.")
    assert "access_token" in await sign_in(story, UNCONFIRMED)
    again = await story.asks("erin", f"/ilab user confirm {UNCONFIRMED}")
    assert again.first_line.startswith(f"{UNCONFIRMED} confirmed the address")
    kept = await story.rows("select quorum, state from requests order by id")
    assert kept == [(0, "succeeded"), (0, "denied")]
    kinds = [row[0] for row in await story.rows("select kind from audit order by seq")]
    assert kinds == ["request.asked", "request.executed", "request.refused"]
    assert all("Request 1" not in one.text for one in story.sees("bob", "ops-approvals"))


async def test_our_tables_know_no_customer(story: Story) -> None:
    """The request names them by a hash that only their own key explains, and the audit by nothing else."""
    await story.asks("erin", f"/ilab user confirm {UNCONFIRMED}")
    person = await id_of(story, UNCONFIRMED)
    (plan,) = (await story.rows("select plan from requests"))[0]
    ref = plan["decides"]["person"]
    assert ref.startswith("customer:")
    assert person not in str(plan)
    async with story.bots[0].core.services.database.connection() as connection:
        assert await customers.person_of(connection, ref) == person
    details = str(await story.rows("select detail, canonical from audit"))
    assert ref in details
    assert person not in details
    assert "example.com" not in details


async def test_a_lost_answer_is_found_out(story: Story) -> None:
    """Auth confirmed, and its answer never came: asked again, the account says so. Nothing is done twice."""
    story.sandbox.faults.add("supabase", "auth.update_user", kind="lost", times=1)
    await story.says("erin", f"/ilab user confirm {UNCONFIRMED}")
    await until(lambda: confirmations(story) == 1, "it was never confirmed")
    await story.tries_again(1)
    story.sandbox.world.clock.jump(11)
    await until(lambda: story.state_of(1, "succeeded"), "it was never found out")
    await story.settled()
    assert confirmations(story) == 1
    assert "access_token" in await sign_in(story, UNCONFIRMED)


async def test_a_mail_for_a_new_password(story: Story) -> None:
    """Sent once; asked again within the minute it is refused with the seconds left; later it is another."""
    who = CASES["plus"]
    said = await story.asks("erin", f"/ilab user reset-password {who}")
    assert "Request 1 succeeded: Auth has sent the mail" in said.first_line
    assert [(to, kind) for _, to, kind in mails(story)] == [(who, "recovery")]
    soon = await story.asks("erin", f"/ilab user reset-password {who}")
    assert soon.first_line.startswith(f"A mail to reset the password went to {who}")
    assert "one a minute" in soon.text
    story.sandbox.world.clock.jump(61)
    await story.asks("erin", f"/ilab user reset-password {who}")
    assert len(mails(story)) == 2


async def test_a_mail_whose_answer_was_lost_is_not_sent_twice(story: Story) -> None:
    """The account remembers when a mail went out: by that the second try knows."""
    story.sandbox.faults.add("supabase", "auth.recover", kind="lost", times=1)
    await story.says("erin", f"/ilab user reset-password {CASES['plus']}")
    await until(lambda: len(mails(story)) == 1, "it was never sent")
    await story.tries_again(1)
    story.sandbox.world.clock.jump(11)
    await until(lambda: story.state_of(1, "succeeded"), "it was never found out")
    await story.settled()
    assert len(mails(story)) == 1


async def test_auth_refuses_or_is_silent(story: Story) -> None:
    """A vendor's refusal ends it as failed; silence keeps it open, and after ten minutes it says that it cannot know."""
    story.sandbox.faults.add("supabase", "auth.update_user", kind="status", status=422, times=1)
    said = await story.asks("erin", f"/ilab user confirm {UNCONFIRMED}")
    assert "Request 1 failed: Supabase Auth refuses the request (422)." in said.first_line
    assert (await sign_in(story, UNCONFIRMED))["error_code"] == "email_not_confirmed"
    story.sandbox.faults.add("supabase", "auth.get_user", kind="status", status=503)
    await story.says("erin", f"/ilab user confirm {UNCONFIRMED}")
    await story.tries_again(2)
    story.sandbox.world.clock.jump(timedelta(minutes=11).total_seconds())
    await until(lambda: story.state_of(2, "unknown"), "it was never given up")
    await story.settled()
    told = story.sees("erin", story.direct("erin"))[-1]
    assert "Request 2 unknown: It cannot be known" in told.text


async def test_a_second_person_where_the_settings_want_one(stage: Story) -> None:
    """A rule of the settings can ask for an approval of it, too."""
    await stage.start(ILAB_APPROVALS__RULES='{\\"user confirm\\": {\\"quorum\\": 1}}')
    said: Said = await stage.asks("erin", f"/ilab user confirm {UNCONFIRMED}")
    assert "waits for approval: confirm the address of u•••@example.com" in said.first_line
    await stage.presses("bob", "Approve", "ops-approvals")
    await until(lambda: stage.state_of(1, "succeeded"), "it never ran")
    assert "access_token" in await sign_in(stage, UNCONFIRMED)
