// The heads of one client are mostly the same bytes, again and again. A connection remembers one of them: what equals it byte
// for byte is not read again, for whatever reading it would have found or refused, it found the last time. Comparing costs a
// fifth of scanning. Of one connection only, so that no client ever meets what another one sent.
import type { Version } from "../../message/head.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import type { HeadBlock } from "./facts.ts";
import { REUSE_MISSES, REUSED_HEAD_BYTES } from "./limits.ts";

/** A head that was read, by its bytes. */
export interface KnownHead {
  readonly bytes: Uint8Array;
  readonly fieldsStart: number;
  readonly method: string;
  readonly target: string;
  readonly version: Version;
  readonly block: HeadBlock;
}

export class HeadMemory {
  #known: KnownHead | null = null;
  #misses = 0;

  /** The known head, where the buffer begins with it. */
  sameHead(buffer: ReceiveBuffer): KnownHead | null {
    const known = this.#known;
    if (known === null || buffer.length < known.bytes.length) return null;
    if (!sameBytes(buffer.bytes, buffer.start, known.bytes, 0)) return null;
    this.#misses = 0;
    return known;
  }

  /** The known head, where its fields are what `bytes[from, end)` begins with. */
  sameFields(bytes: Uint8Array, from: number, end: number): KnownHead | null {
    const known = this.#known;
    if (known === null || end - from < known.bytes.length - known.fieldsStart) return null;
    if (!sameBytes(bytes, from, known.bytes, known.fieldsStart)) return null;
    this.#misses = 0;
    return known;
  }

  /** Whether a head of that size is worth remembering: a client that varies its heads is not followed for long. */
  wants(size: number): boolean {
    if (this.#misses < REUSE_MISSES && size <= REUSED_HEAD_BYTES) return true;
    this.#known = null;
    return false;
  }

  remember(head: KnownHead): void {
    this.#misses++;
    this.#known = head;
  }
}

// Below this many octets a loop is faster than the call into native code.
const LOOP_BYTES = 96;
const { compare } = Buffer.prototype;

/** Whether what begins at `at` equals `other` from `from` to its end. */
function sameBytes(bytes: Uint8Array, at: number, other: Uint8Array, from: number): boolean {
  const length = other.length - from;
  if (length > LOOP_BYTES) return compare.call(bytes, other, from, other.length, at, at + length) === 0;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== other[from + i]) return false;
  return true;
}
