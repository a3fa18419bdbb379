// Block Kit's rich_text: what Slack's own composer writes, and the cells of tables.

import { dateToken } from "./dates.js";
import { h } from "./dom.js";
import { drawnIn } from "./emoji.js";
import { broadcast, channelMention, emoji, groupMention, link, userMention } from "./mrkdwn.js";

function styled(node, style = {}) {
  let found = node;
  if (style.code) found = h("code", {}, found);
  if (style.underline) found = h("u", {}, found);
  if (style.strike) found = h("s", {}, found);
  if (style.italic) found = h("em", {}, found);
  if (style.bold) found = h("strong", {}, found);
  if (style.highlight || style.client_highlight) found = h("mark", {}, found);
  return found;
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), drawnIn(line)] : drawnIn(line)));
}

const PARTS = {
  text: (part) => lines(part.text ?? ""),
  link: (part) => link(part.url ?? "", part.text || undefined),
  user: (part) => userMention(part.user_id),
  usergroup: (part) => groupMention(part.usergroup_id),
  channel: (part) => channelMention(part.channel_id),
  broadcast: (part) => broadcast(part.range),
  emoji: (part) => emoji(part.name ?? ""),
  date: (part) => dateToken(part.timestamp, part.format ?? "{date} {time}", part.fallback),
  color: (part) => h("code", {}, part.value),
  team: (part) => part.team_id ?? "",
};

const inline = (elements) =>
  (elements ?? []).map((part) => (PARTS[part.type] ? styled(PARTS[part.type](part), part.style) : h("span", { class: "unknown" }, `unknown: ${part.type}`)));

const SECTIONS = {
  rich_text_section: (part) => h("p", {}, inline(part.elements)),
  rich_text_quote: (part) => h("blockquote", {}, inline(part.elements)),
  rich_text_preformatted: (part) => h("pre", {}, (part.elements ?? []).map((one) => (one.type === "text" ? one.text : inline([one])))),
  rich_text_list: (part) =>
    h(part.style === "ordered" ? "ol" : "ul", { class: `indent-${Math.min(part.indent ?? 0, 8)}`, start: part.offset ? part.offset + 1 : undefined },
      (part.elements ?? []).map((item) => h("li", {}, inline(item.elements)))),
};

/** A rich_text block as nodes. */
export const richText = (block) =>
  (block.elements ?? []).map((part) => (SECTIONS[part.type] ? SECTIONS[part.type](part) : h("p", { class: "unknown" }, `unknown: ${part.type}`)));
