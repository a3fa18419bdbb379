// A select as Slack shows it: a button, a list to search in, one or several choices.

import { fill, h, icon, popup } from "./dom.js";
import { withSymbols } from "./emoji.js";

let count = 0;

/**
 * A select. `find(query)` gives (or promises) groups `[{label?, options: [{key, text, note?, raw}]}]`.
 * `onChange` gets the chosen option (or the list of them when `many`), and may promise `false` to undo the choice.
 */
export function select({ label, placeholder, find, many = false, max = Infinity, chosen = [], least = 0, onChange, key, describedBy }) {
  let picked = [...chosen];
  const trigger = h("button", {
    type: "button",
    class: "select",
    "aria-haspopup": "listbox",
    "aria-expanded": "false",
    "aria-describedby": describedBy,
    data: key ? { key } : {},
    on: { click: () => open(), keydown: (event) => ["ArrowDown", "ArrowUp"].includes(event.key) && (event.preventDefault(), open()) },
  });
  const draw = () => {
    const words = many
      ? picked.map((option) => h("span", { class: "chip" }, withSymbols(option.text)))
      : picked.map((option) => h("span", { class: "chosen" }, withSymbols(option.text)));
    fill(trigger, picked.length ? words : h("span", { class: "placeholder" }, placeholder), icon("down", 16));
    const said = picked.length ? picked.map((option) => option.text).join(", ") : placeholder;
    trigger.setAttribute("aria-label", label && label !== said ? `${label}: ${said}` : said);
  };
  draw();

  async function choose(option, layer) {
    const before = picked;
    if (!many) picked = [option];
    else if (picked.some((one) => one.key === option.key)) picked = picked.filter((one) => one.key !== option.key);
    else if (picked.length < max) picked = [...picked, option];
    else return;
    draw();
    if (!many) layer.close();
    if ((await onChange(many ? picked : option)) === false) {
      picked = before;
      draw();
    }
  }

  function open() {
    const id = `list-${(count += 1)}`;
    const list = h("ul", { role: "listbox", id, "aria-label": label || placeholder, "aria-multiselectable": many ? "true" : undefined });
    const note = h("p", { class: "select-note", role: "status" });
    const search = h("input", {
      type: "text",
      role: "combobox",
      class: "select-search",
      placeholder: least ? `Type at least ${least} character${least > 1 ? "s" : ""} …` : "Search …",
      autocomplete: "off",
      "aria-label": `Search: ${label || placeholder}`,
      "aria-controls": id,
      "aria-expanded": "true",
      "aria-autocomplete": "list",
    });
    const layer = popup(trigger, h("div", { class: "select-list" }, search, list, note), { kind: "select-popup" });
    let active = -1;
    let turn = 0;
    const rows = () => [...list.querySelectorAll("[role=option]")];
    const move = (to) => {
      const all = rows();
      if (!all.length) return;
      active = (to + all.length) % all.length;
      all.forEach((row, index) => row.classList.toggle("active", index === active));
      search.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    };
    const row = (option) => {
      const on = picked.some((one) => one.key === option.key);
      return h("li", { role: "option", id: `${id}-${(count += 1)}`, "aria-selected": on ? "true" : "false", on: {
        pointerdown: (event) => event.preventDefault(),
        click: (event) => {
          choose(option, layer);
          if (many) event.currentTarget.setAttribute("aria-selected", String(picked.some((one) => one.key === option.key)));
        },
      } }, h("span", { class: "tick" }, icon("check", 14)), h("span", {}, withSymbols(option.text), option.note && h("small", {}, option.note)));
    };
    const show = async () => {
      const query = search.value.trim();
      const mine = (turn += 1);
      if (query.length < least) {
        fill(list);
        note.textContent = least ? search.placeholder : "";
        return;
      }
      let groups;
      try {
        const found = find(query);
        if (found instanceof Promise) note.textContent = "Looking …";
        groups = await found;
      } catch (error) {
        if (mine === turn) note.textContent = error.message;
        return;
      }
      if (mine !== turn) return;
      fill(list, groups.filter((group) => group.options.length).map((group) =>
        group.label ? h("li", { role: "group", "aria-label": group.label }, h("span", { class: "group-label" }, withSymbols(group.label)), h("ul", { role: "presentation" }, group.options.map(row))) : group.options.map(row)));
      note.textContent = rows().length ? "" : "No results";
      const first = rows().findIndex((one) => one.getAttribute("aria-selected") === "true");
      move(Math.max(0, first));
      layer.place();
    };
    let timer;
    search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(show, least ? 200 : 0);
    });
    search.addEventListener("keydown", (event) => {
      const all = rows();
      const steps = { ArrowDown: active + 1, ArrowUp: active - 1, Home: search.value ? undefined : 0, End: search.value ? undefined : all.length - 1 };
      if (steps[event.key] !== undefined) {
        event.preventDefault();
        move(steps[event.key]);
      } else if (event.key === "Enter") {
        event.preventDefault();
        event.stopPropagation();
        all[active]?.click();
      } else if (event.key === "Tab") {
        event.preventDefault();
        layer.close();
      } else if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        layer.close();
      }
    });
    show();
    search.focus();
  }

  return trigger;
}

/** Options `[{key, text, …}]` that hold the words of a query, those that begin with them first. */
export function filtered(options, query) {
  const words = query.toLowerCase();
  return options
    .filter((option) => `${option.text} ${option.note ?? ""}`.toLowerCase().includes(words))
    .sort((a, b) => Number(b.text.toLowerCase().startsWith(words)) - Number(a.text.toLowerCase().startsWith(words)));
}
