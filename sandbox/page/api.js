// The two doors of the sandbox: what a person can see and do, and the panel's switches.

/** What the sandbox refused, in its own words. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused("The sandbox does not answer. Is it still running?", 0);
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    throw new Refused(`The sandbox answered ${response.status} with something that is no JSON.`, response.status);
  }
  if (!response.ok) throw new Refused(answer.error ?? `The sandbox answered ${response.status}.`, response.status);
  return answer;
}

/** All that one person can see and do. */
export class Person {
  constructor(id) {
    this.id = id;
    this.root = `/person/${encodeURIComponent(id)}`;
  }

  state() {
    return ask("GET", `${this.root}/state`);
  }

  messages(channel, thread) {
    const query = new URLSearchParams({ channel, ...(thread ? { thread_ts: thread } : {}) });
    return ask("GET", `${this.root}/messages?${query}`);
  }

  /** The App Home. Opening it tells the app; to `look` again does not. */
  home(look) {
    return ask("GET", `${this.root}/home${look ? "?look=1" : ""}`);
  }

  canvas(id) {
    return ask("GET", `${this.root}/canvas?${new URLSearchParams({ id })}`);
  }

  views() {
    return ask("GET", `${this.root}/views`);
  }

  /** Do one of: say, click, submit, close, options, shortcut, react, join, leave, edit. */
  do(what, body) {
    return ask("POST", `${this.root}/${what}`, body);
  }
}

/** The switches of the sandbox. */
export const panel = {
  state: () => ask("GET", "/panel/state"),
  log: (vendor) => ask("GET", `/panel/log?${new URLSearchParams(vendor ? { vendor } : {})}`),
  do: (what, body) => ask("POST", `/panel/${what}`, body),
  remove: (id) => ask("DELETE", `/panel/fault/${id}`),
};

/** Events of one person, over a WebSocket that comes back by itself; `onBack` runs after each (re)connection. */
export class Events {
  constructor(person, { onEvent, onBack, onLost }) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${person.root}/events`;
    Object.assign(this, { onEvent, onBack, onLost, tries: 0, closed: false });
    this.connect();
  }

  connect() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.tries = 0;
      this.onBack();
    });
    socket.addEventListener("message", (message) => {
      let event;
      try {
        event = JSON.parse(message.data);
      } catch {
        console.warn("an event that is no JSON", message.data);
        return;
      }
      this.onEvent(event);
    });
    socket.addEventListener("close", () => {
      if (this.closed) return;
      this.onLost();
      const wait = Math.min(8000, 250 * 2 ** this.tries++) * (0.75 + Math.random() / 2);
      this.timer = setTimeout(() => !this.closed && this.connect(), wait);
    });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
