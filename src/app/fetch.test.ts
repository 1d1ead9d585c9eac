import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { fileSlice } from "../message/body.ts";
import { empty, reply, upgrade } from "../message/reply.ts";
import { authority, inform } from "../message/request.ts";
import { rateLimit } from "../middleware/rate-limit.ts";
import { portico } from "./app.ts";
import type { WebRequest } from "./fetch.ts";

const asked = (url: string, init: ConstructorParameters<typeof globalThis.Request>[1] = {}): WebRequest =>
  new globalThis.Request(`http://example.org${url}`, init);

test("an app is a fetch handler: request in, response out, with status, fields and body", async () => {
  const app = portico()
    .get("/hello/{name}", ({ params, query, headers }) => `${params.name} ${query.get("q")} ${headers.get("host")}`)
    .post("/echo", async ({ body, headers }) =>
      reply(201, { "X-Type": headers.get("x-type") ?? "" }, await body.bytes()),
    )
    .get("/none", () => empty())
    .get("/cookies", () => reply(200, { "Set-Cookie": ["a=1", "b=2"] }, "x", { reason: "Fine" }));
  const { fetch } = app;
  const hello = await fetch(asked("/hello/a%20b?q=1"));
  assert.deepEqual([hello.status, await hello.text()], [200, "a b 1 example.org"]);
  const echo = await fetch(asked("/echo", { method: "POST", body: "x".repeat(100_000), headers: { "X-Type": "t" } }));
  assert.deepEqual([echo.status, echo.headers.get("x-type"), (await echo.text()).length], [201, "t", 100_000]);
  const none = await fetch(asked("/none"));
  assert.deepEqual([none.status, none.body], [204, null]);
  const cookies = await fetch(asked("/cookies"));
  assert.deepEqual([cookies.headers.getSetCookie(), cookies.statusText], [["a=1", "b=2"], "Fine"]);
  const head = await fetch(asked("/hello/x", { method: "HEAD" }));
  assert.deepEqual([head.status, head.body], [200, null]);
});

/** What platforms hand over as the second argument of fetch, and what is known of the client then. */
const INFOS: readonly (readonly [what: string, info: unknown, client: string])[] = [
  ["Bun's server", { requestIP: () => ({ address: "192.0.2.7", port: 4711, family: "IPv4" }) }, "192.0.2.7 4711"],
  ["Bun's server, of a unix socket", { requestIP: () => null }, " 0"],
  ["Deno's info", { remoteAddr: { transport: "tcp", hostname: "2001:db8::1", port: 4711 } }, "2001:db8::1 4711"],
  ["Deno's info of a unix socket", { remoteAddr: { transport: "unix", path: "/run/x" } }, " 0"],
  ["an environment", { remoteAddr: "192.0.2.7", requestIP: "192.0.2.8" }, " 0"],
  ["something that only looks so", { requestIP: () => ({ address: 7, port: "x" }) }, " 0"],
  ["something that throws", { requestIP: () => Reflect.get(undefined as never, "x") }, " 0"],
  ["text", "192.0.2.7", " 0"],
  ["null", null, " 0"],
  ["nothing", undefined, " 0"],
];

for (const [what, info, client] of INFOS) {
  test(`the client is whom ${what} names, or nobody`, async () => {
    const app = portico().get("/", ({ peer }) => `${peer.address} ${peer.port}`);
    assert.equal(await (await app.fetch(asked("/"), info)).text(), client);
  });
}

test("Bun is asked about the request that it gave, as a method of its server", async () => {
  const server = {
    addresses: new Map<unknown, string>(),
    requestIP(request: unknown): object {
      return { address: this.addresses.get(request), port: 1 };
    },
  };
  const app = portico().get("/", ({ peer }) => peer.address);
  const request = asked("/");
  server.addresses.set(request, "192.0.2.9");
  assert.equal(await (await app.fetch(request, server)).text(), "192.0.2.9");
});

test("a rate limit counts the clients that a platform names, each by itself", async () => {
  const app = portico({ middleware: [rateLimit({ limit: 1, window: 60_000 })] }).get("/", () => "tea");
  const from = async (hostname: string): Promise<number> =>
    (await app.fetch(asked("/"), { remoteAddr: { transport: "tcp", hostname, port: 1 } })).status;
  const statuses = [await from("192.0.2.1"), await from("192.0.2.1"), await from("192.0.2.2"), await from("192.0.2.2")];
  assert.deepEqual(statuses, [200, 429, 200, 429]);
});

test("scheme and host are those of the URL, whatever Host says, and the path is not taken for a host", async () => {
  const app = portico().get("/{path...}", (request) => {
    const { host, port } = authority(request);
    return `${request.peer.secure} ${host} ${port} ${request.path} ${request.headers.all("host")}`;
  });
  const said = async (url: string): Promise<string> =>
    (await app.fetch(new globalThis.Request(url, { headers: { Host: "other" } }))).text();
  assert.equal(await said("https://example.org/x"), "true example.org undefined /x example.org");
  assert.equal(
    await said("http://example.org:81//evil.example/x"),
    "false example.org 81 /evil.example/x example.org:81",
  );
  assert.equal(
    await said("HTTP://EXAMPLE.org/\\evil.example/x"),
    "false example.org undefined /evil.example/x example.org",
  );
});

test("a request that is injected has the scheme and host of its URL", async () => {
  const app = portico().get(
    "/{path...}",
    (request) => `${request.peer.secure} ${authority(request).host} ${request.path}`,
  );
  const said = async (url: string | URL): Promise<string> => (await app.inject({ url })).body.text();
  assert.equal(await said("https://example.org//evil.example/x"), "true example.org /evil.example/x");
  assert.equal(await said(new URL("HTTP://example.org/x")), "false example.org /x");
  assert.equal(await said("//evil.example/x"), "false localhost /evil.example/x");
  assert.equal(await said("/https://x"), "false localhost /https:/x");
});

test("a reader that leaves a stream of Node destroys it, and is not held up by return()", async () => {
  const silent = new Readable({ read() {} });
  const stubborn = (returned: () => unknown): object => {
    const iterator = { next: async () => ({ done: false, value: "x" }), return: returned };
    return new (class Stubborn {
      [Symbol.asyncIterator](): object {
        return iterator;
      }
    })();
  };
  const app = portico()
    .get("/silent", () => silent)
    .get("/never", () => stubborn(() => new Promise(() => {})))
    .get("/throws", () =>
      stubborn(() => {
        throw new Error("not let go");
      }),
    )
    .get("/rejects", () => stubborn(() => Promise.reject(new Error("not let go"))));
  for (const path of ["/silent", "/never", "/throws", "/rejects"]) await (await app.fetch(asked(path))).body?.cancel();
  assert.equal(silent.destroyed, true);
});

test("bodies stream both ways, and a reader that leaves ends the producer", async () => {
  const said: string[] = [];
  const app = portico()
    .get("/ticks", async function* () {
      try {
        for (let i = 0; ; i++) yield `${i}\n`;
      } finally {
        said.push("ended");
      }
    })
    .post("/upper", async function* ({ body }) {
      for await (const piece of body) yield Buffer.from(piece).toString().toUpperCase();
    });
  const ticks = (await app.fetch(asked("/ticks"))).body?.getReader() as {
    read(): Promise<{ value?: Uint8Array }>;
    cancel(): Promise<void>;
  };
  assert.equal(Buffer.from((await ticks.read()).value as Uint8Array).toString(), "0\n");
  assert.equal(Buffer.from((await ticks.read()).value as Uint8Array).toString(), "1\n");
  await ticks.cancel();
  assert.deepEqual(said, ["ended"]);
  const upper = await app.fetch(asked("/upper", { method: "POST", body: "louder" }));
  assert.equal(await upper.text(), "LOUDER");
});

test("a file is read while it is sent, and an empty part of it is nothing", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "portico-fetch-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "a.txt");
  await writeFile(path, "0123456789");
  const app = portico()
    .get("/part", () => fileSlice(path, 2, 5))
    .get("/nothing", () => fileSlice(path, 5, 5))
    .get("/gone", () => fileSlice(join(folder, "gone"), 0, 5));
  assert.equal(await (await app.fetch(asked("/part"))).text(), "234");
  assert.equal(await (await app.fetch(asked("/nothing"))).text(), "");
  assert.equal((await app.fetch(asked("/gone"))).status, 500);
});

test("what fails is a response that tells nothing, and is reported", async () => {
  const reported: unknown[] = [];
  const app = portico({
    limits: { bodyBytes: 10 },
    hooks: {
      error(error) {
        reported.push((error as Error).message);
        throw new Error("the hook fails");
      },
    },
  })
    .get("/bug", () => {
      throw new Error("a secret");
    })
    .get("/refused", () => {
      throw new HttpError(429, "Slowly.", { fields: { "Retry-After": "3" } });
    })
    .post("/large", async ({ body }) => body.text())
    .get("/taken", () => upgrade("tea", () => {}))
    .get("/hint", (request) => String(inform(request, 103, {})));
  const bug = await app.fetch(asked("/bug"));
  assert.deepEqual([bug.status, await bug.text()], [500, "500 Internal Server Error\n"]);
  const refused = await app.fetch(asked("/refused"));
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "3"]);
  assert.equal((await app.fetch(asked("/large", { method: "POST", body: "x".repeat(11) }))).status, 413);
  const taken = await app.fetch(asked("/taken"));
  assert.deepEqual([taken.status, taken.headers.get("upgrade")], [426, "tea"]);
  assert.equal(await (await app.fetch(asked("/hint"))).text(), "false");
  assert.equal(reported[0], "a secret");
});

test("a page that fetch cannot send gives way to the plain one, and is reported", async () => {
  const reported: unknown[] = [];
  for (const page of [() => reply(700), () => upgrade("tea", () => {}), () => reply(500, {}, failing())]) {
    const app = portico({ errorPage: page, hooks: { error: (error) => void reported.push(error) } }).get("/", () => {
      throw new HttpError(404);
    });
    const response = await app.fetch(asked("/"));
    assert.match(await response.text(), /^(?:500 Internal Server Error|426 Upgrade Required)\n$/);
    assert.equal(reported.splice(0).length, 2);
  }
});

async function* failing(): AsyncGenerator<string> {
  yield* [];
  throw new Error("no page");
}

test("a signal of the web request is the request's", async () => {
  const leaving = new AbortController();
  let entered = (): void => {};
  const inside = new Promise<void>((resolve) => (entered = resolve));
  const app = portico().get("/", async ({ signal }) => {
    entered();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return (signal.reason as Error).message;
  });
  const response = app.fetch(asked("/", { signal: leaving.signal }));
  await inside;
  leaving.abort(new Error("gone"));
  assert.equal(await (await response).text(), "gone");
});

test("a body that nobody will read is let go, and what cannot be a piece of one is reported", async () => {
  const reported: unknown[] = [];
  let released = 0;
  class Endless {
    [Symbol.asyncIterator](): AsyncIterator<string> {
      return {
        next: async () => ({ done: false, value: "x" }),
        async return() {
          released++;
          return { done: true, value: undefined };
        },
      };
    }
  }
  const app = portico({ hooks: { error: (error) => reported.push((error as { code?: string }).code) } })
    .get("/", () => new Endless())
    .get("/none", () => reply(204, {}, new Endless()))
    .get("/odd", () => reply(700, {}, new Endless()))
    .get("/number", async function* () {
      yield "";
      yield 1 as unknown as string;
    })
    .get("/later", async function* () {
      yield "x";
      yield 1 as unknown as string;
    });
  assert.equal((await app.fetch(asked("/", { method: "HEAD" }))).body, null);
  assert.equal((await app.fetch(asked("/none"))).body, null);
  assert.equal((await app.fetch(asked("/odd"))).status, 500);
  assert.equal(released, 3);
  assert.equal((await app.fetch(asked("/number"))).status, 500);
  assert.deepEqual(reported.splice(0).slice(-1), ["USE_BAD_BODY"]);
  await assert.rejects(async () => (await app.fetch(asked("/later"))).text(), { code: "USE_BAD_BODY" });
  assert.deepEqual(reported.slice(-1), ["USE_BAD_BODY"]);
});

test("how much a body may have is configured for fetch as well", async () => {
  const app = portico().post("/", ({ body }) => body.text());
  app.configure({ limits: { bodyBytes: 3 } });
  assert.equal((await app.fetch(asked("/", { method: "POST", body: "four" }))).status, 413);
});

test("a hook whose promise rejects changes nothing", async () => {
  const app = portico({
    hooks: {
      async error() {
        throw new Error("a rejection that nobody handles would end the test");
      },
    },
  }).get("/", () => new HttpError(418));
  assert.equal((await app.fetch(asked("/"))).status, 418);
  await new Promise((resolve) => setImmediate(resolve));
});

test("a body that nobody reads is cancelled: who sends it is told", async () => {
  const app = portico()
    .post("/", () => "no, thanks")
    .post("/some", async ({ body }) => {
      for await (const _ of body) return "enough";
      return "none";
    });
  for (const path of ["/", "/some"]) {
    let cancelled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (to) => to.enqueue(new Uint8Array(1000)),
      cancel: () => void cancelled++,
    });
    const response = await app.fetch(asked(path, { method: "POST", body, duplex: "half" } as object));
    assert.match(await response.text(), /no, thanks|enough/);
    assert.equal(cancelled, 1, path);
  }
});
