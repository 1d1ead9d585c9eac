// Bytes that were received and not yet parsed. While they lie in the reader's shared buffer they are borrowed; keep() copies
// what is left of them, into storage that grows by doubling, so that a peer that sends single bytes costs linear time.

const SMALLEST = 512;
const NOTHING: Uint8Array = new Uint8Array(0);

export class ReceiveBuffer {
  /** The octets are `bytes[start, end)`. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  #borrowed = false;

  get length(): number {
    return this.end - this.start;
  }

  /** Takes octets, without a copy where none wait. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    if (this.start === this.end) {
      this.bytes = bytes;
      this.start = start;
      this.end = end;
      this.#borrowed = true;
      return;
    }
    if (this.#borrowed) this.keep();
    this.#reserve(end - start);
    this.bytes.set(bytes.subarray(start, end), this.end);
    this.end += end - start;
  }

  /** The borrowed bytes will change: copies what is left of them, and lets go of storage that holds nothing. */
  keep(): void {
    if (this.start === this.end) {
      this.bytes = NOTHING;
      this.start = 0;
      this.end = 0;
    } else if (this.#borrowed) {
      const { length } = this;
      const own = Buffer.allocUnsafeSlow(Math.max(SMALLEST, length));
      own.set(this.bytes.subarray(this.start, this.end), 0);
      this.bytes = own;
      this.start = 0;
      this.end = length;
    }
    this.#borrowed = false;
  }

  /** Takes all that is left, as a copy. */
  drain(): Uint8Array {
    const rest = Uint8Array.prototype.slice.call(this.bytes, this.start, this.end);
    this.start = this.end;
    this.keep();
    return rest;
  }

  /** Drops all that is left. */
  clear(): void {
    this.start = this.end;
    this.keep();
  }

  #reserve(more: number): void {
    const { length } = this;
    if (this.end + more <= this.bytes.length) return;
    const target = length + more <= this.bytes.length / 2 ? this.bytes : Buffer.allocUnsafeSlow(2 * (length + more));
    if (target === this.bytes) this.bytes.copyWithin(0, this.start, this.end);
    else target.set(this.bytes.subarray(this.start, this.end), 0);
    this.bytes = target;
    this.start = 0;
    this.end = length;
  }
}
