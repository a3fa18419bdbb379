// Who and what the ids in messages stand for, and what time it is for the bot.

const people = new Map();
const channels = new Map();
const groups = new Map();
const clock = { now: Date.now() / 1000, speed: 1, at: performance.now() };
let myId = "";

/** Take over what `GET /state` said. */
export function learn(state) {
  for (const person of state.people ?? []) people.set(person.id, person);
  for (const channel of state.channels ?? []) channels.set(channel.id, channel);
  for (const group of state.groups ?? []) groups.set(group.id, group);
  myId = state.me?.id ?? myId;
  setClock(state);
}

/** Take over the bot's time. */
export function setClock({ now, speed }) {
  if (now !== undefined) Object.assign(clock, { now, at: performance.now() });
  if (speed !== undefined) clock.speed = speed;
}

/** The bot's time, in seconds since the epoch. */
export const botNow = () => clock.now + ((performance.now() - clock.at) / 1000) * clock.speed;

export const me = () => myId;
export const person = (id) => people.get(id);
export const everybody = () => [...people.values()];
export const channel = (id) => channels.get(id);
export const everyChannel = () => [...channels.values()];
export const group = (id) => groups.get(id);

/** What a person is called; the id where nobody knows. */
export const nameOf = (id) => people.get(id)?.real_name || people.get(id)?.name || id;

/** What a conversation is called, without its #. */
export function channelName(one) {
  if (!one) return "unknown";
  return one.is_im ? nameOf(one.user) : one.name;
}

/** One of twelve hues, always the same for the same id. */
export function hue(id) {
  let sum = 7;
  for (const letter of String(id)) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % 12;
}

/** The letters in somebody's picture. */
export function initials(name) {
  const words = String(name).split(/[\s._-]+/u).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : String(name).slice(0, 2)).toUpperCase();
}
