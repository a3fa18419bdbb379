// Pictures of people and apps, drawn from their names.

import { hue, initials, nameOf, person } from "./directory.js";
import { h } from "./dom.js";

/** The picture of a person (their initials on their colour) or of the bot (its mark). */
export function avatar(id, { name = nameOf(id), size = "" } = {}) {
  if (person(id)?.is_bot) return h("img", { class: `avatar app ${size}`, src: "/assets/mark.svg", alt: "" });
  return h("span", { class: `avatar hue-${hue(id)} ${size}`, "aria-hidden": "true" }, initials(name));
}
