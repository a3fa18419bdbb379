// The left column: the workspace, who one is, the channels, and the app.

import { avatar } from "./avatar.js";
import { channelName, everybody } from "./directory.js";
import { fill, h, icon, keepingFocus, menu, roving } from "./dom.js";

const KINDS = { guest: "guest", deactivated: "deactivated", stranger: "from outside" };

/** The people one can be, for a menu. */
export function castMenu(anchor, mine, become) {
  menu(anchor, everybody().filter((one) => !one.is_bot).map((one) => ({
    text: one.real_name,
    note: [one.title, KINDS[one.kind]].filter(Boolean).join(" · "),
    before: avatar(one.id, { size: "small" }),
    checked: one.id === mine,
    run: () => become(one),
  })), "Be somebody else");
}

function row({ current, unread, key, press, mark, words, note }) {
  return h("li", {}, h("button", {
    type: "button", class: `row${unread ? " unread" : ""}`, "aria-current": current ? "page" : undefined, tabindex: current ? 0 : -1, data: { key, row: key }, on: { click: press },
    "aria-label": unread ? `${note ?? words}, ${unread} unread` : note,
  }, mark, h("span", { class: "row-name" }, words), unread ? h("span", { class: "count-badge", "aria-hidden": "true" }, unread > 99 ? "99+" : unread) : null));
}

/** Draw the left column. `at` says what is open; `actions` has become, open, openHome, togglePanel. */
export function drawSidebar(place, { state, at, online, broken, panelOpen }, actions) {
  const visible = state.channels.filter((one) => !one.is_archived);
  const rooms = visible.filter((one) => !one.is_im).sort((a, b) => a.name.localeCompare(b.name));
  const direct = visible.filter((one) => one.is_im);
  const isBot = (one) => state.people.find((person) => person.id === one.user)?.is_bot;
  const channelRow = (one) => row({
    key: one.id, current: at.channel === one.id && !at.home, unread: one.unread, press: () => actions.open(one.id), words: channelName(one),
    note: one.is_private ? `${channelName(one)}, private` : undefined, mark: one.is_im ? avatar(one.user, { size: "tiny" }) : icon(one.is_private ? "lock" : "hash", 16),
  });
  const group = (title, rows) => rows.length > 0 && h("section", { class: "group" }, h("h2", {}, title), h("ul", {}, rows));
  keepingFocus(place, () => fill(place,
    h("div", { class: "workspace" },
      h("img", { class: "mark", src: "/assets/mark.svg", alt: "" }),
      h("div", {}, h("strong", {}, state.team?.name ?? "InterviewLab"), h("small", {}, "ilab sandbox"))),
    h("button", { type: "button", class: "who", "aria-haspopup": "menu", "aria-expanded": "false", data: { key: "who" }, "aria-label": `You are ${state.me.real_name}, ${state.me.title}. Be somebody else`, on: { click: (event) => castMenu(event.currentTarget, state.me.id, actions.become) } },
      avatar(state.me.id, { size: "small" }),
      h("span", { class: "who-words" }, h("small", {}, "You are"), h("strong", {}, state.me.real_name), h("span", {}, state.me.title)),
      icon("down", 16)),
    h("div", { class: "rooms" },
      group("Channels", rooms.map(channelRow)),
      group("Direct messages", direct.filter((one) => !isBot(one)).map(channelRow)),
      group("App", [...direct.filter(isBot).map(channelRow), row({ key: "home", current: at.home, press: actions.openHome, mark: icon("home", 16), words: "ilab home" })])),
    h("div", { class: "sidebar-foot" },
      h("button", { type: "button", class: "row panel-row", "aria-pressed": String(panelOpen), data: { key: "panel" }, on: { click: actions.togglePanel } },
        icon("sliders", 16), h("span", { class: "row-name" }, "Control panel"), broken ? h("span", { class: "dot bad", role: "img", "aria-label": "something is broken" }) : null),
      h("p", { class: `line ${online ? "" : "lost"}`, role: "status" }, online ? null : "Reconnecting …"))));
  if (!place.dataset.roving) {
    place.dataset.roving = "on";
    roving(place, ".rooms .row");
  }
  if (!place.querySelector(".rooms .row[tabindex='0']")) place.querySelector(".rooms .row")?.setAttribute("tabindex", "0");
}
