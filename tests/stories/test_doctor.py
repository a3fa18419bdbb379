"""`/ilab doctor`: is everything set up as it must be, and if not, what exactly is to be typed or clicked."""

from __future__ import annotations

import dataclasses
import uuid

import psycopg
import pytest
from storytelling import Said, Story, ilab, until

from bot.duties import STANDING
from bot.store.embedded import EmbeddedServer
from sandbox.world import BOT_USER_ID


async def examined(story: Story) -> Said:
    """What the admin reads, once the bot's own clocks have begun."""

    async def begun() -> bool:
        rows = await story.rows("select count(*) from clocks")
        return bool(rows[0][0] >= len(STANDING))

    await until(begun, "the standing clocks never began")
    return await story.asks("carol", "/ilab doctor")


def about(said: Said, title: str) -> str:
    """The line of what is not well, about one thing."""
    line = next(line for line in said.text.splitlines()[1:] if f" {title}  " in line)
    return line.replace("`", "")


async def test_it_names_exactly_what_the_sandbox_lacks(story: Story) -> None:
    """Two vendors were never told of our address, a session was granted twice, and no API tells four things; all else is as it must be."""
    said = await examined(story)
    assert said.ephemeral
    assert said.first_line.startswith(":red_circle: 3 of 52 need something; first: Vercel tells us: it has no webhook")
    assert said.text.count(":red_circle:") == 4
    assert "deployment.error and deployment.succeeded" in about(said, "Vercel tells us")
    assert "incident.acknowledged" in about(said, "PagerDuty tells us")
    assert said.text.count(":grey_question:") == 4
    assert "1 Stripe session was granted" in about(said, "Sessions granted twice")
    assert "look yourself" in about(said, "Sentry alert rules")
    assert "Bot token, Scopes, Clock, App token, Channel for incidents" in said.text
    assert "Runbook: Alert Configuration" in said.text


async def test_it_is_for_admins(story: Story) -> None:
    """Whoever is no admin is told so."""
    assert "needs an admin" in (await story.asks("dave", "/ilab doctor")).text


async def test_secrets_and_addresses_are_never_shown(story: Story) -> None:
    """No key of ours and no address of a person stands in the answer."""
    settings = story.settings()
    said = await examined(story)
    assert settings.slack is not None
    assert settings.stripe is not None
    for secret in (settings.slack.bot_token, settings.slack.app_token, settings.stripe.api_key):
        assert secret is not None
        assert secret.get_secret_value() not in said.text
    assert "@interviewlab" not in said.text


async def test_a_missing_scope(story: Story) -> None:
    """The scope is named, and where to add it; looked at again once it is there, it is well."""
    app = story.sandbox.workspace.app
    fewer = tuple(scope for scope in app.scopes if scope != "bookmarks:write")
    story.sandbox.workspace.app = dataclasses.replace(app, scopes=fewer)
    said = await examined(story)
    line = about(said, "Scopes")
    assert "missing bookmarks:write" in line
    assert "Reinstall to Workspace" in line
    assert said.first_line.startswith(":red_circle: 4 of 52 need something; first: Scopes: missing bookmarks:write")
    story.sandbox.workspace.app = app
    assert "missing" not in (await story.presses("carol", "Look again")).text


async def test_the_bot_is_not_in_a_channel(story: Story) -> None:
    """The channel is named by its name, with the words that invite the bot."""
    story.sandbox.workspace.state.channels["C0APPROVE"].members.remove(BOT_USER_ID)
    said = await examined(story)
    line = about(said, "Channel for approvals")
    assert "I am not in #ops-approvals → type /invite @ilab in #ops-approvals" in line


async def test_a_wrong_stripe_key(stage: Story) -> None:
    """A key that Stripe refuses is broken, and where another one is made."""
    await stage.start(ILAB_STRIPE__API_KEY="sk_test_wrong")
    line = about(await examined(stage), "Stripe Events")
    assert "Stripe refuses our key (401)" in line
    assert "into ILAB_STRIPE__API_KEY" in line


@pytest.mark.parametrize(
    ("call", "right"), [("events.list", "Events"), ("webhook_endpoints.list", "Webhook Endpoints")]
)
async def test_a_restricted_stripe_key(story: Story, call: str, right: str) -> None:
    """A key that may not read something needs that one permission."""
    story.sandbox.faults.add("stripe", kind="status", status=403, call=call)
    said = await examined(story)
    assert f"the key may not read {right} → dashboard.stripe.com → Developers → API keys" in said.text


async def test_a_disabled_webhook_endpoint(story: Story) -> None:
    """The product's own endpoint at Stripe is off: nothing paid arrives."""
    story.sandbox.vendors["stripe"].set_switch("webhook_endpoint", "disabled")
    line = about(await examined(story), "Stripe webhook endpoint")
    assert "it is disabled: nothing paid arrives → dashboard.stripe.com → Developers → Webhooks → we_" in line


async def test_a_vendor_that_does_not_answer(story: Story) -> None:
    """What was not answered could not be checked, and is neither well nor broken."""
    story.sandbox.faults.add("sentry", kind="status", status=503)
    said = await examined(story)
    line = about(said, "Sentry org:read")
    assert ":grey_question:" in line
    assert "could not check" in line


async def test_a_secret_that_is_not_set(stage: Story) -> None:
    """A vendor that is configured, and whose webhooks would be answered 404."""
    await stage.start(ILAB_WEBHOOKS__STRIPE_SECRET="")
    line = about(await examined(stage), "Stripe secret")
    assert "into ILAB_WEBHOOKS__STRIPE_SECRET" in line


async def test_a_missing_file_of_the_product_database(story: Story) -> None:
    """What was never run there is named, with what to type."""
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        await connection.execute("drop function ilab.traces(uuid, text)")
    line = about(await examined(story), "sql/product")
    assert "006_erasure.sql has not run" in line
    assert "psql -v ON_ERROR_STOP=1 -f sql/product/006_erasure.sql" in line


async def test_a_role_that_may_not_grant(stage: Story, postgres: EmbeddedServer) -> None:
    """A right that our role lacks in the product's database is named, with the statement that gives it."""
    role = f"reader_{uuid.uuid4().hex[:12]}"
    async with await psycopg.AsyncConnection.connect(stage.direct_product, autocommit=True) as connection:
        await connection.execute(f"create role {role} login in role pg_read_all_data".encode())
        try:
            address = stage.direct_product.replace("user=postgres", f"user={role}")
            await stage.start(ILAB_PRODUCT__DATABASE_URL=address)
            line = about(await examined(stage), "Our rights")
            assert "our role lacks public.entitlements: INSERT" in line
            assert f'as the owner: grant insert on public.entitlements to "{role}"' in line
        finally:
            await connection.execute(f"drop role {role}".encode())


async def test_an_empty_user_group(stage: Story) -> None:
    """A role that nobody has, because its group is gone."""
    await stage.start(ILAB_ROLES__APPROVERS="S0NOWHERE")
    line = about(await examined(stage), "Approvers")
    assert "there is no user group S0NOWHERE → correct ILAB_ROLES__APPROVERS" in line


async def test_before_a_bot_ever_served(stage: Story) -> None:
    """`ilab doctor` needs no token, no Slack that hears, and no database of ours: it says the same of all it can see."""
    status, out, err = await ilab(stage, "doctor", ILAB_DATABASE_URL="")
    assert (status, err) == (1, "")
    assert out.startswith("✖ 3 of 49 need something; first: Vercel tells us: it has no webhook to us")
    assert "no bot has run here yet" in out
    assert "App token" in out


async def test_in_a_terminal_beside_the_bot(story: Story) -> None:
    """Where a bot serves, `ilab doctor` looks at its database, too; a silent Slack is could not check."""
    story.sandbox.faults.add("slack", kind="refused")
    status, out, _ = await ilab(story, "doctor")
    assert status == 1
    assert "? Bot token" in out
    assert "Standing clocks" in out
