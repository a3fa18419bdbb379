// Block Kit as nodes. What the page does not know is said, never dropped.

import { h, icon } from "./dom.js";
import { allowed, firstState, keepsState, renderElement, stateOf } from "./elements.js";
import { markdown } from "./markdown.js";
import { plain, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

let ids = 0;

/**
 * What the blocks of one message, modal or home know of each other: the state of their elements, and what a press does.
 * `send(block, element, value, values)` brings an action to the workspace; `find(block, element, query)` asks for options.
 */
export class Surface {
  constructor({ send, find, kept = {} }) {
    Object.assign(this, { send, find, values: structuredClone(kept) });
  }

  value(block, element) {
    const known = this.values[block.block_id]?.[element.action_id];
    return known && known.type === element.type ? known : firstState(element);
  }

  set(block, element, value) {
    (this.values[block.block_id] ??= {})[element.action_id] = stateOf(element, value);
  }

  /** Take the first state of every element of `blocks` that has none yet, and forget what is no longer there. */
  adopt(blocks) {
    const before = this.values;
    this.values = {};
    for (const block of blocks ?? []) {
      for (const element of [block.element, block.accessory, ...(block.type === "actions" ? (block.elements ?? []) : [])]) {
        if (!keepsState(element) || !block.block_id) continue;
        const known = before[block.block_id]?.[element.action_id];
        (this.values[block.block_id] ??= {})[element.action_id] = known?.type === element.type ? known : firstState(element);
      }
    }
  }

  /** What an element needs to know; `more` says how it is labelled and whether a change is an action at once. */
  context(more) {
    return {
      ...more,
      value: (block, element) => this.value(block, element),
      set: (block, element, value) => this.set(block, element, value),
      options: (block, element, query) => this.find(block, element, query),
      dispatch: (block, element, value) => this.send(block, element, value, this.values),
      press: async (block, element, value, anchor) => {
        if (anchor.getAttribute("aria-busy") === "true" || !(await allowed(element, anchor))) return;
        anchor.setAttribute("aria-busy", "true");
        const done = await this.send(block, element, value, this.values);
        anchor.removeAttribute("aria-busy");
        anchor.classList.toggle("failed", done === false);
      },
      changed: async (block, element, value) => {
        if (more.acts && !(await allowed(element))) return false;
        this.set(block, element, value);
        if (more.acts) await this.send(block, element, value, this.values);
        return true;
      },
    };
  }
}

function picture(url, alt, kind) {
  const words = plain(alt ?? "");
  const own = (() => {
    try {
      return url?.startsWith("data:image/") || new URL(url, location.href).origin === location.origin;
    } catch {
      return false;
    }
  })();
  if (own) return h("img", { class: kind, src: url, alt: words, loading: "lazy" });
  // the sandbox asks nothing of the network: a picture from elsewhere is described
  if (kind !== "image") return h("span", { class: `${kind} picture-away`, role: "img", "aria-label": words, title: words }, icon("picture"));
  return h("span", { class: "picture-away", role: "img", "aria-label": words }, icon("picture"), words || "picture", /^https?:/u.test(url ?? "") ? h("small", {}, new URL(url).host) : null);
}

function header(block) {
  return h("h3", { class: "block-header" }, textObject(block.text));
}

function section(block, surface) {
  const label = plain(block.text?.text ?? "").split("\n")[0].replace(/[*_~`]/gu, "").slice(0, 80);
  return h("div", { class: "block-section" },
    h("div", { class: "section-text" },
      block.text && h("div", { class: "text" }, textObject(block.text)),
      block.fields && h("div", { class: "fields" }, block.fields.map((one) => h("div", { class: "field-cell text" }, textObject(one))))),
    block.accessory && h("div", { class: "accessory" }, block.accessory.type === "image"
      ? picture(block.accessory.image_url, block.accessory.alt_text, "thumb")
      : renderElement(block.accessory, block, surface.context({ acts: true, label: label || undefined }))));
}

function contextBlock(block) {
  return h("div", { class: "block-context" }, (block.elements ?? []).map((element) =>
    element.type === "image" ? picture(element.image_url, element.alt_text, "tiny") : h("span", { class: "text" }, textObject(element))));
}

function actions(block, surface) {
  return h("div", { class: "block-actions" }, (block.elements ?? []).map((element) => renderElement(element, block, surface.context({ acts: true }))));
}

function image(block) {
  const address = block.image_url ?? block.slack_file?.url;
  return h("figure", { class: "block-image" }, block.title && h("figcaption", {}, textObject(block.title)), picture(address, block.alt_text, "image"));
}

function input(block, surface, { errors }) {
  const { element } = block;
  const id = `input-${(ids += 1)}`;
  const typed = !["checkboxes", "radio_buttons"].includes(element?.type) && !element?.type?.endsWith("_select");
  const label = plain(block.label?.text ?? "");
  const error = errors?.[block.block_id];
  const described = [block.hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const context = surface.context({ acts: block.dispatch_action === true, label, labelled: typed, id, describedBy: described });
  const node = element ? renderElement(element, block, context) : h("span", { class: "unknown" }, "an input without its element");
  if (typed && !node.id) node.id = id;
  if (error) node.setAttribute("aria-invalid", "true");
  if (!block.optional && node.matches("input, textarea")) node.setAttribute("aria-required", "true");
  return h("div", { class: `block-input${error ? " invalid" : ""}`, data: { block: block.block_id } },
    h(typed ? "label" : "div", { class: "label", for: typed ? id : undefined }, textObject(block.label), block.optional && h("span", { class: "optional" }, " (optional)")),
    node,
    h("p", { class: "error", id: `${id}-error`, role: error ? "alert" : undefined }, error ? [icon("warning", 15), h("span", {}, plain(error))] : null),
    block.hint && h("p", { class: "hint", id: `${id}-hint` }, textObject(block.hint)));
}

function table(block) {
  const settings = block.column_settings ?? [];
  const cell = (one, column, head) => {
    const align = settings[column]?.align ?? "left";
    const words = one?.type === "rich_text" ? richText(one) : plain(one?.text ?? one?.value ?? "");
    return h(head ? "th" : "td", { scope: head ? "col" : undefined, class: `${align}${settings[column]?.is_wrapped ? " wrapped" : ""}` }, words);
  };
  const [head, ...rows] = block.rows ?? [];
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    h("table", { class: "table" },
      h("thead", {}, h("tr", {}, (head ?? []).map((one, column) => cell(one, column, true)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, column) => cell(one, column, false)))))));
}

const KINDS = {
  header,
  section,
  context: contextBlock,
  divider: () => h("hr", { class: "block-divider" }),
  actions,
  image,
  input,
  rich_text: (block) => h("div", { class: "block-rich text" }, richText(block)),
  markdown: (block) => h("div", { class: "block-markdown text" }, markdown(block.text)),
  table,
  context_actions: actions,
  video: (block) => h("div", { class: "block-context" }, icon("picture"), textObject(block.title)),
  file: (block) => h("div", { class: "block-context" }, icon("file"), block.external_id ?? "a file"),
};

/** Blocks as nodes. `errors` are those of a modal, by block_id. */
export function renderBlocks(blocks, surface, { errors } = {}) {
  surface.adopt(blocks);
  return (blocks ?? []).map((block) => {
    if (!Object.hasOwn(KINDS, block?.type ?? "")) return h("p", { class: "unknown" }, `unknown block: ${block?.type ?? "without a type"}`);
    return KINDS[block.type](block, surface, { errors });
  });
}

/** The old attachments: a coloured bar, their words, their blocks, each on a surface of its own. */
export function renderAttachments(attachments, surface) {
  return (attachments ?? []).map((one) => {
    const bar = h("div", { class: "attachment" },
      one.pretext && h("div", { class: "text" }, textObject({ type: "mrkdwn", text: one.pretext })),
      one.author_name && h("small", {}, plain(one.author_name)),
      one.title && h("strong", { class: "attachment-title" }, one.title_link && /^https?:/u.test(one.title_link) ? h("a", { href: one.title_link, target: "_blank", rel: "noopener noreferrer" }, plain(one.title)) : plain(one.title)),
      one.blocks ? renderBlocks(one.blocks, surface()) : (one.text ?? (one.title || one.fields ? null : one.fallback)) && h("div", { class: "text" }, textObject({ type: "mrkdwn", text: one.text ?? one.fallback })),
      one.fields && h("div", { class: "fields" }, one.fields.map((field) => h("div", { class: "field-cell text" }, h("strong", {}, plain(field.title ?? "")), h("br"), textObject({ type: "mrkdwn", text: String(field.value ?? "") })))),
      one.image_url && picture(one.image_url, one.fallback ?? one.title, "image"),
      one.footer && h("small", {}, plain(one.footer)));
    const colour = { good: "#2e7d32", warning: "#b26a00", danger: "#b42318" }[one.color] ?? (/^#?[0-9a-f]{6}$/iu.test(one.color ?? "") ? `#${one.color.replace("#", "")}` : null);
    if (colour) bar.style.borderInlineStartColor = colour;
    return bar;
  });
}
