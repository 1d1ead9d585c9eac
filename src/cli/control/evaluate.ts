// Evaluates what somebody types into a server that runs, as the REPL of Node does: await at the top, and names that may be
// declared again. That is what the inspector can do, and nothing else in Node lets others do it.
import { fileURLToPath } from "node:url";
import { inspect, stripVTControlCharacters } from "node:util";

export interface Evaluated {
  /** The value, or what was thrown, as text. */
  readonly text: string;
  readonly failed: boolean;
}

interface RemoteObject {
  readonly type: string;
  readonly value?: unknown;
  readonly unserializableValue?: string;
  readonly objectId?: string;
}

interface Answer {
  readonly result: RemoteObject;
  readonly exceptionDetails?: { readonly text: string; readonly exception?: RemoteObject };
}

export interface EvaluateLimits {
  /** What runs without a break longer than this is cut off. Milliseconds. */
  readonly sync: number;
  /** What is awaited longer than this is not waited for; it goes on. */
  readonly async: number;
}

const LIMITS: EvaluateLimits = { sync: 5000, async: 30_000 };
const TEXT_LIMIT = 100_000;

const TAKE = Symbol.for("portico.taken");
const TAKER = 'function () { "use strict"; globalThis[Symbol.for("portico.taken")](this) }';

/**
 * Makes an evaluator, and puts names into the global scope for what is typed.
 *
 * @param names each with what it stands for at the moment it is used. A name that is there already is left alone.
 */
export function evaluator(
  names: Readonly<Record<string, () => unknown>>,
  limits: EvaluateLimits = LIMITS,
): (code: string, colour: boolean, signal: AbortSignal) => Promise<Evaluated> {
  for (const [name, get] of Object.entries(names)) {
    if (name in globalThis) continue;
    const set = (value: unknown): void => void Object.defineProperty(globalThis, name, { value, writable: true });
    Object.defineProperty(globalThis, name, { get, set, configurable: true });
  }
  return (code, colour, signal) => evaluate(code, colour, limits, signal);
}

async function evaluate(
  code: string,
  colour: boolean,
  limits: EvaluateLimits,
  signal: AbortSignal,
): Promise<Evaluated> {
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connect();
  const post = (method: string, params: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      session.post(method, params, (error: Error | null, result?: unknown) => {
        if (error === null) resolve(result);
        else reject(new Error(error.message));
      });
    });
  const options = { expression: code, replMode: true, awaitPromise: true, timeout: limits.sync };
  try {
    const work = post("Runtime.evaluate", options) as Promise<Answer>;
    const answer = await late(work, limits.async, signal);
    if (answer === undefined)
      return { text: `It still waits after ${limits.async / 1000} s, and goes on.`, failed: true };
    const { result, exceptionDetails } = answer;
    const value = await taken(exceptionDetails?.exception ?? result, post);
    const text = inspect(value, { colors: colour, depth: 2, maxArrayLength: 100, maxStringLength: 10_000 });
    const said = exceptionDetails === undefined ? text : `Uncaught ${withoutOurs(text)}`;
    return { text: said.slice(0, TEXT_LIMIT), failed: exceptionDetails !== undefined };
  } catch (error) {
    const { message } = error as Error;
    // What is terminated is an internal error to the inspectors of Node 22 and later: -32603.
    const cut = /Execution was terminated|-32603\b/.test(message);
    return { text: cut ? `It ran for ${limits.sync / 1000} s and was cut off.` : message, failed: true };
  } finally {
    session.disconnect();
  }
}

/** The value itself: it is in this process. */
async function taken(
  remote: RemoteObject,
  post: (method: string, params: object) => Promise<unknown>,
): Promise<unknown> {
  if (remote.unserializableValue !== undefined) return { [inspect.custom]: () => remote.unserializableValue };
  if (remote.objectId === undefined) return remote.value;
  let value: unknown;
  const holder = globalThis as { [TAKE]?: (value: unknown) => void };
  holder[TAKE] = (found) => {
    value = found;
  };
  const called = post("Runtime.callFunctionOn", { objectId: remote.objectId, functionDeclaration: TAKER });
  delete holder[TAKE];
  await called;
  return value;
}

/** Undefined where it takes too long, or who has asked has gone. */
async function late<T>(work: Promise<T>, limit: number, signal: AbortSignal): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let left = (): void => {};
  const over = new Promise<undefined>((resolve) => {
    left = () => resolve(undefined);
    timer = setTimeout(left, limit);
    signal.addEventListener("abort", left);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", left);
  }
}

/** The folder that Portico was compiled to, where this is a file of its own as well as where it is part of the command. */
const OURS = /^.*\/dist\/[^/]+\//.exec(import.meta.url)?.[0] ?? import.meta.url;

/** A stack without the frames of Portico and of Node. It may be coloured, and go on with the fields of the error. */
function withoutOurs(text: string): string {
  const kept: string[] = [];
  for (const line of text.split("\n")) {
    const plain = stripVTControlCharacters(line);
    if (!isOurs(plain)) kept.push(line);
    else if (plain.endsWith(" {")) kept[kept.length - 1] += " {";
  }
  return kept.join("\n");
}

function isOurs(line: string): boolean {
  if (!/^\s+at /.test(line)) return false;
  return (
    /at new Promise \(<anonymous>\)|[( ]node:/.test(line) || line.includes(OURS) || line.includes(fileURLToPath(OURS))
  );
}
