// The page: what is open, what happens on a press, and what the workspace pushes.

import { Events, Person } from "./api.js";
import { renderBlocks, Surface } from "./blocks.js";
import { canvasOf, openCanvas } from "./canvas.js";
import { Composer } from "./composer.js";
import { keepTimesTrue } from "./dates.js";
import { channel as channelOf, channelName, everyChannel, learn, me, person as personOf, setClock } from "./directory.js";
import { toast, tried } from "./dialogs.js";
import { fill, h, iconButton, keepingFocus } from "./dom.js";
import { drawBar, drawFoot } from "./header.js";
import { MessageList, said } from "./messages.js";
import { Modals } from "./modal.js";
import { anythingBroken, Panel } from "./panel.js";
import { drawSidebar } from "./sidebar.js";

const FIRST = "U0ALICE01";
const STORED = "ilab.person";
const $ = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 760px)");

const at = { channel: null, thread: null, home: false, pane: "main" };
let person = null;
let state = null;
let events = null;
let online = true;
let shown = null;
let lastTs = "";
let homeSurface = null;
let homeView;
let homeWait = 0;
let homeTimer = null;

// what the person does

// Where the app gave no answer, Slack says so itself, by a toast through the events.

const click = async (container, block, element, value, values) => {
  const answer = await tried(() => person.do("click", { container, block_id: block.block_id, action_id: element.action_id, value, values }));
  return Boolean(answer) && answer.ok !== false;
};
const options = async (container, block, element, query) => {
  const answer = await person.do("options", { container, block_id: block.block_id, action_id: element.action_id, query });
  if (answer.ok === false) throw new Error(`The app gave no options: ${answer.error}`);
  return answer;
};

const actions = {
  click,
  options,
  react: (message, name, remove) => tried(() => person.do("react", { channel: at.channel, ts: message.ts, name, ...(remove ? { remove: true } : {}) })),
  remove: (message) => tried(() => person.do("delete", { channel: at.channel, ts: message.ts })),
  edit: (message, text) => tried(() => person.do("edit", { channel: at.channel, ts: message.ts, text })),
  messageShortcuts: () => (state.shortcuts ?? []).filter((one) => one.type === "message"),
  shortcut: (one, message) => tried(() => person.do("shortcut", { callback_id: one.callback_id, ...(message ? { channel: at.channel, ts: message.ts } : {}) })),
  openThread: (message) => openThread(message.thread_ts ?? message.ts),
};

document.addEventListener("click", (event) => {
  const canvas = canvasOf(event.target.closest?.("a[href]")?.href);
  if (!canvas) return;
  event.preventDefault();
  openCanvas(person, canvas);
});

const say = (thread) => async (text) => {
  const answer = await tried(() => person.do("say", { channel: at.channel, text, ...(thread ? { thread_ts: at.thread } : {}) }));
  (thread ? threadList : list).toFoot();
  return Boolean(answer);
};

const modals = new Modals({
  click,
  options,
  submit: (view, values) => person.do("submit", { view_id: view.id, values }),
  close: (view, all) => person.do("close", { view_id: view.id, ...(all ? { all: true } : {}) }),
  look: () => lookAtViews(),
});

const list = new MessageList($("messages"), actions);
const composer = new Composer($("composer"), {
  id: "composer-text",
  send: say(false),
  commands: () => state?.commands ?? [],
  shortcuts: () => (state?.shortcuts ?? []).filter((one) => one.type === "global").map((one) => ({ ...one, run: () => actions.shortcut(one) })),
  historyKey: () => `ilab.history.${me()}`,
});

const threadHead = h("header", { class: "bar" });
const threadPlace = h("div", { class: "stream", role: "log", "aria-label": "Thread", "aria-live": "off", tabindex: -1 });
const threadFoot = h("div", { class: "composer-place" });
fill($("thread"), threadHead, threadPlace, threadFoot);
const threadList = new MessageList(threadPlace, actions, { thread: true });
const threadComposer = new Composer(threadFoot, { id: "thread-text", inThread: true, send: say(true), commands: () => [], shortcuts: () => [], historyKey: () => `ilab.history.${me()}` });

const panel = new Panel($("panel"), {
  onState: () => {
    drawLeft();
    drawHeader();
  },
  onClose: () => togglePanel(false),
});

// what is open

function setPane(pane) {
  at.pane = pane;
  document.body.dataset.pane = pane;
}

function remember() {
  const where = at.home ? "home" : (channelOf(at.channel)?.name ?? at.channel ?? "");
  const hash = `#as=${encodeURIComponent(state?.me.name ?? "")}&in=${encodeURIComponent(where)}${at.thread ? `&thread=${at.thread}` : ""}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

function openChannel(id, { focus = true } = {}) {
  Object.assign(at, { channel: id, home: false });
  closeThread(false);
  shown = null;
  lastTs = "";
  setPane("main");
  remember();
  drawLeft();
  drawHeader();
  list.place.replaceChildren();
  if (!id) fill(list.place, h("div", { class: "empty" }, h("p", {}, `${state.me.real_name} sees no channel here.`)));
  if (focus && !narrow.matches) composer.focus();
  return lookAtMessages();
}

async function openHome() {
  at.home = true;
  closeThread(false);
  homeView = undefined;
  homeWait = 0;
  setPane("main");
  remember();
  drawLeft();
  drawHeader();
  await lookAtHome();
}

async function openThread(ts) {
  at.thread = ts;
  $("thread").hidden = false;
  document.body.classList.add("with-thread");
  setPane("thread");
  remember();
  fill(threadHead, iconButton("back", "Back to the channel", () => closeThread(true), { class: "icon-button phone-only" }), h("div", { class: "bar-words" }, h("h2", {}, "Thread"), h("small", {}, `#${channelName(channelOf(at.channel))}`)), iconButton("close", "Close the thread", () => closeThread(true), { class: "icon-button wide-only" }));
  threadComposer.aim("Reply …");
  threadList.place.replaceChildren();
  threadList.drawn.clear();
  await lookAtThread(true);
  threadComposer.focus();
}

function closeThread(focus) {
  const had = at.thread;
  at.thread = null;
  $("thread").hidden = true;
  document.body.classList.remove("with-thread");
  if (at.pane === "thread") setPane("main");
  if (focus) {
    remember();
    const from = had && list.place.querySelector(`[data-ts="${CSS.escape(had)}"]`);
    (from || composer).focus();
  }
}

function togglePanel(open = $("panel").hidden) {
  $("panel").hidden = !open;
  document.body.classList.toggle("with-panel", open);
  setPane(open ? "panel" : "main");
  localStorage.setItem("ilab.panel", open && !narrow.matches ? "open" : "");
  drawLeft();
  if (open) panel.refresh();
  else document.querySelector(".panel-row, .panel-toggle")?.focus();
  drawHeader();
}

// what is drawn

const drawn = new Map();

/** Whether a part looks different from when it was last drawn: what is redrawn under a finger loses the press. */
function differs(part, ...seen) {
  const sign = JSON.stringify(seen);
  if (drawn.get(part) === sign) return false;
  drawn.set(part, sign);
  return true;
}

function drawLeft() {
  if (!state) return;
  const unread = state.channels.reduce((sum, one) => sum + (one.id === at.channel && !at.home ? 0 : one.unread || 0), 0);
  const channels = state.channels.map((one) => (one.id === at.channel && !at.home && !document.hidden ? { ...one, unread: 0 } : one));
  const broken = anythingBroken(panel.state);
  const open = !$("panel").hidden;
  if (differs("left", state.me, channels, at.channel, at.home, online, broken, open)) drawSidebar($("sidebar"), { state: { ...state, channels }, at, online, broken, panelOpen: open },
    { become: (one) => become(one.id), open: openChannel, openHome, togglePanel: () => togglePanel() });
  const where = at.home ? "ilab home" : channelOf(at.channel) ? channelName(channelOf(at.channel)) : "ilab";
  document.title = `${unread ? `(${unread}) ` : ""}${where} · ilab sandbox`;
}

function drawHeader() {
  const one = channelOf(at.channel);
  const bot = everyChannel().find((room) => room.is_im && personOf(room.user)?.is_bot);
  const looks = { one, bot, home: at.home, app: at.home || (bot && at.channel === bot.id), members: shown?.members ?? [], bookmarks: shown?.bookmarks ?? [], broken: anythingBroken(panel.state), panelOpen: !$("panel").hidden };
  if (!differs("header", looks, me(), narrow.matches)) return;
  drawBar($("header"), looks, { openHome, openChannel, back: () => setPane("list"), togglePanel: () => togglePanel() });
  drawFoot($("composer"), composer, looks, { narrow: narrow.matches, join: () => tried(() => person.do("join", { channel: at.channel })).then(lookAtState) });
}

// what the workspace says

/** Run `work` once at a time; a call while it runs makes it run once more. */
function single(work) {
  let running = null;
  let again = false;
  return function go(...args) {
    if (running) {
      again = true;
      return running;
    }
    running = tried(() => work(...args)).finally(() => {
      running = null;
      if (again) {
        again = false;
        go(...args);
      }
    });
    return running;
  };
}

const lookAtState = single(async () => {
  const asked = person;
  const found = await asked.state();
  if (asked !== person) return;
  state = found;
  learn(state);
  if (at.channel && !state.channels.some((one) => one.id === at.channel)) {
    toast("This channel is no longer visible to you.");
    openChannel(firstChannel());
    return;
  }
  drawLeft();
  drawHeader();
});

const lookAtMessages = single(async () => {
  const [asked, where] = [person, at.channel];
  if (!where || at.home) return;
  const answer = await asked.messages(where);
  if (asked !== person || where !== at.channel || at.home) {
    if (!at.home) setTimeout(lookAtMessages);
    return;
  }
  const fresh = shown === null;
  shown = answer;
  list.show(channelOf(where) ?? { id: where }, answer, fresh);
  const newest = answer.messages?.at(-1);
  if (!fresh && newest && newest.ts > lastTs && newest.user !== me()) $("announcer").textContent = said(newest);
  if (newest) lastTs = newest.ts;
  jumpShown();
  drawHeader();
  drawLeft();
});

const lookAtThread = single(async (fresh = false) => {
  const [asked, where, ts] = [person, at.channel, at.thread];
  if (!ts) return;
  const answer = await asked.messages(where, ts);
  if (asked === person && ts === at.thread && where === at.channel) threadList.show(channelOf(where), answer, fresh);
});

const lookAtViews = single(async () => {
  const asked = person;
  const answer = await asked.views();
  if (asked === person) modals.show(answer.views ?? []);
});

const lookAtHome = single(async (look = false) => {
  const asked = person;
  const { view } = await asked.home(look);
  if (asked !== person || !at.home) return;
  const sign = JSON.stringify(view);
  if (sign === homeView) return;
  homeView = sign;
  drawHome(view);
});

// An app may publish its home each time it is looked at: looks that follow looks come slower and slower.
function homeChanged() {
  clearTimeout(homeTimer);
  homeTimer = setTimeout(() => at.home && lookAtHome(true), homeWait);
  homeWait = Math.min(homeWait * 2 || 400, 10_000);
}

function drawHome(view) {
  if (!view) {
    fill($("messages"), h("div", { class: "empty" }, h("p", {}, "The app has not published its home yet.")));
    return;
  }
  homeSurface ??= new Surface({});
  const container = { type: "view", view_id: view.id };
  homeSurface.send = (block, element, value, values) => click(container, block, element, value, values);
  homeSurface.find = (block, element, query) => options(container, block, element, query);
  keepingFocus($("messages"), () => fill($("messages"), h("div", { class: "home blocks" }, renderBlocks(view.blocks, homeSurface))));
}

function jumpShown() {
  $("jump").hidden = at.home || list.atFoot();
}

const channelsSoon = (() => {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(lookAtState, 60);
  };
})();

function heard(event) {
  if (event.type === "message" || event.type === "messages") {
    if (event.channel === at.channel) {
      lookAtMessages();
      if (at.thread) lookAtThread();
    }
    channelsSoon();
  } else if (event.type === "view" || event.type === "views") lookAtViews();
  else if (event.type === "home") at.home && homeChanged();
  else if (event.type === "channels") channelsSoon();
  else if (event.type === "toast") toast(event.text, event.kind);
  else if (event.type === "clock") {
    setClock(event);
    panel.refresh();
  } else if (event.type === "panel") panel.refresh();
}

// who one is

function wanted() {
  const hash = new URLSearchParams(location.hash.slice(1));
  return { as: hash.get("as"), in: hash.get("in"), thread: hash.get("thread") };
}

const stored = () => localStorage.getItem(STORED);

function firstChannel(name) {
  const visible = state.channels.filter((one) => !one.is_archived);
  return (visible.find((one) => one.name === name || one.id === name) ?? visible.find((one) => one.name === "incidents" && one.is_member) ?? visible.find((one) => one.is_member) ?? visible[0])?.id ?? null;
}

async function become(id, place) {
  const next = new Person(id);
  const found = await tried(() => next.state());
  if (!found) return false;
  events?.close();
  modals.show([]);
  person = next;
  state = found;
  homeSurface = null;
  learn(state);
  localStorage.setItem(STORED, id);
  let first = true;
  events = new Events(person, {
    onEvent: heard,
    onLost: () => {
      online = false;
      drawLeft();
    },
    onBack: () => {
      online = true;
      drawLeft();
      if (first) first = false;
      else refetch();
    },
  });
  const goal = place ?? (at.home ? "home" : at.channel);
  if (goal === "home") await openHome();
  else await openChannel(firstChannel(goal), { focus: false });
  await lookAtViews();
  return true;
}

function refetch() {
  lookAtState();
  lookAtMessages();
  if (at.thread) lookAtThread();
  if (at.home) lookAtHome();
  lookAtViews();
  panel.refresh();
}

async function begin() {
  const goal = wanted();
  if (localStorage.getItem("ilab.panel") === "open" && !narrow.matches) {
    $("panel").hidden = false;
    document.body.classList.add("with-panel");
  }
  if (narrow.matches && !goal.in) setPane("list");
  panel.refresh();
  let known = await new Person(stored() ?? FIRST).state().catch(() => null);
  known ??= await new Person(FIRST).state().catch(() => null);
  if (!known) {
    fill($("messages"), h("div", { class: "empty" }, h("p", {}, "The sandbox does not answer yet. Trying again …")));
    setTimeout(begin, 1500);
    return;
  }
  learn(known);
  const asked = goal.as && known.people.find((one) => [one.id, one.name].includes(goal.as));
  const listed = narrow.matches && !goal.in;
  await become((asked ?? known.me).id, goal.in ?? undefined);
  if (listed) setPane("list");
  if (goal.thread) await openThread(goal.thread);
}

addEventListener("hashchange", async () => {
  const goal = wanted();
  const other = goal.as && state?.people.find((one) => [one.id, one.name].includes(goal.as));
  if (other && other.id !== me()) await become(other.id, goal.in ?? undefined);
  else if (goal.in === "home" && !at.home) await openHome();
  else if (goal.in && goal.in !== "home" && (at.home || channelOf(at.channel)?.name !== goal.in)) await openChannel(firstChannel(goal.in));
  remember();
});
document.addEventListener("visibilitychange", () => !document.hidden && state && lookAtState());
$("messages").addEventListener("scroll", jumpShown, { passive: true });
$("jump").addEventListener("click", () => list.toFoot());
document.addEventListener("click", (event) => {
  const mention = event.target.closest("a.mention[data-channel]");
  if (!mention) return;
  event.preventDefault();
  openChannel(mention.dataset.channel);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && at.thread && !document.querySelector("dialog[open], [popover]:popover-open") && event.target.closest("#thread") && !event.defaultPrevented) closeThread(true);
});
keepTimesTrue();
begin();
