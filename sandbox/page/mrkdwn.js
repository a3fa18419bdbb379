// Slack's own markup as nodes. A message is text from strangers: it only ever becomes text nodes in elements made here.

import { channel, channelName, group, me, person } from "./directory.js";
import { dateToken } from "./dates.js";
import { h } from "./dom.js";
import { drawnIn, glyph, symbol, withSymbols } from "./emoji.js";

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const MARKS = { "*": "strong", _: "em", "~": "s" };

/** Slack's three entities undone. */
export const plain = (text) => String(text).replace(/&(?:lt|gt|amp);/gu, (entity) => ENTITIES[entity]);

/** A link, where its address is one that may be followed; else its words. */
export function link(address, words) {
  const safe = /^(?:https?|mailto|tel):/iu.test(address);
  const shown = words ?? plain(address).replace(/^mailto:/u, "");
  if (!safe) return shown === address ? plain(address) : `${words} (${plain(address)})`;
  return h("a", { href: plain(address), target: "_blank", rel: "noopener noreferrer" }, shown);
}

/** A person, or their group, as a mention. */
export function userMention(id, words) {
  const known = person(id);
  const mine = id === me();
  return h("span", { class: `mention${mine ? " mine" : ""}`, title: known ? `${known.real_name} · ${known.title || known.kind}` : id }, `@${known?.name ?? words ?? id}`);
}

/** A group of people as a mention. */
export function groupMention(id, words) {
  const known = group(id);
  const mine = known?.users?.includes(me());
  return h("span", { class: `mention${mine ? " mine" : ""}` }, `@${known?.handle ?? words?.replace(/^@/u, "") ?? id}`);
}

/** A channel that can be gone to. */
export function channelMention(id, words) {
  const known = channel(id);
  if (!known) return h("span", { class: "mention" }, words ? `#${words}` : "🔒 private channel");
  return h("a", { class: "mention", href: `#in=${encodeURIComponent(known.name ?? id)}`, data: { channel: id } }, `#${channelName(known)}`);
}

/** @here, @channel, @everyone. */
export const broadcast = (range) => h("span", { class: "mention mine" }, `@${range}`);

/** An emoji by its shortcode; the shortcode where there is none. */
export function emoji(name) {
  const sign = glyph(name);
  return sign ? symbol(sign, name.replaceAll("_", " ")) : `:${name}:`;
}

function token(inside) {
  const [head, ...rest] = inside.split("|");
  const words = rest.length ? plain(rest.join("|")) : undefined;
  if (/^@[UWB]/u.test(head)) return userMention(head.slice(1), words);
  if (/^#[CGD]/u.test(head)) return channelMention(head.slice(1), words);
  if (head.startsWith("!subteam^")) return groupMention(head.slice(9), words);
  if (head.startsWith("!date^")) {
    const [, seconds, form, address] = head.split("^");
    const time = dateToken(seconds, plain(form ?? ""), words);
    return address ? h("a", { href: /^https?:/iu.test(address) ? plain(address) : undefined, target: "_blank", rel: "noopener noreferrer" }, time) : time;
  }
  if (/^!(?:here|channel|everyone)$/u.test(head)) return broadcast(head.slice(1));
  if (head.startsWith("!")) return words ?? `<${head.slice(1)}>`;
  if (/^[a-z][a-z0-9+.-]*:[^\s]+$/iu.test(head)) return link(head, words);
  return `<${plain(inside)}>`;
}

const isWord = (letter) => letter !== undefined && /[\p{L}\p{N}]/u.test(letter);

/** One line (or a few) of mrkdwn as nodes. `marks` are those that are open already. */
export function inline(text, marks = "") {
  const found = [];
  let words = "";
  const put = (node) => {
    if (words) found.push(...drawnIn(plain(words)));
    words = "";
    found.push(node);
  };
  for (let at = 0; at < text.length; ) {
    const letter = text[at];
    const rest = text.slice(at);
    const before = text[at - 1];
    if (letter === "<") {
      const end = rest.search(/[>\n]/u);
      if (end > 1 && rest[end] === ">") {
        put(token(rest.slice(1, end)));
        at += end + 1;
        continue;
      }
    }
    if (letter === "`") {
      const code = /^`([^`\n]+)`/u.exec(rest);
      if (code) {
        put(h("code", {}, codeText(code[1])));
        at += code[0].length;
        continue;
      }
    }
    if (letter in MARKS && !marks.includes(letter) && !isWord(before)) {
      const end = closing(text, at, letter);
      if (end > 0) {
        put(h(MARKS[letter], {}, inline(text.slice(at + 1, end), marks + letter)));
        at = end + 1;
        continue;
      }
    }
    if (letter === ":") {
      const name = /^:([a-z0-9_+'-]+)(?:::skin-tone-\d)?:/u.exec(rest);
      if (name && glyph(name[1])) {
        put(emoji(name[1]));
        at += name[0].length;
        continue;
      }
    }
    if (letter === "h" && !isWord(before)) {
      const address = /^https?:\/\/[^\s<>|]+[^\s<>|.,;:!?'")\]]/u.exec(rest);
      if (address) {
        put(link(address[0]));
        at += address[0].length;
        continue;
      }
    }
    words += letter;
    at += 1;
  }
  if (words) found.push(...drawnIn(plain(words)));
  return found;
}

function closing(text, start, mark) {
  if (!text[start + 1] || /\s/u.test(text[start + 1]) || text[start + 1] === mark) return -1;
  for (let at = start + 2; at < text.length; at += 1) {
    if (text[at] === "\n") return -1;
    if (text[at] === "<") {
      const end = text.indexOf(">", at);
      if (end > 0) at = end;
    } else if (text[at] === "`") {
      const end = text.indexOf("`", at + 1);
      if (end > 0) at = end;
    } else if (text[at] === mark && !/\s/u.test(text[at - 1]) && !isWord(text[at + 1])) return at;
  }
  return -1;
}

/** Code keeps its marks; only Slack's tokens and entities are undone in it. */
const codeText = (text) => text.split(/(<[^>\n]+>)/u).filter(Boolean).map((part) => (/^<.+>$/u.test(part) ? token(part.slice(1, -1)) : plain(part)));

const BULLET = /^(\s*)([•◦▪‣–-]|\d{1,2}\.)\s+(.*)$/u;

function lines(text) {
  const found = [];
  let quote = null;
  const all = text.split("\n");
  all.forEach((line, index) => {
    const quoted = /^(?:&gt;|>)\s?(.*)$/u.exec(line);
    if (/^(?:&gt;|>){3}/u.test(line)) {
      const rest = [line.replace(/^(?:&gt;|>){3}\s?/u, ""), ...all.splice(index + 1)].join("\n");
      found.push(h("blockquote", {}, lines(rest)));
      return;
    }
    if (quoted) {
      if (!quote) found.push((quote = h("blockquote", {})));
      else quote.append(h("br"));
      quote.append(...nodesOf(inline(quoted[1])));
      return;
    }
    const after = quote !== null;
    quote = null;
    const bullet = BULLET.exec(line);
    if (bullet) {
      found.push(h("span", { class: "bulleted" }, h("span", { class: "bullet" }, `${bullet[1]}${bullet[2]}`), h("span", {}, inline(bullet[3]))));
      return;
    }
    if (index > 0 && !after && !found.at(-1)?.classList?.contains("bulleted") && !found.at(-1)?.matches?.("pre")) found.push(h("br"));
    found.push(...inline(line));
  });
  return found;
}

const nodesOf = (found) => found.map((one) => (one instanceof Node ? one : document.createTextNode(one)));

/** Text in Slack's markup as nodes: fenced code, quotes, bullets, marks, mentions, links, dates, emoji. */
export function mrkdwn(text) {
  const found = [];
  for (const part of String(text ?? "").split(/(```[\s\S]+?```)/u)) {
    if (/^```[\s\S]+```$/u.test(part)) found.push(h("pre", {}, codeText(part.slice(3, -3).replace(/^\n/u, "").replace(/\n$/u, ""))));
    else if (part) found.push(...lines(found.at(-1)?.matches?.("pre") ? part.replace(/^\n/u, "") : part));
  }
  return found;
}

/** A text object of Block Kit (plain_text or mrkdwn) as nodes. */
export function textObject(text) {
  if (!text) return [];
  if (text.type === "mrkdwn") return mrkdwn(text.text);
  const words = plain(text.text ?? "");
  return text.emoji === false ? drawnIn(words) : withSymbols(words);
}
