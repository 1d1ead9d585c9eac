// Evaluates what somebody types into a server that runs, as the REPL of Node does: await at the top, and names that may be
// declared again. That is what the inspector can do, and nothing else in Node lets others do it.
import { inspect } from "node:util";

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

/** What runs without a break longer than this is cut off. Milliseconds. */
const SYNC_LIMIT = 5000;
/** What is awaited longer than this is not waited for; it goes on. */
const ASYNC_LIMIT = 30_000;
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
): (code: string, colour: boolean) => Promise<Evaluated> {
  for (const [name, get] of Object.entries(names)) {
    if (name in globalThis) continue;
    const set = (value: unknown): void => void Object.defineProperty(globalThis, name, { value, writable: true });
    Object.defineProperty(globalThis, name, { get, set, configurable: true });
  }
  return evaluate;
}

async function evaluate(code: string, colour: boolean): Promise<Evaluated> {
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
  const options = { expression: code, replMode: true, awaitPromise: true, timeout: SYNC_LIMIT };
  try {
    const answer = (await late(post("Runtime.evaluate", options))) as Answer | undefined;
    if (answer === undefined)
      return { text: `It still waits after ${ASYNC_LIMIT / 1000} s, and goes on.`, failed: true };
    const { result, exceptionDetails } = answer;
    const value = await taken(exceptionDetails?.exception ?? result, post);
    const text = inspect(value, { colors: colour, depth: 2, maxArrayLength: 100, maxStringLength: 10_000 });
    const said = exceptionDetails === undefined ? text : `Uncaught ${withoutOurs(text)}`;
    return { text: said.slice(0, TEXT_LIMIT), failed: exceptionDetails !== undefined };
  } catch (error) {
    const { message } = error as Error;
    const cut = message.includes("Execution was terminated");
    return { text: cut ? `It ran for ${SYNC_LIMIT / 1000} s and was cut off.` : message, failed: true };
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

async function late<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ASYNC_LIMIT);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** A stack without the frames of this file and of Node. */
function withoutOurs(text: string): string {
  const ours = /^\s+at (?:new Promise \(<anonymous>\)|.*(?:\/cli\/control\/\w+\.[jt]s|\(?node:).*)$/;
  return text
    .split("\n")
    .filter((line) => !ours.test(line))
    .join("\n");
}
