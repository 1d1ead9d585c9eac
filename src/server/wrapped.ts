// A transport with something replaced: who the peer is said to be, how it is cut off, who learns that it is over. For
// takeovers, of which the server must still know, and for whoever brings an accept of their own.
import type { Peer, Transport, TransportEvents } from "../base/transport.ts";
import type { Takeover } from "../message/body.ts";

/** What is replaced; what is left out stays as it is. */
export interface Replacements {
  readonly peer?: (transport: Transport) => Peer;
  /** Ends both directions at once, in place of transport.destroy(). */
  readonly hardClose?: (transport: Transport, error: Error | undefined) => void;
  /** Is told before the taker that the connection is over. */
  readonly closed?: (error: Error | undefined) => void;
}

export class WrappedTransport implements Transport {
  readonly peer: Peer;
  readonly #transport: Transport;
  readonly #replaced: Replacements;

  constructor(transport: Transport, replaced: Replacements) {
    this.#transport = transport;
    this.#replaced = replaced;
    this.peer = replaced.peer?.(transport) ?? transport.peer;
  }

  get protocol(): string | undefined {
    return this.#transport.protocol;
  }

  get pending(): number {
    return this.#transport.pending;
  }

  open(events: TransportEvents): void {
    const { closed } = this.#replaced;
    if (closed === undefined) return this.#transport.open(events);
    this.#transport.open({
      data: (bytes, start, end) => events.data(bytes, start, end),
      end: () => events.end(),
      drain: () => events.drain(),
      close: (error) => {
        closed(error);
        events.close(error);
      },
    });
    this.#transport.resume(); // it was paused when it was handed over, so that nothing came before its taker was there
  }

  write(list: readonly (Uint8Array | string)[]): boolean {
    return this.#transport.write(list);
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  end(): void {
    this.#transport.end();
  }

  destroy(error?: Error): void {
    const { hardClose } = this.#replaced;
    if (hardClose === undefined) this.#transport.destroy(error);
    else hardClose(this.#transport, error);
  }

  ref(): void {
    this.#transport.ref?.();
  }

  unref(): void {
    this.#transport.unref?.();
  }
}

/**
 * Hands a transport to a taker: until that opens it, what comes waits in it.
 *
 * @param early what had come behind the head. @param told when it is over, and what the taker throws, now or later.
 */
export function giveAway(
  transport: Transport,
  { take }: Takeover,
  early: Uint8Array,
  told: { closed(error: Error | undefined): void; failed(error: unknown): void },
): void {
  transport.pause();
  const failed = (error: unknown): void => {
    told.failed(error);
    transport.destroy();
  };
  try {
    const taken = take(new WrappedTransport(transport, { closed: (error) => told.closed(error) }), early);
    if (taken instanceof Promise) taken.catch(failed);
  } catch (error) {
    failed(error);
  }
}
