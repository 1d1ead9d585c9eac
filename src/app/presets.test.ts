import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { files } from "../handlers/files.ts";
import { fileSlice } from "../message/body.ts";
import { lowerCased, titleCased } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import { reply, text, withFields } from "../message/reply.ts";
import { WireClient } from "../testing/index.ts";
import type { Listen, Listener } from "../transport/listen.ts";
import { memoryListener } from "../transport/memory.ts";
import { portico } from "./app.ts";
import { type PresetName, presetListen, presets } from "./presets.ts";
import { requestBytes } from "./presets-middleware.ts";

const NAMES = Object.keys(presets) as PresetName[];

test("a preset is options and nothing else, and cannot be changed", () => {
  assert.deepEqual(NAMES, ["modern", "elnode", "chicken", "gerbil", "house"]);
  for (const name of NAMES) {
    const preset = presets[name];
    assert.equal(portico(preset).appOptions, preset);
    const { limits, timeouts, leniency, fields, middleware, methods = Object.freeze([]) } = preset;
    for (const each of [presets, preset, limits, timeouts, leniency, fields, middleware, methods]) {
      assert.ok(Object.isFrozen(each), name);
    }
  }
  assert.deepEqual(presets.modern, { limits: {}, timeouts: {}, leniency: {}, fields: {}, middleware: {} });
});

test("none but modern asks for Host", async () => {
  for (const name of NAMES) {
    await using app = portico(presets[name]);
    app.get("/", () => "here");
    const { listen, dial } = memoryListener();
    const at = { host: "a", port: 1 };
    await app.listen(at, { via: listen });
    const { status } = await new WireClient(await dial(at)).exchange("GET / HTTP/1.1\r\n\r\n");
    assert.equal(status, name === "modern" ? 400 : 200, name);
  }
});

test("what is written behind a preset takes its place, group by group", async () => {
  const marked: Middleware = (next) => (request) =>
    withFields(next(request) as ReturnType<typeof text>, (fields) => fields.set("X-Mark", "1"));
  const app = portico({
    ...presets.house,
    limits: { ...presets.house.limits, fields: 3 },
    fields: { ...presets.house.fields, Server: "tea" },
    middleware: { ...presets.house.middleware, marked, cors: false },
    textType: "text/markdown",
  });
  app.get("/a", () => "# a");
  const { status, headers } = await app.inject("/A/");
  assert.equal(status, 200);
  assert.deepEqual(
    ["content-type", "x-mark", "server", "cache-control", "access-control-allow-origin"].map((each) =>
      headers.get(each),
    ),
    ["text/markdown", "1", "tea", "no-cache, no-store, must-revalidate", undefined],
  );
  const many = await app.inject({ url: "/a", headers: { A: "1", B: "2", C: "3", D: "4" } });
  assert.equal(many.status, 413);
});

test("what use() adds stands inside of a preset: its refusals are those of the preset", async () => {
  const app = portico(presets.house).get("/a", () => "a");
  app.use((next) => (request) => {
    if (request.query.has("no")) throw new HttpError(405);
    return next(request);
  });
  assert.equal((await app.inject("/a?no")).status, 404);
  assert.equal((await app.inject("/a")).status, 200);
});

test("Elnode's chunks are for connections: fetch gets the same body, and a file is sent with its length", async () => {
  const folder = await mkdtemp(join(tmpdir(), "presets-"));
  try {
    const path = join(folder, "tea.txt");
    await writeFile(path, "green tea");
    const app = portico(presets.elnode);
    app.get("/file", () => reply(200, {}, fileSlice(path, 0, 5))).get("/text", () => "tea");
    await writeFile(join(folder, "large.txt"), "x".repeat(100_000));
    app.get("/files/{path...}", files(folder));
    for (const [name, length] of [
      ["tea.txt", "9"],
      ["large.txt", "100000"],
    ] as const) {
      for (const [method, range] of [["GET"], ["HEAD"], ["GET", "bytes=0-3"]] as const) {
        const headers = range === undefined ? {} : { Range: range };
        const sent = await app.inject({ url: `/files/${name}`, method, headers });
        assert.deepEqual(
          [sent.status, sent.headers.get("content-length"), sent.headers.has("transfer-encoding")],
          range === undefined ? [200, length, false] : [206, "4", false],
          `${method} ${name}`,
        );
        await sent.body.bytes();
      }
    }
    app.get("/trailers", () => reply(200, {}, "tea", { trailers: async () => null }));
    const file = await app.inject("/file");
    assert.deepEqual([file.headers.get("content-length"), await file.body.text()], ["5", "green"]);
    const trailers = await app.inject("/trailers");
    assert.deepEqual([trailers.headers.get("content-length"), await trailers.body.text()], [undefined, "tea"]);
    const fetched = await app.fetch(new Request("http://a/text"));
    assert.deepEqual([fetched.status, await fetched.text()], [200, "tea"]);
    const head = await app.inject({ url: "/text", method: "HEAD" });
    assert.deepEqual([head.status, await head.body.text()], [200, ""]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("requestBytes counts head and body, and is a number of octets", async () => {
  const app = portico({ middleware: [requestBytes(100)] }).post("/", async ({ body }) => body.text());
  const post = async (octets: number): Promise<number> =>
    (await app.inject({ url: "/", method: "POST", headers: { Host: "a" }, body: "x".repeat(octets) })).status;
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n".length;
  assert.deepEqual([await post(100 - head), await post(101 - head)], [200, 413]);
  for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => requestBytes(wrong), { code: "USE_BAD_OPTION" });
  }
});

test("Chicken asks for a backlog of 40, says who it is and answers as HTTP/1.1 [CH-22]", async () => {
  const asked: unknown[] = [];
  const { listen, dial } = memoryListener();
  const via: Listen = (address, accept, options) => {
    asked.push(address, options?.backlog);
    return listen(address, accept, options);
  };
  const { host, backlog } = presetListen.chicken;
  await using app = portico(presets.chicken).get("/", () => "here");
  await app.listen({ host, port: 4242 }, { backlog, via });
  assert.deepEqual(asked, [{ host: "0.0.0.0", port: 4242 }, 40]);
  for (const version of ["1.0", "1.1"]) {
    const client = new WireClient(await dial({ host, port: 4242 }));
    const { headers } = await client.exchange(`GET / HTTP/${version}\r\n\r\n`);
    assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(headers.get("server"), "chicken");
  }
});

test("each preset listens where its ancestor did", async () => {
  for (const name of NAMES) {
    const { host, backlog } = presetListen[name];
    await using app = portico(presets[name]).get("/", () => "here");
    const [listener] = await app.listen({ host, port: 0 }, { backlog });
    const { address } = listener as Listener;
    assert.ok("host" in address);
    assert.equal(address.host, name === "chicken" || name === "house" ? "0.0.0.0" : "127.0.0.1");
    assert.equal((await fetch(app.url as string)).status, 200, name);
  }
});

test("each names fields as it liked: in small letters, or each word with a capital", async () => {
  for (const [name, view, expected] of [
    ["chicken", lowerCased, "x-foo-bar,host"],
    ["gerbil", titleCased, "X-Foo-Bar,Host"],
  ] as const) {
    const app = portico(presets[name]).get("/", ({ headers }) => text([...view(headers)].map(([each]) => each).join()));
    const { body } = await app.inject({
      url: "/",
      headers: [
        ["x-foo-BAR", "1"],
        ["Host", "a"],
      ],
    });
    assert.equal(await body.text(), expected);
  }
});
