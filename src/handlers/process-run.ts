// One program at work for one request: its output goes into a Pipe as fast as that is read, its input comes from a body as fast as
// it reads, and whatever ends the request ends it and all that it started. Knows nothing of replies and of queues.
import { type ChildProcess, spawn } from "node:child_process";
import { setMaxListeners } from "node:events";
import type { Readable } from "node:stream";
import type { Clock, Timer } from "../base/clock.ts";
import { asError, HttpError, LocalError } from "../base/errors.ts";
import { publish } from "../base/trace.ts";
import { Fields } from "../message/fields.ts";
import { Pipe } from "../message/pipe.ts";
import { afterwards, hostOf, leaveOnFin, type Request } from "../message/request.ts";
import { Feed, type Input } from "./process-input.ts";
import { asEvents, Lines } from "./process-lines.ts";
import { whyNotStarted, whyRefused } from "./process-start.ts";
import { GROUPED, ProcessTree } from "./process-tree.ts";

/** What a program is given and how it is watched: the same for spawn() and cgi(). */
export interface RunOptions {
  /** Its working directory; that of this process. */
  readonly cwd?: string | URL;
  /** Names of the variables of this process that it gets; those without which programs do not find their way: PATH, LANG... */
  readonly inherit?: readonly string[];
  /** Variables that it gets besides. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds that it may run, 0 for no limit; 0. What it leaves behind is not read for longer either. */
  readonly time?: number;
  /** Octets that it may write, Infinity for no limit; Infinity. */
  readonly outputBytes?: number;
  /** Milliseconds from SIGTERM to SIGKILL; and how long a child that the program left behind may hold its output; 2000. */
  readonly grace?: number;
  /** Where it aborts, the program is asked to end, and its reply ends in order: `server.draining`, for one without an end. */
  readonly signal?: AbortSignal;
  /** What it writes to its standard error, line by line. */
  readonly onStderr?: (line: string, run: RunInfo) => void;
  /** It has ended; failures are then told here, and not to the `error` hook of the server. */
  readonly onExit?: (exit: ProcessExit, run: RunInfo) => void;
}

/** A program that was started. */
export interface RunInfo {
  readonly program: string;
  readonly pid: number;
  readonly request: Request;
}

/** How a program ended. */
export interface ProcessExit {
  /** Its exit status; null where a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it, e.g. "SIGKILL"; null where it ended by itself. */
  readonly signal: string | null;
  /**
   * Why it was stopped: the client "left" or was answered otherwise, "time" or "output" ran out, its "input" failed, `signal`
   * aborted; null where not.
   */
  readonly stopped: "left" | "time" | "output" | "input" | "signal" | null;
  /** Octets that it wrote, of the streams that the client is sent. */
  readonly bytes: number;
  /** Milliseconds that it took. */
  readonly elapsed: number;
  /** The end of what it wrote to its standard error: 4096 octets at most. */
  readonly stderr: string;
}

/** What becomes of the two streams of its output. */
export type Streams = "stdout" | "both" | "events";

/** A program to be run. */
export interface Order {
  readonly request: Request;
  readonly program: string;
  readonly args: readonly string[];
  readonly streams: Streams;
  readonly input: Input | undefined;
  /** Whether a failure without output is told by `ready` alone: the status is still to be chosen. */
  readonly begin: "start" | "output";
  /** Whether a program that fails later leaves an answer that ends in order, or one that is cut off. */
  readonly failure: "end" | "cut";
  readonly clock: Clock;
  readonly options: RunOptions;
}

const STDERR_BYTES = 4096;
const GRACE = 2000;

/** What most programs need to find themselves, and nothing that could be a secret. */
const INHERIT: readonly string[] = GROUPED
  ? ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"]
  : ["PATH", "PATHEXT", "SystemRoot", "SystemDrive", "ComSpec", "TEMP", "TMP", "USERPROFILE", "USERNAME", "LANG", "TZ"];

function environment({ inherit = INHERIT, env = {} }: RunOptions): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of inherit) {
    const value = process.env[name];
    if (value !== undefined) given[name] = value;
  }
  return Object.assign(given, env);
}

/** A failure as the peer is told of it: a status. Only the cause knows more. */
export function processFailed(status: number, cause: unknown, fields?: Readonly<Record<string, string>>): HttpError {
  return new HttpError(status, undefined, { code: "HTTP_PROCESS_FAILED", cause, ...(fields && { fields }) });
}

/** How a program ended, in words. */
export function endOf(program: string, { code, signal, stderr }: ProcessExit): string {
  const how = signal === null ? `exited with ${code}` : `was ended by ${signal}`;
  return `${program} ${how}.${stderr === "" ? "" : ` It said: ${stderr.trimEnd()}`}`;
}

export class Run {
  /** What it writes. To cancel it ends the program. */
  readonly output: Pipe = new Pipe();
  /** Resolves when it has been started. @throws HttpError 500 where it could not be, 503 where the system lacks the means. */
  readonly started: Promise<void>;
  /** Resolves with its first output, and when it ends in order without any. @throws HttpError 502, 504; the signal's reason. */
  readonly ready: Promise<void>;
  readonly #order: Order;
  readonly #child: ChildProcess;
  readonly #feed: Feed | null;
  readonly #since: number;
  readonly #over: () => void;
  #tree: ProcessTree | null = null;
  #timer: Timer | null = null;
  /** "ended": what is left is output that it wrote, or that something it has left behind still writes. */
  #program: "runs" | "ended" | "closed" = "runs";
  #patience: Timer | null = null;
  #lastLines: () => void = () => {};
  #stopped: ProcessExit["stopped"] = null;
  #bytes = 0;
  /** Whether it ends when the exchange is over. */
  #bound: "to the reply" | "let go" = "to the reply";
  #tail = Buffer.alloc(0);
  #unstarted: (error: unknown) => void = () => {};
  #isReady: () => void = () => {};
  #neverReady: (error: unknown) => void = () => {};
  readonly #leave = (): void => this.#stop("left", asError(this.#order.request.signal.reason));
  readonly #ask = (): void => {
    this.#stopped ??= "signal";
    this.#tree?.end();
  };

  /**
   * What can fail comes before the program is started: there is nothing to end, and nothing behind the start throws.
   *
   * @param over is called once, when the program has ended, before the reader of its output knows; or when it cannot be started.
   * @throws HttpError HTTP_PROCESS_FAILED where an argument has a NUL, or they are too long; what Feed throws.
   */
  constructor(order: Order, over: () => void) {
    this.#order = order;
    this.#over = over;
    this.#since = order.clock.now();
    this.#feed = order.input === undefined ? null : new Feed(order.input);
    this.#child = this.#launched();
    this.started = new Promise((resolve, reject) => {
      this.#unstarted = reject;
      this.#child.once("spawn", resolve);
    });
    this.ready = new Promise((resolve, reject) => {
      this.#isReady = resolve;
      this.#neverReady = reject;
    });
    this.ready.catch(() => {}); // not everybody waits for it
    // Before anything is awaited: an error that nobody listens for would end this process.
    this.#child.on("error", (cause) => this.#failed(cause));
    const { pid, stdout, stderr } = this.#child;
    if (pid !== undefined && stdout !== null && stderr !== null) this.#attend(pid, stdout, stderr);
  }

  #launched(): ChildProcess {
    const { options, program, args } = this.#order;
    try {
      return spawn(program, [...args], {
        cwd: options.cwd,
        env: environment(options),
        stdio: [this.#feed === null ? "ignore" : "pipe", "pipe", "pipe"],
        shell: false,
        detached: GROUPED,
        windowsHide: true,
      });
    } catch (cause) {
      this.#feed?.release();
      throw processFailed(500, whyRefused(options.cwd, asError(cause)));
    }
  }

  #attend(pid: number, stdout: Readable, stderr: Readable): void {
    const { options, program, request, clock } = this.#order;
    this.#tree = new ProcessTree(pid, clock, options.grace ?? GRACE);
    this.#child.once("exit", () => this.#exited());
    this.#child.once("close", (code, signal) => this.#closed(code, signal));
    for (const stream of [stdout, stderr]) stream.on("error", () => {}); // what cannot be read has ended
    this.#read(stdout, stderr, { program, pid, request });
    this.output.watch({
      drain: () => {
        stdout.resume();
        stderr.resume();
      },
      cancel: (reason) => this.#stop("left", reason),
    });
    this.#give();
    const { time = 0, signal } = options;
    if (time > 0) this.#timer = clock.after(time, () => this.#outOfTime());
    if (signal !== undefined) this.#endWith(signal);
    request.signal.addEventListener("abort", this.#leave);
    leaveOnFin(request);
    afterwards(request, () => this.#unread());
    if (request.signal.aborted) this.#leave();
  }

  /** Its input, or nothing. */
  #give(): void {
    const { stdin } = this.#child;
    const { body } = this.#order.request;
    if (this.#feed !== null && stdin !== null)
      this.#feed.into(stdin).catch((error: unknown) => this.#stop("input", asError(error)));
    // A body that nobody reads would fill its queue, and hide the FIN behind it.
    else if (body.state === "unread") body.cancel();
  }

  /** The reply is another one, or none: what it writes may go on, to be read by nobody. */
  letGo(): void {
    this.#bound = "let go";
  }

  /** A reply that was made of it and dropped would leave it running for nobody. */
  #unread(): void {
    if (this.#bound === "to the reply") this.#stop("left", new LocalError("USE_STATE", "Its reply was not sent."));
  }

  #endWith(signal: AbortSignal): void {
    setMaxListeners(0, signal); // it may be that of many programs
    signal.addEventListener("abort", this.#ask);
    if (signal.aborted) this.#ask();
  }

  #read(stdout: Readable, stderr: Readable, info: RunInfo): void {
    const { streams, options } = this.#order;
    const { onStderr, outputBytes = Number.POSITIVE_INFINITY } = options;
    const lines = { out: new Lines(), err: new Lines() };
    const write = (from: Readable, chunk: Uint8Array | string): void => {
      if (chunk.length === 0 || this.output.ended) return;
      this.#isReady();
      if (!this.output.write(chunk)) from.pause();
    };
    const counted = (chunk: Uint8Array): boolean => {
      this.#bytes += chunk.length;
      if (this.#bytes > outputBytes) this.#tooMuch();
      return !this.output.ended;
    };
    const told = (read: readonly string[]): void => {
      if (onStderr !== undefined) for (const line of read) this.#tell(() => onStderr(line, info));
      if (streams === "events") write(stderr, asEvents("stderr", read));
    };
    stdout.on("data", (chunk: Buffer) => {
      if (counted(chunk)) write(stdout, streams === "events" ? asEvents("stdout", lines.out.push(chunk)) : chunk);
    });
    stderr.on("data", (chunk: Buffer) => {
      this.#tail = Buffer.concat([this.#tail, chunk.subarray(-STDERR_BYTES)]).subarray(-STDERR_BYTES);
      if (streams !== "stdout" && !counted(chunk)) return;
      if (onStderr !== undefined || streams === "events") told(lines.err.push(chunk));
      if (streams === "both") write(stderr, chunk);
    });
    this.#lastLines = () => {
      if (streams === "events") write(stdout, asEvents("stdout", lines.out.end()));
      told(lines.err.end());
    };
  }

  #outOfTime(): void {
    if (this.#program === "ended") return this.#dismiss();
    this.#stop("time", processFailed(504, new Error(`${this.#order.program} took more than its time.`)));
  }

  #tooMuch(): void {
    this.#stop("output", processFailed(502, new Error(`${this.#order.program} wrote more than it may.`)));
  }

  /** Ends it. The reader of its output gets the error behind what is in the pipe. */
  #stop(why: NonNullable<ProcessExit["stopped"]>, error: Error): void {
    if (this.#stopped !== null && this.#stopped !== "signal") return;
    this.#stopped = why;
    this.#neverReady(error);
    this.output.fail(error);
    if (why === "left") this.output.cancel(error);
    // A process that has left the group may hold them open for ever.
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#tree?.end();
  }

  /** It could not be started. The system says no more than that to the program's owner, and nothing to the peer. */
  #failed(cause: NodeJS.ErrnoException): void {
    if (this.#tree !== null) return;
    this.#feed?.release();
    this.#over();
    const { program, options } = this.#order;
    const short = ["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"].includes(cause.code ?? "");
    if (short) return this.#failWith(processFailed(503, cause, { "Retry-After": "1" }));
    void whyNotStarted(program, options.cwd, cause).then((why) => this.#failWith(processFailed(500, why)));
  }

  #failWith(error: HttpError): void {
    this.#unstarted(error);
    this.#neverReady(error);
    this.output.fail(error);
  }

  /** What it wrote may still lie in the pipe, and what it has left behind may hold that open, also from outside of its group. */
  #exited(): void {
    this.#program = "ended";
    this.#tree?.exited();
    this.#child.stdin?.destroy();
    this.#wait();
  }

  /** As long as there is something to read, and then as long as the grace, what it has left behind may add to its output. */
  #wait(): void {
    const bytes = this.#bytes;
    const { stdout, stderr } = this.#child;
    this.#patience = this.#order.clock.after(this.#order.options.grace ?? GRACE, () => {
      // The loop may have been held up since: what lies in the pipe is read before this turn comes.
      setImmediate(() => {
        if (this.#program === "closed") return;
        const held = stdout?.isPaused() === true || stderr?.isPaused() === true;
        if (held || this.#bytes !== bytes) this.#wait();
        else this.#dismiss();
      });
    });
  }

  /** It has ended, and nobody waits for the rest. */
  #dismiss(): void {
    this.#tree?.end();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  #closed(code: number | null, signal: string | null): void {
    this.#program = "closed";
    this.letGo();
    this.#timer?.cancel();
    this.#patience?.cancel();
    this.#tree?.left();
    this.#order.request.signal.removeEventListener("abort", this.#leave);
    this.#order.options.signal?.removeEventListener("abort", this.#ask);
    this.#over();
    const exit = this.#how(code, signal);
    this.#lastLines();
    const failure =
      code === 0 || this.#stopped !== null ? null : processFailed(502, new Error(endOf(this.#order.program, exit)));
    this.#finish(exit, failure);
    this.#report(exit, failure);
  }

  #finish({ code, signal }: ProcessExit, failure: HttpError | null): void {
    const { streams, failure: manner } = this.#order;
    if (streams === "events" && !this.output.ended) {
      this.output.write(`event: exit\ndata: ${JSON.stringify({ code, signal })}\n\n`);
    }
    if (failure !== null && manner === "cut") this.output.fail(failure);
    else this.output.end(new Fields(signal === null ? { "Exit-Status": String(code) } : { "Exit-Signal": signal }));
  }

  #how(code: number | null, signal: string | null): ProcessExit {
    const elapsed = this.#order.clock.now() - this.#since;
    return { code, signal, stopped: this.#stopped, bytes: this.#bytes, elapsed, stderr: this.#tail.toString() };
  }

  #report(exit: ProcessExit, failure: HttpError | null): void {
    const { program, request, options, begin, failure: manner } = this.#order;
    const { onExit } = options;
    const { pid = 0 } = this.#child;
    if (onExit !== undefined) this.#tell(() => onExit(exit, { program, pid, request }));
    if (failure === null) return this.#isReady();
    this.#neverReady(failure);
    // What the reply fails with is told by who sends it.
    const told = manner === "cut" || (begin === "output" && exit.bytes === 0);
    if (onExit === undefined && !told) hostOf(request).report(failure);
  }

  /** What a listener throws, or its promise rejects with, is its own failure, and not that of the program. */
  #tell(call: () => unknown): void {
    const failed = (error: unknown): void => {
      const { request } = this.#order;
      // Of a client that has left, the exchange takes no reports any more.
      if (request.signal.aborted) publish("error", { error, request });
      else hostOf(request).report(error);
    };
    try {
      const told = call();
      if (told instanceof Promise) told.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
