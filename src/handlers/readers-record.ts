// A record of readers, read one after the other: the parameters of a handler and the members of an object alike. Knows in which
// order, what a reader may see, and that everything wrong is told at once. Where the raw values lie its caller knows.
import { LocalError } from "../base/errors.ts";
import { type Convert, type Form, type Many, readerOf, reading, readsAround, rulesOf, type Source } from "./readers.ts";
import { type Flaw, isFull, MISSING, Wrong } from "./readers-flaw.ts";
import type { StandardSchema } from "./standard.ts";

/** Readers by name. */
export type Readers = Readonly<Record<string, StandardSchema>>;

/** How one value of a record is read. */
export interface Step {
  readonly key: string;
  /** What it is called where it is found. */
  readonly name: string;
  readonly source: Source | undefined;
  readonly many: Many;
  readonly files: boolean;
  readonly convert: Convert;
  readonly after: readonly string[];
  /** Sees the values read before. */
  readonly looks: boolean;
  /** Cannot be left out. */
  readonly required: boolean;
}

/** Where a record is read from. */
export interface Raws {
  /** Of the value that was found last. */
  readonly form: Form;
  /** The raw value; undefined where there is none. A Wrong stands for itself. */
  find(step: Step): unknown;
}

export type Values = Readonly<Record<string, unknown>>;

/**
 * The steps of a record, each behind those that it is to see.
 *
 * @throws LocalError USE_BAD_OPTION for a value that is no reader, the name `__proto__`, an after() that names nothing or itself.
 */
export function stepsOf(readers: Readers): readonly Step[] {
  if (typeof readers !== "object" || readers === null) throw new LocalError("USE_BAD_OPTION", "Readers come by name.");
  const steps = Object.entries(readers).map(([key, schema]) => stepOf(key, schema));
  return ordered(steps);
}

function stepOf(key: string, schema: StandardSchema): Step {
  if (key === "__proto__") throw new LocalError("USE_BAD_OPTION", "No value is called __proto__.");
  try {
    const reader = readerOf(schema);
    const rules = rulesOf(reader);
    const { source, name = key, after, kind, absent } = rules;
    const convert = reading(reader);
    const looks = readsAround(rules);
    const { files = false } = kind;
    const many = source === "body" || source === "json" ? undefined : kind.many; // a list of JSON is one
    return { key, name, source, many, files, convert, after, looks, required: absent === undefined };
  } catch (cause) {
    throw new LocalError("USE_BAD_OPTION", `The reader of ${key} is none of t, and no Standard Schema.`, { cause });
  }
}

/** As declared, but behind all that after() names. */
function ordered(steps: readonly Step[]): readonly Step[] {
  const byKey = new Map(steps.map((step) => [step.key, step]));
  const done = new Set<Step>();
  const open = new Set<Step>();
  const visit = (step: Step): void => {
    if (done.has(step)) return;
    if (open.has(step)) throw new LocalError("USE_BAD_OPTION", `${step.key} comes after itself.`);
    open.add(step);
    for (const key of step.after) {
      const before = byKey.get(key);
      if (before === undefined)
        throw new LocalError("USE_BAD_OPTION", `${step.key} is after ${key}, which is not read.`);
      visit(before);
    }
    open.delete(step);
    done.add(step);
  };
  for (const step of steps) visit(step);
  return [...done];
}

/** What has been read so far. */
interface Run {
  readonly steps: readonly Step[];
  readonly raws: Raws;
  readonly values: Record<string, unknown>;
  flaws: Flaw[] | null;
  failed: Set<string> | null;
}

/** Reads them all. No promise is made where no reader makes one. */
export function readRecord(steps: readonly Step[], raws: Raws): Values | Wrong | Promise<Values | Wrong> {
  return advance({ steps, raws, values: {}, flaws: null, failed: null }, 0);
}

function advance(run: Run, from: number): Values | Wrong | Promise<Values | Wrong> {
  const { steps, raws, values } = run;
  for (let i = from; i < steps.length; i++) {
    const step = steps[i] as Step;
    const value = run.flaws === null ? one(step, raws, values) : oneOfMany(run, step);
    if (value instanceof Promise) {
      return value.then((later) => {
        settle(run, step, later);
        return advance(run, i + 1);
      });
    }
    settle(run, step, value);
  }
  return run.flaws === null ? values : new Wrong(run.flaws);
}

function one(step: Step, raws: Raws, values: Values): unknown {
  const raw = raws.find(step);
  return raw instanceof Wrong ? raw : step.convert(raw, raws.form, values);
}

/** Something is wrong already: what would need it is not asked, but that it is missing can be told. */
function oneOfMany(run: Run, step: Step): unknown {
  const { failed, raws } = run;
  const waits = step.after.length === 0 ? step.looks : step.after.some((key) => failed?.has(key));
  if (!waits) return one(step, raws, run.values);
  const raw = raws.find(step);
  if (raw instanceof Wrong) return raw;
  return raw === undefined && step.required ? MISSING : UNKNOWN;
}

const UNKNOWN = new Wrong([]);

function settle(run: Run, step: Step, value: unknown): void {
  if (!(value instanceof Wrong)) {
    run.values[step.key] = value;
    return;
  }
  if (run.flaws === null) run.flaws = [];
  if (run.failed === null) run.failed = new Set();
  run.failed.add(step.key);
  if (isFull(run.flaws)) return;
  run.flaws.push(...(step.source === "body" && value.flaws.length > 0 ? bodyFlaws(value) : value.under(step.name)));
}

/** What is wrong in a body as a whole has the names that its sender knows: those in it. */
function bodyFlaws({ flaws }: Wrong): Flaw[] {
  return flaws.map(({ path, reason }) => ({ path: path.length === 0 ? ["body"] : path, reason }));
}
