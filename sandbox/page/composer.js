// The message box: completes commands, people, channels and emoji; Enter sends, Shift+Enter breaks the line.

import { channelName, everybody, everyChannel } from "./directory.js";
import { fill, h, iconButton, menu } from "./dom.js";
import { glyph, namesLike } from "./emoji.js";

const HISTORY = 60;
let count = 0;

/** Commands that fit what is typed: those that go on with it, then those that hold its words. */
export function fitting(commands, typed) {
  const [slash, ...rest] = typed.replace(/^\s+/u, "").split(/\s+/u);
  const words = rest.join(" ").toLowerCase().trim();
  const name = (command) => (command.usage ?? "/ilab").split(" ")[0];
  const spaced = /\s/u.test(typed.trimStart());
  const mine = commands.filter((command) => (spaced ? name(command) === slash : name(command).startsWith(slash)));
  const begins = mine.filter((command) => command.words.toLowerCase().startsWith(words));
  const holds = words && !words.includes(" ") ? mine.filter((command) => !begins.includes(command) && `${command.words} ${command.summary}`.toLowerCase().includes(words)) : [];
  const given = mine.filter((command) => words.startsWith(`${command.words.toLowerCase()} `)).sort((a, b) => b.words.length - a.words.length)[0];
  return { offers: [...begins, ...holds], given, exact: begins.some((command) => command.words.toLowerCase() === words), words };
}

/** A composer in `place`. `send(text)` promises whether it was taken. */
export class Composer {
  constructor(place, { send, commands, shortcuts, inThread = false, id, historyKey }) {
    Object.assign(this, { place, send, commands, shortcuts, inThread, historyKey, past: -1, items: [], active: -1, quiet: false });
    const list = `completions-${(count += 1)}`;
    this.list = h("ul", { class: "completions", role: "listbox", id: list, "aria-label": "Completions", hidden: true });
    this.note = h("p", { class: "composer-note", role: "status" });
    this.field = h("textarea", {
      id, rows: 1, disabled: true /* until it is known who writes, and where: `aim` */, placeholder: "Message", "aria-label": "Message", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list, autocomplete: "off", spellcheck: "true",
      on: { input: () => this.typed(), keydown: (event) => this.key(event), blur: () => setTimeout(() => this.close(), 150) },
    });
    this.button = iconButton("send", "Send", () => this.submit(), { class: "icon-button send", disabled: true });
    this.bolt = !inThread && iconButton("bolt", "Shortcuts", (event) => this.lightning(event.currentTarget), { "aria-haspopup": "menu", "aria-expanded": "false" });
    fill(place, this.list, h("div", { class: "composer" }, this.bolt, this.field, this.button), this.note);
  }

  /** Say where this goes; `why` is why nothing can be written here. */
  aim(placeholder, why) {
    this.field.placeholder = why ?? placeholder;
    this.field.setAttribute("aria-label", why ?? placeholder);
    this.field.disabled = Boolean(why);
    if (this.bolt) this.bolt.disabled = Boolean(why);
  }

  focus() {
    this.field.focus();
  }

  get text() {
    return this.field.value;
  }

  set text(value) {
    this.field.value = value;
    this.grow();
    this.button.disabled = !value.trim();
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 180)}px`;
  }

  typed() {
    this.grow();
    this.past = -1;
    this.quiet = false;
    this.button.disabled = !this.text.trim();
    this.complete();
  }

  complete() {
    const before = this.text.slice(0, this.field.selectionStart);
    const word = /(?:^|\s)([@#:][\w+.-]*)$/u.exec(before)?.[1];
    this.items = [];
    this.sure = false;
    this.note.textContent = "";
    if (/^\s*\/[^\n]*$/u.test(this.text)) this.commandItems();
    if (word) this.wordItems(word);
    this.active = this.sure ? 0 : -1;
    this.draw();
  }

  commandItems() {
    if (this.inThread) {
      this.note.textContent = "Slash commands do not work in threads: Slack refuses them. Use the channel’s own message box.";
      return;
    }
    const { offers, given, exact, words } = fitting(this.commands(), this.text);
    const name = (command) => (command.usage ?? "/ilab").split(" ")[0];
    this.items = offers.map((command) => ({ title: command.usage, note: command.summary, put: `${name(command)} ${command.words} `.replace(/\s+/gu, " "), from: 0 }));
    if (given && !offers.length) {
      this.note.textContent = `${given.usage}  —  ${given.summary}`;
    }
    this.sure = this.items.length > 0 && !exact && (words !== "" || !/\s/u.test(this.text.trimStart())) && !this.commands().some((command) => name(command) === this.text.trim());
  }

  wordItems(word) {
    const from = this.field.selectionStart - word.length;
    const start = word.slice(1).toLowerCase();
    if (word[0] === "@") {
      const people = everybody().filter((one) => one.kind !== "deactivated" && `${one.name} ${one.real_name}`.toLowerCase().includes(start));
      this.items = people.map((one) => ({ title: `@${one.name}`, note: [one.real_name, one.title].filter(Boolean).join(" · "), put: `@${one.name} `, from }));
    } else if (word[0] === "#") {
      const found = everyChannel().filter((one) => !one.is_im && !one.is_archived && one.name.includes(start));
      this.items = found.map((one) => ({ title: `#${channelName(one)}`, note: one.topic ?? "", put: `#${one.name} `, from }));
    } else if (start.length > 1) this.items = namesLike(start).slice(0, 8).map((name) => ({ title: `${glyph(name)}  :${name}:`, note: "", put: `:${name}: `, from }));
    this.sure = this.items.length > 0 && start.length > 0;
  }

  draw() {
    const open = this.items.length > 0 && !this.quiet && document.activeElement === this.field;
    this.list.hidden = !open;
    this.field.setAttribute("aria-expanded", String(open));
    this.field.removeAttribute("aria-activedescendant");
    fill(this.list, open && this.items.map((item, index) => h("li", { role: "option", id: `${this.list.id}-${index}`, "aria-selected": String(index === this.active), on: {
      pointerdown: (event) => event.preventDefault(),
      click: () => this.take(index),
    } }, h("span", { class: "usage" }, item.title), h("span", { class: "summary" }, item.note))));
    if (!open || this.active < 0) return;
    this.field.setAttribute("aria-activedescendant", `${this.list.id}-${this.active}`);
    this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  close() {
    this.quiet = true;
    this.draw();
  }

  take(index) {
    const item = this.items[index];
    if (!item) return;
    const after = item.from ? this.text.slice(this.field.selectionStart) : "";
    const head = this.text.slice(0, item.from) + item.put;
    this.text = head + after;
    this.field.setSelectionRange(head.length, head.length);
    this.field.focus();
    this.quiet = false;
    this.complete();
  }

  key(event) {
    if (event.isComposing) return;
    const open = !this.list.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const size = this.items.length;
      this.active = event.key === "ArrowDown" ? (this.active + 1) % size : (this.active <= 0 ? size : this.active) - 1;
      this.draw();
    } else if (open && event.key === "Tab" && !event.shiftKey) {
      event.preventDefault();
      this.take(Math.max(0, this.active));
    } else if (open && event.key === "Escape") {
      event.preventDefault();
      this.close();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (open && this.active >= 0) this.take(this.active);
      else this.submit();
    } else if (event.key === "ArrowUp" && (!this.text || this.past >= 0)) this.recall(event, 1);
    else if (event.key === "ArrowDown" && this.past >= 0) this.recall(event, -1);
  }

  recall(event, step) {
    const past = this.history();
    const next = this.past + step;
    if (next >= past.length) return;
    event.preventDefault();
    this.past = Math.max(-1, next);
    this.text = this.past < 0 ? "" : past[this.past];
    this.field.setSelectionRange(this.text.length, this.text.length);
    this.quiet = true;
    this.items = [];
    this.draw();
  }

  history() {
    try {
      return JSON.parse(localStorage.getItem(this.historyKey()) ?? "[]");
    } catch {
      return [];
    }
  }

  remember(text) {
    const past = [text, ...this.history().filter((one) => one !== text)].slice(0, HISTORY);
    localStorage.setItem(this.historyKey(), JSON.stringify(past));
  }

  async submit() {
    const text = this.text.trim();
    if (!text || this.field.disabled) return;
    this.text = "";
    this.note.textContent = "";
    this.items = [];
    this.past = -1;
    this.draw();
    this.remember(text);
    const taken = await this.send(text);
    if (!taken && !this.text) this.text = text;
  }

  lightning(anchor) {
    const found = this.shortcuts();
    menu(anchor, found.length ? found.map((one) => ({ text: one.name, note: one.description ?? "ilab", run: one.run })) : [{ text: "No shortcuts", run: () => this.focus() }], "Shortcuts");
  }
}
