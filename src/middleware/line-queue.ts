// Lines on their way to where they are kept. Who writes one never waits, never fails and never makes memory grow: lines that the
// target is too slow for wait in a bounded queue, those beyond it are dropped, and a line says later how many there were.

/** A stream that lines are written to, as far as it is needed: any Writable of Node is one. */
export interface LineStream {
  write(text: string): unknown;
  on(event: "drain" | "error", listener: (error?: Error) => void): unknown;
  readonly destroyed?: boolean;
}

/**
 * Where lines go: a stream, or a function that takes each without its line end. Where the function returns a promise, the next
 * line waits for it.
 */
export type LineTarget = LineStream | ((line: string) => unknown);

/** Whose lines they are. */
export interface LineOwner {
  /** The line that says how many were dropped. */
  dropped(count: number): string;
  /** The target has failed. */
  failed(error: unknown): void;
}

/** What becomes of lines that a target does not take at once, or at all. */
export interface LineOptions {
  /** Characters that may wait while the target is slow; 1,048,576. */
  readonly waiting?: number;
  /** Told of each failure of the target. Where left out, nobody is. */
  readonly onError?: (error: unknown) => void;
}

export const WAITING = 1_048_576;

/** One queue a stream, however many logs share it: their bounds would otherwise add up. */
const queues = new WeakMap<LineStream, LineQueue>();

/**
 * The queue before a target.
 *
 * @param owner who writes to it, and is told when the target fails.
 * @param waiting of whoever asks first for the same stream.
 */
export function queueTo(target: LineTarget, owner: LineOwner, waiting: number = WAITING): LineQueue {
  let queue = typeof target === "function" ? undefined : queues.get(target);
  if (queue === undefined) {
    queue = new LineQueue(target, waiting);
    if (typeof target !== "function") queues.set(target, queue);
  }
  queue.join(owner);
  return queue;
}

export class LineQueue {
  readonly #target: LineTarget;
  readonly #most: number;
  #state: "ready" | "busy" | "broken" = "ready";
  #waiting: string[] = [];
  #size = 0;
  #dropped = 0;
  /**
   * Whose lines came this way: all are told where the target fails, since none of theirs arrive. Standard output outlives the
   * logs of a module that is loaded again and again: a log that nobody can write to any more is let go.
   */
  #owners: WeakRef<LineOwner>[] = [];
  #dropper: LineOwner | null = null;

  constructor(target: LineTarget, most: number) {
    this.#target = target;
    this.#most = most;
    if (typeof target === "function") return;
    target.on("drain", () => this.#ready());
    // A stream that fails with nobody listening would end the process.
    target.on("error", (error) => {
      this.#fail(error);
      if (target.destroyed === true) this.#break();
      else this.#ready();
    });
  }

  /** Another who writes. */
  join(owner: LineOwner): void {
    this.#owners = this.#owners.filter((each) => each.deref() !== undefined);
    this.#owners.push(new WeakRef(owner));
  }

  /** Takes a line, without its line end. */
  write(line: string, owner: LineOwner): void {
    if (this.#state === "ready") return this.#put(line);
    // Once one is dropped so are those behind it, until there is room: what is kept stays in order, without gaps in it.
    if (this.#state === "broken" || this.#dropped > 0 || this.#size + line.length > this.#most) {
      this.#dropped++;
      this.#dropper = owner;
      return;
    }
    this.#waiting.push(line);
    this.#size += line.length;
  }

  #put(line: string): void {
    this.#state = "busy";
    try {
      const target = this.#target;
      const result = typeof target === "function" ? target(line) : target.write(`${line}\n`);
      if (result instanceof Promise) {
        result.then(
          () => this.#ready(),
          (error: unknown) => {
            this.#fail(error);
            this.#ready();
          },
        );
        return;
      }
      if (result === false && typeof target !== "function") return; // until its drain
    } catch (error) {
      this.#fail(error);
    }
    this.#state = "ready";
    // Not at once: a function that writes to its own log would never come to an end.
    if (this.#waiting.length > 0 || this.#dropped > 0) {
      this.#state = "busy";
      setImmediate(() => this.#ready());
    }
  }

  /** The target takes lines again. */
  #ready(): void {
    if (this.#state === "broken") return;
    this.#state = "ready";
    const lines = this.#waiting;
    if (lines.length > 0) {
      // A stream is given all at once; a function each by itself.
      const line = typeof this.#target === "function" ? (lines.shift() as string) : lines.splice(0).join("\n");
      this.#size = typeof this.#target === "function" ? this.#size - line.length : 0;
      return this.#put(line);
    }
    if (this.#dropped > 0) {
      const count = this.#dropped;
      this.#dropped = 0;
      this.#put((this.#dropper as LineOwner).dropped(count));
    }
  }

  #break(): void {
    this.#state = "broken";
    this.#waiting = [];
    this.#size = 0;
  }

  #fail(error: unknown): void {
    for (const owner of this.#owners) {
      try {
        owner.deref()?.failed(error);
      } catch {
        // Who is told of the failure of a log has nowhere else to go.
      }
    }
  }
}
