// A conversation without polling: who waits for a message is parked, costs nothing while it waits, and is answered when there is one.
import { type Handler, serverOf } from "portico";
import { parkingLot, t, typed } from "portico/handlers";

const MOST = 100;
const WAIT_MS = 25_000;

const lot = parkingLot();
const messages: string[] = [];
let first = 0;

const since = (from: number): object => ({
  next: first + messages.length,
  messages: messages.slice(Math.max(0, from - first)),
});

/** The messages from a number on: at once where there are some, else when there is one. */
export const wait: Handler = typed({ from: t.integer.min(0) }, ({ from }, request) =>
  lot.deferUntil(
    request,
    () => first + messages.length > from,
    () => since(from),
    { deadline: WAIT_MS, late: () => since(from), signal: serverOf(request).draining },
  ),
);

export const say: Handler = typed({ text: t.string.min(1).max(200) }, ({ text }) => {
  messages.push(text);
  if (messages.length > MOST) first += messages.splice(0, messages.length - MOST).length;
  return { answered: lot.notify() };
});
