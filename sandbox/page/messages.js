// A list of messages: only what changed is drawn again, so that focus, open lists and scrolling stay.

import { avatar } from "./avatar.js";
import { renderAttachments, renderBlocks, Surface } from "./blocks.js";
import { ago, clockTime, dayKey, dayName, wholeTime } from "./dates.js";
import { me, nameOf, person } from "./directory.js";
import { confirmed, toast, tried } from "./dialogs.js";
import { h, icon, iconButton, keepingFocus, menu, popup, roving } from "./dom.js";
import { glyph, PICKS, symbol } from "./emoji.js";
import { emoji, mrkdwn, plain } from "./mrkdwn.js";

const SYSTEM = /^(?:channel|group)_(?:join|leave|topic|purpose|name|archive|unarchive|convert_to_private)$|^(?:pinned_item|unpinned_item|bot_add|bot_remove|reminder_add)$/u;

const dismissedKey = () => `ilab.dismissed.${me()}`;

function dismissed() {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(dismissedKey()) ?? "[]"));
  } catch {
    return new Set();
  }
}

const stamp = (message) => `${message.ts}${message.is_ephemeral ? "e" : ""}`;
const authorOf = (message) => message.username || message.user || message.bot_id || "";
const authorName = (message) => message.username || (message.user ? nameOf(message.user) : (message.bot_profile?.name ?? message.bot_id ?? "somebody"));

/** The words of a message for a screen reader or a notice. */
export const gist = (message) => plain(message.text ?? "").replace(/<[^|>]*\|([^>]*)>/gu, "$1").replace(/\s+/gu, " ").slice(0, 160);

/** What a message says about who sent it, for a screen reader. */
export const said = (message) => `${authorName(message)}: ${gist(message) || "a message with blocks"}`;

/** Messages of one channel or thread in `place`. `actions` brings what is pressed to the workspace. */
export class MessageList {
  constructor(place, actions, { thread = false } = {}) {
    Object.assign(this, { place, actions, thread, drawn: new Map(), surfaces: new Map(), shown: null });
    this.stuck = true;
    place.addEventListener("scroll", () => (this.stuck = this.atFoot()), { passive: true });
    new ResizeObserver(() => this.stuck && this.toFoot()).observe(place);
    roving(place, ".message");
    place.addEventListener("keydown", (event) => {
      if (event.target.matches(".message") && event.key === "Enter") {
        event.preventDefault();
        this.more(event.target.querySelector(".tool-more"), this.messageOf(event.target));
      }
    });
  }

  messageOf(node) {
    return this.all.find((message) => stamp(message) === node.dataset.stamp);
  }

  /** Show these messages; `fresh` when it is another conversation. Keeps the foot in view where it was in view. */
  show(channel, answer, fresh) {
    const away = dismissed();
    this.channel = channel;
    this.pins = new Set(answer.pins ?? []);
    this.all = (answer.messages ?? [])
      .filter((message) => this.thread || !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast" || message.is_ephemeral)
      .filter((message) => !away.has(stamp(message)));
    const foot = fresh || this.stuck;
    if (fresh) {
      this.drawn.clear();
      this.surfaces.clear();
    }
    keepingFocus(this.place, () => this.draw());
    if (foot) this.toFoot();
  }

  atFoot() {
    return this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight < 80;
  }

  toFoot() {
    this.stuck = true;
    this.place.scrollTop = this.place.scrollHeight;
  }

  draw() {
    const wanted = [];
    const keep = new Map();
    let before = null;
    const piece = (key, sign, make) => {
      const old = this.drawn.get(key);
      const one = old?.sign === sign ? old : { sign, node: make() };
      keep.set(key, one);
      wanted.push(one.node);
    };
    for (const message of this.all) {
      const day = dayKey(message.ts);
      if (!before || dayKey(before.ts) !== day) {
        if (!this.thread) piece(`day ${day}`, dayName(message.ts), () => h("div", { class: "day", role: "separator" }, h("span", {}, dayName(message.ts))));
        before = null;
      }
      const follows = before && !message.subtype && !before.subtype && authorOf(before) === authorOf(message) && message.ts - before.ts < 300 && !message.is_ephemeral && !before.is_ephemeral && !this.pins.has(message.ts);
      const sign = JSON.stringify([message, follows, this.pins.has(message.ts), authorName(message), this.thread, me()]);
      piece(stamp(message), sign, () => this.message(message, follows));
      before = message;
      if (this.thread && message.ts === message.thread_ts && this.all.length > 1) {
        const words = `${this.all.length - 1} ${this.all.length === 2 ? "reply" : "replies"}`;
        piece("replies", words, () => h("div", { class: "day", role: "separator" }, h("span", {}, words)));
        before = null;
      }
    }
    if (!this.all.length) piece("empty", this.channel.id, () => h("div", { class: "empty" }, h("p", {}, "Nothing here yet."), h("p", {}, "Type ", h("code", {}, "/ilab status"), " below to ask how things are.")));
    this.drawn = keep;
    reconcile(this.place, wanted);
    const all = [...this.place.querySelectorAll(".message")];
    if (all.length && !all.some((one) => one.tabIndex === 0)) all.at(-1).tabIndex = 0;
  }

  surface(message, part = "") {
    const key = `${stamp(message)}${part}`;
    const container = { type: message.is_ephemeral ? "ephemeral" : "message", channel: this.channel.id, ts: message.ts };
    const known = this.surfaces.get(key) ?? new Surface({ send: null, find: null });
    known.send = (block, element, value, values) => this.actions.click(container, block, element, value, values);
    known.find = (block, element, query) => this.actions.options(container, block, element, query);
    this.surfaces.set(key, known);
    return known;
  }

  message(message, follows) {
    if (SYSTEM.test(message.subtype ?? "")) return this.system(message);
    const author = authorOf(message);
    const bot = Boolean(message.bot_id) || person(message.user)?.is_bot;
    const name = authorName(message);
    const node = h("article", {
      class: `message${follows ? " follows" : ""}${message.is_ephemeral ? " ephemeral" : ""}${this.pins.has(message.ts) ? " pinned" : ""}`,
      tabindex: -1,
      data: { stamp: stamp(message), ts: message.ts, key: stamp(message) },
      "aria-label": `${name}, ${clockTime(message.ts)}`,
    });
    const time = h("a", { class: "time", href: `#in=${encodeURIComponent(this.channel.id)}&ts=${message.ts}`, title: wholeTime(message.ts), tabindex: -1 }, h("time", { datetime: new Date(message.ts * 1000).toISOString() }, clockTime(message.ts)));
    const body = h("div", { class: "body" },
      message.is_ephemeral && h("p", { class: "only-you" }, icon("eye", 15), "Only visible to you", h("button", { type: "button", class: "linkish", on: { click: () => this.dismiss(message) } }, "Dismiss")),
      this.pins.has(message.ts) && h("p", { class: "only-you" }, symbol("📌"), "Pinned"),
      !follows && h("p", { class: "byline" }, h("strong", {}, name), bot && h("span", { class: "badge" }, "APP"), !bot && person(message.user)?.kind === "guest" && h("span", { class: "badge" }, "GUEST"), time),
      this.content(message),
      this.reactions(message),
      this.replies(message));
    node.append(follows ? h("span", { class: "gutter" }, time) : avatar(author, { name }), body, this.tools(message));
    return node;
  }

  system(message) {
    return h("article", { class: "message system", tabindex: -1, data: { stamp: stamp(message), ts: message.ts, key: stamp(message) } },
      avatar(authorOf(message), { size: "small" }),
      h("div", { class: "body" }, h("div", { class: "text" }, h("strong", {}, authorName(message)), " ", mrkdwn((message.text ?? "").replace(/^<@[A-Z0-9]+(?:\|[^>]*)?>\s*/u, "")), " ", h("time", { class: "time" }, clockTime(message.ts)))));
  }

  content(message) {
    const edited = message.edited && h("span", { class: "edited", title: wholeTime(message.edited.ts) }, "(edited)");
    if (message.subtype === "tombstone") return h("div", { class: "text gone" }, "This message was deleted.");
    const words = () => h("div", { class: "text" }, mrkdwn(message.text), edited && [" ", edited]);
    // what a person typed came as one rich_text of plain words: its marks are in the text
    const typed = !message.bot_id && message.blocks?.every((block) => block.type === "rich_text") && message.text;
    return [
      message.blocks?.length && !typed ? h("div", { class: "blocks" }, renderBlocks(message.blocks, this.surface(message)), edited) : message.text ? words() : null,
      message.attachments?.length ? h("div", { class: "attachments" }, renderAttachments(message.attachments, () => this.surface(message, "a"))) : null,
      (message.files ?? []).map((file) => this.file(file)),
    ];
  }

  file(file) {
    const address = file.url_private ?? file.permalink ?? file.url_private_download;
    const own = address && new URL(address, location.href).origin === location.origin;
    const name = file.title || file.name || file.id;
    if (own && file.mimetype?.startsWith("image/")) return h("figure", { class: "block-image" }, h("figcaption", {}, name), h("a", { href: address, target: "_blank" }, h("img", { class: "image", src: address, alt: file.alt_txt || name, loading: "lazy" })));
    return h("a", { class: "file", href: own ? address : undefined, target: "_blank", download: own ? file.name : undefined }, icon("file", 22), h("span", {}, h("strong", {}, name), h("small", {}, [file.pretty_type || file.filetype || file.mimetype, file.size && `${Math.max(1, Math.round(file.size / 1024))} kB`].filter(Boolean).join(" · "))));
  }

  reactions(message) {
    if (!message.reactions?.length) return null;
    return h("div", { class: "reactions" },
      message.reactions.map((one) => {
        const mine = one.users?.includes(me());
        const who = (one.users ?? []).map(nameOf).join(", ");
        return h("button", { type: "button", class: "reaction", "aria-pressed": String(Boolean(mine)), title: `${who} reacted with :${one.name}:`, "aria-label": `${one.name.replaceAll("_", " ")}, ${one.count}: ${who}`, data: { key: `${stamp(message)}/${one.name}` }, on: { click: () => this.actions.react(message, one.name, mine) } }, glyph(one.name) ? symbol(glyph(one.name)) : `:${one.name}:`, h("span", {}, one.count));
      }),
      iconButton("smile", "Add a reaction", (event) => this.pick(event.currentTarget, message), { class: "reaction add" }));
  }

  replies(message) {
    if (this.thread || !message.reply_count) return null;
    const who = (message.reply_users ?? []).slice(0, 4);
    return h("button", { type: "button", class: "replies", data: { key: `${stamp(message)}/replies` }, on: { click: () => this.actions.openThread(message) } },
      who.map((id) => avatar(id, { size: "tiny" })), h("span", { class: "count" }, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`),
      message.latest_reply && h("span", { class: "when" }, `last reply ${ago(message.latest_reply)}`));
  }

  tools(message) {
    const quick = (name, label) => h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: () => this.actions.react(message, name, this.mine(message, name)) } }, emoji(name));
    const more = iconButton("more", "More actions", (event) => this.more(event.currentTarget, message), { class: "icon-button tool-more", "aria-haspopup": "menu", "aria-expanded": "false" });
    if (message.is_ephemeral) return h("div", { class: "tools", role: "toolbar", "aria-label": "Message actions" }, more);
    const bar = h("div", { class: "tools", role: "toolbar", "aria-label": "Message actions" },
      quick("pushpin", "React with 📌"), quick("white_check_mark", "React with ✅"), quick("eyes", "React with 👀"),
      iconButton("smile", "Add a reaction", (event) => this.pick(event.currentTarget, message)),
      !this.thread && iconButton("reply", "Reply in a thread", () => this.actions.openThread(message)),
      more);
    roving(bar, "button", { horizontal: true });
    return bar;
  }

  mine(message, name) {
    return message.reactions?.some((one) => one.name === name && one.users?.includes(me()));
  }

  more(anchor, message) {
    if (!message || !anchor) return;
    const react = (name) => ({ before: symbol(glyph(name)), text: `React with :${name}:`, run: () => this.actions.react(message, name, this.mine(message, name)) });
    const whole = !message.is_ephemeral;
    menu(anchor, [
      whole && !this.thread && { text: "Reply in a thread", run: () => this.actions.openThread(message) },
      whole && react("pushpin"),
      whole && react("white_check_mark"),
      whole && react("eyes"),
      ...(whole ? this.actions.messageShortcuts().map((one) => ({ text: one.name, note: "ilab", run: () => this.actions.shortcut(one, message) })) : []),
      whole && message.user === me() && { text: "Edit", run: () => this.edit(message) },
      whole && message.user === me() && { text: "Delete", danger: true, run: () => this.remove(message) },
      { text: "Copy the text", run: () => tried(async () => {
        await navigator.clipboard.writeText(plain(message.text ?? ""));
        toast("Copied", "good");
      }) },
      !whole && { text: "Dismiss", run: () => this.dismiss(message) },
    ].filter(Boolean), "Message actions");
  }

  pick(anchor, message) {
    const grid = h("div", { class: "emoji-grid", role: "menu", "aria-label": "Reactions" });
    const layer = popup(anchor, grid);
    PICKS.forEach((name, index) => grid.append(h("button", { type: "button", role: "menuitem", tabindex: index ? -1 : 0, title: `:${name}:`, "aria-label": name.replaceAll("_", " "), on: { click: () => {
      layer.close();
      this.actions.react(message, name, this.mine(message, name));
    } } }, symbol(glyph(name)))));
    roving(grid, "button", { horizontal: true });
    layer.place();
    grid.firstElementChild.focus();
  }

  async remove(message) {
    const sure = await confirmed({ title: "Delete this message?", body: gist(message), yes: "Delete", no: "Cancel", danger: true });
    if (sure) await this.actions.remove(message);
  }

  edit(message) {
    const node = this.place.querySelector(`[data-stamp="${CSS.escape(stamp(message))}"] .text`);
    if (!node) return;
    const field = h("textarea", { class: "field", value: plain(message.text), rows: 2, "aria-label": "Edit the message" });
    const done = async (save) => {
      const text = field.value;
      editor.replaceWith(node);
      if (save && text.trim()) await this.actions.edit(message, text);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") done(false);
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        done(true);
      }
    });
    const editor = h("div", { class: "editor" }, field, h("div", { class: "editor-buttons" },
      h("button", { type: "button", class: "button", on: { click: () => done(false) } }, "Cancel"),
      h("button", { type: "button", class: "button primary", on: { click: () => done(true) } }, "Save")));
    node.replaceWith(editor);
    field.focus();
  }

  dismiss(message) {
    const away = dismissed().add(stamp(message));
    sessionStorage.setItem(dismissedKey(), JSON.stringify([...away].slice(-300)));
    this.all = this.all.filter((one) => one !== message);
    this.draw();
  }
}

/** Make the children of `parent` those of `wanted`, moving as few as possible. */
function reconcile(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}
