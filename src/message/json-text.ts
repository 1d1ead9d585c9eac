// A value as JSON, without a loss that nobody hears of: JSON.stringify() writes `{}` for a promise, a Map, an Error or a request, and
// says nothing. To look at each value beforehand would make every answer slower, so the text is asked first: only where it has an
// object without members, or with those of a typed array, the value is walked through.
import { LocalError } from "../base/errors.ts";

/**
 * JSON.stringify(), which refuses what it would make nothing of.
 *
 * @throws LocalError USE_BAD_BODY for undefined and functions; for a promise, a Map, a Set, an Error, a typed array or whatever else
 *   JSON keeps nothing of, inside of the value too. TypeError for a cycle and a BigInt.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new LocalError("USE_BAD_BODY", "Undefined and functions have no JSON form.");
  if (mayLose(text)) refuseLosses(value);
  return text;
}

const CLOSE = 0x7d;
const QUOTE = 0x22;
const ZERO = 0x30;
/** So many objects are looked at one by one, which of a small answer takes half of the time of two searches. */
const FEW = 16;

/** Whether an object in a text has no members, or one whose first is called 0. */
function mayLose(text: string): boolean {
  let at = text.indexOf("{");
  for (let looked = 0; at >= 0; at = text.indexOf("{", at + 1)) {
    const next = text.charCodeAt(at + 1);
    if (next === CLOSE) return true;
    if (next === QUOTE && text.charCodeAt(at + 2) === ZERO && text.charCodeAt(at + 3) === QUOTE) return true;
    if (++looked === FEW) return text.includes("{}", at + 1) || text.includes('{"0":', at + 1);
  }
  return false;
}

/** Pairs as an object: a name that stands several times has the list of its values. `__proto__` is a name like any other. */
export function membersOf<V>(pairs: Iterable<readonly [name: string, value: V]>): Record<string, V | V[]> {
  const found = new Map<string, V[]>();
  for (const [name, value] of pairs) {
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries(
    Array.from(found, ([name, values]) => [name, values.length === 1 ? (values[0] as V) : values]),
  );
}

/** A value on the way through, and how one gets there. */
interface Step {
  readonly value: unknown;
  readonly key: string;
  readonly above: Step | null;
}

/** As JSON.stringify() goes, but by hand: what is nested as deep as it can take would be too deep for a function. */
function refuseLosses(answer: unknown): void {
  const open: Step[] = [{ value: answer, key: "", above: null }];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    const value = written(step);
    if (typeof value !== "object" || value === null) continue;
    if (isLost(value)) throw new LocalError("USE_BAD_BODY", sentence(step, value));
    for (const [key, member] of Object.entries(value)) open.push({ value: member, key, above: step });
  }
}

/** What is written for a value. */
function written({ value, key }: Step): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === "function" ? (toJSON.call(value, key) as unknown) : value;
}

/** Whether there is more to an object than JSON says. */
function isLost(value: object): boolean {
  if (ArrayBuffer.isView(value)) return true;
  if (Array.isArray(value) || Object.keys(value).length > 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return false; // {}, of whatever realm
  const tag = tagOf(value);
  if (tag === "Boolean" || tag === "Number" || tag === "String") return false;
  // Of an object that says nothing else, a class may have left its members out.
  return tag !== "Object" || "then" in value || Object.getOwnPropertyNames(value).length > 0 || hasAccessors(prototype);
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function hasAccessors(prototype: unknown): boolean {
  for (let at = prototype; at !== null && Object.getPrototypeOf(at) !== null; at = Object.getPrototypeOf(at)) {
    if (Object.values(Object.getOwnPropertyDescriptors(at)).some(({ get }) => get !== undefined)) return true;
  }
  return false;
}

const INSTEAD: Readonly<Record<string, string>> = {
  Promise: "await it first",
  Map: "make an object of it with Object.fromEntries()",
  Set: "make a list of it with [...set]",
  Error: "take its message",
  URLSearchParams: "make an object of it with Object.fromEntries()",
  Headers: "make an object of it with Object.fromEntries()",
};

function sentence(step: Step, value: object): string {
  const tag = "then" in value ? "Promise" : tagOf(value);
  const { name } = (value.constructor ?? {}) as { readonly name?: unknown };
  const what =
    tag === "Object" ? `an object of the class ${String(name)}` : `${/^[AEIO]/.test(tag) ? "an" : "a"} ${tag}`;
  const instead = ArrayBuffer.isView(value) ? "make a list of it with Array.from(), or text" : INSTEAD[tag];
  return `${pathOf(step)} is ${what}, and JSON keeps nothing of it: ${instead ?? "say what of it is meant, or give it toJSON()"}.`;
}

// Names may come from a peer.
const SHOWN = 100;

function pathOf(step: Step): string {
  let path = "";
  for (let at: Step | null = step; at !== null && at.above !== null; at = at.above) {
    const key = /^\w{1,40}$/.test(at.key) ? at.key : JSON.stringify(at.key.slice(0, 40));
    path = /^\d+$/.test(key) ? `[${key}]${path}` : `.${key}${path}`;
    if (path.length > SHOWN) return `(…)${path}`;
  }
  return `(answer)${path}`;
}
