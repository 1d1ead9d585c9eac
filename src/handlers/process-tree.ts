// A program and what it starts, as one thing that can be ended: a process group of its own, which is asked to end and, after a
// grace, made to. Knows nothing of requests. A process that leaves the group on purpose (setsid) is out of reach.
import { execFile } from "node:child_process";
import type { Clock, Timer } from "../base/clock.ts";

const WINDOWS = process.platform === "win32";

/** Whether programs are started in a group of their own; on Windows there are none, and taskkill follows the parents. */
export const GROUPED: boolean = !WINDOWS;

/** All that may still run. Their groups get no Ctrl-C of a terminal, so that they would outlive this process. */
const living = new Set<ProcessTree>();

function endAll(): void {
  for (const tree of living) tree.kill();
}

export class ProcessTree {
  readonly #pid: number;
  readonly #clock: Clock;
  readonly #grace: number;
  #timer: Timer | null = null;
  #gone = false;

  /** @param grace milliseconds from SIGTERM to SIGKILL. */
  constructor(pid: number, clock: Clock, grace: number) {
    this.#pid = pid;
    this.#clock = clock;
    this.#grace = grace;
    if (living.size === 0) process.on("exit", endAll);
    living.add(this);
  }

  /** Asks all of it to end, and makes it end after the grace. */
  end(): void {
    if (this.#gone || this.#timer !== null) return;
    if (!this.#signal("SIGTERM")) return this.#forget();
    this.#timer = this.#clock.after(this.#grace, () => {
      this.#signal("SIGKILL");
      this.#forget();
    });
  }

  /** Ends it now. */
  kill(): void {
    if (!this.#gone) this.#signal("SIGKILL");
    this.#forget();
  }

  /** The program itself has ended. Where nothing of its group is left, the number is the system's, and nobody's to signal. */
  exited(): void {
    if (!this.#gone && (WINDOWS || !this.#signal(0))) this.#forget();
  }

  /** Nobody can add to its output any more: what is left of its group is ended too. */
  left(): void {
    this.exited();
    this.end();
  }

  /** @returns whether anything was there to be told. */
  #signal(signal: "SIGTERM" | "SIGKILL" | 0): boolean {
    if (WINDOWS) {
      // The only way to a whole tree; without /F a program without a window is not ended.
      execFile("taskkill", ["/PID", String(this.#pid), "/T", "/F"], { windowsHide: true }, () => {});
      return true;
    }
    try {
      process.kill(-this.#pid, signal);
      return true;
    } catch (error) {
      // EPERM: something is there that has become another user's.
      return (error as NodeJS.ErrnoException).code === "EPERM";
    }
  }

  #forget(): void {
    this.#gone = true;
    this.#timer?.cancel();
    this.#timer = null;
    living.delete(this);
    if (living.size === 0) process.off("exit", endAll);
  }
}
