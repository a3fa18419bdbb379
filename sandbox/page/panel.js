// The control panel: the bot, its clock, every vendor's switches and faults, the databases, Slack's own troubles, the log.

import { panel as door } from "./api.js";
import { clockSeconds, dayKey } from "./dates.js";
import { botNow, setClock } from "./directory.js";
import { toast, tried } from "./dialogs.js";
import { fill, h, iconButton, keepingFocus } from "./dom.js";

const SPEEDS = [1, 10, 60, 600];
const JUMPS = [["+5 min", 300], ["+1 h", 3600], ["+1 day", 86_400]];
const DATABASES = { own: "The bot’s own", product: "The product’s", staging: "Staging’s" };
const SLACK = [
  ["drop_sockets", "Drop the sockets", "Cut every Socket Mode connection at once"],
  ["refresh_sockets", "Refresh", "Slack’s own hourly “please reconnect”"],
  ["warn_sockets", "Warn", "Slack’s warning ten seconds before a disconnect"],
  ["dead_ticket", "Dead address next", "The next wss address that is given out cannot be connected to"],
  ["redeliver", "Deliver again", "Send the last payload once more, as Slack does when an ack was late"],
];
const KINDS = {
  refused: "refused: the connection drops", slow: "slow: answers late", timeout: "timeout: never answers", status: "status: an error code",
  html: "html: 200 with a web page", garbled: "garbled: JSON of another shape", lost: "lost: acts, then drops the answer",
};

const pretty = (name) => String(name).replaceAll("_", " ");

function segments(label, options, value, choose, key) {
  return h("div", { class: "segments", role: "group", "aria-label": label }, options.map(([option, words]) =>
    h("button", { type: "button", "aria-pressed": String(option === value), data: { key: `${key}/${option}` }, on: { click: () => choose(option) } }, words)));
}

function dropdown(label, options, value, choose, key) {
  return h("select", { class: "field", "aria-label": label, data: { key }, on: { change: (event) => choose(event.currentTarget.value) } },
    options.map(([option, words]) => h("option", { value: option, selected: option === value }, words)));
}

const faultWords = (fault) => [fault.call === "*" ? "every call" : fault.call, fault.kind === "status" ? `status ${fault.status}` : fault.kind,
  fault.kind === "slow" ? `${fault.seconds} s` : null, fault.times ? `next ${fault.times}` : null, fault.hits ? `struck ${fault.hits}×` : null].filter(Boolean).join(" · ");

/** Whether anything of a vendor is not as it should be. */
const isBroken = (vendor) => (vendor.faults ?? []).length > 0 || (vendor.switches ?? []).some((one) => one.value !== one.options[0]);

/** Whether anything at all is broken, by `GET /panel/state`. */
export const anythingBroken = (state) =>
  Boolean(state) && ([...(state.vendors ?? []), { ...state.slack }].some(isBroken) || (state.databases ?? []).some((one) => one.state !== "up") || state.bot?.state === "stopped");

/** The drawer. `onState` hears every new state; `onClose` is asked when it wants to go. */
export class Panel {
  constructor(place, { onState, onClose }) {
    Object.assign(this, { place, onState, onClose, state: null, parts: new Map(), logOf: "" });
    this.head = h("header", { class: "bar panel-bar" });
    this.bot = h("section", { class: "card", "aria-label": "The bot" });
    this.clock = h("section", { class: "card", "aria-label": "The bot’s clock" });
    this.databases = h("section", { class: "card", "aria-label": "Databases" });
    this.slack = h("section", { class: "card vendor-list", "aria-label": "Slack" });
    this.vendors = h("section", { class: "card vendor-list", "aria-label": "Vendors" });
    this.log = h("section", { class: "card", "aria-label": "Last requests" });
    fill(place, this.head, h("div", { class: "panel-body" }, this.bot, this.clock, this.vendors, this.databases, this.slack, this.log));
    setInterval(() => this.tick(), 1000);
    setInterval(() => this.open && !document.hidden && this.refresh(), 4000);
  }

  get open() {
    return !this.place.hidden;
  }

  /** Ask for the state again and draw what changed. */
  async refresh() {
    const state = await tried(() => door.state());
    if (!state) return;
    this.state = state;
    setClock(state.clock ?? {});
    this.onState(state);
    if (this.open) this.draw();
  }

  async do(what, body, good) {
    const done = await tried(() => door.do(what, body));
    if (done && good) toast(good, "good");
    await this.refresh();
  }

  part(name, sign, place, make) {
    const text = JSON.stringify(sign);
    if (this.parts.get(name) === text) return;
    this.parts.set(name, text);
    keepingFocus(place, () => fill(place, make()));
  }

  draw() {
    const { state } = this;
    const broken = anythingBroken(state);
    this.part("head", broken, this.head, () => [
      iconButton("back", "Back", this.onClose, { class: "icon-button phone-only" }),
      h("h2", {}, "Control panel"),
      h("button", { type: "button", class: "button mend", disabled: !broken, data: { key: "mend" }, on: { click: () => this.mend() } }, "Mend everything"),
      iconButton("close", "Close the panel", this.onClose, { class: "icon-button wide-only" }),
    ]);
    this.part("bot", state.bot, this.bot, () => this.drawBot(state.bot ?? { state: "none" }));
    this.part("clock", state.clock?.speed, this.clock, () => this.drawClock(state.clock ?? {}));
    this.part("databases", state.databases, this.databases, () => this.drawDatabases(state.databases ?? []));
    this.drawVendors(this.vendors, "Vendors", state.vendors ?? []);
    this.drawVendors(this.slack, "Slack itself", [{ name: "slack", title: "Slack", ...state.slack }], true);
    this.tick();
    this.drawLog();
  }

  drawBot(bot) {
    const press = (words, what, kind = "") => h("button", { type: "button", class: `button ${kind}`, data: { key: `bot/${what}` }, on: { click: () => this.do("bot", { do: what }) } }, words);
    const words = { running: "Running", stopped: "Stopped", none: "Not started by this sandbox" };
    return [
      h("h3", {}, "The bot", h("span", { class: `state ${{ running: "good", stopped: "bad" }[bot.state] ?? "idle"}` }, words[bot.state] ?? bot.state, bot.pid ? ` · pid ${bot.pid}` : "")),
      bot.state !== "none" && h("div", { class: "buttons" }, bot.state === "running" ? [press("Stop", "stop"), press("Kill -9", "kill", "danger")] : press("Start", "start", "primary")),
    ];
  }

  drawClock(clock) {
    return [
      h("h3", {}, "The bot’s clock", h("output", { class: "now", "aria-label": "now, for the bot" })),
      h("div", { class: "clock-row" }, segments("Speed", SPEEDS.map((speed) => [speed, `×${speed}`]), clock.speed, (speed) => this.do("clock", { speed }), "speed")),
      h("div", { class: "buttons" },
        JUMPS.map(([words, jump]) => h("button", { type: "button", class: "button", data: { key: `jump/${jump}` }, on: { click: () => this.do("clock", { jump }) } }, words))),
    ];
  }

  drawDatabases(databases) {
    return [h("h3", {}, "Databases"), databases.length
      ? databases.map((one) => h("div", { class: "setting" },
          h("span", {}, h("span", { class: `dot ${one.state === "up" ? "good" : "bad"}` }), DATABASES[one.name] ?? pretty(one.name)),
          segments(`${one.name} database`, (one.states ?? ["up", "slow", "hang", "down"]).map((state) => [state, state]), one.state, (state) => this.do("database", { name: one.name, state }), `database/${one.name}`)))
      : h("p", { class: "hint" }, "None: this sandbox was started without databases.")];
  }

  drawVendors(place, title, vendors, slack = false) {
    const names = vendors.map((one) => one.name).join();
    this.part(`names ${title}`, names, place, () => [h("h3", {}, title), vendors.map((one) => {
      const head = h("summary", { data: { key: `vendor/${one.name}` } });
      const live = h("div", { class: "vendor-live" });
      const node = h("details", { class: "vendor", data: { vendor: one.name }, open: slack ? true : undefined }, head, h("div", { class: "vendor-body" },
        slack && h("div", { class: "buttons" }, SLACK.map(([what, words, why]) => h("button", { type: "button", class: "button", title: why, data: { key: `slack/${what}` }, on: { click: () => this.do("slack", { do: what }, `${words}: done`) } }, words))),
        live, this.breakIt(one)));
      return node;
    })]);
    for (const one of vendors) {
      const node = place.querySelector(`[data-vendor="${CSS.escape(one.name)}"]`);
      this.part(`head ${one.name}`, [isBroken(one), one.requests, one.connections], node.querySelector("summary"), () => [
        h("span", { class: `dot ${isBroken(one) ? "bad" : "good"}`, role: "img", "aria-label": isBroken(one) ? "broken" : "well" }),
        h("span", { class: "vendor-name" }, one.title ?? one.name),
        h("small", {}, [
          one.connections !== undefined && `${one.connections} socket${one.connections === 1 ? "" : "s"}`,
          one.requests !== undefined && `${one.requests} request${one.requests === 1 ? "" : "s"}`].filter(Boolean).join(" · "))]);
      this.part(`live ${one.name}`, [one.switches, one.faults], node.querySelector(".vendor-live"), () => this.live(one));
    }
  }

  live(vendor) {
    return [
      (vendor.switches ?? []).map((one) => {
        const options = one.options.map((option) => [option, pretty(option)]);
        const choose = (option) => this.do("switch", { vendor: vendor.name, name: one.name, option });
        const short = options.length < 4 && one.options.join("").length < 26;
        return h("div", { class: "setting" }, h("span", {}, one.label ?? pretty(one.name)),
          (short ? segments : dropdown)(`${vendor.title ?? vendor.name}: ${one.label ?? one.name}`, options, one.value, choose, `switch/${vendor.name}/${one.name}`));
      }),
      (vendor.faults ?? []).map((fault) => h("div", { class: "fault" }, h("span", {}, faultWords(fault)),
        iconButton("close", `Remove the fault: ${faultWords(fault)}`, async () => {
          await tried(() => door.remove(fault.id));
          await this.refresh();
        }))),
    ];
  }

  breakIt(vendor) {
    const kinds = this.state.fault_kinds ?? Object.keys(KINDS);
    const calls = (vendor.calls ?? []).map((one) => (typeof one === "string" ? [one, one] : [one.name, `${one.name}${one.method ? `  (${one.method})` : ""}`]));
    const kind = dropdown("How to break it", kinds.map((one) => [one, KINDS[one] ?? one]), kinds[0], () => fit(), `kind/${vendor.name}`);
    const call = dropdown("Which call", [["*", "every call"], ...calls], "*", () => {}, `call/${vendor.name}`);
    const number = (label, value, key, props) => h("label", { class: "number" }, label, h("input", { type: "number", class: "field", value, data: { key: `${key}/${vendor.name}` }, ...props }));
    const status = number("Status", 503, "status", { min: 400, max: 599 });
    const seconds = number("Seconds", 5, "seconds", { min: 0, step: 0.5 });
    const times = number("Times", "", "times", { min: 1, placeholder: "∞" });
    const fit = () => {
      status.hidden = kind.value !== "status";
      seconds.hidden = !(kind.value === "slow" || (kind.value === "status" && Number(status.lastChild.value) === 429));
    };
    status.lastChild.addEventListener("input", fit);
    fit();
    const send = () => this.do("fault", {
      vendor: vendor.name, call: call.value, kind: kind.value,
      ...(status.hidden ? {} : { status: Number(status.lastChild.value) }),
      ...(seconds.hidden ? {} : { seconds: Number(seconds.lastChild.value) }),
      ...(times.lastChild.value ? { times: Number(times.lastChild.value) } : {}),
    });
    return h("div", { class: "break", role: "group", "aria-label": `Break ${vendor.title ?? vendor.name}` }, kind, call, h("div", { class: "numbers" }, status, seconds, times,
      h("button", { type: "button", class: "button danger", data: { key: `break/${vendor.name}` }, on: { click: send } }, "Break it")));
  }

  async mend() {
    const { state } = this;
    await tried(async () => {
      await door.do("faults/clear", {});
      for (const vendor of [...state.vendors, { name: "slack", ...state.slack }]) {
        for (const one of vendor.switches ?? []) if (one.value !== one.options[0]) await door.do("switch", { vendor: vendor.name, name: one.name, option: one.options[0] });
      }
      for (const one of state.databases ?? []) if (one.state !== "up") await door.do("database", { name: one.name, state: "up" });
      if (state.bot?.state === "stopped") await door.do("bot", { do: "start" });
      toast("All is well again", "good");
    });
    await this.refresh();
  }

  tick() {
    const now = this.clock.querySelector(".now");
    if (now && this.open) now.textContent = `${dayKey(botNow())} ${clockSeconds(botNow())}`;
  }

  async drawLog() {
    const names = [["", "all vendors"], ...(this.state.vendors ?? []).map((one) => [one.name, one.title ?? one.name]), ["slack", "Slack"]];
    this.part("log head", names, this.log, () => {
      this.rows = h("ol", { class: "log", tabindex: 0, "aria-label": "Last requests, newest first" });
      return [h("h3", {}, "Last requests", iconButton("again", "Look again", () => this.lookAtLog())), dropdown("Whose", names, this.logOf, (name) => {
        this.logOf = name;
        this.lookAtLog();
      }, "log/of"), this.rows];
    });
    await this.lookAtLog();
  }

  async lookAtLog() {
    const answer = await door.log(this.logOf).catch(() => null);
    if (!answer) return;
    const found = (Array.isArray(answer) ? answer : (answer.log ?? answer.requests ?? [])).toSorted((a, b) => b.at - a.at).slice(0, 60);
    this.part("log rows", found, this.rows, () => found.length
      ? found.map((one) => h("li", { class: one.fault || one.status >= 500 || !one.status ? "bad" : "" },
          h("time", {}, clockSeconds(one.at)), h("span", { class: "log-status" }, one.status ?? "—"), h("span", { class: "log-call", title: `${one.method ?? ""} ${one.path ?? ""}` }, `${one.vendor} · ${one.call}`), one.fault && h("span", { class: "badge" }, one.fault)))
      : h("li", { class: "hint" }, "Nothing was asked yet."));
  }
}
