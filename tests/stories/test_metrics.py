"""`/ilab metrics` and our own watcher: the key metrics, measured by one copy, told as alerts where they stay beyond."""

from __future__ import annotations

import re
from datetime import timedelta

from storytelling import Said, Story, ilab, until

from bot.figures.digest import next_at

FIGURES = 13


async def measured(story: Story, times: int) -> None:
    """So many measurements, a minute of the bot's time apart."""
    for _ in range(times):
        before = (await story.rows("select max(at) from stands"))[0][0]
        story.sandbox.world.clock.jump(61)

        async def again(before: object = before) -> bool:
            rows = await story.rows("select max(at), count(*) from stands")
            return bool(rows[0][0] != before and rows[0][1] == FIGURES)

        await until(again, "nothing was measured", 30)
    await story.settled()


def alerts(story: Story, figure: str) -> list[Said]:
    """The cards of our own watcher's alerts about a figure."""
    return [said for said in story.sees("bob") if "ilab: threshold" in said.text and figure in said.first_line]


async def test_every_figure_of_the_runbook(story: Story) -> None:
    """Each with its value, its thresholds, its age; a trend once there are some; a viewer may ask."""
    await measured(story, 3)
    said = await story.asks("frank", "/ilab metrics")
    for title in (
        "P95 response",
        "Requests that fail",
        "Errors",
        "Interviews completed",
        "Payments that succeed",
        "Database connections",
        "Database CPU",
        "Memory",
        "Storage",
        "Signups today",
        "Interviews completed today",
        "MRR",
        "Churn, 30 days",
    ):
        assert title in said.text, title
    assert "warn above 2.0 s, alert above 3.0 s" in said.text
    assert re.search(r"P95 response  [▁▂▃▄▅▆▇█]{2,}  1\.\d s", said.text)
    assert re.search(r"MRR.* [1-9][\d,]* USD", said.text)
    assert said.buttons == ["Measure now", "Plot"]
    assert said.first_line.startswith(":white_check_mark: ") or "could not measure" in said.first_line


async def test_the_plot_is_shared(story: Story) -> None:
    """With `--plot` a picture comes as well, where only the asker sees it; a terminal says that it is shown in Slack."""
    await measured(story, 3)
    await story.asks("frank", "/ilab metrics --plot --since 1h")
    await until(lambda: bool(story.sandbox.workspace.state.files), "no picture came", 30)
    (file,) = story.sandbox.workspace.state.files.values()
    assert file["name"] == "metrics.png"
    assert file["content"].encode("latin-1").startswith(b"\x89PNG")
    assert file["channels"] == [story.direct("frank")]
    shown = await story.asks("alice", "/ilab token issue")
    token = shown.text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
    status, out, _ = await ilab(story, "run", "metrics", token=token)
    assert (status, "P95 response" in out) == (0, True)


async def test_bounds_of_the_words(story: Story) -> None:
    """A trend has its limits, and they are said."""
    said = await story.asks("frank", "/ilab metrics --since 400d")
    assert said.first_line == "A trend reaches back five minutes at least, and 90 days at most."


async def test_beyond_its_threshold_it_is_an_alert(story: Story) -> None:
    """Slow for one measurement is nothing; for two it is one card; better for three, and the card says so."""
    await measured(story, 1)
    story.sandbox.vendors["vercel"].set_switch("traffic", "slow")
    await measured(story, 1)
    assert alerts(story, "P95") == []
    await measured(story, 2)
    (card,) = alerts(story, "P95")
    assert re.match(r":red_circle: P95 response: \d\.\d s \(warn above 2\.0 s, alert above 3\.0 s\)", card.first_line)
    said = await story.asks("frank", "/ilab metrics")
    assert said.first_line.startswith(":red_circle: P95 response: beyond the alert threshold")
    story.sandbox.vendors["vercel"].set_switch("traffic", "normal")
    await measured(story, 2)
    assert alerts(story, "P95")[0].first_line.startswith(":red_circle:")
    await measured(story, 1)
    (card,) = alerts(story, "P95")
    assert card.first_line.startswith(":white_check_mark: P95 response")


async def test_not_measured_for_long_is_an_alert(story: Story) -> None:
    """Sentry is silent for a quarter of an hour: that is told; it is never shown as well meanwhile."""
    await measured(story, 2)
    story.sandbox.vendors["sentry"].set_switch("api", "down")
    await measured(story, 2)
    said = await story.asks("frank", "/ilab metrics")
    assert ":grey_question: Errors  " in said.text.replace("*", "")
    assert "could not measure" in said.text
    assert alerts(story, "Errors") == []
    story.sandbox.world.clock.jump(900)
    await measured(story, 1)
    (card,) = alerts(story, "Errors")
    assert "Errors could not be measured for long" in card.first_line
    story.sandbox.vendors["sentry"].set_switch("api", "ok")
    await measured(story, 1)
    (card,) = alerts(story, "Errors")
    assert card.first_line.startswith(":white_check_mark: Errors could not be measured for long: Sentry ")


async def test_the_plan_does_not_allow_it(story: Story) -> None:
    """Vercel answers 402: "could not measure: plan", and no alert however long that is so."""
    story.sandbox.faults.add("vercel", "query observability", kind="status", status=402)
    await measured(story, 1)
    story.sandbox.world.clock.jump(3600)
    await measured(story, 1)
    said = await story.asks("frank", "/ilab metrics")
    assert "could not measure: plan" in said.text
    assert alerts(story, "P95") == []


async def test_one_copy_measures(stage: Story) -> None:
    """Two copies of the bot: each minute is measured once."""
    await stage.start()
    await stage.start()
    await measured(stage, 3)
    rows = await stage.rows("select count(*) from samples where figure = 'errors'")
    assert rows[0][0] <= 4


async def test_the_daily_digest(story: Story) -> None:
    """At the hour set, once: yesterday's business figures and the day's errors; on Mondays the week's incidents."""
    await measured(story, 1)
    clock = story.sandbox.world.clock
    monday = next_at(clock.now(), "08:00", "UTC", weekday=0)

    async def running(kind: str) -> bool:
        rows = await story.rows("select due_at from clocks where kind = %s and state = 'running'", kind)
        return bool(rows and rows[0][0] > clock.now())

    await until(lambda: running("daily_digest"), "no digest is planned")
    await until(lambda: running("weekly_digest"), "no weekly digest is planned")
    assert not any("The day:" in said.text for said in story.sees("bob"))
    clock.jump((next_at(clock.now(), "08:00", "UTC") - clock.now()).total_seconds() + 1)
    daily = await story.news("bob", lambda said: said.first_line.startswith("The day: "))
    for words in ("Signups", "Interviews completed", "MRR", "Churn", "people)"):
        assert words in daily.text
    assert "@" not in daily.text.replace("•••@", "")
    assert "P95 response" in (await story.presses("frank", "Metrics", said=daily)).text
    left = (monday - clock.now()) / timedelta(seconds=1)
    if left > 0:
        clock.jump(left + 1)
    weekly = await story.news("bob", lambda said: said.first_line.startswith("The week: "))
    assert weekly.first_line == "The week: no incident."
    await story.settled()
    assert sum(said.first_line.startswith("The week: ") for said in story.sees("bob")) == 1
