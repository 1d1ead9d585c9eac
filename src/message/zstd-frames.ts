// Content in zstd as its frames (RFC 8878 §3.1), for the decoder of Node. Content may have several, one behind the other, and some that
// hold nothing: on Node 22 and 24 the decoder stops behind the first one in what it is given, so it is given one at a time. On Node 22
// it takes a frame that is cut off for a whole one, which is seen here. Nothing is decoded here, and nothing copied.

/** RFC 9659 §3: no client may need a larger window, and who decodes need not have it. Bytes. */
const WINDOW_BYTES = 8_388_608;
/** Who compresses in threads makes a frame for each megabyte; each costs the decoder a step of its own. */
const FRAMES = 1000;

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RESERVED_BLOCK = 3;
const RLE_BLOCK = 1;

/**
 * The same pieces, cut where a frame ends.
 *
 * @throws Error where they are no frames or the last one is cut off, where a frame needs a window of more than 8 MB, and where there
 *   are more than 1,000.
 */
export async function* zstdFrames(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  const walk = new Walk();
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const to = walk.frameEnd(piece, from);
      yield piece.subarray(from, to);
      from = to;
    }
  }
  if (!walk.isBetweenFrames) throw new Error("The last frame of zstd is cut off.");
}

/** What comes next in a frame; `content` is passed over, all else is a few bytes that are read. */
type Next = "magic" | "skipped" | "descriptor" | "header" | "block" | "content" | "checksum";

class Walk {
  #next: Next = "magic";
  /** Bytes of it that have yet to come. */
  #missing = 4;
  #bytes: number[] = [];
  #frames = 0;
  #descriptor = 0;
  /** The block is the last one of its frame. */
  #isLast = false;

  get isBetweenFrames(): boolean {
    return this.#next === "magic" && this.#bytes.length === 0;
  }

  /** Reads on. @returns where a frame ends in the piece, or the piece does. */
  frameEnd(piece: Uint8Array, from: number): number {
    for (let at = from; at < piece.length; ) {
      const taken = this.#next === "content" ? Math.min(this.#missing, piece.length - at) : 1;
      if (this.#next !== "content") this.#bytes.push(piece[at] as number);
      this.#missing -= taken;
      at += taken;
      while (this.#missing === 0) if (this.#step(this.#bytes)) return at;
    }
    return piece.length;
  }

  /** What was awaited has come. @returns whether a frame ends here. */
  #step(bytes: readonly number[]): boolean {
    switch (this.#next) {
      case "magic":
        return this.#begin(numberOf(bytes));
      case "skipped":
        this.#isLast = true;
        this.#descriptor = 0;
        return this.#expect("content", numberOf(bytes));
      case "descriptor":
        this.#descriptor = bytes[0] as number;
        return this.#expect("header", this.#windowBytes + this.#dictionaryBytes + this.#sizeBytes);
      case "header":
        this.#checkWindow(bytes);
        return this.#expect("block", 3);
      case "block":
        return this.#block(numberOf(bytes));
      case "content":
        if (!this.#isLast) return this.#expect("block", 3);
        return this.#expect("checksum", (this.#descriptor & 4) === 0 ? 0 : 4);
      default:
        this.#expect("magic", 4);
        return true;
    }
  }

  #expect(next: Next, missing: number): false {
    this.#next = next;
    this.#missing = missing;
    this.#bytes = [];
    return false;
  }

  #begin(magic: number): false {
    if (++this.#frames > FRAMES) throw new Error(`There are more than ${FRAMES} frames of zstd.`);
    if (magic === MAGIC) return this.#expect("descriptor", 1);
    if (magic - (magic % 16) === SKIPPABLE_MAGIC) return this.#expect("skipped", 4);
    throw new Error("It is no frame of zstd.");
  }

  #block(header: number): false {
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) throw new Error("A block of zstd is of no type that there is.");
    this.#isLast = (header & 1) === 1;
    return this.#expect("content", type === RLE_BLOCK ? 1 : header >> 3);
  }

  // RFC 8878 §3.1.1.1.1: a frame in a single segment has no window of its own; its content is the window.
  get #windowBytes(): number {
    return (this.#descriptor & 0x20) === 0 ? 1 : 0;
  }

  get #dictionaryBytes(): number {
    return [0, 1, 2, 4][this.#descriptor & 3] as number;
  }

  get #sizeBytes(): number {
    return [1 - this.#windowBytes, 2, 4, 8][this.#descriptor >> 6] as number;
  }

  #checkWindow(header: readonly number[]): void {
    if (this.#neededWindow(header) > WINDOW_BYTES) throw new Error("A frame of zstd needs a window of more than 8 MB.");
  }

  #neededWindow(header: readonly number[]): number {
    if (this.#windowBytes === 0) {
      const size = numberOf(header.slice(this.#dictionaryBytes));
      return this.#sizeBytes === 2 ? size + 256 : size;
    }
    const [descriptor = 0] = header;
    const base = 2 ** (10 + (descriptor >> 3));
    return base + (base / 8) * (descriptor & 7);
  }
}

/** The lowest byte first. */
function numberOf(bytes: readonly number[]): number {
  return bytes.reduceRight((number, byte) => number * 256 + byte, 0);
}
