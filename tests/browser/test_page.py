"""The page of the sandbox, as somebody sees and uses it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from sandbox.server import Sandbox

pytestmark = pytest.mark.browser

Json = dict[str, Any]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALLEST = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}


def plain(text: str) -> Json:
    """A plain text object."""
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    """A mrkdwn text object."""
    return {"type": "mrkdwn", "text": text}


STATUS: list[Json] = [
    {"type": "header", "text": plain(":red_circle: Payments fail: it is them")},
    {"type": "section", "text": mrkdwn("*Stripe* says _elevated errors_, see <https://status.stripe.com|its page>.")},
    {"type": "section", "fields": [mrkdwn(":white_check_mark: *Site*\n182 ms"), mrkdwn(":x: *Stripe*\n503")]},
    {"type": "divider"},
    {"type": "context", "elements": [mrkdwn("asked by <@U0ALICE01> at <!date^1795380000^{date_num} {time}|then>")]},
    {
        "type": "actions",
        "block_id": "offers",
        "elements": [
            {
                "type": "button",
                "action_id": "rollback",
                "style": "danger",
                "text": plain("Roll back"),
                "value": "dpl_8aF1",
                "confirm": {
                    "title": plain("Roll production back?"),
                    "text": mrkdwn("It goes to `dpl_8aF1`, *now*."),
                    "confirm": plain("Do it"),
                    "deny": plain("Leave it"),
                },
            },
            {"type": "button", "action_id": "recheck", "style": "primary", "text": plain("Recheck")},
            {
                "type": "static_select",
                "action_id": "delegate",
                "placeholder": plain("Delegate to"),
                "options": [{"text": plain("Bob"), "value": "bob"}, {"text": plain("Dave"), "value": "dave"}],
            },
        ],
    },
]
FORM: Json = {
    "type": "modal",
    "callback_id": "declare",
    "title": plain("Declare an incident"),
    "submit": plain("Declare"),
    "close": plain("Cancel"),
    "blocks": [
        {
            "type": "input",
            "block_id": "title",
            "label": plain("Title"),
            "hint": plain("What a user would say"),
            "element": {"type": "plain_text_input", "action_id": "typed"},
        },
        {
            "type": "input",
            "block_id": "severity",
            "label": plain("Severity"),
            "optional": True,
            "element": {
                "type": "static_select",
                "action_id": "chosen",
                "placeholder": plain("Pick one"),
                "options": [{"text": plain("P0"), "value": "p0"}, {"text": plain("P1"), "value": "p1"}],
            },
        },
    ],
}


async def test_blocks_are_shown_as_slack_shows_them(app: Any, visit: Any) -> None:
    """A message with blocks shows its header, marks, fields, mentions, times and buttons."""
    await app.post("C0INCIDNT", "Payments fail", STATUS)
    page: Page = await visit(timezone_id="Asia/Tokyo")
    message = page.locator(".message", has_text="Payments fail")
    await expect(message.get_by_role("heading")).to_contain_text("Payments fail: it is them")
    await expect(message.locator("strong", has_text="Stripe").first).to_be_visible()
    await expect(message.locator("em")).to_have_text("elevated errors")
    await expect(message.get_by_role("link", name="its page")).to_have_attribute("href", "https://status.stripe.com")
    await expect(message.locator(".field-cell")).to_have_count(2)
    await expect(message.get_by_role("img", name="white check mark")).to_be_visible()
    await expect(message.locator(".mention.mine")).to_have_text("@alice")
    await expect(message.locator("time.date")).to_have_text("2026-11-23 05:40")
    await expect(message.get_by_role("button", name="Recheck")).to_be_visible()
    await expect(message).to_contain_text("APP")


async def test_a_block_that_the_page_does_not_know_is_said(visit: Any) -> None:
    """An unknown block is named in the message, not dropped."""
    page: Page = await visit()
    said = await page.evaluate(
        "async () => { const { renderBlocks, Surface } = await import('/assets/blocks.js');"
        " return renderBlocks([{ type: 'hologram' }], new Surface({}))[0].textContent; }"
    )
    assert said == "unknown block: hologram"


async def test_a_confirm_dialog_stands_between_the_press_and_the_app(app: Any, visit: Any) -> None:
    """Leaving the dialog sends nothing; confirming brings the click, with its value, to the app."""
    await app.post("C0INCIDNT", "Payments fail", STATUS)
    page: Page = await visit()
    button = page.get_by_role("button", name="Roll back")
    await button.click()
    dialog = page.get_by_role("alertdialog", name="Roll production back?")
    await expect(dialog.locator("code")).to_have_text("dpl_8aF1")
    await dialog.get_by_role("button", name="Leave it").click()
    await expect(dialog).to_have_count(0)
    await expect(button).to_be_focused()
    assert not app.heard
    await button.click()
    await dialog.get_by_role("button", name="Do it").click()
    action = (await app.hears("block_actions"))["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"]) == ("rollback", "offers", "dpl_8aF1")


async def test_a_select_is_searched_and_chosen_by_keyboard(app: Any, visit: Any) -> None:
    """Typing into a select narrows it, and Enter takes the option to the app."""
    await app.post("C0INCIDNT", "Payments fail", STATUS)
    page: Page = await visit()
    await page.get_by_role("button", name="Delegate to").press("ArrowDown")
    await page.keyboard.type("da")
    await expect(page.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    action = (await app.hears("block_actions"))["actions"][0]
    assert action["selected_option"]["value"] == "dave"
    await expect(page.locator(".select")).to_contain_text("Dave")


async def test_the_composer_completes_commands(app: Any, visit: Any) -> None:
    """`/ilab sta` offers the commands that begin so; Enter takes one, and then sends it."""
    page: Page = await visit()
    box = page.locator("#composer-text")
    await box.press_sequentially("/ilab sta")
    await expect(page.get_by_role("option")).to_have_text(
        ["/ilab statusAsk every probe how things are", "/ilab status watch [minutes]Post when something changes"]
    )
    await box.press("ArrowDown")
    await box.press("Tab")
    await expect(box).to_have_value("/ilab status watch ")
    await box.fill("/ilab stat")
    await box.press("Enter")
    await expect(box).to_have_value("/ilab status ")
    assert not app.heard
    await box.press("Enter")
    command = await app.hears("/ilab")
    assert command["text"] == "status"
    await expect(box).to_have_value("")
    await box.press("ArrowUp")
    await expect(box).to_have_value("/ilab status")


async def test_a_modal_keeps_what_was_typed_and_shows_what_is_wrong(app: Any, visit: Any) -> None:
    """Errors of the app stand under their inputs, the words stay, and Escape closes the modal."""
    app.answers["view_submission"] = lambda _: {"response_action": "errors", "errors": {"title": "Say what is broken."}}
    page: Page = await visit()
    await page.get_by_role("button", name="Shortcuts").click()
    await page.get_by_role("menuitem", name="Declare incident").click()
    await app.call("views.open", trigger_id=(await app.hears("shortcut"))["trigger_id"], view=FORM)
    modal = page.get_by_role("dialog", name="Declare an incident")
    title = modal.get_by_label("Title")
    await expect(title).to_be_focused()
    await modal.get_by_role("button", name="Declare", exact=True).click()
    await expect(modal.get_by_role("alert")).to_have_text("Please complete this required field.")
    await title.fill("It hurts")
    await modal.get_by_role("button", name="Severity").click()
    await page.get_by_role("option", name="P1").click()
    await modal.get_by_role("button", name="Declare", exact=True).click()
    await expect(modal.get_by_role("alert")).to_have_text("Say what is broken.")
    await expect(title).to_have_value("It hurts")
    await expect(title).to_be_focused()
    await expect(modal.get_by_role("button", name="Severity")).to_contain_text("P1")
    values = (await app.hears("view_submission"))["view"]["state"]["values"]
    assert values["title"]["typed"]["value"] == "It hurts"
    assert values["severity"]["chosen"]["selected_option"]["value"] == "p1"
    await page.keyboard.press("Escape")
    await expect(modal).to_have_count(0)


async def test_the_focus_stays_in_a_modal(app: Any, visit: Any) -> None:
    """However often Tab is pressed, what has the focus is inside the modal."""
    page: Page = await visit()
    await page.get_by_role("button", name="Shortcuts").click()
    await page.get_by_role("menuitem", name="Declare incident").click()
    await app.call("views.open", trigger_id=(await app.hears("shortcut"))["trigger_id"], view=FORM)
    await expect(page.get_by_role("dialog")).to_be_visible()
    for key in ["Tab"] * 7 + ["Shift+Tab"] * 7:
        await page.keyboard.press(key)
        assert await page.evaluate("document.querySelector('dialog').contains(document.activeElement)")


async def test_a_command_that_nobody_answers_is_reported_by_slack(visit: Any) -> None:
    """Without a bot, `/ilab status` gets Slack's own word for it."""
    page: Page = await visit()
    await page.locator("#composer-text").fill("/ilab status")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("/ilab failed with the error")


async def test_threads_refuse_slash_commands(app: Any, visit: Any) -> None:
    """In a thread the message box says that Slack refuses commands; an answer goes into the thread."""
    await app.post("C0INCIDNT", "Payments fail")
    page: Page = await visit()
    await page.locator(".message", has_text="Payments fail").hover()
    await page.get_by_role("button", name="Reply in a thread").click()
    thread = page.get_by_role("complementary", name="Thread")
    box = thread.get_by_role("combobox")
    await expect(box).to_be_focused()
    await box.press_sequentially("/ilab status")
    await expect(thread.get_by_role("status").filter(has_text="Slash commands do not work in threads")).to_be_visible()
    await box.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not supported in threads")
    await box.fill("I am on it")
    await box.press("Enter")
    await expect(thread.locator(".message")).to_have_count(2)
    await expect(page.locator("#messages").get_by_role("button", name="1 reply")).to_be_visible()


async def test_what_changes_is_seen_at_once(app: Any, visit: Any) -> None:
    """An edit of a message arrives without a reload, and leaves the focus in the message box."""
    ts = await app.post("C0INCIDNT", "3/7 checks")
    page: Page = await visit()
    box = page.locator("#composer-text")
    await box.fill("half a wo")
    await app.call("chat.update", channel="C0INCIDNT", ts=ts, text="7/7 checks")
    await expect(page.locator(".message").last).to_contain_text("7/7 checks")
    await app.call("reactions.add", channel="C0INCIDNT", timestamp=ts, name="eyes")
    await expect(page.get_by_role("button", name="eyes, 1: ilab")).to_be_visible()
    await expect(box).to_have_value("half a wo")
    await expect(box).to_be_focused()


async def test_a_lost_connection_comes_back_by_itself(sandbox: Sandbox, app: Any, visit: Any) -> None:
    """What was said while the page was cut off is there when the connection is back."""
    page: Page = await visit()
    await sandbox._persons.stop()
    await app.post("C0INCIDNT", "said in between")
    await expect(page.locator(".message").last).to_contain_text("said in between")
    await expect(page.get_by_text("Reconnecting …")).to_have_count(0)


async def test_an_app_that_publishes_at_every_look_is_not_asked_without_end(app: Any, visit: Any) -> None:
    """The App Home shows what the app published after it was opened, and the two do not chase each other."""
    app.answers["event_callback"] = lambda _: app.later(
        "views.publish",
        user_id="U0ALICE01",
        view={"type": "home", "blocks": [{"type": "header", "text": plain(f"look {len(app.heard)}")}]},
    )
    page: Page = await visit()
    await page.get_by_role("button", name="ilab home").click()
    await expect(page.locator(".home").get_by_role("heading")).to_contain_text("look")
    await page.wait_for_timeout(2500)
    assert len([heard for heard in app.heard if heard.get("type") == "event_callback"]) < 8


async def test_only_one_person_sees_an_ephemeral_message(app: Any, visit: Any) -> None:
    """An ephemeral message is marked, can be dismissed, and is nobody else's."""
    await app.call("chat.postEphemeral", channel="C0INCIDNT", user="U0ALICE01", text="for your eyes")
    other: Page = await visit("bob")
    await expect(other.get_by_text("for your eyes")).to_have_count(0)
    page: Page = await visit("alice")
    message = page.locator(".message", has_text="for your eyes")
    await expect(message).to_contain_text("Only visible to you")
    await message.get_by_role("button", name="Dismiss").click()
    await expect(message).to_have_count(0)


async def test_hostile_text_is_text(app: Any, visit: Any) -> None:
    """HTML, script addresses and unknown tokens in a message are letters, not elements."""
    hostile = "<img src=x onerror=alert(1)> &lt;b&gt;bold&lt;/b&gt; <javascript:alert(1)|press> <!unknown>"
    await app.post(
        "C0INCIDNT", hostile, [{"type": "section", "text": mrkdwn(hostile)}, {"type": "markdown", "text": hostile}]
    )
    page: Page = await visit()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    blocks = page.locator(".message .blocks").last
    await expect(blocks).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(blocks).to_contain_text("<b>bold</b>")
    await expect(blocks.locator("img, b, script")).to_have_count(0)
    assert await blocks.locator("a").evaluate_all("links => links.every((link) => /^https?:/.test(link.href))")
    await page.locator("#composer-text").fill("<img src=x onerror=alert(2)> `code` *strong*")
    await page.keyboard.press("Enter")
    own = page.locator(".message", has_text="onerror=alert(2)").locator(".text").last
    await expect(own).to_have_text("<img src=x onerror=alert(2)> code strong")
    await expect(own.locator("code")).to_have_text("code")
    assert not dialogs


async def test_everything_can_be_done_by_keyboard(visit: Any) -> None:
    """From the skip link to a sent message, to a reaction, to another channel: without a pointer."""
    page: Page = await visit()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the message box"
    await page.keyboard.press("Enter")
    await expect(page.locator("#composer-text")).to_be_focused()
    await page.keyboard.type("by hand, without a mouse")
    await page.keyboard.press("Enter")
    message = page.locator(".message", has_text="without a mouse")
    await expect(message).to_be_visible()
    await message.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="React with :eyes:").press("Enter")
    await expect(message.get_by_role("button", name="eyes, 1: Alice Ito")).to_have_attribute("aria-pressed", "true")
    rooms = page.locator("#sidebar .row[aria-current]")
    await rooms.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#header h1")).not_to_have_text("incidents")


async def test_one_can_be_somebody_else(visit: Any) -> None:
    """The cast's menu changes who one is: other channels are seen, and the choice is remembered."""
    page: Page = await visit("alice")
    rows = page.locator("#sidebar .row-name")
    await expect(rows.filter(has_text="leadership")).to_have_count(0)
    await page.get_by_role("button", name="You are Alice Ito").click()
    await page.get_by_role("menuitemradio", name="Bob Okafor").click()
    await expect(page.get_by_role("button", name="You are Bob Okafor")).to_be_visible()
    await expect(rows.filter(has_text="leadership")).to_have_count(1)
    await page.goto("about:blank")
    await page.go_back()
    await expect(page.get_by_role("button", name="You are Bob Okafor")).to_be_visible()


@pytest.mark.parametrize("size", [PHONE, SMALLEST], ids=["390", "320"])
async def test_it_fits_a_phone(app: Any, visit: Any, size: Json) -> None:
    """One pane at a time, nothing wider than the screen, and what is pressed is large enough for a thumb."""
    await app.post("C0INCIDNT", "w" * 300 + " https://example.com/" + "long" * 40, None)
    await app.post("C0INCIDNT", "Payments fail", STATUS)
    page: Page = await visit(**size)

    async def fits() -> None:
        wide = "[...document.querySelectorAll('body, .stream, .panel-body, .rooms')].filter((one) => one.scrollWidth > one.clientWidth)"
        assert await page.evaluate(f"{wide}.map((one) => one.className)") == []
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        small = await page.evaluate(
            "[...document.querySelectorAll('button, .button, .field, textarea')].filter((one) => one.checkVisibility({ visibilityProperty: true }))"
            ".filter((one) => Math.round(one.getBoundingClientRect().height) < 40).map((one) => one.outerHTML.slice(0, 90))"
        )
        assert small == []

    await expect(page.locator("#main")).to_be_visible()
    await expect(page.locator("#sidebar")).to_be_hidden()
    await fits()
    await page.get_by_role("button", name="Back to the channels").click()
    await expect(page.locator("#main")).to_be_hidden()
    await fits()
    await page.locator("#sidebar").get_by_role("button", name="Control panel").click()
    await expect(page.get_by_role("heading", name="The bot’s clock")).to_be_visible()
    await fits()


async def test_the_panel_breaks_and_mends(sandbox: Sandbox, visit: Any) -> None:
    """A fault that is set in the panel strikes, is marked in red, and goes with everything mended."""
    page: Page = await visit()
    await page.get_by_role("button", name="Control panel").first.click()
    panel = page.get_by_role("complementary", name="Control panel")
    vendor = panel.locator("details.vendor").first
    await vendor.locator("summary").click()
    name = await vendor.get_attribute("data-vendor")
    await vendor.get_by_role("combobox", name="How to break it").select_option("status")
    await vendor.get_by_role("button", name="Break it").click()
    await expect(vendor.locator(".fault")).to_contain_text("every call · status 503")
    assert [(fault.vendor, fault.kind, fault.status) for fault in sandbox.faults.list()] == [(name, "status", 503)]
    await expect(page.get_by_role("button", name="Control panel: something is broken")).to_be_visible()
    await panel.get_by_role("button", name="Mend everything").click()
    await expect(vendor.locator(".fault")).to_have_count(0)
    assert sandbox.faults.list() == []
    await panel.get_by_role("button", name="×60", exact=True).click()
    await expect(panel.get_by_role("button", name="×60", exact=True)).to_have_attribute("aria-pressed", "true")
    assert sandbox.world.clock.speed == 60


@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
async def test_a_canvas_is_read_and_written(app: Any, visit: Any, sandbox: Sandbox, screen: Json) -> None:
    """Its link opens it over the page, with its tables; however long it is, who is in the channel writes it."""
    long = "A line of the timeline.\n\n" * 80
    text = f"# Post-mortem\n\n| What | How much |\n|---|---|\n| Errors | **12** |\n\n✎ Not written yet\n\n{long}"
    await sandbox.workspace.people.create_canvas("U0ALICE01", "incidents", text)
    canvas = sandbox.workspace.channel("incidents").canvas
    link = f"https://interviewlab.slack.com/docs/T0ILAB001/{canvas}"
    await app.post("C0INCIDNT", "The draft", [{"type": "section", "text": mrkdwn(f"<{link}|read it>")}])
    page = await visit("alice", **screen)
    await page.get_by_role("link", name="read it").click()
    dialog = page.get_by_role("dialog", name="incidents")
    await expect(dialog.get_by_role("cell", name="Errors")).to_be_visible()
    await dialog.get_by_role("button", name="Edit").click()
    await dialog.get_by_role("textbox").fill(text.replace("✎ Not written yet", "It was the release."))
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text("It was the release.")).to_be_visible()
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_have_count(0)
    assert "It was the release." in sandbox.workspace.state.canvases[canvas]["markdown"]
