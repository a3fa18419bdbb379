"""The main job as a person does it: the page, the real bot behind it, and a vendor that breaks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from sandboxed import sandbox

pytestmark = pytest.mark.browser


def shown(page: Page) -> Locator:
    """What stands in the channel, without the line that is only read aloud."""
    return page.locator(".stream").first


async def types(page: Page, text: str) -> None:
    """Type into the composer and send."""
    composer = page.locator("#main textarea").first
    await composer.fill(text)
    await composer.press("Enter")


async def test_status_in_the_page(browser: Browser, tmp_path: Path) -> None:
    """All well; Stripe broken in the panel, red after Recheck; wrong words; the bot stopped, started, and asked again."""
    errors: list[object] = []
    async with sandbox(tmp_path / "data") as running:
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 -- Playwright wants a function of Python
        await page.goto(f"{running.url}/#as=bob&in=incidents")
        await types(page, "/ilab status")
        await expect(shown(page).get_by_text("All well: 17 of 17 checks ok")).to_be_visible()
        await expect(shown(page).get_by_text("Only visible to you").first).to_be_visible()

        await running.http.post(
            f"{running.url}/panel/switch", json={"vendor": "stripe", "name": "api", "option": "down"}
        )
        await page.get_by_role("button", name="Recheck").click()
        await expect(shown(page).get_by_text(re.compile("Stripe is down .*them"))).to_be_visible()
        await expect(shown(page).get_by_text("All well: 17 of 17 checks ok")).to_have_count(0)

        await types(page, "/ilab stauts")
        await expect(shown(page).get_by_text("Did you mean")).to_be_visible()

        await types(page, "/ilab token revoke")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.get_by_role("dialog").get_by_role("textbox").fill("seven")
        await page.get_by_role("dialog").get_by_role("button", name="Revoke it").click()
        await expect(page.get_by_role("dialog").get_by_text("it must be a whole number")).to_be_visible()
        await page.keyboard.press("Escape")

        await running.http.post(f"{running.url}/panel/bot", json={"do": "stop"})
        await types(page, "/ilab status")
        await expect(page.get_by_text(re.compile("failed|did not respond")).first).to_be_visible()
        await running.http.post(f"{running.url}/panel/bot", json={"do": "start"})
        await running.hears()
        await types(page, "/ilab whoami")
        await expect(shown(page).get_by_text("You are bob, an approver.")).to_be_visible()
        await page.close()
    assert errors == []


async def test_status_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """At phone width the verdict, the evidence and the buttons fit, and nothing scrolls sideways."""
    async with sandbox(tmp_path / "data") as running:
        await running.http.post(
            f"{running.url}/panel/switch", json={"vendor": "site", "name": "site", "option": "down"}
        )
        page = await browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
        await page.goto(f"{running.url}/#as=alice&in=incidents")
        await types(page, "/ilab status")
        verdict = shown(page).get_by_text(re.compile("The site is down"))
        await expect(verdict).to_be_visible()
        await expect(page.get_by_role("button", name="Recheck")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.close()
