// Elements made from plain values. Text always becomes a text node: nothing here, or anywhere in the page, parses HTML.

const AS_PROPERTY = new Set(["value", "checked", "indeterminate", "selectedIndex"]);

/** An element of `tag` with attributes, `on` listeners, `data` values, and children (nodes, strings, arrays, nothing). */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (AS_PROPERTY.has(key)) node[key] = value;
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...nodes(children));
  return node;
}

/** Children as nodes: arrays flattened, nothing left out. */
export function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== undefined && child !== null && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** Replace what is in `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

const PATHS = {
  hash: "M7.5 3 6 17M14 3l-1.5 14M3.5 7.5h14M2.5 12.5h14",
  lock: "M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  home: "M3 9.5 10 3.5l7 6M5 8.5V16.5h3.5v-4.5h3v4.5H15V8.5",
  chat: "M3 4.5h14v9.5H9.5L6 17v-3H3z",
  send: "M3 10 17 3.5 12.5 17 9.5 11zM9.5 11 17 3.5",
  bolt: "M11 2.5 4.5 11.5H10l-1 6 6.5-9H10z",
  close: "M5 5l10 10M15 5 5 15",
  back: "M12 4.5 6.5 10l5.5 5.5",
  reply: "M8 5 3.5 9.5 8 14M4 9.5h8a4.5 4.5 0 0 1 4.5 4.5v1.5",
  smile: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM7 12c1.5 2 4.5 2 6 0M7.5 8v.01M12.5 8v.01",
  more: "M4.5 10v.01M10 10v.01M15.5 10v.01",
  sliders: "M3 6h7M14 6h3M3 14h3M10 14h7M12 4v4M8 12v4",
  down: "M5.5 8l4.5 4.5L14.5 8",
  check: "M4 10.5l4 4 8-9",
  warning: "M10 3 18 16.5H2zM10 8v4M10 14.2v.01",
  outside: "M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7",
  file: "M5 2.5h6.5L15 6v11.5H5zM11.5 2.5V6H15",
  again: "M16 8.5A6.3 6.3 0 0 0 4.8 6.5M4 11.5a6.3 6.3 0 0 0 11.2 2M4.5 3v4h4M15.5 17v-4h-4",
  link: "M8.5 11.5a3 3 0 0 0 4.5.3l2.5-2.5a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.5-.3l-2.5 2.5a3 3 0 0 0 4.3 4.3l1-1",
  picture: "M3 4h14v12H3zM3 13.5l4-4 3.5 3.5 2.5-2 4 3.5M12.5 7.5v.01",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  thread: "M4 4h12v7.5H9L6 14.5v-3H4z",
  people: "M7 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM2.5 16c0-3 2-4.5 4.5-4.5s4.5 1.5 4.5 4.5M13 9a2 2 0 1 0 0-4M14 11.5c2 .2 3.5 1.7 3.5 4.5",
};

/** A drawn icon, silent to screen readers. */
export function icon(name, size = 18) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", width: size, height: size, "aria-hidden": "true", class: "icon" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A square button with an icon; `label` is what it is called. */
export function iconButton(name, label, onClick, props = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: onClick }, ...props }, icon(name));
}

/** Show `content` beside `anchor` in the top layer, until a choice, Escape or a press elsewhere. Gives `{close}`. */
export function popup(anchor, content, { onClose, kind = "" } = {}) {
  const layer = h("div", { class: `popup ${kind}`, popover: "auto" }, content);
  (anchor.closest("dialog") ?? document.body).append(layer);
  anchor.setAttribute("aria-expanded", "true");
  let open = true;
  const away = () => {
    if (!open) return;
    open = false;
    anchor.setAttribute("aria-expanded", "false");
    removeEventListener("resize", away);
    layer.remove();
    onClose?.();
  };
  layer.addEventListener("toggle", (event) => event.newState === "closed" && away());
  addEventListener("resize", away);
  layer.showPopover();
  place(layer, anchor);
  return {
    layer,
    place: () => place(layer, anchor),
    close: () => {
      if (open && layer.matches(":popover-open")) layer.hidePopover();
      const held = document.activeElement === document.body || layer.contains(document.activeElement);
      away();
      if (held && anchor.isConnected) anchor.focus();
    },
  };
}

function place(layer, anchor) {
  const edge = 8;
  const at = anchor.getBoundingClientRect();
  const width = Math.min(Math.max(at.width, layer.offsetWidth), innerWidth - 2 * edge);
  const below = innerHeight - at.bottom - edge;
  const above = at.top - edge;
  const up = below < Math.min(layer.scrollHeight, 320) && above > below;
  layer.style.maxHeight = `${Math.max(120, Math.min(up ? above : below, 560))}px`;
  layer.style.minWidth = `${Math.min(at.width, innerWidth - 2 * edge)}px`;
  layer.style.left = `${Math.max(edge, Math.min(at.left, innerWidth - width - edge))}px`;
  layer.style.top = up ? `${Math.max(edge, at.top - layer.offsetHeight - 4)}px` : `${at.bottom + 4}px`;
}

/** Let the arrow keys move the focus among `selector` in `container`; one of them is in the tab order. */
export function roving(container, selector, { horizontal = false } = {}) {
  const items = () => [...container.querySelectorAll(selector)].filter((item) => item.offsetParent !== null || item === document.activeElement);
  const [back, forth] = horizontal ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  container.addEventListener("keydown", (event) => {
    const all = items();
    const here = all.indexOf(event.target.closest?.(selector));
    if (here < 0 || event.target !== all[here]) return;
    const next = { [back]: here - 1, [forth]: here + 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined || !all[next]) return;
    event.preventDefault();
    focusOne(all, all[next]);
    all[next].focus();
  });
  container.addEventListener("focusin", (event) => {
    const item = event.target.closest?.(selector);
    if (item && event.target === item) focusOne(items(), item);
  });
}

function focusOne(all, one) {
  for (const item of all) item.tabIndex = item === one ? 0 : -1;
}

/** A menu of `[{text, note?, before?, danger?, checked?, run}]` beside `anchor`. */
export function menu(anchor, items, label) {
  const list = h("div", { class: "menu", role: "menu", "aria-label": label });
  const layer = popup(anchor, list);
  items.forEach((item, index) => {
    const press = () => {
      layer.close();
      item.run();
    };
    const radio = item.checked !== undefined;
    list.append(
      h("button", { type: "button", role: radio ? "menuitemradio" : "menuitem", "aria-checked": radio ? String(item.checked) : undefined, class: item.danger ? "danger" : "", tabindex: index ? -1 : 0, on: { click: press } },
        item.before, h("span", { class: "menu-words" }, h("span", {}, item.text), item.note && h("small", {}, item.note)), item.checked && icon("check", 16)),
    );
  });
  roving(list, "[role^=menuitem]");
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Tab") return;
    event.preventDefault();
    layer.close();
  });
  layer.place();
  (list.querySelector("[aria-checked=true]") ?? list.querySelector("[role^=menuitem]"))?.focus();
  return layer;
}

/** Run `draw`, which may replace what is in `root`, and leave the focus (and the caret) where it was. */
export function keepingFocus(root, draw) {
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  const key = held?.dataset.key;
  const [from, to] = held && "selectionStart" in held ? [held.selectionStart, held.selectionEnd] : [null, null];
  draw();
  if (!key || held.isConnected) return;
  const again = root.querySelector(`[data-key="${CSS.escape(key)}"]`);
  again?.focus({ preventScroll: true });
  if (again && from !== null) again.setSelectionRange?.(from, to);
}

/** A dialog in the top layer whose focus stays inside; `onEscape` decides what Escape does. */
export function openDialog(dialog, { onEscape }) {
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    onEscape();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.target.closest("[popover]")) return;
    const stops = [...dialog.querySelectorAll("a[href], button, input, textarea, select, [tabindex='0']")].filter(
      (stop) => !stop.disabled && stop.tabIndex >= 0 && stop.offsetParent !== null,
    );
    const [first, last] = [stops[0], stops.at(-1)];
    if (event.shiftKey && (document.activeElement === first || document.activeElement === dialog)) {
      event.preventDefault();
      last?.focus();
    } else if (!event.shiftKey && document.activeElement === last) {
      event.preventDefault();
      first?.focus();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
