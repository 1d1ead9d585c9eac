// A server whose handler comes from a module on disk: loaded, swapped in place when it changes, and put back when asked. What is
// open stays open: the server is one and the same all the time.
import { basename } from "node:path";
import { noSubject, type Subject, subjectOf } from "../../app/subject.ts";
import { plainPage } from "../../message/refusal.ts";
import type { Request } from "../../message/request.ts";
import { LIMITS, TIMEOUTS } from "../../server/defaults.ts";
import type { Configuration } from "../../server/options.ts";
import { createServer, type Server } from "../../server/server.ts";
import type { Hooks, ReplyInfo } from "../../server/site.ts";
import { Complaint } from "../command.ts";
import type { Find, Found } from "./failure.ts";
import { Modules, type Program } from "./modules.ts";
import { LoadError } from "./source.ts";

/** One state of the program that has served, or serves. */
export interface Version {
  readonly number: number;
  readonly at: Date;
  /** The files that were loaded for it; all others stayed as they were. */
  readonly loaded: readonly string[];
  readonly program: Program;
  readonly subject: Subject;
}

/** Versions that can be gone back to; each holds on to the modules that it has for itself. */
const HISTORY = 10;
/** Milliseconds that a module may take to load. */
const PATIENCE = 10_000;

export class Live {
  readonly server: Server;
  /** Is told when there are more files to watch. */
  grown: () => void = () => {};
  readonly #modules: Modules;
  readonly #name: string;
  readonly #file: string;
  #current: Version;
  #versions: Version[];
  #loaded = 1;
  /** Whether the last load has failed: nothing of it serves. */
  #broken = false;
  #loading: Promise<unknown> = Promise.resolve();

  private constructor(modules: Modules, file: string, name: string, first: Program, hooks: LiveHooks) {
    this.#modules = modules;
    this.#file = file;
    this.#name = name;
    this.#current = this.#version(first, 1);
    this.#versions = [this.#current];
    const { ambient, debug, ref } = this.#current.subject.options;
    this.server = createServer(this.#current.subject.handler, {
      hooks: this.#hooks(hooks),
      errorPage: (...page) => (this.#current.subject.options.errorPage ?? plainPage)(...page),
      ...(ambient === undefined ? {} : { ambient }),
      ...(debug === undefined ? {} : { debug }),
      ...(ref === undefined ? {} : { ref }),
    });
    this.#use(this.#current);
  }

  /**
   * Loads a module.
   *
   * @param name of what it exports; "default".
   * @throws whatever it fails with.
   */
  static async load(file: string, name: string, hooks: LiveHooks): Promise<Live> {
    let live: Live | undefined;
    const modules = new Modules(file, PATIENCE, () => live?.grown());
    try {
      live = new Live(modules, file, name, (await modules.load()) as Program, hooks);
      return live;
    } catch (error) {
      throw new LoadFailure(error, modules.files);
    }
  }

  get current(): Version {
    return this.#current;
  }

  /** The last of them, the oldest first. */
  get versions(): readonly Version[] {
    return this.#versions;
  }

  /** Where a stack passes through the program in force. */
  find(stack: string): Found | undefined {
    return this.#modules.find(stack);
  }

  /** What is worth watching. */
  get files(): Set<string> {
    return this.#modules.files;
  }

  /**
   * Loads what has changed and swaps it in. One at a time.
   *
   * @returns the new version; "restored" where the files are again those of the version in force, after a load that failed.
   * @throws LoadFailure, and then everything is as it was.
   */
  reload(): Promise<Version | "unchanged" | "restored"> {
    const loading = this.#loading.then(() => this.#reload());
    this.#loading = loading.catch(() => {});
    return loading;
  }

  async #reload(): Promise<Version | "unchanged" | "restored"> {
    try {
      const program = await this.#modules.load();
      if (program === null) return this.#unchanged();
      const version = this.#version(program, this.#loaded + 1);
      this.#use(version);
      this.#loaded = version.number;
      this.#broken = false;
      this.#versions = [...this.#versions, version].slice(-HISTORY);
      return version;
    } catch (error) {
      this.#broken = true;
      throw new LoadFailure(error, this.#modules.files);
    }
  }

  #unchanged(): "unchanged" | "restored" {
    if (!this.#broken || this.#modules.failing) return "unchanged";
    this.#broken = false;
    return "restored";
  }

  /**
   * Goes back to a version, until a file changes the next time.
   *
   * @param number where left out, the one before that in force. @throws Complaint.
   */
  rollback(number?: number): Version {
    const at = this.#versions.indexOf(this.#current);
    const found = number === undefined ? this.#versions[at - 1] : this.#versions.find((each) => each.number === number);
    if (found === undefined) {
      throw new Complaint(number === undefined ? "there is no version before this" : `there is no version ${number}`);
    }
    this.#use(found);
    return found;
  }

  #version(program: Program, number: number): Version {
    const { namespace } = program;
    const subject = subjectOf(namespace[this.#name]);
    if (subject === undefined) {
      throw new LoadError(noSubject(namespace, this.#name), { file: this.#file, line: 1, column: 1 });
    }
    return { number, at: new Date(), loaded: program.loaded, program, subject };
  }

  #use(version: Version): void {
    const { limits, timeouts, leniency, fields, date, keepAlive, trace, halfClose } = version.subject.options;
    // What a version says nothing of is as if no version before it had: the defaults.
    const change: Configuration = {
      limits: { ...LIMITS, ...limits },
      timeouts: { ...TIMEOUTS, ...timeouts },
      fields: fields ?? [],
      date: date ?? true,
      keepAlive: keepAlive ?? true,
      trace: trace ?? "off",
      halfClose: halfClose ?? "abort",
      ...(leniency === undefined ? {} : { leniency }),
    };
    this.server.configure(change);
    this.server.handler = version.subject.handler;
    this.#modules.use(version.program);
    this.#current = version;
  }

  /** Ours, and those of the app in force. */
  #hooks(ours: LiveHooks): Hooks {
    const theirs = (): Hooks => this.#current.subject.options.hooks ?? {};
    return {
      startup: (server) => theirs().startup?.(server),
      connection: (connection) => theirs().connection?.(connection),
      request: (request) => theirs().request?.(request),
      close: (connection, error) => theirs().close?.(connection, error),
      reply: (request, info) => {
        ours.reply(request, info);
        return theirs().reply?.(request, info);
      },
      error: (error, request) => {
        ours.error(error, request, (stack) => this.find(stack));
        return theirs().error?.(error, request);
      },
    };
  }
}

/** What the command hears of. An error comes with what finds its place in the program. */
export interface LiveHooks {
  readonly error: (error: unknown, request: Request | undefined, find: Find) => void;
  readonly reply: (request: Request, info: ReplyInfo) => void;
}

/** A load that failed, and the files that are ours. */
export class LoadFailure extends Error {
  override readonly name: string = "LoadFailure";
  readonly files: ReadonlySet<string>;

  constructor(cause: unknown, files: ReadonlySet<string>) {
    super("The module could not be loaded.", { cause });
    this.files = files;
  }
}

/** `app.ts, routes.ts and 3 more`. */
export function named(files: readonly string[]): string {
  const names = files.map((file) => basename(file));
  const [shown, rest] = [names.slice(0, 3), names.length - 3];
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}
