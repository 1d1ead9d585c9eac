// One module that we have loaded: its text, what it imports, and the object of what it exports. Units of Node (packages, built-in
// modules) are the same to whoever imports them, but are never replaced.
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { type Declarations, declarations } from "./declarations.ts";
import { LoadError, type Place, type Script as Source } from "./source.ts";

/** What a module exports, by name, as it is at this moment. */
export type Getters = Record<string, () => unknown>;

interface Compiled {
  readonly begin: AsyncGenerator<void, void, void>;
  readonly set: (values: readonly unknown[]) => void;
}

export class Unit {
  readonly url: string;
  /** By specifier, once it is linked. */
  readonly deps: Map<string, Unit> = new Map();
  /** What import() has reached from here: an edit there is an edit of this. */
  readonly reached: Set<string> = new Set();
  /** Files, by path, and the text that was read; a CommonJS module has those it requires as well. */
  readonly files: Map<string, string>;
  /** What the unit exports itself; those that it passes on are asked for with names() and getter(). */
  getters: Getters = Object.create(null);
  /** Evaluation, once it has begun. */
  done: Promise<void> | undefined;
  evaluated = false;
  readonly #source: Source | undefined;
  readonly #read: Declarations | undefined;
  #compiled: Compiled | undefined;
  /** How many characters of ours stand before the text, on its first line. */
  #head = 0;
  #namespace: object | undefined;

  constructor(url: string, files: Map<string, string>, source?: Source) {
    this.url = url;
    this.files = files;
    this.#source = source;
    this.#read = source === undefined ? undefined : declarations(source.text);
  }

  /** A unit of something that is there already. */
  static of(url: string, values: object, files: Map<string, string> = new Map()): Unit {
    const unit = new Unit(url, files);
    for (const name of Object.keys(values)) unit.getters[name] = () => (values as Record<string, unknown>)[name];
    unit.evaluated = true;
    unit.done = Promise.resolve();
    return unit;
  }

  get file(): string {
    return fileURLToPath(this.url);
  }

  get isModule(): boolean {
    return this.#read?.isModule ?? false;
  }

  /** Each once, with where it is first asked for. */
  get specifiers(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const { specifier, at } of [...(this.#read?.imports ?? []), ...(this.#read?.passed ?? [])]) {
      if (!found.has(specifier) || at < (found.get(specifier) as number)) found.set(specifier, at);
    }
    return found;
  }

  /** A place in the file for an offset in the text. */
  placeAt(offset: number): Place {
    const before = (this.#source?.text ?? "").slice(0, offset).split("\n");
    return this.place(before.length, (before.at(-1) ?? "").length + 1);
  }

  /** A place in the file for one in the text. */
  place(line: number, column: number): Place {
    return this.#source?.original?.(line, column) ?? { file: this.file, line, column };
  }

  /** A place in the file for one that a stack names, in the text as it was compiled. */
  framePlace(line: number, column: number): Place {
    if (this.#read === undefined || this.#source === undefined) return { file: this.file, line, column };
    const before = this.#read.body.split("\n", line - 1).reduce((length, each) => length + each.length + 1, 0);
    return this.placeAt(this.#read.origin(before + column - 1 - (line === 1 ? this.#head : 0)));
  }

  /** All that can be imported from here. */
  names(seen: ReadonlySet<Unit> = new Set()): Set<string> {
    const names = new Set(Object.keys(this.getters));
    if (seen.has(this)) return names;
    for (const name of this.#read?.exports.keys() ?? []) names.add(name);
    for (const { specifier, as } of this.#read?.passed ?? []) {
      if (as !== "**") names.add(as);
      else
        for (const name of this.#dep(specifier).names(new Set([...seen, this])))
          if (name !== "default") names.add(name);
    }
    return names;
  }

  /** How to get what is exported under a name: undefined where nothing is. */
  getter(name: string, seen: ReadonlySet<Unit> = new Set()): (() => unknown) | undefined {
    if (Object.hasOwn(this.getters, name)) return this.getters[name];
    if (seen.has(this)) return undefined;
    // Not instantiated yet, in a circle: it will be there when it is asked.
    if (this.#read?.exports.has(name)) return () => this.getters[name]?.();
    const within = new Set([...seen, this]);
    const passed = this.#read?.passed ?? [];
    const named = passed.find(({ as }) => as === name);
    if (named !== undefined) {
      const from = this.#dep(named.specifier);
      return named.name === "*" ? () => from.namespace : from.getter(named.name, within);
    }
    if (name === "default") return undefined;
    for (const { specifier, as } of passed) {
      const found = as === "**" ? this.#dep(specifier).getter(name, within) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether what is exported under a name can change after evaluation. */
  isChanging(name: string, seen: ReadonlySet<Unit> = new Set()): boolean {
    if (this.#read === undefined || seen.has(this)) return false;
    if (this.#read.exports.has(name)) return this.#read.changing.has(name);
    const within = new Set([...seen, this]);
    return this.#read.passed.some(({ specifier, name: from, as }) => {
      if (as === name) return from !== "*" && this.#dep(specifier).isChanging(from, within);
      return as === "**" && this.#dep(specifier).isChanging(name, within);
    });
  }

  /** The object of `import * as`. */
  get namespace(): object {
    if (this.#namespace !== undefined) return this.#namespace;
    const namespace = Object.create(null, { [Symbol.toStringTag]: { value: "Module" } }) as object;
    for (const name of [...this.names()].sort()) {
      const get = this.getter(name);
      if (get !== undefined) Object.defineProperty(namespace, name, { get, enumerable: true });
    }
    this.#namespace = Object.preventExtensions(namespace);
    return this.#namespace;
  }

  /** Compiles it, and makes its functions; nothing of the module runs yet. @throws LoadError. */
  async instantiate(portico: object): Promise<void> {
    const read = this.#read;
    if (read === undefined || this.#compiled !== undefined) return;
    const { fixed, live } = this.#bindings();
    const exported = [...read.exports].map(([as, local]) => `[${JSON.stringify(as)}]:()=>${local}`).join();
    // Only names of an object are seen to change; V8 looks them up anew each time, so no other name is among them.
    const [open, close] = live.length > 0 ? ["with($live){", "}"] : ["", ""];
    const locals = fixed.map(({ local }) => local).join();
    const variables = locals === "" ? "" : `let ${locals};`;
    const setter = locals === "" ? "()=>{}" : `($values)=>{[${locals}]=$values}`;
    const head = `(function($portico,$live){${open}${variables}return{set:${setter},begin:(async function*(){"use strict";$portico.exports({${exported}});yield;`;
    this.#head = head.length;
    const text = `${head}${read.body}\n}).call(undefined)}${close}})`;
    const make = this.#compile(text, head.length);
    const holder = Object.create(null) as object;
    for (const { local, get } of live) Object.defineProperty(holder, local, { get });
    const exports = (getters: Getters): void => void Object.assign(this.getters, getters);
    this.#compiled = make({ ...portico, exports }, holder) as Compiled;
    await this.#compiled.begin.next();
  }

  /** Runs the module up to its end, or its first await. The units below it have been evaluated. */
  run(): Promise<unknown> {
    this.#compiled?.set(this.#bindings().fixed.map(({ get }) => get()));
    return this.#compiled?.begin.next() ?? Promise.resolve();
  }

  /** Local names: those that have their value when the module begins, and those that are asked for each time. */
  #bindings(): { readonly fixed: readonly Binding[]; readonly live: readonly Binding[] } {
    const fixed: Binding[] = [];
    const live: Binding[] = [];
    for (const { specifier, names, at } of this.#read?.imports ?? []) {
      const from = this.#dep(specifier);
      const circular = from.reaches(this);
      for (const { name, local } of names) {
        const get = name === "*" ? () => from.namespace : from.getter(name);
        if (get === undefined) throw new LoadError(missing(specifier, name), this.placeAt(at));
        const changes = name !== "*" && (circular || from.isChanging(name));
        (changes ? live : fixed).push({ local, get });
      }
    }
    for (const { specifier, name, as, at } of this.#read?.passed ?? []) {
      if (name === "*" || this.getter(as) !== undefined) continue;
      throw new LoadError(missing(specifier, name), this.placeAt(at));
    }
    return { fixed, live };
  }

  /** Whether it imports another unit, over however many steps. */
  reaches(other: Unit, seen: Set<Unit> = new Set()): boolean {
    if (this === other) return true;
    if (seen.has(this)) return false;
    seen.add(this);
    return [...this.deps.values()].some((dep) => dep.reaches(other, seen));
  }

  #dep(specifier: string): Unit {
    return this.deps.get(specifier) as Unit;
  }

  #compile(text: string, head: number): (portico: object, live: object) => unknown {
    try {
      // By eval, and not by vm.Script: V8's cache of scripts holds on to what a Script was compiled from until memory runs short
      // (23 KB for 5 KB of source), while what eval has compiled goes with its functions. From Node 26 on eval is cached alike.
      // biome-ignore lint/security/noGlobalEval: it runs the program that it was told to run.
      const indirect = globalThis.eval;
      return indirect(`${text}\n//# sourceURL=${this.url}`) as (portico: object, live: object) => unknown;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new LoadError(`${error.name}: ${error.message}`, this.#syntaxErrorIn(text, head), { cause: error });
    }
  }

  /** Where the compiler stumbles: eval does not tell. */
  #syntaxErrorIn(text: string, head: number): Place {
    try {
      new Script(text, { filename: this.url });
      return this.place(1, 1);
    } catch (error) {
      // The stack begins with `file:line`, the line, and marks below it.
      const [, line = "1", marks = ""] = /^[^\n]*:(\d+)\n[^\n]*\n([^\n]*\^)?/.exec((error as Error).stack ?? "") ?? [];
      const column = marks.indexOf("^") + 1 - (line === "1" ? head : 0);
      return this.place(Number(line), Math.max(1, column));
    }
  }
}

interface Binding {
  readonly local: string;
  readonly get: () => unknown;
}

function missing(specifier: string, name: string): string {
  return `SyntaxError: The requested module '${specifier}' does not provide an export named '${name}'`;
}
