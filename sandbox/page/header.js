// What stands over the messages, and whether something can be written under them.

import { channelName, nameOf } from "./directory.js";
import { fill, h, icon, iconButton, keepingFocus } from "./dom.js";
import { link, mrkdwn, plain } from "./mrkdwn.js";

function tabs({ bot, home }, actions) {
  const tab = (words, on, press) => h("button", { type: "button", "aria-pressed": String(on), data: { key: `tab/${words}` }, on: { click: press } }, words);
  return h("div", { class: "segments", role: "group", "aria-label": "App" }, tab("Home", home, actions.openHome), tab("Messages", !home, () => actions.openChannel(bot.id)));
}

/** Draw the bar over a channel, a direct message or the app's home, and the bookmarks under it. */
export function drawBar(place, looks, actions) {
  const { one, bot, app, members, bookmarks, broken, panelOpen } = looks;
  const title = app ? "ilab" : one ? [icon(one.is_private ? "lock" : "hash", 18), channelName(one)] : "No channel";
  keepingFocus(place, () => fill(place,
    iconButton("back", "Back to the channels", actions.back, { class: "icon-button phone-only" }),
    h("div", { class: "bar-words" }, h("h1", {}, title), !app && one?.topic && h("small", { class: "topic" }, mrkdwn(one.topic))),
    app && bot && tabs(looks, actions),
    !app && members.length > 0 && h("span", { class: "members", title: members.map(nameOf).join(", ") }, icon("people", 16), h("span", { "aria-label": `${members.length} members` }, members.length)),
    h("button", { type: "button", class: "icon-button panel-toggle", "aria-label": broken ? "Control panel: something is broken" : "Control panel", title: "Control panel", "aria-pressed": String(panelOpen), data: { key: "panel-toggle" }, on: { click: actions.togglePanel } }, icon("sliders"), broken && h("span", { class: "dot bad" }))));
  place.parentElement.querySelector(".bookmarks")?.remove();
  if (app || !bookmarks.length) return;
  place.after(h("ul", { class: "bookmarks", "aria-label": "Bookmarks" }, bookmarks.map((mark) => h("li", {}, icon("link", 14), link(mark.link ?? "", plain(mark.title ?? mark.link))))));
}

/** Aim the message box at a conversation, or say why nothing can be written there. */
export function drawFoot(place, composer, { one, home }, { narrow, join }) {
  place.hidden = home;
  const outside = Boolean(one) && !one.is_archived && !one.is_im && !one.is_member;
  const why = !one ? "There is nothing here to write to" : one.is_archived ? "This channel is archived" : undefined;
  composer.aim(one ? `Message ${one.is_im ? "" : "#"}${channelName(one)}${narrow ? "" : ", or /ilab …"}` : "", why);
  place.classList.toggle("outside", outside);
  place.querySelector(".join")?.remove();
  if (outside) place.prepend(h("div", { class: "join" }, h("span", {}, "You are not in this channel."), h("button", { type: "button", class: "button primary", on: { click: join } }, "Join")));
}
