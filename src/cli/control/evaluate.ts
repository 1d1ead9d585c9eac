// Evaluates what somebody types into a server that runs, as the REPL of Node does: await at the top, and names that may be
// declared again. That is what the inspector can do, and nothing else in Node lets others do it.
import type { Session } from "node:inspector";
import { fileURLToPath } from "node:url";
import { inspect, stripVTControlCharacters } from "node:util";
import { promiseHooks } from "node:v8";
import { asError } from "../../base/errors.ts";
import type { Uncaught, UncaughtErrors } from "./uncaught.ts";

export interface Evaluated {
  /** The value, or what was thrown, as text. */
  readonly text: string;
  readonly failed: boolean;
  /** What was thrown meanwhile where nobody waits for it. */
  readonly meanwhile: readonly UncaughtLine[];
}

/** An uncaught error as it is shown at a prompt. */
export interface UncaughtLine {
  readonly number: number;
  readonly text: string;
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
/** Errors that are gathered for one answer: an interval that throws has no end. */
const UNCAUGHT_LIMIT = 100;

const TAKE = Symbol.for("portico.taken");
const TAKER = 'function () { "use strict"; globalThis[Symbol.for("portico.taken")](this) }';

/**
 * Makes an evaluator, and puts names into the global scope for what is typed.
 *
 * @param names each with what it stands for at the moment it is used. A name that is there already is left alone.
 * @param uncaught is told of what is thrown where nobody waits for it.
 */
export function evaluator(
  names: Readonly<Record<string, () => unknown>>,
  uncaught: UncaughtErrors,
  limits: EvaluateLimits = LIMITS,
): (code: string, colour: boolean, signal: AbortSignal) => Promise<Evaluated> {
  for (const [name, get] of Object.entries(names)) {
    if (name in globalThis) continue;
    const set = (value: unknown): void => void Object.defineProperty(globalThis, name, { value, writable: true });
    Object.defineProperty(globalThis, name, { get, set, configurable: true });
  }
  return async (code, colour, signal) => {
    const meanwhile: Uncaught[] = [];
    const unwatch = uncaught.watch((each) => {
      if (meanwhile.length < UNCAUGHT_LIMIT) meanwhile.push(each);
    });
    try {
      const said = await evaluate(code, colour, { limits, uncaught, signal });
      // A promise counts as rejected for nobody when the turn is over.
      await new Promise(setImmediate);
      return { ...said, meanwhile: meanwhile.map((each) => uncaughtLine(each, colour)) };
    } finally {
      unwatch();
    }
  };
}

/** As the REPL of Node shows it. */
export function uncaughtLine({ number, error }: Uncaught, colour: boolean): UncaughtLine {
  return { number, text: uncaughtText(error, colour) };
}

interface Evaluation {
  readonly limits: EvaluateLimits;
  readonly uncaught: UncaughtErrors;
  /** Aborts when who has asked has gone. */
  readonly signal: AbortSignal;
}

type Said = Omit<Evaluated, "meanwhile">;

async function evaluate(code: string, colour: boolean, evaluation: Evaluation): Promise<Said> {
  const { limits, uncaught, signal } = evaluation;
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connect();
  const line = await uncaught.run(() => begin(code, limits.sync, session));
  try {
    const outcome = await late(line.outcome, limits.async, signal);
    if (outcome === undefined) {
      line.whole?.catch((error: unknown) => uncaught.tell(error));
      return { text: `It still waits after ${limits.async / 1000} s, and goes on.`, failed: true };
    }
    if ("thrown" in outcome) return { text: uncaughtText(outcome.thrown, colour), failed: true };
    if ("cut" in outcome) return { text: outcome.cut, failed: true };
    return { text: shown(outcome.value, colour), failed: false };
  } finally {
    session.disconnect();
    // Not before: the inspector itself does not hold on to what it waits for, and Node 22 dies of a promise that is collected.
    AWAITED.delete(line.whole);
  }
}

const AWAITED = new Set<Promise<unknown> | undefined>();

interface Line {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** What the inspector awaits: the whole line. Undefined where it is no JavaScript. */
  readonly whole: Promise<unknown> | undefined;
}

type Outcome = { readonly value: unknown } | { readonly thrown: unknown } | { readonly cut: string };
type Post = (method: string, params: object) => Promise<unknown>;

function begin(expression: string, timeout: number, session: Session): Line {
  let whole: Promise<unknown> | undefined;
  const post: Post = (method, params) =>
    new Promise((resolve, reject) => {
      // The first promise that a line makes is that of the line.
      const stop = promiseHooks.onInit((promise) => {
        whole ??= promise;
      });
      session.post(method, params, (error: Error | null, result?: unknown) => {
        if (error === null) resolve(result);
        else reject(new Error(error.message));
      });
      stop();
    });
  const answer = post("Runtime.evaluate", { expression, replMode: true, awaitPromise: true, timeout });
  AWAITED.add(whole);
  return { outcome: outcomeOf(answer as Promise<Answer>, timeout, post), whole };
}

async function outcomeOf(answer: Promise<Answer>, timeout: number, post: Post): Promise<Outcome> {
  try {
    const { result, exceptionDetails } = await answer;
    const { value } = await taken(exceptionDetails?.exception ?? result, post);
    return exceptionDetails === undefined ? { value } : { thrown: value };
  } catch (error) {
    const { message } = asError(error);
    // What is terminated is an internal error to the inspectors of Node 22 and later: -32603.
    const cut = /Execution was terminated|-32603\b/.test(message);
    return { cut: cut ? `It ran for ${timeout / 1000} s and was cut off.` : message };
  }
}

function shown(value: unknown, colour: boolean): string {
  try {
    const text = inspect(value, { colors: colour, depth: 2, maxArrayLength: 100, maxStringLength: 10_000 });
    return text.slice(0, TEXT_LIMIT);
  } catch (error) {
    return `It cannot be shown: ${asError(error).message}`;
  }
}

function uncaughtText(error: unknown, colour: boolean): string {
  return `Uncaught ${withoutOurs(shown(error, colour))}`;
}

/** The value itself, since it is in this process; in an object, or a promise would be awaited. */
async function taken(remote: RemoteObject, post: Post): Promise<{ readonly value: unknown }> {
  if (remote.unserializableValue !== undefined) {
    return { value: { [inspect.custom]: () => remote.unserializableValue } };
  }
  if (remote.objectId === undefined) return { value: remote.value };
  let value: unknown;
  const holder = globalThis as { [TAKE]?: (value: unknown) => void };
  holder[TAKE] = (found) => {
    value = found;
  };
  const called = post("Runtime.callFunctionOn", { objectId: remote.objectId, functionDeclaration: TAKER });
  delete holder[TAKE];
  await called;
  return { value };
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

/** The folder of the package: a frame is in `dist`, or with the help of source maps in `src`. */
const PACKAGE = /^.*(?=\/dist\/[^/]+\/)/.exec(import.meta.url)?.[0] ?? import.meta.url;
const OURS = ["dist", "src"].flatMap((folder) => [`${PACKAGE}/${folder}/`, fileURLToPath(`${PACKAGE}/${folder}/`)]);

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
  return /at new Promise \(<anonymous>\)|[( ]node:/.test(line) || OURS.some((folder) => line.includes(folder));
}
