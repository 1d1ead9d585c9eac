// What each middleware keeps of the requests that went through it: the heap after 20,000 of them, less the heap before, after a
// first 20,000 that fill what is bounded. The causes are held by test/scenarios/middleware-leaks.test.ts; here are the figures.
// Run by hand: node dist/bench/micro/middleware.js [name ...]
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createServer, type Handler, type Middleware, stack, type Transport, text } from "portico";
import {
  accessLog,
  allowPeers,
  basic,
  bearer,
  bodyLimit,
  compress,
  concurrency,
  cors,
  createLog,
  errorPages,
  hostAllowList,
  log,
  rateLimit,
  requestId,
  sameOrigin,
  securityHeaders,
  signalOf,
  timeout,
  trustProxies,
} from "portico/middleware";
import { headOf } from "../requests.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

const REQUESTS = 20_000;
const ROUNDS = 3;

type Events = Parameters<Transport["open"]>[0];

const none: Middleware = (next) => next;
const drop = (): void => {};
const lines = createLog("bench", drop);
let key = 0;

const CASES: Readonly<Record<string, () => Middleware | Promise<Middleware>>> = {
  none: () => none,
  accessLog: () => none,
  allowPeers: () => allowPeers(["127.0.0.1"]),
  basic: () => basic({ users: { ada: "secret" } }),
  bearer: () => bearer({ verify: async (token) => token }),
  bodyLimit: () => bodyLimit(100),
  compress: () => compress({ threshold: 0, encodings: ["gzip"] }),
  concurrency: () => concurrency(2, { queue: 1000, timeout: 60_000 }),
  cors: () => cors({ origins: (origin) => origin.endsWith("0") }),
  createLog: () => (next) => (request) => {
    lines.info("%s", request.path);
    return next(request);
  },
  errorPages: () => errorPages(),
  hostAllowList: () => hostAllowList(["127.0.0.1"]),
  log: () => log({ target: async () => {} }),
  rateLimit: () => rateLimit({ limit: 1, window: 1000, key: () => `key ${key++}` }),
  requestId: () => requestId(),
  sameOrigin: () => sameOrigin(),
  securityHeaders: () => securityHeaders(),
  timeout: () => timeout(60_000),
  trustProxies: () => trustProxies(["127.0.0.1"], { host: true }),
};

const answer: Handler = async (request) => {
  signalOf(request).addEventListener("abort", drop);
  return text((await request.body.text()).padEnd(500, "."));
};

function requestOf(i: number): string {
  const body = "x".repeat(i % 90);
  const fields = [
    `Content-Length: ${body.length}`,
    "Sec-Fetch-Site: same-origin",
    `Origin: https://page${i}`,
    `Accept-Encoding: gzip;q=0.${i % 1000}`,
    `Authorization: ${i % 2 === 0 ? `Basic ${btoa("ada:secret")}` : `Bearer token-${i}`}`,
    `X-Forwarded-For: 192.0.2.${i % 250}`,
    `X-Request-Id: request-${i}`,
  ];
  return headOf("POST", `/${i}`, fields) + body;
}

/** A connection that is fed by hand; resolves with each answer. */
function connectionTo(handler: Handler, hooks: Parameters<typeof createServer>[1]): (i: number) => Promise<void> {
  const shared = Buffer.alloc(65_536);
  let events!: Events;
  let octets = 0;
  const transport: Transport = {
    peer: { address: "127.0.0.1", port: 1, secure: false },
    protocol: undefined,
    pending: 0,
    open: (given) => {
      events = given;
    },
    write: (list) => {
      for (const piece of list) octets += piece.length;
      return true;
    },
    pause() {},
    resume() {},
    end() {},
    destroy() {},
  };
  createServer(handler, hooks).accept(transport);
  return async (i) => {
    const length = shared.write(requestOf(i), "latin1");
    const before = octets;
    events.data(shared, 0, length);
    while (octets === before) await new Promise((resolve) => setImmediate(resolve));
  };
}

async function heap(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    gc();
  }
  return process.memoryUsage().heapUsed;
}

async function measure(name: string, made: Middleware): Promise<void> {
  const reply = name === "accessLog" ? accessLog({ target: drop }) : drop;
  const send = connectionTo(stack(answer, made), { hooks: { reply, error: drop } });
  const figures: number[] = [];
  let before = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    for (let i = 0; i < REQUESTS; i++) await send(round * REQUESTS + i);
    const now = await heap();
    if (round > 0) figures.push(now - before);
    before = now;
  }
  const each = figures.map((grown) => `${(grown / 1024).toFixed(0).padStart(7)} KiB`).join("");
  const octets = figures.reduce((sum, grown) => sum + grown, 0) / (REQUESTS * ROUNDS);
  console.log(`${name.padEnd(16)}${each}${octets.toFixed(1).padStart(9)}`);
}

const asked = process.argv.slice(2);
console.log(`Node ${process.version}: the heap after each ${REQUESTS} requests more, and octets a request`);
for (const [name, make] of Object.entries(CASES)) {
  if (asked.length === 0 || asked.includes(name)) await measure(name, await make());
}
process.exit();
