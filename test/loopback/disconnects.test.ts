// Clients that disconnect, over real sockets: by a FIN that leaves their side open to read, by a close, and by a reset; at each stage
// of a request. Afterwards nothing of them is left: no connection, no exchange, no place among the requests that are handled. Time is
// turned by hand; what is waited for is what happens.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { FakeClock } from "../../src/base/clock.ts";
import type { Address } from "../../src/base/transport.ts";
import type { Handler } from "../../src/message/handler.ts";
import { reply, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { createServer, type Server, type ServerOptions } from "../../src/server/index.ts";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { LOCALHOST } from "../fixtures/certificates.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const DRAIN = 10_000;

/** The head of an upload that will not be whole, and so much of its body. */
function upload(sent: number): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n${"x".repeat(sent)}`;
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-"));
});
after(() => rm(folder, { recursive: true }));

const strays: unknown[] = [];
process.on("unhandledRejection", (error) => strays.push(error));
process.on("uncaughtException", (error) => strays.push(error));
after(() => assert.deepEqual(strays, []));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await turn();
}

interface Carrier {
  readonly name: string;
  /** So many clients at a time. */
  readonly count: number;
  readonly skip: string | false;
  listen(server: Server): Promise<unknown>;
  connect(server: Server): Socket;
}

function portOf(server: Server): number {
  const { address } = server.listeners[0] as { address: Address };
  assert.ok("port" in address);
  return address.port;
}

const CARRIERS: readonly Carrier[] = [
  {
    name: "TCP",
    count: 500,
    skip: false,
    listen: (server) => server.listen({ host: "127.0.0.1", port: 0 }),
    connect: (server) => connect(portOf(server), "127.0.0.1"),
  },
  {
    name: "a unix socket",
    count: 50,
    skip: onWindows("has pipes with names instead"),
    listen: (server) => server.listen({ path: join(folder, `${process.pid}.sock`) }),
    connect: () => connect(join(folder, `${process.pid}.sock`)),
  },
  {
    name: "TLS",
    count: 20,
    skip: false,
    listen: (server) => server.listen({ host: "127.0.0.1", port: 0 }, { tls: LOCALHOST }),
    connect: (server) => connectTls({ port: portOf(server), host: "127.0.0.1", rejectUnauthorized: false }),
  },
];

/** How a client disconnects. After a FIN alone it would still read. */
const WAYS: Readonly<Record<string, (socket: Socket) => unknown>> = {
  "a FIN": (socket) => socket.end(),
  "a close": (socket) => socket.destroy(),
  "a reset": (socket) => {
    if (socket.constructor.name === "Socket" && socket.remotePort !== undefined) socket.resetAndDestroy();
    else socket.destroy();
  },
};

interface Stage {
  readonly name: string;
  readonly sends: string;
  readonly handler: (bench: Bench) => Handler;
  /** Whether all of them are where they are to be when they disconnect. */
  readonly ready: (bench: Bench) => boolean;
  /** What is done once they have. */
  readonly afterwards?: (bench: Bench) => Promise<void> | void;
  /** A FIN alone does not end it: who half-closes may go on reading for ever. */
  readonly reads?: true;
}

/** A server and its clients at one stage. */
class Bench {
  readonly clock = new FakeClock();
  readonly signals: AbortSignal[] = [];
  readonly server: Server;
  readonly count: number;
  /** Octets of bodies that handlers have read. */
  read = 0;
  /** Octets that all clients have received. */
  received = 0;
  /** Sources without an end wait for it before they say the next thing. */
  beat!: Promise<void>;
  tick: () => void = () => {};
  /** Lets the readers that have stopped go on. */
  goOn: () => void = () => {};
  readonly goingOn = new Promise<void>((resolve) => {
    this.goOn = resolve;
  });

  constructor(stage: Stage, count: number) {
    this.count = count;
    const beat = (): void => {
      this.beat = new Promise((resolve) => {
        this.tick = () => {
          beat();
          resolve();
        };
      });
    };
    beat();
    const handler = stage.handler(this);
    const options: ServerOptions = {
      clock: this.clock,
      limits: { requests: count, waiting: 0 as number },
      timeouts: { drain: DRAIN },
      hooks: { error() {} },
    };
    this.server = createServer((request) => {
      if (request.path === "/good") return text("good");
      this.signals.push(request.signal);
      return handler(request);
    }, options);
  }

  get aborted(): number {
    return this.signals.filter(({ aborted }) => aborted).length;
  }

  get connections(): number {
    return [...this.server.connections].length;
  }
}

const obeys = ({ signal }: Request): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });

/** Reads so many octets of a body, then nothing until it is let go on. */
function readsThenStops(bench: Bench, octets: number): Handler {
  return async (request) => {
    let read = 0;
    for await (const piece of request.body) {
      read += piece.length;
      bench.read += piece.length;
      if (read >= octets) await Promise.race([bench.goingOn, obeys(request)]);
    }
    return text("all of it");
  };
}

/** Says something at each beat, without an end; where it has a signal, until that aborts. */
async function* endless(bench: Bench, signal?: AbortSignal): AsyncGenerator<string> {
  const stopped = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
  while (signal?.aborted !== true) {
    yield TICK;
    await Promise.race([bench.beat, stopped]);
  }
}

const TICK = "a tick of some clock\n";
/** Octets of a head and the first tick. */
const BEGUN = 100;

const allAsked = (bench: Bench): boolean => bench.signals.length >= bench.count;

const STAGES: readonly Stage[] = [
  {
    name: "before the head is whole",
    sends: "GET / HTTP/1.1\r\nHost:",
    handler: () => () => text("never"),
    ready: ({ server, count }) => [...server.connections].filter(({ received }) => received > 0).length === count,
  },
  {
    name: "in a body whose reader reads",
    sends: upload(1000),
    handler: (bench) => async (request) => {
      for await (const piece of request.body) bench.read += piece.length;
      return text("all of it");
    },
    ready: (bench) => bench.read === bench.count * 1000,
  },
  {
    name: "in a body whose reader has stopped, less than 64 KiB before its end",
    sends: upload(40_000),
    handler: (bench) => readsThenStops(bench, 1),
    ready: ({ server, count }) => [...server.connections].filter(({ received }) => received > 40_000).length === count,
  },
  {
    name: "in a body whose reader has stopped, more than 64 KiB before its end, and goes on",
    sends: upload(200_000),
    handler: (bench) => readsThenStops(bench, 1),
    ready: ({ server, count }) => [...server.connections].filter(({ received }) => received > 65_536).length === count,
    afterwards: (bench) => bench.goOn(),
  },
  {
    name: "while a handler waits that obeys its signal",
    sends: GET,
    handler: () => obeys,
    ready: allAsked,
  },
  {
    name: "while a handler waits that ignores its signal",
    sends: GET,
    handler: () => () => new Promise(() => {}),
    ready: allAsked,
    afterwards: async (bench) => {
      await until(() => bench.aborted === bench.signals.length);
      bench.clock.tick(DRAIN * 2); // after a reset the place is given up by now, after a FIN the connection
      await turn();
      bench.clock.tick(DRAIN * 2);
    },
  },
  {
    name: "in a streamed reply whose source obeys its signal",
    sends: GET,
    handler: (bench) => (request) => reply(200, {}, endless(bench, request.signal)),
    ready: (bench) => bench.received >= bench.count * BEGUN,
  },
  {
    name: "in an event stream",
    sends: GET,
    handler: (bench) => () => reply(200, { "Content-Type": "text/event-stream" }, endless(bench)),
    ready: (bench) => bench.received >= bench.count * BEGUN,
  },
  {
    name: "in a streamed reply whose source goes on until a write fails",
    sends: GET,
    handler: (bench) => () => reply(200, {}, endless(bench)),
    ready: (bench) => bench.received >= bench.count * BEGUN,
    afterwards: async (bench) => {
      while (bench.server.stats.open > 0) {
        bench.tick();
        await turn();
      }
    },
    reads: true,
  },
];

async function disconnect(stage: Stage, carrier: Carrier, ways: readonly string[]): Promise<void> {
  const bench = new Bench(stage, carrier.count);
  const { server } = bench;
  await carrier.listen(server);
  for (const way of ways) {
    bench.signals.length = 0;
    bench.read = 0;
    bench.received = 0;
    const sockets = Array.from({ length: carrier.count }, () => {
      const socket = carrier.connect(server);
      socket.on("error", () => {}).on("data", (bytes: Buffer) => (bench.received += bytes.length));
      socket.write(stage.sends);
      return socket;
    });
    await until(() => server.stats.open === carrier.count && stage.ready(bench));
    assert.equal(bench.aborted, 0);
    for (const socket of sockets) (WAYS[way] as (socket: Socket) => unknown)(socket);
    await stage.afterwards?.(bench);
    await until(() => server.stats.open === 0);
    assert.deepEqual([bench.connections, server.stats.waiting], [0, 0], way);
    assert.equal(bench.aborted, bench.signals.length, `${way}: every signal that there was has aborted`);
    for (const socket of sockets) socket.destroy();
  }
  // A place that had not been given back would make this 503.
  for (let i = 0; i < 2; i++) {
    const socket = carrier.connect(server);
    socket.end(GET.replace("/", "/good"));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString("latin1"), /^HTTP\/1\.1 200 /);
    socket.destroy();
  }
  await server.close({ mode: "abort" });
}

for (const carrier of CARRIERS) {
  for (const stage of STAGES) {
    const ways = Object.keys(WAYS).filter((way) => stage.reads !== true || way !== "a FIN");
    test(
      `${carrier.count} clients over ${carrier.name} that disconnect ${stage.name} leave nothing behind`,
      {
        skip: carrier.skip,
      },
      () => disconnect(stage, carrier, ways),
    );
  }
}
