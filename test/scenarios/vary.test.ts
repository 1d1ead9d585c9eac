// Whatever made the difference: a reply that depends on a field of the request names it in Vary (RFC 9110 §12.5.5), or a cache shows
// what was made for one client to another. Each middleware, and each way to serve files, is asked with all combinations of the fields
// that it is seen to read.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { HttpError } from "../../src/base/errors.ts";
import { problemPage } from "../../src/content/problem.ts";
import { addFiles, file, files, sendFile, snapshot } from "../../src/handlers/index.ts";
import { Fields, type ReadonlyFields } from "../../src/message/fields.ts";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import type { ErrorPage } from "../../src/message/refusal.ts";
import { text } from "../../src/message/reply.ts";
import * as middleware from "../../src/middleware/index.ts";
import { mux } from "../../src/route/index.ts";
import { type Answer, FakeClock, loopback } from "../../src/testing/index.ts";
import "./strays.ts";

const {
  allowPeers,
  basic,
  bearer,
  bodyLimit,
  compress,
  concurrency,
  cors,
  errorPages,
  hostAllowList,
  log,
  rateLimit,
  requestId,
  sameOrigin,
  securityHeaders,
  timeout,
  trustProxies,
} = middleware;

/** What is exported beside middleware. */
const NO_MIDDLEWARE = [
  "accessLog",
  "clientOf",
  "createLog",
  "errorsTo",
  "principalOf",
  "requestIdOf",
  "setPrincipal",
  "signalOf",
];

// What no Vary has to name: conditions and ranges, which a cache judges itself (RFC 9111 §3.3, §4.3); the target, of which the host
// and, as a proxy says them, scheme and host are a part (RFC 9110 §7.1); and what ends at the next hop.
const EXEMPT = new Set([
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "range",
  "host",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "upgrade",
  "referer",
  "user-agent",
]);

/** Values of a field: what changes something, what does not, and what is malformed. "": it is not sent. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  accept: ["", "application/json", "text/html"],
  "accept-encoding": ["", "gzip", "br, gzip;q=0.5", "identity;q=0", "identity;q=0, *;q=0", "gzip;q=2"],
  "access-control-request-headers": ["", "x-a"],
  "access-control-request-method": ["", "PUT"],
  "access-control-request-private-network": ["", "true"],
  authorization: [
    "",
    `Basic ${btoa("ada:secret")}`,
    `Basic ${btoa("ada:wrong")}`,
    "Bearer t-1",
    "Bearer t-2",
    "Basic",
    "x",
  ],
  forwarded: ["", "for=203.0.113.9", "for=203.0.113.10", "for=unknown"],
  origin: ["", "https://a.example", "https://b.example", "null", "no origin"],
  "sec-fetch-site": ["", "same-origin", "cross-site", "none"],
  "x-forwarded-for": ["", "203.0.113.9", "203.0.113.10", "unknown"],
  "x-real-ip": ["", "203.0.113.9"],
  "x-request-id": ["", "one", "two", "not good"],
};

interface Case {
  /** Made anew for each request: what went before makes no difference. */
  readonly handler: () => Handler | Promise<Handler>;
  readonly target?: string;
  readonly methods?: readonly string[];
  readonly errorPage?: ErrorPage;
  /** Fields that it is expected to read, so that a table with a hole is noticed. */
  readonly reads: readonly string[];
}

const inner: Handler = ({ path }) => {
  if (path === "/gone") throw new HttpError(410, "It is gone.");
  return text("from the handler ".repeat(200), 200, { Vary: "X-Own", ETag: '"1"' });
};
const around =
  (made: () => Middleware | Promise<Middleware>): (() => Promise<Handler>) =>
  async () =>
    stack(inner, await made());
const behind =
  (made: () => Middleware, kind: "x-forwarded" | "forwarded"): (() => Promise<Handler>) =>
  async () =>
    stack(inner, await trustProxies(["127.0.0.1"], { fields: kind, host: true }), made());

const PROXY = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-real-ip",
];
const clock = new FakeClock();

const MIDDLEWARE: Readonly<Record<string, Case>> = {
  allowPeers: { handler: around(() => allowPeers(["127.0.0.1"])), reads: [] },
  "allowPeers, behind a proxy": { handler: behind(() => allowPeers(["203.0.113.9"]), "x-forwarded"), reads: PROXY },
  "allowPeers, behind a proxy of RFC 7239": {
    handler: behind(() => allowPeers(["203.0.113.9"]), "forwarded"),
    reads: PROXY,
  },
  basic: { handler: around(() => basic({ users: { ada: "secret" } })), reads: ["authorization"] },
  "basic, asked of a verifier": {
    handler: around(() => basic({ verify: async (name, password) => name === "ada" && password === "secret" && name })),
    reads: ["authorization"],
  },
  bearer: { handler: around(() => bearer({ tokens: { "t-1": "one" } })), reads: ["authorization"] },
  bodyLimit: { handler: around(() => bodyLimit(5)), reads: [] },
  compress: { handler: around(() => compress({ encodings: ["br", "gzip"] })), reads: ["accept-encoding"] },
  concurrency: { handler: around(() => concurrency(1, { clock })), reads: [] },
  cors: {
    handler: around(() =>
      cors({ origins: ["https://a.example"], credentials: true, exposed: ["ETag"], headers: "any" }),
    ),
    methods: ["GET", "HEAD", "POST", "OPTIONS"],
    reads: ["origin", "access-control-request-method", "access-control-request-headers"],
  },
  "cors, all origins": {
    handler: around(() => cors({ origins: "*", exposed: ["ETag"] })),
    methods: ["GET", "HEAD", "POST", "OPTIONS"],
    reads: ["origin", "access-control-request-method"],
  },
  "cors, a function": {
    handler: around(() => cors({ origins: (origin) => origin.endsWith("a.example") })),
    reads: ["origin"],
  },
  "cors, always": { handler: around(() => cors("always")), reads: [] },
  "cors, off": { handler: around(() => cors(false)), reads: [] },
  errorPages: { handler: around(() => errorPages()), target: "/gone", errorPage: problemPage, reads: ["accept"] },
  "errorPages, of its own": { handler: around(() => errorPages(problemPage)), target: "/gone", reads: ["accept"] },
  hostAllowList: { handler: around(() => hostAllowList(["a"])), reads: ["host"] },
  log: { handler: around(() => log({ target: () => {}, clock })), reads: ["referer", "user-agent"] },
  rateLimit: { handler: around(() => rateLimit({ limit: 1, window: 1000, clock })), reads: [] },
  "rateLimit, behind a proxy": {
    handler: async () => {
      const limited = rateLimit({ limit: 2, window: 1000, clock });
      const handler = stack(inner, await trustProxies(["127.0.0.1"]), limited);
      const before = { address: "203.0.113.9", port: 0, secure: false };
      await using bench = loopback(stack(inner, limited)); // one client has asked before
      await bench.connect({ peer: before }).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      return handler;
    },
    reads: PROXY,
  },
  requestId: { handler: around(() => requestId({ make: () => "made" })), reads: ["x-request-id"] },
  "requestId, of ours alone": { handler: around(() => requestId({ make: () => "made", accept: false })), reads: [] },
  "requestId, of some": {
    handler: around(() => requestId({ make: () => "made", accept: ({ peer }) => peer.address === "127.0.0.1" })),
    reads: ["x-request-id"],
  },
  sameOrigin: {
    handler: around(() => sameOrigin({ allow: ["https://b.example"] })),
    reads: ["origin", "sec-fetch-site", "upgrade"],
  },
  securityHeaders: { handler: around(() => securityHeaders()), reads: [] },
  timeout: { handler: around(() => timeout(1000, { clock })), reads: [] },
  trustProxies: { handler: around(() => trustProxies(["127.0.0.1"])), reads: PROXY },
  "all of them, and the page of an app": {
    handler: async () =>
      stack(
        ({ path }) => {
          if (path === "/gone") throw new HttpError(410, "It is gone. ".repeat(200), { fields: { Vary: "X-Own" } });
          return inner({ path } as never);
        },
        requestId({ make: () => "made" }),
        cors({ origins: ["https://a.example"] }),
        compress({ encodings: ["gzip"] }),
        errorPages(),
        basic({ users: { ada: "secret" } }),
      ),
    target: "/gone",
    methods: ["GET"],
    errorPage: problemPage,
    reads: ["x-request-id", "origin", "accept-encoding", "accept", "authorization"],
  },
};

let root = "";

before(async () => {
  root = await mkdtemp(join(tmpdir(), "portico-vary-"));
  await mkdir(join(root, "www/list"), { recursive: true });
  const script = "export const answer = 42; // and so on\n".repeat(100);
  const contents: Record<string, string | Uint8Array> = {
    "www/a.js": script,
    "www/large.js": script.repeat(30),
    "www/pre.js": script,
    "www/pre.js.gz": gzipSync(script),
    "www/picture.png": Buffer.alloc(2000),
    "www/index.html": script,
  };
  for (const [name, octets] of Object.entries(contents)) {
    await writeFile(join(root, name), octets);
    await utimes(join(root, name), 1_700_000_000, 1_700_000_000);
  }
  root = join(root, "www");
});
after(() => rm(join(root, ".."), { recursive: true }));

function fileCases(): Readonly<Record<string, Case>> {
  const options = { compress: ["br", "gzip"], precompressed: ["gzip"] } as const;
  const conditions = ["range", "if-match", "if-unmodified-since", "if-none-match", "if-modified-since"];
  const reads = ["accept-encoding", ...conditions];
  const cases: Record<string, Case> = {};
  // Made once: its handler keeps nothing of a request, and to compress all of it with zstd takes long.
  const made = snapshot(root);
  for (const target of ["/a.js", "/large.js", "/pre.js", "/", "/picture.png", "/list", "/list/", "/missing"]) {
    const read = /js$|\/$/.test(target) && target !== "/list/" ? reads : [];
    const own = target === "/picture.png" ? conditions : read;
    const given = { target, errorPage: problemPage };
    cases[`files ${target}`] = {
      ...given,
      handler: () => files(root, { ...options, listing: true }),
      reads: target === "/missing" ? [] : own,
    };
    cases[`files, as it is ${target}`] = { ...given, handler: () => files(root), reads: [] };
    if (target === "/list" || target === "/list/") continue;
    cases[`snapshot ${target}`] = { ...given, handler: async () => (await made).handler, reads: [] };
    if (!target.includes(".")) continue;
    cases[`file ${target}`] = { ...given, handler: () => file(join(root, target), options), reads: own };
    cases[`sendFile ${target}`] = {
      ...given,
      handler: () => (request) => sendFile(request, join(root, target), options),
      reads: own,
    };
    cases[`addFiles ${target}`] = {
      ...given,
      target: `/www${target}`,
      handler: async () => {
        const routes = mux();
        await addFiles(routes, root, options);
        return routes.handler;
      },
      reads: own,
    };
  }
  return cases;
}

type Sent = Readonly<Record<string, string>>;

/** Asks a case: a handler of its own for each request, of which the names of the fields that are read are noted, in small letters. */
class Asking implements AsyncDisposable {
  readonly read = new Set<string>();
  readonly #case: Case;
  readonly #bench: ReturnType<typeof loopback>;
  readonly #client: ReturnType<ReturnType<typeof loopback>["connect"]>;
  readonly #spied = new Set<Fields>();
  readonly #original = { get: Fields.prototype.get, all: Fields.prototype.all, has: Fields.prototype.has };

  constructor(each: Case) {
    this.#case = each;
    const { errorPage } = each;
    this.#bench = loopback(inner, { date: false, hooks: { error: () => {} }, ...(errorPage && { errorPage }) });
    this.#client = this.#bench.connect({ peer: { address: "127.0.0.1", port: 4711, secure: false } });
    const { get, all, has } = this.#original;
    Object.assign(Fields.prototype, { get: this.#spying(get), all: this.#spying(all), has: this.#spying(has) });
  }

  #spying<R>(original: (this: Fields, name: string) => R): (this: Fields, name: string) => R {
    const { read } = this;
    const spied = this.#spied;
    return function (name) {
      if (spied.has(this)) read.add(name.toLowerCase());
      return original.call(this, name);
    };
  }

  async ask(method: string, fields: Sent): Promise<Answer> {
    const handler = await this.#case.handler();
    this.#bench.server.handler = (request) => {
      this.#spied.add(request.headers);
      return handler(request);
    };
    const lines = Object.entries(fields).map(([name, value]) => (value === "" ? "" : `${name}: ${value}\r\n`));
    const { target = "/" } = this.#case;
    const answer = await this.#client.exchange(`${method} ${target} HTTP/1.1\r\nHost: a\r\n${lines.join("")}\r\n`);
    this.#spied.clear();
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Object.assign(Fields.prototype, this.#original);
    await this.#bench[Symbol.asyncDispose]();
  }
}

function combinations(names: readonly string[]): Sent[] {
  let all: Sent[] = [{}];
  for (const name of names) {
    const values = VALUES[name];
    assert.notEqual(values, undefined, `There are no values for ${name}.`);
    const some = names.length > 4 ? (values as string[]).slice(0, 3) : (values as string[]);
    all = all.flatMap((sent) => some.map((value) => ({ ...sent, [name]: value })));
  }
  return all;
}

/** Asks with all combinations of the fields that are read: one is read perhaps only where another is there. */
async function repliesTo(asking: Asking, method: string): Promise<{ names: string[]; replies: Map<Sent, Answer> }> {
  let names: string[] = [];
  for (;;) {
    asking.read.clear();
    const replies = new Map<Sent, Answer>();
    for (const sent of combinations(names)) replies.set(sent, await asking.ask(method, sent));
    const now = [...new Set([...names, ...asking.read])].filter((name) => !EXEMPT.has(name));
    if (now.length === names.length) return { names, replies };
    names = now;
  }
}

/** The replies that differ by one field alone, and do not all say so. */
function silentAbout(name: string, replies: ReadonlyMap<Sent, Answer>): Answer[] {
  const groups = new Map<string, Answer[]>();
  for (const [sent, answer] of replies) {
    const others = JSON.stringify({ ...sent, [name]: "" });
    groups.set(others, [...(groups.get(others) ?? []), answer]);
  }
  return [...groups.values()]
    .filter((answers) => new Set(answers.map(shownBy)).size > 1)
    .flatMap((answers) => answers.filter(({ headers }) => !namesIn(headers).includes(name)));
}

/** What is said by replies of which one depends on a field that it does not name. */
async function violations(each: Case): Promise<string[]> {
  await using asking = new Asking(each);
  const found = new Set<string>();
  const read = new Set<string>();
  for (const method of each.methods ?? ["GET", "HEAD", "POST"]) {
    const { names, replies } = await repliesTo(asking, method);
    for (const name of asking.read) read.add(name);
    for (const name of names) {
      for (const { status } of silentAbout(name, replies)) {
        found.add(`${method}: ${status} depends on ${name} and does not say so`);
      }
    }
  }
  for (const name of each.reads) if (!read.has(name)) found.add(`${name} is not read`);
  return [...found];
}

function shownBy({ status, headers, body }: Answer): string {
  const lines = [...headers].filter(([name]) => name.toLowerCase() !== "vary");
  return JSON.stringify([status, lines, body]);
}

function namesIn(headers: ReadonlyFields): string[] {
  return headers.list("vary").map((name) => name.toLowerCase());
}

test("a reply that depends on a field of the request names it in Vary, whichever middleware made the difference", async () => {
  for (const [name, each] of Object.entries(MIDDLEWARE)) assert.deepEqual(await violations(each), [], name);
});

test("a reply that depends on a field of the request names it in Vary, in each way to serve files", async () => {
  for (const [name, each] of Object.entries(fileCases())) {
    assert.deepEqual(await violations({ ...each, methods: ["GET"] }), [], name);
  }
});

test("no middleware is missing in the table", () => {
  const tested = new Set(Object.keys(MIDDLEWARE).map((name) => name.replace(/,.*/, "")));
  for (const name of Object.keys(middleware)) {
    assert.equal(NO_MIDDLEWARE.includes(name), !tested.has(name), name);
  }
});

test("a middleware that says nothing is found out", async () => {
  const silent: Middleware = (next) => (request) =>
    request.headers.get("accept") === "text/html" ? text("<p>") : next(request);
  const found = await violations({ handler: around(() => silent), methods: ["GET"], reads: ["accept", "origin"] });
  assert.deepEqual(found, ["GET: 200 depends on accept and does not say so", "origin is not read"]);
  const half: Middleware = (next) => (request) =>
    request.headers.has("origin") ? text("o", 200, { Vary: "Origin" }) : next(request);
  assert.deepEqual(await violations({ handler: around(() => half), methods: ["GET"], reads: [] }), [
    "GET: 200 depends on origin and does not say so",
  ]);
});
