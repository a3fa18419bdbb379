// Small dialogs, and the toasts in which Slack itself speaks.

import { h, iconButton, openDialog } from "./dom.js";

let count = 0;

/** Ask for a yes; false when it was refused, or closed by Escape. */
export function confirmed({ title, body, yes, no, danger = false, anchor }) {
  return new Promise((resolve) => {
    const id = `confirm-${(count += 1)}`;
    const answer = (value) => {
      dialog.close();
      dialog.remove();
      if (anchor?.isConnected) anchor.focus();
      resolve(value);
    };
    const dialog = h("dialog", { class: "confirm", role: "alertdialog", "aria-labelledby": id, "aria-describedby": `${id}-text` },
      h("h2", { id }, title),
      h("div", { class: "confirm-text", id: `${id}-text` }, body),
      h("div", { class: "confirm-buttons" },
        h("button", { type: "button", class: "button", on: { click: () => answer(false) } }, no),
        h("button", { type: "button", class: `button ${danger ? "danger solid" : "primary"}`, on: { click: () => answer(true) } }, yes)));
    openDialog(dialog, { onEscape: () => answer(false) });
    dialog.querySelector(".confirm-buttons button").focus();
  });
}

/** Say something that went wrong (or well) at the foot of the page, for a while. */
export function toast(text, kind = "problem") {
  const place = document.getElementById("toasts");
  const away = () => note.remove();
  const note = h("div", { class: `toast ${kind}`, role: kind === "problem" ? "alert" : "status" },
    h("span", {}, text), iconButton("close", "Dismiss", away));
  if (place.children.length > 3) place.firstElementChild.remove();
  // a modal dialog makes all else inert: its toasts are said inside it
  (document.querySelector("dialog.modal[open] .modal-toasts") ?? place).append(note);
  let timer = setTimeout(away, 9000);
  note.addEventListener("pointerenter", () => clearTimeout(timer));
  note.addEventListener("pointerleave", () => (timer = setTimeout(away, 3000)));
}

/** Run something that may be refused; the refusal becomes a toast. Gives undefined then. */
export async function tried(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message);
    if (error.status === undefined) console.error(error);
    return undefined;
  }
}
