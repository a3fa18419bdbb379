// A canvas, over the page: read as Slack shows it, and written by whoever is in its channel.

import { tried } from "./dialogs.js";
import { fill, h, iconButton, openDialog } from "./dom.js";
import { markdown } from "./markdown.js";

const ADDRESS = /^https:\/\/[\w-]+\.slack\.com\/docs\/\w+\/(\w+)$/u;

/** The canvas that an address leads to, if it leads to one. */
export const canvasOf = (address) => ADDRESS.exec(address ?? "")?.[1];

/** Show a canvas to a person, who may write it anew. */
export async function openCanvas(person, id) {
  const found = await tried(() => person.canvas(id));
  if (!found) return;
  const away = () => {
    dialog.close();
    dialog.remove();
  };
  const body = h("div", { class: "modal-body" });
  const foot = h("div", { class: "modal-foot" });
  const read = () => {
    fill(body, h("div", { class: "text" }, markdown(found.markdown)));
    fill(foot, h("button", { type: "button", class: "button", on: { click: write } }, "Edit"));
  };
  const write = () => {
    const text = h("textarea", { class: "canvas-text", rows: 24, "aria-label": "The canvas, as Markdown" });
    text.value = found.markdown;
    const save = async () => {
      if (!(await tried(() => person.do("edit_canvas", { canvas: id, text: text.value })))) return;
      found.markdown = text.value;
      read();
    };
    fill(body, text);
    fill(foot, h("button", { type: "button", class: "button", on: { click: read } }, "Cancel"), h("button", { type: "button", class: "button primary", on: { click: save } }, "Save"));
    text.focus();
  };
  const dialog = h("dialog", { class: "modal canvas", "aria-labelledby": "canvas-title" },
    h("header", { class: "modal-head" }, h("h2", { id: "canvas-title" }, found.title || "Canvas"), iconButton("close", "Close", away)),
    body, foot, h("div", { class: "modal-toasts" }));
  read();
  openDialog(dialog, { onEscape: away });
}
