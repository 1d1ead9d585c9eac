// A program as a reply: what it writes is the body, chunk by chunk, as fast as the client takes it; and when the client leaves, the
// program and all that it started end.
import { LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { Fields, type FieldsInit } from "../message/fields.ts";
import { Pipe } from "../message/pipe.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { mayHaveBody } from "../message/status.ts";
import type { Input } from "./process-input.ts";
import { Places, type PoolOptions } from "./process-pool.ts";
import type { RunOptions, Streams } from "./process-run.ts";

/** What a program reads, and how its output becomes a reply. */
export interface SpawnOptions extends RunOptions {
  /** Of the reply; 200. */
  readonly status?: number;
  /** Fields of the reply. Content-Type is "text/plain; charset=utf-8" where it is not among them. */
  readonly headers?: FieldsInit;
  /** What the program reads: `request.body`, text, bytes, an async iterable. Nothing where it is left out. */
  readonly stdin?: Input;
  /** "apart": for `onStderr` and for the report of a failure; "merge": sent to the client among the output. "apart". */
  readonly stderr?: "apart" | "merge";
  /** Whether lines of both streams are sent as server-sent events `stdout` and `stderr`, and `exit` as the last; false. */
  readonly events?: boolean;
  /**
   * When the reply begins: with the "start" of the program, whose head waits 100 ms at most for output, or with its first "output";
   * "start".
   */
  readonly begin?: "start" | "output";
  /** What a failure behind the first output does to the reply: "end", it ends in order; "cut", the connection is cut. "end". */
  readonly failure?: "end" | "cut";
}

/** Programs that share a limit. */
export interface ProcessPool {
  /** As the function spawn(), in this pool. */
  spawn(request: Request, program: string, args?: readonly string[], options?: SpawnOptions): Promise<Reply>;
  /** Programs that run now. */
  readonly running: number;
  /** Requests that wait for one of them to end. */
  readonly waiting: number;
}

/** Where programs of a pool are started. For cgi.ts. */
export let placesOf: (pool: ProcessPool | undefined) => Places;

class Processes implements ProcessPool {
  readonly #places: Places;

  static {
    let common: Processes | null = null;
    placesOf = (pool) => {
      if (pool === undefined) {
        common ??= new Processes({});
        return common.#places;
      }
      if (!(pool instanceof Processes)) throw new LocalError("USE_BAD_OPTION", "A pool is made by processes().");
      return pool.#places;
    };
  }

  constructor(options: PoolOptions) {
    this.#places = new Places(options);
  }

  get running(): number {
    return this.#places.running;
  }

  get waiting(): number {
    return this.#places.waiting;
  }

  spawn(request: Request, program: string, args?: readonly string[], options?: SpawnOptions): Promise<Reply> {
    return handled(spawnIn(this.#places, request, program, { args, ...options }));
  }
}

/**
 * A pool: how many programs run at a time, and how many requests wait for one to end.
 *
 * @throws LocalError USE_BAD_OPTION.
 *
 * @example
 * const reports = processes({ limit: 2, queue: 10 });
 * const handler = (request: Request) => reports.spawn(request, "make-report", ["--all"]);
 */
export function processes(options: PoolOptions = {}): ProcessPool {
  return new Processes(options);
}

/**
 * Answers with what a program writes, while it writes it. No shell takes part: the arguments arrive as they are. Its exit status is
 * in a trailer, `Exit-Status` or `Exit-Signal`. It runs in a process group of its own, which is ended (SIGTERM, then SIGKILL) when
 * the client leaves, by a reset or by a FIN, when `request.signal` aborts, and when another reply was sent. HEAD is answered
 * without starting it; with a status that has no body it runs to its end.
 *
 * All calls share one pool of 16 programs and a queue of 64; `processes()` makes others.
 *
 * @param program a name that is looked up in PATH, or a path.
 * @throws (its promise rejects with) LocalError USE_STATE while another program runs for this request; USE_BAD_OPTION;
 *   USE_BODY_USED where `stdin` has been read already. Nothing is started then.
 * @throws HttpError 500 HTTP_PROCESS_FAILED where it cannot be started; 503 HTTP_BUSY where the queue is full. With
 *   `begin: "output"` also 502 where it fails without having written anything, and 504 where its time is up.
 *
 * @example
 * const handler = (request: Request) => spawn(request, "tail", ["-f", "app.log"]);
 */
export function spawn(
  request: Request,
  program: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Reply> {
  return handled(spawnIn(placesOf(undefined), request, program, { args, ...options }));
}

const EVENTS = { "Content-Type": "text/event-stream", "Cache-Control": "no-store" };
const TEXT = { "Content-Type": "text/plain; charset=utf-8" };

async function spawnIn(
  places: Places,
  request: Request,
  program: string,
  options: SpawnOptions & { readonly args?: readonly string[] | undefined },
): Promise<Reply> {
  const { args = [], status = 200, begin = "start", failure = "end", stdin: input } = options;
  const fields = fieldsOf(options);
  const bare = reply(status, fields); // what cannot be sent is refused before anything is started
  // Without a body nobody would read what it writes.
  if (request.method === "HEAD") return reply(status, fields, new Pipe());
  const run = await places.start({
    request,
    program,
    args,
    streams: streamsOf(options),
    input,
    begin,
    failure,
    options,
  });
  if (begin === "output") await run.ready;
  if (mayHaveBody(status)) return reply(status, fields, run.output);
  // What it writes is for nobody, and what it does is not.
  run.letGo();
  drained(run.output).catch(() => {});
  return bare;
}

async function drained(output: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of output);
}

function streamsOf({ events = false, stderr = "apart" }: SpawnOptions): Streams {
  if (events) return "events";
  return stderr === "merge" ? "both" : "stdout";
}

function fieldsOf({ headers, events = false }: SpawnOptions): Fields {
  const fields = new Fields(headers);
  for (const [name, value] of Object.entries(events ? EVENTS : TEXT)) {
    if (!fields.has(name)) fields.set(name, value);
  }
  return fields.set("Trailer", "Exit-Status, Exit-Signal");
}
