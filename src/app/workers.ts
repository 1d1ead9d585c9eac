// Handlers that compute: a module whose requests are answered in threads of their own, so that the loop that serves everybody else
// goes on. The same module answers in this thread too: it exports an app or a function, and knows nothing of where it runs.

import { availableParallelism } from "node:os";
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import { asError, HttpError, LocalError, TransportError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { dropConnectionFields, OF_THE_CONNECTION } from "../message/answer.ts";
import { Fields } from "../message/fields.ts";
import type { Handler } from "../message/handler.ts";
import { type Reply, withFields } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { signalOf } from "../middleware/timeout.ts";
import { tellFailure } from "../server/failures.ts";
import { Gate, overloaded } from "../server/gate.ts";
import type { Configuration } from "../server/options.ts";
import { PortTransport } from "../transport/port.ts";
import { converse } from "./converse.ts";
import type { FromThread, ThreadData, ThreadSubject, ToThread } from "./thread.ts";

/** How many threads there are, and what becomes of those that have nothing to do, or too much. */
export interface WorkersOptions {
  /** Threads at most; as many as the machine has cores for this process. Each is started when it is first needed. */
  readonly threads?: number;
  /** Requests that one thread works on at a time; 1, which is right for what computes. */
  readonly each?: number;
  /** Requests that wait for a thread; 1,000. Beyond, the answer is 503. */
  readonly queue?: number;
  /** Milliseconds that a thread without work is kept; 60,000. */
  readonly idle?: number;
  /** Milliseconds that a thread has to let go of a request that nobody waits for any more, before it is ended; 1,000. */
  readonly grace?: number;
  /** What the module exports as the handler; "default". */
  readonly name?: string;
  /** Limits and timeouts inside the threads, where the module's own app does not set them. */
  readonly server?: Pick<Configuration, "limits" | "timeouts">;
  readonly clock?: Clock;
}

/** Threads that answer requests. Make it with workers(). */
export class Workers implements AsyncDisposable {
  /** Answers in one of the threads. */
  readonly handler: Handler = (request) => handled(this.#handle(request));
  readonly #subject: ThreadSubject;
  readonly #options: Required<Omit<WorkersOptions, "name" | "server">>;
  readonly #gate: Gate;
  readonly #threads = new Set<Thread>();
  #closing: Promise<void> | null = null;
  #emptied: (() => void) | null = null;

  constructor(subject: ThreadSubject, options: Required<Omit<WorkersOptions, "name" | "server">>) {
    this.#subject = subject;
    this.#options = options;
    const limits = { requests: options.threads * options.each, waiting: options.queue };
    this.#gate = new Gate(() => limits);
  }

  /** Threads that run. */
  get size(): number {
    return this.#threads.size;
  }

  /** Requests that threads work on. */
  get running(): number {
    return this.#gate.inside;
  }

  /** Requests that wait for a thread. */
  get waiting(): number {
    return this.#gate.waiting;
  }

  /** Waits until the threads have answered what they work on, and ends them. Who asks from now on is answered 503. */
  close(): Promise<void> {
    this.#closing ??= handled(this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#gate.inside > 0) await new Promise<void>((resolve) => (this.#emptied = resolve));
    await Promise.all([...this.#threads].map((thread) => thread.stop()));
  }

  async #handle(request: Request): Promise<Reply> {
    if (request.method === "CONNECT") throw new HttpError(501, "There are no tunnels into a thread.");
    if (this.#closing !== null) throw overloaded();
    const signal = signalOf(request);
    await this.#enter(signal);
    if (signal.aborted) {
      this.#left();
      throw signal.reason;
    }
    let thread: Thread;
    try {
      thread = this.#free();
    } catch (error) {
      this.#left(); // the system lacks the means for a thread
      throw error;
    }
    return thread.answer(request, signal);
  }

  #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener("abort", gone);
        resolve();
      };
      const gone = (): void => {
        this.#gate.giveUp(proceed);
        reject(signal.reason as Error);
      };
      const entered = this.#gate.enter(proceed);
      if (entered === "full") reject(overloaded());
      else if (entered === "in") resolve();
      else signal.addEventListener("abort", gone, { once: true });
    });
  }

  #left(): void {
    this.#gate.leave();
    if (this.#gate.inside === 0) this.#emptied?.();
  }

  /** One that has nothing to do; else a new one; else the one with least to do. */
  #free(): Thread {
    const { threads } = this.#options;
    const least = [...this.#threads].sort((one, other) => one.busy - other.busy)[0];
    if (least !== undefined && (least.busy === 0 || this.#threads.size >= threads)) return least;
    const thread = new Thread(this.#subject, this.#options, {
      left: () => this.#left(),
      over: () => void this.#threads.delete(thread),
    });
    this.#threads.add(thread);
    return thread;
  }
}

/** What a thread tells the pool. */
interface Pool {
  /** A request has left. */
  left(): void;
  /** It has ended, or is about to. */
  over(): void;
}

interface InHand {
  readonly near: PortTransport;
  /** Whether the whole answer has come, and the thread has only to say that it has time again. */
  answered: boolean;
  /** Nobody waits for the answer any more. */
  readonly unwanted: () => void;
  readonly signal: AbortSignal;
  /** Until it is looked whether the thread is stuck; armed when nobody waits for anything of it any more. */
  timer: Timer | null;
}

/** Milliseconds for what is no fault of a request: that the module is loaded, also on a busy machine, and work behind an answer. */
const PATIENCE = 30_000;

type ThreadOptions = Pick<Required<WorkersOptions>, "grace" | "idle" | "clock">;

class Thread {
  readonly #worker: Worker;
  /** Between the pool and its own code in the thread; what the module says to its parent does not come here. */
  readonly #line: MessagePort;
  readonly #options: ThreadOptions;
  readonly #pool: Pool;
  readonly #inHand = new Map<number, InHand>();
  #next = 0;
  #module: "loads" | "ready" = "loads";
  #rest: Timer | null = null;
  #why: Error | null = null;
  /** Resolves with why, when it has ended. */
  readonly #ended: Promise<Error>;
  #tell: (why: Error) => void = () => {};

  constructor(subject: ThreadSubject, options: ThreadOptions, pool: Pool) {
    this.#options = options;
    this.#pool = pool;
    this.#ended = new Promise((resolve) => {
      this.#tell = resolve;
    });
    const { port1, port2 } = new MessageChannel();
    this.#line = port1;
    const workerData: ThreadData = { ...subject, pool: port2 };
    this.#worker = new Worker(new URL("../worker.js", import.meta.url), { workerData, transferList: [port2] });
    port1.on("message", (told: FromThread) => this.#told(told));
    this.#worker.on("error", (error) => this.#failed(asError(error)));
    this.#worker.on("exit", () => this.#over(new Error("The thread has ended.")));
  }

  /** Requests that it has yet to answer. */
  get busy(): number {
    return [...this.#inHand.values()].filter(({ answered }) => !answered).length;
  }

  async stop(): Promise<void> {
    this.#over(new Error("The thread was ended."));
    await this.#worker.terminate();
  }

  async answer(request: Request, signal: AbortSignal): Promise<Reply> {
    const { port1, port2 } = new MessageChannel();
    const near = new PortTransport(port1);
    const { address, port, secure } = request.peer;
    const { method, target, body } = request;
    const head = { method, target, version: "1.1", headers: endToEnd(request) } as const;
    const id = this.#take(near, signal);
    const told: ToThread = { id, port: port2, peer: { address, port, secure } };
    let begun = false;
    try {
      const said = { head, body: body.length === 0 ? null : body, signal };
      const reply = await converse(near, said, {
        begun: () => {
          this.#line.postMessage(told, [port2]);
          begun = true;
        },
        answered: () => this.#answered(id),
        failed: (error) => (signal.aborted ? error : this.#whatItWas(error)),
      });
      return withFields(reply, dropConnectionFields);
    } catch (error) {
      if (!begun) this.#leave(id); // the thread knows nothing of it
      throw error;
    }
  }

  /**
   * What the far end was cut with, as it was thrown there: the connection between the threads is no concern of who listens for errors.
   * Where it is gone without a word, why is known when the thread has ended.
   */
  #whatItWas(error: Error): Error | Promise<Error> {
    if (!(error instanceof TransportError && error.cause instanceof Error)) return error;
    return error.cause instanceof TransportError ? this.#ended : error.cause;
  }

  #take(near: PortTransport, signal: AbortSignal): number {
    this.#rest?.cancel();
    this.#rest = null;
    const id = this.#next++;
    const unwanted = (): void => this.#letGo(id);
    this.#inHand.set(id, { near, answered: false, unwanted, signal, timer: null });
    this.#worker.ref();
    this.#line.ref();
    signal.addEventListener("abort", unwanted, { once: true });
    return id;
  }

  /** Unless nobody waits for it any more: then it may still be computed. */
  #answered(id: number): void {
    const one = this.#inHand.get(id);
    if (one === undefined || one.signal.aborted) return;
    one.answered = true;
    this.#letGo(id);
  }

  /** Nobody waits for it any more: the thread has so long to say that it has time again. */
  #letGo(id: number): void {
    const one = this.#inHand.get(id);
    if (one === undefined) return;
    one.timer?.cancel();
    const { clock, grace } = this.#options;
    const patience = this.#module === "ready" && !one.answered ? grace : Math.max(grace, PATIENCE);
    one.timer = clock.after(patience, () => this.#stuck());
  }

  #told(told: FromThread): void {
    if ("failed" in told) return this.#over(told.failed);
    if ("free" in told) return this.#leave(told.free);
    this.#module = "ready";
    for (const [id, { timer }] of this.#inHand) if (timer !== null) this.#letGo(id);
  }

  #leave(id: number): void {
    const one = this.#inHand.get(id);
    if (one === undefined) return;
    this.#inHand.delete(id);
    one.timer?.cancel();
    one.signal.removeEventListener("abort", one.unwanted);
    this.#pool.left();
    if (this.#inHand.size === 0 && this.#why === null) this.#idle();
  }

  /** A thread without work does not keep the process, and is kept for a while. */
  #idle(): void {
    this.#worker.unref();
    this.#line.unref();
    this.#rest = this.#options.clock.after(this.#options.idle, () => void this.stop());
  }

  /** It computes on for nobody, and cannot be told to stop. Where it has requests that somebody waits for, these would go with it. */
  #stuck(): void {
    if ([...this.#inHand.values()].every(({ signal, answered }) => answered || signal.aborted)) void this.stop();
  }

  /** Nobody has caught it there. Where nobody waits for an answer any more, nobody else would hear of it. */
  #failed(error: Error): void {
    const heard = [...this.#inHand.values()].some(({ answered, signal }) => !answered && !signal.aborted);
    if (this.#why === null && !heard) tellFailure(error, undefined);
    this.#over(error);
  }

  #over(why: Error): void {
    if (this.#why !== null) return;
    this.#why = why;
    this.#tell(why);
    this.#rest?.cancel();
    this.#line.close();
    this.#pool.over();
    for (const [id, { near }] of this.#inHand) {
      near.destroy(new TransportError("NET_RESET", undefined, { cause: why }));
      this.#leave(id);
    }
  }
}

/**
 * What is meant for who answers, and not for the connection (RFC 9110 §7.6.1). The length follows from the body; Expect goes on, so that
 * a body is asked for when it is read there, and not where the thread refuses it.
 */
function endToEnd({ headers, version }: Request): Fields {
  const named = headers.list("connection").map((name) => name.toLowerCase());
  const dropped = new Set([...OF_THE_CONNECTION, ...named, "content-length", ...(version === "1.0" ? ["expect"] : [])]);
  return new Fields([...headers].filter(([name]) => !dropped.has(name.toLowerCase())));
}

/**
 * Answers requests in threads of their own: for handlers that compute for so long that nobody else would be served meanwhile. The
 * module exports an app, a function of the request or an object with fetch(), as one for `portico run` does; it is loaded in each
 * thread. Bodies stream both ways, and a client that disconnects aborts the request's signal there too. What cannot be copied to another
 * thread does not get there: what middleware has left on the request, trailers, upgrades.
 *
 * A thread that does not let go of a request that nobody waits for is ended, and another takes its place: so does `timeout()` before
 * the handler end what would compute for ever. So is one that computes on behind its answer, or does not get its module loaded, for
 * half a minute.
 *
 * @param module JavaScript, or whatever Node can import: `new URL("./module.js", import.meta.url)`.
 * @throws LocalError USE_BAD_OPTION. HttpError 503 HTTP_OVERLOADED, from its handler. What the module's handler throws, from its
 *   handler too, as a copy.
 *
 * @example
 * const pool = workers(new URL("./fractal.js", import.meta.url), { threads: 4 });
 * app.get("/fractal/{x}/{y}", pool.handler);
 */
export function workers(module: string | URL, options: WorkersOptions = {}): Workers {
  const { name = "default", server = {}, clock = systemClock, threads = availableParallelism() } = options;
  const { each = 1, queue = 1000, idle = 60_000, grace = 1000 } = options;
  for (const [option, value, least] of [
    ["threads", threads, 1],
    ["each", each, 1],
    ["queue", queue, 0],
    ["idle", idle, 0],
    ["grace", grace, 0],
  ] as const) {
    if (!(value >= least)) throw new LocalError("USE_BAD_OPTION", `${option} is ${least} or more, not ${value}.`);
  }
  return new Workers({ module: hrefOf(module), name, server }, { threads, each, queue, idle, grace, clock });
}

function hrefOf(module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (isAbsolute(module)) return pathToFileURL(module).href;
  if (URL.canParse(module)) return module;
  const say = `new URL(${JSON.stringify(module)}, import.meta.url)`;
  throw new LocalError("USE_BAD_OPTION", `The module of workers() is a URL or an absolute path: ${say}.`);
}
