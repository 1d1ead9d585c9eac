import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { fileSlice } from "../message/body.ts";
import { empty, reply, upgrade } from "../message/reply.ts";
import { inform } from "../message/request.ts";
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
  await assert.rejects(async () => (await app.fetch(asked("/gone"))).text());
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
  assert.equal((await app.fetch(asked("/taken"))).status, 500);
  assert.equal(await (await app.fetch(asked("/hint"))).text(), "false");
  assert.equal(reported[0], "a secret");
});

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
    .get("/numbers", async function* () {
      yield "";
      yield 1 as unknown as string;
    });
  assert.equal((await app.fetch(asked("/", { method: "HEAD" }))).body, null);
  assert.equal((await app.fetch(asked("/none"))).body, null);
  assert.equal((await app.fetch(asked("/odd"))).status, 500);
  assert.equal(released, 3);
  await assert.rejects(async () => (await app.fetch(asked("/numbers"))).text(), { code: "USE_BAD_BODY" });
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
