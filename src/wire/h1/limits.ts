// How much of a head is read, and how strictly. Each default with its reason.

/** Octets, and one count. */
export interface WireLimits {
  /** The request target: 8,192, above what RFC 9112 §3 recommends to support. Beyond it 414. */
  readonly targetBytes: number;
  /** One field line: 16,384, room for the largest cookies and tokens in use. Beyond it 431. Also one chunk line, then 400. */
  readonly fieldBytes: number;
  /** The head, or a trailer section, as a whole: 65,536, what fits the read buffer. Beyond it 431. */
  readonly headBytes: number;
  /** Field lines: 256, ten times what browsers send. Beyond it 431. */
  readonly fields: number;
  /** Any body, however it is read: no limit. Beyond it 413. */
  readonly streamBytes: number;
}

/** What is accepted although RFC 9112 lets a recipient refuse it. All off: that is strict. */
export interface Leniency {
  /** Whether a request of HTTP/1.1 must have Host. False is what the ancestors did. */
  readonly requireHost: boolean;
  /** Whether a folded field line is joined by a space instead of being refused (RFC 9112 §5.2). */
  readonly obsFold: boolean;
}

/** The limits that hold where none are given. */
export const WIRE_LIMITS: WireLimits = {
  targetBytes: 8192,
  fieldBytes: 16_384,
  headBytes: 65_536,
  fields: 256,
  streamBytes: Number.POSITIVE_INFINITY,
};

/** The leniency that holds where none is given: nothing is let pass. */
export const STRICT: Leniency = { requireHost: true, obsFold: false };

/** One chunk-size line with its extensions, at most: 4,096 octets, which nobody needs; more is an attack. */
export const CHUNK_LINE_BYTES = 4096;
/** The extensions of one body together: they carry nothing, so they may not outgrow it either (CVE-2024-22019). */
export const CHUNK_EXTENSION_BYTES = 16_384;
/** Thirteen hexadecimal digits stay below 2^53. */
export const CHUNK_SIZE_DIGITS = 13;
/** A head longer than this is not kept for comparison with the next one: memory is dearer than the scan. */
export const REUSED_HEAD_BYTES = 2048;
/** After so many heads in a row that differ, a connection stops comparing. */
export const REUSE_MISSES = 8;
