// Watches files by their names, those that are not there yet too, and tells when they have come to rest. A watch of the system
// holds on to a file or a directory itself and goes deaf when another takes its name, and that is how most editors save and how
// git checks out. So the directories are watched, for names; and now and then it is looked whether each name, of a directory
// too, still leads to what it led to. Where the system tells nothing (network drives, some containers) that finds every change.
import { type FSWatcher, watch } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** An editor writes a file in several steps, and several files at once. Milliseconds without a further one. */
const REST = 50;
/** A file that is written all the time never rests. Milliseconds after the first step. */
const PATIENCE = 1000;
/** How often is looked without being told. Milliseconds. */
export interface Pace {
  readonly usual: number;
  /** While something is missing: a directory that is being replaced, a file that a load has failed for want of. */
  readonly missing: number;
}

const PACE: Pace = { usual: 1000, missing: 200 };
/** The least of it for each file: to look at a thousand every second would be a load. Milliseconds. */
const PACE_PER_FILE = 5;

export interface Watch {
  /** Watches these files from now on, and no others. What is new among them is told of as changed. */
  keep(files: ReadonlySet<string>): void;
  close(): void;
}

/**
 * Watches files. They are told of as changed at first: what they became between being read and being watched is looked at then.
 *
 * @param changed that files have changed, or are there, or are not there any more. It may be told too often.
 * @param pace how often is looked; for tests.
 */
export function watchFiles(files: ReadonlySet<string>, changed: () => void, pace: Pace = PACE): Watch {
  const watching = new NameWatch(changed, pace);
  watching.keep(files);
  return watching;
}

interface Name {
  /** What it led to when it was looked at last; "" is nothing. */
  readonly identity: string;
  /** The path of that: another one where there are links. */
  readonly target: string;
}

interface Directory {
  readonly identity: string;
  readonly watcher: FSWatcher;
}

class NameWatch implements Watch {
  readonly #changed: () => void;
  readonly #pace: Pace;
  #wanted: ReadonlySet<string> = new Set();
  #files: ReadonlyMap<string, Name> = new Map();
  readonly #directories = new Map<string, Directory>();
  /** By directory: which names in it mean something. */
  #names: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  /** Whether a change has come to rest that nobody was told of yet. */
  #due = false;
  /** Since when steps are waited for; 0 while there was none. */
  #since = 0;
  #resting: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #looks: Promise<void> = Promise.resolve();
  #warned = false;
  #closed = false;

  constructor(changed: () => void, pace: Pace) {
    this.#changed = changed;
    this.#pace = pace;
  }

  keep(files: ReadonlySet<string>): void {
    this.#wanted = new Set(files);
    this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#resting);
    clearTimeout(this.#looking);
    for (const { watcher } of this.#directories.values()) watcher.close();
  }

  /** One after another. */
  #look(): void {
    clearTimeout(this.#looking);
    this.#looks = this.#looks.then(() => this.#lookOnce());
  }

  async #lookOnce(): Promise<void> {
    // What was watched only after it was looked at may have changed between.
    do {
      await this.#lookAtFiles();
    } while (await this.#watchDirectories());
    if (this.#closed) return;
    const missing = [...this.#files.values()].some(({ identity }) => identity === "");
    const pause = Math.max(this.#pace[missing ? "missing" : "usual"], this.#files.size * PACE_PER_FILE);
    clearTimeout(this.#looking);
    this.#looking = setTimeout(() => this.#look(), pause).unref();
    if (!this.#due) return;
    this.#due = false;
    this.#changed();
  }

  async #lookAtFiles(): Promise<void> {
    const files = new Map<string, Name>();
    for (const file of this.#wanted) {
      const before = this.#files.get(file);
      const identity = await identityOf(file, "contents");
      if (before?.identity === identity) {
        files.set(file, before);
      } else {
        files.set(file, { identity, target: await realpath(file).catch(() => file) });
        if (!this.#due) this.#soon();
      }
    }
    this.#files = files;
  }

  /** @returns whether there are new ones. */
  async #watchDirectories(): Promise<boolean> {
    const names = namesOf(this.#files);
    this.#names = names;
    let opened = false;
    for (const folder of new Set([...this.#directories.keys(), ...names.keys()])) {
      const identity = names.has(folder) ? await identityOf(folder, "name") : "";
      if (this.#closed) return false;
      if (this.#directories.get(folder)?.identity === identity) continue;
      this.#drop(folder);
      const watcher = identity === "" ? null : this.#open(folder);
      if (watcher === null) continue;
      this.#directories.set(folder, { identity, watcher });
      opened = true;
    }
    return opened;
  }

  #open(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // When the directory itself goes, its own name comes; and another may be given the same number.
        if (name === basename(folder)) this.#drop(folder);
        if (name === null || this.#names.get(folder)?.has(name) === true) this.#soon();
      });
      return watcher.on("error", (error) => {
        this.#drop(folder);
        this.#warn(error);
      });
    } catch (error) {
      this.#warn(error as Error);
      return null;
    }
  }

  #drop(folder: string): void {
    this.#directories.get(folder)?.watcher.close();
    this.#directories.delete(folder);
  }

  #warn(error: NodeJS.ErrnoException): void {
    // It has gone this moment, which the next look tells; Windows says so with EPERM.
    if (this.#warned || error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EPERM") return;
    this.#warned = true;
    process.emitWarning(
      `A directory cannot be watched, its files are looked at every second instead: ${error.message}`,
    );
  }

  #soon(): void {
    const now = performance.now();
    if (this.#since === 0) this.#since = now;
    else if (now - this.#since > PATIENCE) return;
    clearTimeout(this.#resting);
    if (this.#closed) return;
    this.#resting = setTimeout(() => {
      this.#since = 0;
      this.#due = true;
      this.#look();
    }, REST);
  }
}

function namesOf(files: ReadonlyMap<string, Name>): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const [file, { target }] of files) {
    for (const path of [file, target]) {
      const folder = dirname(path);
      const known = names.get(folder) ?? new Set([basename(folder)]);
      names.set(folder, known.add(basename(path)));
    }
  }
  return names;
}

/** What a path leads to, in a word that is the same as long as that is. */
async function identityOf(path: string, of: "name" | "contents"): Promise<string> {
  try {
    const { dev, ino, birthtimeNs, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return of === "name" ? `${dev} ${ino} ${birthtimeNs}` : `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return "";
  }
}
