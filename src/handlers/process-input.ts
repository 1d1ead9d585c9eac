// What a program reads: opened before the program is started, so that what cannot be read fails before there is anything to end; then
// fed as fast as the program reads it. Knows nothing of how the program ends.
import type { Writable } from "node:stream";
import { LocalError } from "../base/errors.ts";
import { destroyStream, piecesIn, release } from "../message/discard.ts";

/** What it is given to read. */
export type Input = AsyncIterable<Uint8Array | string> | Uint8Array | string;

/** An input that has been opened: it is fed once, or released. */
export class Feed {
  readonly #input: Input;
  /** Null where the input is here as a whole. */
  readonly #pieces: AsyncIterator<Uint8Array | string> | null;

  /** @throws LocalError USE_BAD_OPTION where it cannot be read, USE_BODY_USED where it has been; what its iterator throws. */
  constructor(input: Input) {
    this.#input = input;
    if (typeof input === "string" || input instanceof Uint8Array) {
      this.#pieces = null;
      return;
    }
    if (typeof input !== "object" || input === null || !(Symbol.asyncIterator in input)) {
      throw new LocalError("USE_BAD_OPTION", `stdin is text, bytes or an async iterable, not of type ${typeof input}.`);
    }
    this.#pieces = piecesIn(input);
  }

  /** Nobody will read it, or nobody reads it any more: who makes it is told. Never throws. */
  release(): void {
    const pieces = this.#pieces;
    if (pieces !== null && !destroyStream(this.#input as object)) release(() => pieces);
  }

  /**
   * Writes it into the standard input of a program, and ends that.
   *
   * @throws (its promise rejects with) what the input fails with; where the program has ended first, nobody misses the rest.
   */
  async into(stdin: Writable): Promise<void> {
    // EPIPE: it does not read to the end, and need not. The loop sees that the stream is destroyed.
    stdin.on("error", () => {});
    if (this.#pieces === null) return void stdin.end(this.#input);
    try {
      await this.#pump(this.#pieces, stdin);
    } catch (error) {
      if (!stdin.destroyed) throw error;
    }
  }

  /** An iterator by hand: the program may end while a piece is awaited, and then nothing else would let go of it. */
  async #pump(pieces: AsyncIterator<Uint8Array | string>, stdin: Writable): Promise<void> {
    let wake = (): void => {};
    stdin.on("drain", () => wake());
    stdin.once("close", () => {
      wake();
      this.release();
    });
    for (;;) {
      const step = await pieces.next();
      if (stdin.destroyed) return;
      if (step.done === true) return void stdin.end();
      if (!stdin.write(step.value)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (stdin.destroyed) resolve();
        });
      }
    }
  }
}
