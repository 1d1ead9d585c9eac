// The modules of a program that is running, and how they are replaced: what has changed on disk, and whatever imports that, is
// loaded anew; all else stays, with its state. A load that fails has changed nothing.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Script } from "node:vm";
import { readTextFile } from "../../base/text-file.ts";
import { type Found, filesBehind, framesOf } from "./failure.ts";
import { resolve } from "./resolve.ts";
import { kindOf, LoadError, toScript } from "./source.ts";
import { Unit } from "./unit.ts";

/** A set of modules that fit together, by URL. It is never changed, but for what import() adds. */
export interface Program {
  readonly units: Map<string, Unit>;
  /** What the entry exports. */
  readonly namespace: Readonly<Record<string, unknown>>;
  /** The files that were loaded for it, as opposed to kept. */
  readonly loaded: readonly string[];
}

// What runs inside a script can be cut off when it takes too long, a call from here cannot.
const STEP = Symbol.for("portico.step");
const step = new Script('globalThis[Symbol.for("portico.step")]()');

const require = createRequire(import.meta.url);

export class Modules {
  readonly entry: string;
  /** Milliseconds that loading may take. */
  readonly #patience: number;
  /** Is told when import() has brought modules into the program that is in use. */
  readonly #grown: () => void;
  #current: Map<string, Unit> = new Map();
  /** While a program is being loaded: import() of its modules adds to it. */
  #pending: Map<string, Unit> | null = null;
  /** What the files were when loading failed: the same would fail again. */
  #failed: ReadonlyMap<string, string | null> | null = null;
  #linking: Promise<void> = Promise.resolve();
  /** Files that the last load has looked at, and what it has read of them; null where it could not. */
  #seen = new Map<string, string | null>();

  constructor(file: string, patience: number, grown: () => void = () => {}) {
    this.#grown = grown;
    this.entry = pathToFileURL(file).href;
    this.#patience = patience;
  }

  /** What is worth watching: the files of the program, and those that made the last load fail. */
  get files(): Set<string> {
    return new Set(this.#known().keys());
  }

  /** Whether the files are still those with which the last load has failed, as far as is known. */
  get failing(): boolean {
    return this.#failed !== null;
  }

  /** Where a stack passes through the program in use, and the text of that file as it was loaded. */
  find(stack: string): Found | undefined {
    for (const { file, line, column } of framesOf(stack)) {
      for (const unit of this.#current.values()) {
        const text = unit.files.get(file);
        if (text !== undefined) return { place: unit.framePlace(line, column), text };
      }
    }
    return undefined;
  }

  /** Goes on from a program, one of before too. */
  use(program: Program): void {
    this.#current = program.units;
  }

  /**
   * Loads what has changed since the program in use, and does not use it yet.
   *
   * @returns null where nothing has changed, since a load that failed neither.
   * @throws LoadError, or whatever a module has thrown.
   */
  async load(): Promise<Program | null> {
    if (this.#failed !== null && (await isSame(this.#failed))) return null;
    this.#failed = null;
    this.#seen = new Map();
    const stale = await this.#stale();
    if (stale.size === 0 && this.#current.size > 0) return null;
    const units = new Map([...this.#current].filter(([url]) => !stale.has(url)));
    for (const url of stale) this.#forgetRequired(this.#current.get(url) as Unit);
    this.#pending = units;
    const before = new Set(units.values());
    try {
      const entry = await within(this.#patience, this.#bring(this.entry, units));
      keepReachable(units, this.entry);
      const loaded = [...units.values()].filter((unit) => !before.has(unit)).flatMap((unit) => [...unit.files.keys()]);
      return { units, namespace: entry.namespace as Program["namespace"], loaded };
    } catch (error) {
      // As they were read, not as they are: they may have been mended meanwhile.
      this.#failed = this.#known();
      for (const unit of units.values()) if (!before.has(unit)) this.#forgetRequired(unit);
      const stuck = [...units.values()].find((unit) => unit.done !== undefined && !unit.evaluated);
      // Time was up: say for whom.
      if (error instanceof LoadError && error.place === undefined && stuck !== undefined) {
        throw new LoadError(error.message, stuck.place(1, 0));
      }
      throw error;
    } finally {
      this.#pending = null;
    }
  }

  /** Loads a module and what it imports, and evaluates them. */
  async #bring(url: string, units: Map<string, Unit>): Promise<Unit> {
    // One at a time, or a module would be found before it is whole. What modules do when they run is not waited for here: they
    // may import in turn.
    const linked = this.#linking.then(() => this.#prepare(url, units));
    this.#linking = linked.catch(() => {});
    await linked;
    const entry = units.get(url) as Unit;
    for (const unit of evaluationOrder(entry)) await (unit.done ??= this.#evaluate(unit));
    return entry;
  }

  async #prepare(url: string, units: Map<string, Unit>): Promise<void> {
    const fresh = new Set<Unit>();
    try {
      await this.#link(url, units, fresh);
      for (const unit of fresh) await unit.instantiate(this.#portico(unit));
    } catch (error) {
      for (const unit of fresh) {
        units.delete(unit.url);
        this.#forgetRequired(unit);
      }
      throw error;
    }
  }

  /** Makes the units that are missing. */
  async #link(url: string, units: Map<string, Unit>, fresh: Set<Unit>): Promise<void> {
    const open: Unit[] = [];
    const add = async (each: string): Promise<Unit> => {
      const made = await this.#make(each);
      const known = units.get(each);
      if (known !== undefined) return known;
      units.set(each, made);
      fresh.add(made);
      open.push(made);
      return made;
    };
    if (!units.has(url)) await add(url);
    for (let unit = open.pop(); unit !== undefined; unit = open.pop()) {
      for (const [specifier, at] of unit.specifiers) {
        try {
          const target = await resolve(specifier, unit.url);
          const dep =
            target.by === "node"
              ? Unit.of(target.url, (await import(target.url)) as object)
              : (units.get(target.url) ?? (await add(target.url)));
          unit.deps.set(specifier, dep);
        } catch (error) {
          if (error instanceof LoadError || error instanceof TypeError) throw error;
          const { missing, message } = error as Error & { readonly missing?: string };
          if (missing !== undefined) this.#seen.set(missing, null);
          throw new LoadError(message, unit.placeAt(at), { cause: error });
        }
      }
    }
  }

  async #make(url: string): Promise<Unit> {
    const file = fileURLToPath(url);
    this.#seen.set(file, null);
    const kind = await kindOf(file);
    const text = await readTextFile(file);
    this.#seen.set(file, text);
    if (kind === "commonjs") return this.#required(url, file, text);
    if (kind === "json") return Unit.of(url, { default: parsed(file, text) }, new Map([[file, text]]));
    const unit = new Unit(url, new Map([[file, text]]), await toScript(file, text));
    return kind === "module" || unit.isModule ? unit : this.#required(url, file, text);
  }

  /** CommonJS is left to Node, whose cache of it can be emptied. */
  async #required(url: string, file: string, text: string): Promise<Unit> {
    const cached = new Set(Object.keys(require.cache));
    let exported: unknown;
    try {
      exported = createRequire(url)(file);
    } catch (error) {
      // What is wrong may be in a file below it: in one that Node has loaded, or in one that it has forgotten again.
      const loaded = Object.keys(require.cache).filter((each) => !cached.has(each));
      for (const each of loaded) delete require.cache[each];
      for (const each of [...loaded, ...filesBehind(error)]) await this.#sees(each);
      throw error;
    }
    const files = new Map([[file, text]]);
    for (const each of requiredBy(file)) files.set(each, files.get(each) ?? (await this.#sees(each)) ?? "");
    const names = typeof exported === "object" && exported !== null ? exported : {};
    return Unit.of(url, { ...names, default: exported }, files);
  }

  /** The text of a file of the project as this load has read it first: Node may have read a later one, but no earlier one. */
  async #sees(file: string): Promise<string | null> {
    let text = this.#seen.get(file);
    if (text !== undefined || file.includes("node_modules")) return text ?? null;
    text = await readTextFile(file).catch(() => null);
    this.#seen.set(file, text);
    return text;
  }

  #forgetRequired(unit: Unit): void {
    for (const file of unit.files.keys()) delete require.cache[file];
  }

  async #evaluate(unit: Unit): Promise<void> {
    const steps = globalThis as { [STEP]?: () => Promise<unknown> };
    steps[STEP] = () => unit.run();
    let running: Promise<unknown>;
    try {
      running = step.runInThisContext({ timeout: this.#patience }) as Promise<unknown>;
    } catch (error) {
      throw (error as { readonly code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
        ? new LoadError(late(this.#patience), unit.place(1, 0))
        : error;
    } finally {
      delete steps[STEP];
    }
    await running;
    unit.evaluated = true;
  }

  /** What only a module has. */
  #portico(unit: Unit): object {
    const { url } = unit;
    const file = fileURLToPath(url);
    const meta = {
      url,
      filename: file,
      dirname: dirname(file),
      // It is imported, by us: what a program does only when it is started itself is ours to do.
      main: false,
      resolve: (specifier: string) => (/^\.{0,2}\//.test(specifier) ? new URL(specifier, url).href : specifier),
    };
    return { meta, import: (specifier: unknown) => this.#imported(unit, String(specifier)) };
  }

  async #imported(unit: Unit, specifier: string): Promise<object> {
    const target = await resolve(specifier, unit.url);
    if (target.by === "node") return (await import(target.url)) as object;
    unit.reached.add(target.url);
    const units = this.#pending ?? this.#current;
    const { size } = units;
    try {
      return (await this.#bring(target.url, units)).namespace;
    } finally {
      if (units.size > size) this.#grown();
    }
  }

  /** The files of the program in use, and those that the last load has looked at: what was read of them. */
  #known(): Map<string, string | null> {
    return new Map([...[...this.#current.values()].flatMap((unit) => [...unit.files]), ...this.#seen]);
  }

  /** The modules whose files have changed, and all that import them. */
  async #stale(): Promise<Set<string>> {
    const stale = new Set<string>();
    for (const [url, unit] of this.#current) {
      for (const [file, text] of unit.files) {
        if ((await this.#sees(file)) !== text) stale.add(url);
      }
    }
    for (let grown = -1; grown !== stale.size; ) {
      grown = stale.size;
      for (const [url, unit] of this.#current) {
        const below = [...[...unit.deps.values()].map((dep) => dep.url), ...unit.reached];
        if (below.some((each) => stale.has(each))) stale.add(url);
      }
    }
    return stale;
  }
}

async function isSame(texts: ReadonlyMap<string, string | null>): Promise<boolean> {
  for (const [file, text] of texts) {
    if ((await readTextFile(file).catch(() => null)) !== text) return false;
  }
  return true;
}

/** Those below it first, each once; what is in a circle comes in the order in which it is met. */
function evaluationOrder(entry: Unit, order: Set<Unit> = new Set(), met: Set<Unit> = new Set()): Set<Unit> {
  if (met.has(entry)) return order;
  met.add(entry);
  for (const dep of entry.deps.values()) evaluationOrder(dep, order, met);
  return order.add(entry);
}

/** Lets go of what nothing imports any more. */
function keepReachable(units: Map<string, Unit>, entry: string): void {
  const reached = new Set<string>();
  const visit = (url: string): void => {
    const unit = units.get(url);
    if (unit === undefined || reached.has(url)) return;
    reached.add(url);
    for (const dep of unit.deps.values()) visit(dep.url);
    for (const each of unit.reached) visit(each);
  };
  visit(entry);
  for (const url of units.keys()) if (!reached.has(url)) units.delete(url);
}

/** A CommonJS file and those it requires, without packages. */
function requiredBy(file: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(file) || file.includes("node_modules") || file.endsWith(".node")) return found;
  found.add(file);
  for (const child of require.cache[file]?.children ?? []) requiredBy(child.filename, found);
  return found;
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LoadError(`It is not JSON: ${(error as Error).message}`, { file, line: 1, column: 1 }, { cause: error });
  }
}

function late(patience: number): string {
  return `It has not finished loading after ${patience / 1000} s`;
}

async function within<T>(patience: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LoadError(late(patience))), patience);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
