// A server without a network: connections in memory, and time that stands still until it is turned. What happens is the same
// on every run, because nothing is left to chance: not the size of packets, not the order of turns, not the clock.
import { FakeClock } from "../base/clock.ts";
import type { Handler } from "../message/handler.ts";
import type { ServerOptions } from "../server/server.ts";
import { Server } from "../server/server.ts";
import { type MemoryOptions, memoryPair } from "../transport/memory.ts";
import { WireClient, type WireClientOptions } from "./client.ts";

/** A server under test, with its clock. */
export interface Loopback extends AsyncDisposable {
  readonly server: Server;
  /** The server's clock: `tick()` turns it. */
  readonly clock: FakeClock;
  /** A new connection. What it says of itself, and how much it takes before it is full, can be set. */
  connect(options?: WireClientOptions & MemoryOptions): WireClient;
  /**
   * Resolves when nothing is under way any more: five turns of the event loop in a row in which no octet came, and no
   * connection and no request began or ended. Memory needs one turn; the others are for handlers that await. Time does not
   * pass meanwhile, and what waits for a file or a real timer is not waited for.
   */
  settled(): Promise<void>;
}

const QUIET_TURNS = 5;

/**
 * A server over memory, with a clock that stands still. Disposing of it cuts off what is open.
 *
 * @example
 * await using bench = loopback(() => text("Hello"));
 * const { status, body } = await bench.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 */
export function loopback(handler: Handler, options: Omit<ServerOptions, "clock"> = {}): Loopback {
  const clock = new FakeClock();
  const server = new Server(handler, { ...options, clock });
  const clients: WireClient[] = [];
  const activity = (): string => {
    const { open, requests, connections, refused, failures, waiting } = server.stats;
    let octets = 0;
    for (const client of clients)
      octets += client.received.length - client.pending + (client.ending === undefined ? 0 : 1);
    return [open, requests, connections, refused, failures, waiting, octets].join();
  };
  const settled = async (): Promise<void> => {
    let before = "";
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = activity();
      if (now !== before) quiet = 0;
      before = now;
    }
  };
  return {
    server,
    clock,
    settled,
    connect({ onFin, ...memory } = {}) {
      const [near, far] = memoryPair(memory);
      const client = new WireClient(near, onFin === undefined ? {} : { onFin });
      clients.push(client);
      server.accept(far);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await server.close({ mode: "abort" });
    },
  };
}
