// A body that nobody will read: refused, too late, or of a reply that has none.
import { LocalError } from "../base/errors.ts";
import { promiseOf } from "../base/promise.ts";
import type { Body } from "./body.ts";
import { ReceivedBody } from "./inbound.ts";
import { Pipe } from "./pipe.ts";

/** Lets go of a body that will not be sent: whoever makes it is told to stop, and what it holds open is closed. Never throws. */
export function discardBody(body: Body): void {
  if (typeof body !== "object" || body === null) return;
  try {
    if (body instanceof Uint8Array) return;
    // A body that was received is skipped by its connection; to begin reading it only to stop would ask for it (100 Continue).
    if (body instanceof Pipe || body instanceof ReceivedBody) body.cancel(new LocalError("USE_BODY_NOT_ALLOWED"));
    else if (Symbol.asyncIterator in body && !destroyStream(body)) release(() => piecesIn(body));
  } catch {
    // What cannot even be looked at holds nothing that could be let go of here.
  }
}

/**
 * Ends a stream of Node. @returns false where it is none. A Readable holds a file or a socket open until it is destroyed, and
 * return() of its iterator waits for a read that may never come. What it fails with meanwhile concerns nobody, but would end the
 * process if nobody listened.
 */
export function destroyStream(body: object): boolean {
  const stream = body as { destroy?: () => unknown; on?: (event: string, listener: () => void) => unknown };
  try {
    if (typeof stream.destroy !== "function") return false;
    stream.on?.("error", () => {});
    promiseOf(stream.destroy()).catch(() => {});
  } catch {
    // It was asked to stop; there is nothing else to tell it.
  }
  return true;
}

/**
 * The pieces of a body. A web stream is read by a reader, whose return() ends a read that waits: that of the stream's own iterator
 * stands behind it, and a source that is silent would never hear that nobody listens.
 */
export function piecesIn<T>(body: AsyncIterable<T>): AsyncIterator<T> {
  const { getReader } = body as { getReader?: () => WebReader<T> };
  if (typeof getReader !== "function") return body[Symbol.asyncIterator]();
  const reader = getReader.call(body);
  return {
    next: () => reader.read(),
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

interface WebReader<T> {
  read(): Promise<IteratorResult<T>>;
  cancel(): Promise<void>;
}

/** Stops a producer. What it throws meanwhile is nobody's concern: there is no reply left that it could spoil. */
export function release(iterator: () => AsyncIterator<unknown>): void {
  try {
    promiseOf(iterator().return?.()).catch(() => {});
  } catch {
    // The same, thrown at once.
  }
}
