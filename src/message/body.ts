// Everything that can be sent as a body. FileSlice and Takeover are classes that only their makers here can make: what a
// peer sent as JSON and a handler echoes can never pass for one of them, whatever it imitates.
import type { FileHandle } from "node:fs/promises";
import { LocalError } from "../base/errors.ts";
import type { Transport } from "../base/transport.ts";

/**
 * What a message can carry. Text is sent as UTF-8; what is iterated is asked for more as the peer takes it, and is ended by
 * `return()` where the peer leaves. A Takeover is for upgrade() and tunnel() alone.
 */
export type Body = null | string | Uint8Array | AsyncIterable<Uint8Array | string> | FileSlice | Takeover;

let makeSlice: (path: string, start: number, end: number, opener: Opener | undefined) => FileSlice;
let makeTakeover: (take: Take) => Takeover;

/**
 * What takes a connection over: the transport, and the octets that had arrived behind the head (owned by the taker). It may
 * be async; where it throws or its promise rejects, the error is reported and the connection ends.
 */
export type Take = (transport: Transport, early: Uint8Array) => unknown;

/** Opens the file of a slice, for reading; what it throws before the reply has begun is answered. Who asks closes it. */
export type Opener = () => Promise<FileHandle>;

/** Octets `[start, end)` of a file, read while they are sent. */
export class FileSlice {
  #made = true as const;
  readonly path: string;
  readonly start: number;
  readonly end: number;
  /** Opens it, where the path alone does not say enough. */
  readonly opener: Opener | undefined;

  private constructor(path: string, start: number, end: number, opener: Opener | undefined) {
    this.path = path;
    this.start = start;
    this.end = end;
    this.opener = opener;
    void this.#made;
  }

  static {
    makeSlice = (path, start, end, opener) => new FileSlice(path, start, end, opener);
  }
}

/** What becomes of a connection after 101, or after 2xx to CONNECT (RFC 9110 §7.8, §9.3.6). */
export class Takeover {
  #made = true as const;
  readonly take: Take;

  private constructor(take: Take) {
    this.take = take;
    void this.#made;
  }

  static {
    makeTakeover = (take) => new Takeover(take);
  }
}

/**
 * A part of a file as a body. The file is opened and read from before the head of its reply leaves: one that is missing then, or cannot
 * be read, gives 500. One that has become shorter ends the connection.
 *
 * @param path of the file, absolute or relative to the working directory.
 * @param start first octet. @param end the octet after the last.
 * @param opener opens the file instead, e.g. one that makes sure that it is still the same one.
 * @throws LocalError USE_BAD_BODY where start and end are no range.
 */
export function fileSlice(path: string, start: number, end: number, opener?: Opener): FileSlice {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw new LocalError("USE_BAD_BODY", `A slice from ${start} to ${end} is no range.`);
  }
  return makeSlice(path, start, end, opener);
}

/**
 * The body of an answer that hands the connection over; `upgrade()` and `tunnel()` (reply.ts) make the whole reply.
 *
 * @throws LocalError USE_BAD_BODY.
 */
export function takeover(take: Take): Takeover {
  if (typeof take !== "function") {
    throw new LocalError("USE_BAD_BODY", `A takeover is a function of the transport, not ${typeof take}.`);
  }
  return makeTakeover(take);
}

/** Whether a value can be sent as a body. */
export function isBody(value: unknown): value is Body {
  if (value === null || typeof value === "string") return true;
  if (typeof value !== "object") return false;
  return (
    value instanceof Uint8Array ||
    value instanceof FileSlice ||
    value instanceof Takeover ||
    Symbol.asyncIterator in value
  );
}
