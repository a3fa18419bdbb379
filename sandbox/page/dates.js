// Times as a person in front of this screen reads them: in their own zone.

import { h } from "./dom.js";
import { botNow } from "./directory.js";

const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const TIME = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const LONG = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const DATE = format({ day: "numeric", month: "long", year: "numeric" });
const SHORT = format({ day: "numeric", month: "short", year: "numeric" });
const DAY = format({ weekday: "long", day: "numeric", month: "long" });
const WHOLE = format({ dateStyle: "full", timeStyle: "long" });

const at = (seconds) => new Date(Number(seconds) * 1000);
const pad = (number) => String(number).padStart(2, "0");
const iso = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;

/** 14:03 */
export const clockTime = (seconds) => TIME.format(at(seconds));

/** 14:03:22 */
export const clockSeconds = (seconds) => SECONDS.format(at(seconds));

/** Monday, 23 November 2026 at 14:03:22 CET */
export const wholeTime = (seconds) => WHOLE.format(at(seconds));

/** 2026-11-23, for comparing days. */
export const dayKey = (seconds) => iso(at(seconds));

/** Today, Yesterday, or the day's name. */
export const dayName = (seconds) => near(seconds) ?? DAY.format(at(seconds));

function near(seconds) {
  const now = at(botNow());
  const days = Math.round((new Date(iso(now)) - new Date(iso(at(seconds)))) / 86_400_000);
  return { 0: "Today", 1: "Yesterday", [-1]: "Tomorrow" }[days];
}

/** "3 minutes ago", "in 2 hours". */
export function ago(seconds) {
  const past = botNow() - Number(seconds);
  const size = Math.abs(past);
  const [count, unit] =
    size < 60 ? [size, "second"] : size < 3600 ? [size / 60, "minute"] : size < 86_400 ? [size / 3600, "hour"] : [size / 86_400, "day"];
  const whole = Math.floor(count);
  if (unit === "second" && whole < 5) return past < 0 ? "in a moment" : "just now";
  const words = `${whole} ${unit}${whole === 1 ? "" : "s"}`;
  return past < 0 ? `in ${words}` : `${words} ago`;
}

const FORMS = {
  date_num: (s) => iso(at(s)),
  date: (s) => DATE.format(at(s)),
  date_short: (s) => SHORT.format(at(s)),
  date_long: (s) => LONG.format(at(s)),
  date_pretty: (s) => near(s)?.toLowerCase() ?? DATE.format(at(s)),
  date_short_pretty: (s) => near(s)?.toLowerCase() ?? SHORT.format(at(s)),
  date_long_pretty: (s) => near(s)?.toLowerCase() ?? LONG.format(at(s)),
  date_long_full: (s) => LONG.format(at(s)),
  day_divider_pretty: (s) => dayName(s),
  time: (s) => TIME.format(at(s)),
  time_secs: (s) => SECONDS.format(at(s)),
  ago,
};

const written = (seconds, form) => form.replace(/\{(\w+)\}/gu, (whole, name) => FORMS[name]?.(seconds) ?? whole);

/** Slack's date token as an element; its fallback where Slack would show that. */
export function dateToken(seconds, form, fallback) {
  const known = [...form.matchAll(/\{(\w+)\}/gu)];
  if (!Number.isFinite(Number(seconds)) || !known.length || known.some(([, name]) => !FORMS[name])) return fallback || form;
  const live = form.includes("ago") || form.includes("pretty");
  return h("time", { class: "date", datetime: at(seconds).toISOString(), title: wholeTime(seconds), data: live ? { seconds, form } : {} }, written(seconds, form));
}

/** Keep the times that grow old true. */
export function keepTimesTrue() {
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-form]")) {
      const now = written(time.dataset.seconds, time.dataset.form);
      if (time.textContent !== now) time.textContent = now;
    }
  }, 1000);
}
