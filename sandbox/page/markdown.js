// The markdown of Slack's `markdown` block as nodes: what models and people write, without HTML.

import { h } from "./dom.js";
import { emoji, link } from "./mrkdwn.js";
import { drawnIn, glyph } from "./emoji.js";

const INLINE = [
  [/^`([^`\n]+)`/u, (m) => h("code", {}, m[1])],
  [/^\*\*([^\s*](?:.*?[^\s])?)\*\*/u, (m) => h("strong", {}, span(m[1]))],
  [/^__([^\s_](?:.*?[^\s])?)__/u, (m) => h("strong", {}, span(m[1]))],
  [/^~~([^~]+)~~/u, (m) => h("s", {}, span(m[1]))],
  [/^\*([^\s*](?:[^*]*[^\s*])?)\*/u, (m) => h("em", {}, span(m[1]))],
  [/^_([^\s_](?:[^_]*[^\s_])?)_(?![\p{L}\p{N}])/u, (m) => h("em", {}, span(m[1]))],
  [/^\[([^\]\n]+)\]\(([^)\s]+)\)/u, (m) => link(m[2], m[1])],
  [/^<(https?:[^>|\s]+)>/u, (m) => link(m[1])],
  [/^https?:\/\/[^\s<>)]*[^\s<>).,;:!?'"]/u, (m) => link(m[0])],
  [/^:([a-z0-9_+-]+):/u, (m) => (glyph(m[1]) ? emoji(m[1]) : m[0])],
  [/^\\([\\`*_{}[\]()#+.!~>|-])/u, (m) => m[1]],
];

function span(text) {
  const found = [];
  let words = "";
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const inWord = /[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
    const hit = /[`*_~[<h:\\]/u.test(rest[0]) && !(inWord && /[_h:]/u.test(rest[0])) && INLINE.map(([rule, make]) => [rule.exec(rest), make]).find(([match]) => match);
    if (hit) {
      if (words) found.push(drawnIn(words));
      words = "";
      found.push(hit[1](hit[0]));
      at += hit[0][0].length;
    } else {
      words += text[at];
      at += 1;
    }
  }
  if (words) found.push(drawnIn(words));
  return found;
}

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/u;
const cells = (line) => line.trim().replace(/^\||\|$/gu, "").split("|").map((cell) => cell.trim());

/** Markdown as nodes. */
export function markdown(text) {
  const rows = String(text ?? "").split("\n");
  const found = [];
  let words = [];
  const flush = () => {
    if (words.length) found.push(h("p", {}, words.flatMap((line, index) => [index ? h("br") : null, span(line)])));
    words = [];
  };
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at];
    const fence = /^\s*```/u.test(row);
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/u.exec(row);
    if (fence) {
      flush();
      const end = rows.findIndex((line, index) => index > at && /^\s*```\s*$/u.test(line));
      const stop = end < 0 ? rows.length : end;
      found.push(h("pre", {}, rows.slice(at + 1, stop).join("\n")));
      at = stop;
    } else if (heading) {
      flush();
      found.push(h("p", { class: `heading heading-${heading[1].length}`, role: "heading", "aria-level": Math.min(6, heading[1].length + 2) }, span(heading[2])));
    } else if (/^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/u.test(row)) {
      flush();
      found.push(h("hr", {}));
    } else if (/^\s*>/u.test(row)) {
      flush();
      const quoted = [];
      for (; at < rows.length && /^\s*>/u.test(rows[at]); at += 1) quoted.push(rows[at].replace(/^\s*>\s?/u, ""));
      at -= 1;
      found.push(h("blockquote", {}, markdown(quoted.join("\n"))));
    } else if (ITEM.test(row)) {
      flush();
      const taken = [];
      for (; at < rows.length && (ITEM.test(rows[at]) || (/^\s{2,}\S/u.test(rows[at]) && taken.length)); at += 1) taken.push(rows[at]);
      at -= 1;
      found.push(list(taken));
    } else if (row.includes("|") && /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/u.test(rows[at + 1] ?? "")) {
      flush();
      const body = [];
      const head = cells(row);
      for (at += 2; at < rows.length && rows[at].includes("|"); at += 1) body.push(cells(rows[at]));
      at -= 1;
      found.push(
        h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table" },
          h("table", { class: "table" }, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, span(cell))))),
            h("tbody", {}, body.map((line) => h("tr", {}, head.map((_, index) => h("td", {}, span(line[index] ?? "")))))))),
      );
    } else if (!row.trim()) flush();
    else words.push(row);
  }
  flush();
  return found;
}

function list(taken) {
  const first = ITEM.exec(taken[0]);
  const indent = first[1].length;
  const ordered = /\d/u.test(first[2]);
  const node = h(ordered ? "ol" : "ul", { start: ordered && Number.parseInt(first[2], 10) !== 1 ? Number.parseInt(first[2], 10) : undefined });
  for (let at = 0; at < taken.length; at += 1) {
    const item = ITEM.exec(taken[at]);
    const deeper = [];
    for (at += 1; at < taken.length; at += 1) {
      const next = ITEM.exec(taken[at]);
      if (next && next[1].length <= indent) break;
      deeper.push(taken[at]);
    }
    at -= 1;
    const task = /^\[([ xX])\]\s+(.*)$/u.exec(item[3]);
    const nested = deeper.length && ITEM.test(deeper[0]) ? list(deeper) : deeper.length ? [" ", span(deeper.map((line) => line.trim()).join(" "))] : null;
    node.append(h("li", { class: task ? "task" : undefined }, task ? [h("span", { class: "emoji" }, task[1] === " " ? "☐" : "☑"), " ", span(task[2])] : span(item[3]), nested));
  }
  return node;
}
