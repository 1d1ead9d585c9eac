// What a request costs above the socket: a connection over a transport that does nothing, fed again and again. Prints the
// nanoseconds of CPU a request, and of a redirect how many times a plain answer that is; run by hand:
// `node dist/bench/micro/engine.js [hello|pipelined|redirect|heads|param|moved|echo|post]`.
import { type App, portico, type Transport } from "portico";
import { t, typed } from "portico/handlers";
import { BROWSER_FIELDS, headOf } from "../requests.ts";
import { HELLO, POSTED, userOf } from "../servers/content.ts";

const VARIETY = 64;
const ROUNDS = 5;
const REQUESTS = 200_000;

type Events = Parameters<Transport["open"]>[0];

interface Mode {
  readonly app: App;
  readonly request: (at: number) => string;
  /** Requests in one piece. */
  readonly each: number;
}

const users = (): App =>
  portico().get(
    "/users/{id}",
    typed({ id: t.string }, ({ id }) => userOf(id)),
  );
const body = t.object({ name: t.string.min(1), age: t.integer.min(0), tags: t.listOf(t.string), note: t.string });
const posted = headOf("POST", "/echo", ["Content-Type: application/json", `Content-Length: ${POSTED.length}`]) + POSTED;

const MODES: Readonly<Record<string, () => Mode>> = {
  hello: () => ({ app: portico().get("/", () => HELLO), request: () => headOf("GET", "/"), each: 1 }),
  pipelined: () => ({ app: portico().get("/", () => HELLO), request: () => headOf("GET", "/").repeat(16), each: 16 }),
  redirect: () => ({ app: portico().redirect("/", "/elsewhere"), request: () => headOf("GET", "/"), each: 1 }),
  heads: () => ({
    app: users(),
    request: (at) => headOf("GET", `/users/${at}`, [...BROWSER_FIELDS, `X-Request: ${at}`]),
    each: 1,
  }),
  param: () => ({ app: users(), request: (at) => headOf("GET", `/users/${at}`), each: 1 }),
  moved: () => ({
    app: portico().redirect("/users/{id}", "/people/{id}"),
    request: (at) => headOf("GET", `/users/${at}?page=2`),
    each: 1,
  }),
  echo: () => ({
    app: portico().post("/echo", ({ body }) => body.json()),
    request: () => posted,
    each: 1,
  }),
  post: () => ({
    app: portico().post(
      "/echo",
      typed({ body: t.body(body) }, (values) => values.body),
    ),
    request: () => posted,
    each: 1,
  }),
};

/** @returns the nanoseconds of CPU a request. */
async function measure(name: string, { app, request, each }: Mode): Promise<number> {
  const pieces = Array.from({ length: VARIETY }, (_, at) => Buffer.from(request(1000 + at), "latin1"));
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
  app.server.accept(transport);
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const piece = pieces[i % VARIETY] as Buffer;
      shared.set(piece);
      const before = octets;
      events.data(shared, 0, piece.length);
      if (octets === before) await new Promise((resolve) => setImmediate(resolve));
      if (octets === before) throw new Error(`${name}: no answer`);
    }
  };
  await run(REQUESTS / each / 4);
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    await run(REQUESTS / each / 4);
    const { user, system } = process.cpuUsage(start);
    costs.push(((user + system) * 1000) / (REQUESTS / 4));
  }
  return Math.min(...costs);
}

/** What a mode is held against: the answer that is as plain as it can be where the route is the same. */
const PLAIN: Readonly<Record<string, string>> = { redirect: "hello", moved: "param" };

const asked = process.argv.slice(2);
const measured = new Map<string, number>();
for (const [name, mode] of Object.entries(MODES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const cost = await measure(name, mode());
  measured.set(name, cost);
  const plain = measured.get(PLAIN[name] ?? "");
  const against = plain === undefined ? "" : `  ${(cost / plain).toFixed(2)} x ${PLAIN[name]}`;
  console.log(`${name.padEnd(10)} ${Math.round(cost)} ns${against}`);
}
process.exit();
