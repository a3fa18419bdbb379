// The stack of modals: the top one is shown; what was typed in each is kept while it lives.

import { renderBlocks, Surface } from "./blocks.js";
import { tried } from "./dialogs.js";
import { fill, h, iconButton, keepingFocus, openDialog } from "./dom.js";
import { textObject } from "./mrkdwn.js";

const words = (text, otherwise) => (text ? textObject(text) : otherwise);

/** The modals of one person. `actions` has click, options, submit, close. */
export class Modals {
  constructor(actions) {
    Object.assign(this, { actions, surfaces: new Map(), views: [], dialog: null, busy: false });
  }

  /** Show what is open now, as `GET /views` says it: the last is on top. */
  show(views) {
    const before = this.views.at(-1);
    this.views = views;
    for (const id of this.surfaces.keys()) if (!views.some((view) => view.id === id)) this.surfaces.delete(id);
    const top = views.at(-1);
    if (!top) {
      this.hide();
      return;
    }
    if (!this.dialog) this.open();
    const sign = JSON.stringify([top.id, top.hash, top.errors, top.blocks, views.length]);
    if (sign === this.sign) return;
    this.sign = sign;
    keepingFocus(this.dialog, () => this.draw(top));
    this.aim(top, before?.id !== top.id);
  }

  open() {
    this.from = document.activeElement;
    this.dialog = h("dialog", { class: "modal", "aria-labelledby": "modal-title" });
    openDialog(this.dialog, { onEscape: () => this.dismiss() });
  }

  hide() {
    this.sign = null;
    this.busy = false;
    if (!this.dialog) return;
    this.dialog.close();
    this.dialog.remove();
    this.dialog = null;
    if (this.from?.isConnected && this.from !== document.body) this.from.focus();
    else document.querySelector("#composer textarea")?.focus();
  }

  surface(view) {
    const known = this.surfaces.get(view.id) ?? new Surface({ kept: view.state?.values ?? {} });
    const container = { type: "view", view_id: view.id };
    known.send = (block, element, value, values) => this.actions.click(container, block, element, value, values);
    known.find = (block, element, query) => this.actions.options(container, block, element, query);
    this.surfaces.set(view.id, known);
    return known;
  }

  draw(view) {
    const deeper = this.views.length > 1;
    const errors = view.errors && Object.keys(view.errors).length ? view.errors : undefined;
    const inputs = (view.blocks ?? []).some((block) => block.type === "input");
    const submit = view.submit || inputs;
    this.dialog.dataset.depth = String(this.views.length);
    const body = h("div", { class: "modal-body blocks", tabindex: -1 }, renderBlocks(view.blocks, this.surface(view), { errors }));
    const scrolled = this.dialog.querySelector(".modal-body")?.scrollTop ?? 0;
    fill(this.dialog,
      h("form", { novalidate: true, on: { submit: (event) => this.submit(event, view) } },
        h("header", { class: "modal-head" },
          deeper && iconButton("back", "Back", () => this.closeTop(view)),
          h("h2", { id: "modal-title" }, words(view.title, "ilab")),
          iconButton("close", "Close", () => this.closeAll())),
        body,
        h("footer", { class: "modal-foot" },
          h("button", { type: "button", class: "button", data: { key: "modal-close" }, on: { click: () => this.closeTop(view) } }, words(view.close, submit ? "Cancel" : "Close")),
          submit && h("button", { type: "submit", class: "button primary", data: { key: "modal-submit" } }, words(view.submit, "Submit")))),
      h("div", { class: "modal-toasts" }));
    body.scrollTop = scrolled;
    const foreign = Object.keys(errors ?? {}).filter((id) => !(view.blocks ?? []).some((block) => block.type === "input" && block.block_id === id));
    if (foreign.length) body.append(h("p", { class: "unknown" }, `errors for blocks that are no inputs: ${foreign.join(", ")}`));
  }

  aim(view, fresh) {
    const invalid = this.dialog.querySelector(".invalid :is(input, textarea, .select)");
    if (invalid) {
      invalid.focus();
      return;
    }
    if (!fresh && this.dialog.contains(document.activeElement) && document.activeElement !== this.dialog) return;
    const first = this.dialog.querySelector(".modal-body [autofocus]") ?? this.dialog.querySelector(".modal-body :is(input, textarea, .select, button, a[href])");
    (first ?? this.dialog.querySelector("[data-key='modal-submit'], [data-key='modal-close']"))?.focus();
  }

  async submit(event, view) {
    event.preventDefault();
    if (this.busy) return;
    this.wait(true);
    const answer = await tried(() => this.actions.submit(view, this.surfaces.get(view.id).values));
    this.wait(false);
    if (answer) await this.actions.look();
  }

  wait(on) {
    this.busy = on;
    const button = this.dialog?.querySelector("[data-key='modal-submit']");
    if (on) button?.setAttribute("aria-busy", "true");
    else button?.removeAttribute("aria-busy");
  }

  dismiss() {
    const top = this.views.at(-1);
    if (top) this.closeTop(top);
    else this.hide();
  }

  async closeTop(view) {
    await tried(() => this.actions.close(view));
    await this.actions.look();
  }

  async closeAll() {
    await tried(() => this.actions.close(this.views[0], true));
    await this.actions.look();
  }
}
