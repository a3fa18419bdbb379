// Block Kit's interactive elements: how they look, what they yield, and the state Slack keeps of each.

import { channel, channelName, everybody, everyChannel, nameOf, person } from "./directory.js";
import { h, icon, menu } from "./dom.js";
import { confirmed } from "./dialogs.js";
import { mrkdwn, plain, textObject } from "./mrkdwn.js";
import { filtered, select } from "./select.js";

const KEEPS = {
  static_select: "selected_option", external_select: "selected_option", radio_buttons: "selected_option",
  multi_static_select: "selected_options", multi_external_select: "selected_options", checkboxes: "selected_options",
  users_select: "selected_user", multi_users_select: "selected_users",
  conversations_select: "selected_conversation", multi_conversations_select: "selected_conversations",
  channels_select: "selected_channel", multi_channels_select: "selected_channels",
  datepicker: "selected_date", timepicker: "selected_time", datetimepicker: "selected_date_time",
  plain_text_input: "value", email_text_input: "value", url_text_input: "value", number_input: "value",
  rich_text_input: "rich_text_value", file_input: "files",
};

const BEGINS = {
  static_select: "initial_option", external_select: "initial_option", radio_buttons: "initial_option",
  multi_static_select: "initial_options", multi_external_select: "initial_options", checkboxes: "initial_options",
  users_select: "initial_user", multi_users_select: "initial_users",
  conversations_select: "initial_conversation", multi_conversations_select: "initial_conversations",
  channels_select: "initial_channel", multi_channels_select: "initial_channels",
  datepicker: "initial_date", timepicker: "initial_time", datetimepicker: "initial_date_time",
  plain_text_input: "initial_value", email_text_input: "initial_value", url_text_input: "initial_value",
  number_input: "initial_value", rich_text_input: "initial_value",
};

/** Whether Slack keeps a state of this element (buttons and menus have none). */
export const keepsState = (element) => element?.type in KEEPS;

/** The state of an element that yielded `value`, in the shape of `view.state.values`. */
export function stateOf(element, value) {
  const many = element.type.startsWith("multi_") || element.type === "checkboxes" || element.type === "file_input";
  const empty = value === undefined || value === "" || value === null;
  return { type: element.type, [KEEPS[element.type]]: empty ? (many ? [] : null) : value };
}

/** The state before anybody touched the element. */
export const firstState = (element) => stateOf(element, element[BEGINS[element.type]]);

/** What an element's state holds. */
export const valueOf = (element, state) => state?.[KEEPS[element.type]];

const optionKey = (option) => option.value ?? JSON.stringify(option);
const asChoice = (option) => ({ key: optionKey(option), text: plain(option.text?.text ?? ""), note: option.description && plain(option.description.text), raw: option });
const asGroups = (groups) => groups.map((group) => ({ label: plain(group.label?.text ?? ""), options: (group.options ?? []).map(asChoice) }));

const personChoice = (id) => ({ key: id, text: nameOf(id), note: person(id)?.title ?? "", raw: id });
const channelChoice = (id) => {
  const one = channel(id);
  return { key: id, text: one ? `${one.is_im ? "" : one.is_private ? "🔒 " : "# "}${channelName(one)}` : id, note: one?.is_im ? "direct message" : "", raw: id };
};

function channelsFor(element) {
  const include = element.type.includes("channels_select") ? ["public"] : element.filter?.include;
  return everyChannel()
    .filter((one) => !one.is_archived)
    .filter((one) => !include || include.includes(one.is_im ? "im" : one.is_private ? "private" : "public"))
    .filter((one) => !(element.filter?.exclude_bot_users && one.is_im && person(one.user)?.is_bot))
    .map((one) => channelChoice(one.id));
}

function sourceOf(element, block, context) {
  const kind = element.type.replace(/^multi_/u, "");
  if (kind === "external_select") {
    return async (query) => {
      const answer = await context.options(block, element, query);
      if (answer.option_groups?.length) return asGroups(answer.option_groups);
      return [{ options: (Array.isArray(answer) ? answer : (answer.options ?? [])).map(asChoice) }];
    };
  }
  const all = () => {
    if (kind === "users_select") return [{ options: everybody().filter((one) => one.kind !== "deactivated").map((one) => personChoice(one.id)) }];
    if (kind === "conversations_select" || kind === "channels_select") return [{ options: channelsFor(element) }];
    return element.option_groups ? asGroups(element.option_groups) : [{ options: (element.options ?? []).map(asChoice) }];
  };
  return (query) => all().map((group) => ({ ...group, options: filtered(group.options, query) }));
}

function aSelect(element, block, context) {
  const many = element.type.startsWith("multi_");
  const held = valueOf(element, context.value(block, element));
  const kind = element.type.replace(/^multi_/u, "");
  const choice = kind === "users_select" ? personChoice : ["conversations_select", "channels_select"].includes(kind) ? channelChoice : asChoice;
  return select({
    label: context.label,
    describedBy: context.describedBy,
    placeholder: plain(element.placeholder?.text ?? (many ? "Select options" : "Select an item")),
    find: sourceOf(element, block, context),
    least: kind === "external_select" ? (element.min_query_length ?? 3) : 0,
    many,
    max: element.max_selected_items ?? Infinity,
    chosen: (many ? (held ?? []) : held ? [held] : []).map(choice),
    key: keyOf(block, element),
    onChange: (picked) => context.changed(block, element, many ? picked.map((one) => one.raw) : picked.raw),
  });
}

/** What finds the same element again after a redraw. */
export const keyOf = (block, element) => `${block.block_id ?? ""}/${element.action_id ?? ""}`;

function button(element, block, context) {
  const style = { primary: "primary", danger: "danger" }[element.style] ?? "";
  const label = element.accessibility_label;
  const words = [h("span", { class: "label" }, textObject(element.text))];
  const attributes = { class: `button ${style}`, "aria-label": label, data: { key: keyOf(block, element) } };
  const press = (event) => context.press(block, element, element.value, event.currentTarget);
  if (element.url) {
    const safe = /^https?:/iu.test(element.url);
    return h("a", { ...attributes, href: safe ? element.url : undefined, target: "_blank", rel: "noopener noreferrer", on: { click: press } }, words, icon("outside", 14));
  }
  return h("button", { type: "button", ...attributes, on: { click: press } }, words);
}

function overflow(element, block, context) {
  const label = "More options";
  const open = (event) => {
    const anchor = event.currentTarget;
    const items = (element.options ?? []).map((option) => ({
      text: plain(option.text?.text ?? ""),
      note: option.description && plain(option.description.text),
      run: () => {
        if (/^https?:/iu.test(option.url ?? "")) window.open(option.url, "_blank", "noopener");
        context.press(block, element, option, anchor);
      },
    }));
    menu(anchor, items, label);
  };
  return h("button", { type: "button", class: "button overflow", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, data: { key: keyOf(block, element) }, on: { click: open } }, icon("more"));
}

let names = 0;

function choices(element, block, context) {
  const radio = element.type === "radio_buttons";
  const group = `choice-${(names += 1)}`;
  const held = valueOf(element, context.value(block, element));
  const on = new Set((radio ? [held] : (held ?? [])).filter(Boolean).map(optionKey));
  const box = h("fieldset", { class: "choices", "aria-label": context.label ?? (radio ? "Choose one" : "Choose any"), "aria-describedby": context.describedBy });
  const change = async () => {
    const picked = element.options.filter((_, index) => inputs[index].checked);
    if ((await context.changed(block, element, radio ? picked[0] : picked)) === false) {
      inputs.forEach((input, index) => (input.checked = on.has(optionKey(element.options[index]))));
    }
  };
  const inputs = (element.options ?? []).map((option, index) =>
    h("input", { type: radio ? "radio" : "checkbox", name: group, checked: on.has(optionKey(option)), data: { key: `${keyOf(block, element)}/${index}` }, on: { change } }));
  box.append(...(element.options ?? []).map((option, index) =>
    h("label", { class: "choice" }, inputs[index], h("span", {}, textObject(option.text), option.description && h("small", {}, textObject(option.description))))));
  return box;
}

function picker(element, block, context) {
  const held = valueOf(element, context.value(block, element));
  const type = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[element.type];
  const local = (seconds) => {
    const date = new Date(seconds * 1000);
    return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  };
  let timer;
  const change = (event) => {
    const { value } = event.currentTarget;
    clearTimeout(timer);
    const yielded = type === "datetime-local" && value ? Math.floor(new Date(value).getTime() / 1000) : value;
    // a date typed by keyboard is a valid date several times before it is the one that is meant
    timer = setTimeout(() => context.changed(block, element, yielded), context.acts ? 700 : 0);
  };
  return h("input", {
    type, class: "field picker", value: held === null || held === undefined ? "" : type === "datetime-local" ? local(held) : held,
    "aria-label": context.label ?? plain(element.placeholder?.text ?? { date: "Date", time: "Time", "datetime-local": "Date and time" }[type]),
    "aria-describedby": context.describedBy, data: { key: keyOf(block, element) }, on: { change },
  });
}

function textInput(element, block, context) {
  const held = valueOf(element, context.value(block, element));
  const triggers = block.dispatch_action ? (element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"]) : [];
  const many = element.multiline || element.type === "rich_text_input";
  const yielded = (value) => (element.type === "rich_text_input" ? (value ? richTextOf(value) : null) : value || null);
  const on = {
    input: (event) => {
      context.set(block, element, yielded(event.currentTarget.value));
      if (triggers.includes("on_character_entered")) context.dispatch(block, element, yielded(event.currentTarget.value));
    },
    keydown: (event) => {
      if (event.key !== "Enter" || many || event.isComposing) return;
      if (!triggers.includes("on_enter_pressed")) return;
      event.preventDefault();
      context.dispatch(block, element, yielded(event.currentTarget.value));
    },
  };
  const shared = {
    class: "field", value: element.type === "rich_text_input" ? wordsOf(held) : (held ?? ""), placeholder: plain(element.placeholder?.text ?? ""),
    "aria-label": context.labelled ? undefined : context.label, "aria-describedby": context.describedBy, id: context.id,
    autofocus: element.focus_on_load, maxlength: element.max_length, data: { key: keyOf(block, element) }, on,
  };
  if (many) return h("textarea", { ...shared, rows: 4 });
  const type = { email_text_input: "email", url_text_input: "url", number_input: "text" }[element.type] ?? "text";
  const inputmode = element.type === "number_input" ? (element.is_decimal_allowed ? "decimal" : "numeric") : undefined;
  return h("input", { ...shared, type, inputmode, autocomplete: "off" });
}

const richTextOf = (words) => ({ type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text: words }] }] });
const wordsOf = (rich) => (rich?.elements ?? []).flatMap((part) => (part.elements ?? []).map((one) => one.text ?? "")).join("");

function unknown(element) {
  return h("span", { class: "unknown" }, `unknown element: ${element.type ?? "without a type"}`);
}

/** An element as a node. `context` holds its state and says what a change does; see `blocks.js`. */
export function renderElement(element, block, context) {
  const type = element.type ?? "";
  if (type === "button" || type === "workflow_button") return button(element, block, context);
  if (type === "overflow") return overflow(element, block, context);
  if (type.endsWith("_select")) return aSelect(element, block, context);
  if (type === "checkboxes" || type === "radio_buttons") return choices(element, block, context);
  if (["datepicker", "timepicker", "datetimepicker"].includes(type)) return picker(element, block, context);
  if (KEEPS[type] === "value" || type === "rich_text_input") return textInput(element, block, context);
  return unknown(element);
}

/** Ask Slack's confirm dialog where the element has one; true when it may go on. */
export async function allowed(element, anchor) {
  if (!element.confirm) return true;
  const { title, text, confirm, deny, style } = element.confirm;
  return confirmed({
    title: plain(title?.text ?? "Are you sure?"),
    body: text?.type === "mrkdwn" ? mrkdwn(text.text) : textObject(text),
    yes: plain(confirm?.text ?? "Yes"),
    no: plain(deny?.text ?? "No"),
    danger: style === "danger",
    anchor,
  });
}
