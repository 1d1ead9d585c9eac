// One reply may answer many requests. What middleware adds to it for one client must never be seen by another: written to, a reply
// refuses, wherever it comes from; withFields() makes another.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { portico } from "../../src/app/app.ts";
import { HttpError, LocalError } from "../../src/base/errors.ts";
import { file, files, sendFile, snapshot } from "../../src/handlers/index.ts";
import { answering } from "../../src/message/answer.ts";
import { Fields } from "../../src/message/fields.ts";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import { html } from "../../src/message/html.ts";
import { imperative } from "../../src/message/imperative.ts";
import { empty, json, page, type Reply, redirect, reply, text, upgrade, withFields } from "../../src/message/reply.ts";
import { derive } from "../../src/message/request.ts";
import { errorPages } from "../../src/middleware/error-pages.ts";
import { badRequest, notFound, redirectTo, status } from "../../src/route/index.ts";
import { loopback } from "../../src/testing/index.ts";
import "./strays.ts";

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "portico-shared-"));
  await mkdir(join(root, "folder"));
  await writeFile(join(root, "small.txt"), "small");
  await writeFile(join(root, "large.bin"), Buffer.alloc(100_000, "x"));
  await writeFile(join(root, "folder", "index.html"), "<p>");
});
after(() => rm(root, { recursive: true, force: true }));

const OWN = new Fields({ "X-Own": "1" });
const CONSTANT = text("constant");
const HEADERS = { "Content-Type": "text/plain" };

/** Handlers whose reply might be that of another request, and what is asked of them. */
async function everyPath(): Promise<[name: string, handler: Handler, target: string, fields?: string][]> {
  const site = await snapshot(root);
  return [
    ["a small file", files(root), "/small.txt"],
    ["a large file", files(root), "/large.bin"],
    ["a part of a file", files(root), "/small.txt", "Range: bytes=0-1\r\n"],
    ["several parts", files(root), "/large.bin", "Range: bytes=0-1, 5-6\r\n"],
    ["a file that is not modified", files(root), "/small.txt", "If-None-Match: *\r\n"],
    ["a directory without its slash", files(root), "/folder"],
    ["a list", files(root, { listing: true }), "/"],
    ["file()", file(join(root, "small.txt")), "/"],
    ["sendFile()", (request) => sendFile(request, join(root, "small.txt")), "/"],
    ["a snapshot", site.handler, "/small.txt"],
    ["a snapshot, not modified", site.handler, "/small.txt", "If-None-Match: *\r\n"],
    ["a snapshot's directory", site.handler, "/folder"],
    ["OPTIONS of a file", (request) => files(root)(derive(request, { method: "OPTIONS" })), "/"],
    ["status()", status(418), "/"],
    ["notFound()", notFound(), "/"],
    ["badRequest()", badRequest(), "/"],
    ["redirectTo()", redirectTo("/elsewhere"), "/"],
    ["a constant", () => CONSTANT, "/"],
    ["a constant, later", async () => CONSTANT, "/"],
    ["Fields that a program keeps", () => reply(200, OWN, "x"), "/"],
    ["a record that a program keeps", () => reply(200, HEADERS, "x"), "/"],
    ["text()", () => text("x"), "/"],
    ["text() with fields", () => text("x", 200, HEADERS), "/"],
    ["json()", () => json([1]), "/"],
    ["page()", () => page("<p>"), "/"],
    ["html``", () => html`<p>`.reply(), "/"],
    ["redirect()", () => redirect("/a"), "/"],
    ["empty()", () => empty(), "/"],
    ["reply() without fields", () => reply(200), "/"],
    ["withFields()", () => withFields(CONSTANT, (fields) => fields.set("A", "b")), "/"],
    ["received fields", (request) => reply(200, request.headers, "x"), "/"],
    ["a Response", answering(() => new globalThis.Response("x", { headers: HEADERS })), "/"],
    ["a string", answering(() => "x"), "/"],
    ["octets", answering(() => Buffer.from("x")), "/"],
    ["nothing", answering(() => undefined), "/"],
    ["an imperative reply", imperative((_, response) => response.send(200, HEADERS, "x")), "/"],
    ["a started reply", imperative((_, response) => response.start(200, OWN).end("x")), "/"],
    ["a page of an error", errorPages()(() => Promise.reject(new HttpError(404))), "/"],
    ["a page that is a constant", errorPages(() => CONSTANT)(() => Promise.reject(new Error("x"))), "/"],
    ["a route of an app", portico().get("/", () => "x").handler, "/"],
    ["a route of an app, missed", portico({ fallback: notFound() }).handler, "/"],
    ["OPTIONS of an app", portico().get("/", () => "x").handler, "*"],
  ];
}

/** What everybody writes, in words that the compiler accepts. */
const WRITES: readonly [name: string, write: (fields: Fields) => unknown][] = [
  ["add", (fields) => fields.add("Set-Cookie", "id=1")],
  ["set", (fields) => fields.set("Set-Cookie", "id=1")],
  ["delete", (fields) => fields.delete("Set-Cookie")],
];

const ask = (target: string, fields = ""): string =>
  target === "*"
    ? `OPTIONS / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
    : `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

test("middleware that writes to a reply is refused and told of withFields(), wherever the reply comes from", async () => {
  for (const [name, handler, target, fields] of await everyPath()) {
    for (const [method, write] of WRITES) {
      const told: unknown[] = [];
      const natural: Middleware = (next) => async (request) => {
        const made = await next(request);
        write(made.headers as Fields);
        return made;
      };
      await using bench = loopback(stack(handler, natural), {
        hooks: { error: (error) => void (error instanceof LocalError && told.push(error)) },
      });
      const client = bench.connect();
      // The second time from what was kept of the first.
      for (let i = 0; i < 2; i++) assert.equal((await client.exchange(ask(target, fields))).status, 500, name);
      assert.equal(told.length, 2, `${name}, ${method}`);
      for (const error of told as LocalError[]) {
        assert.equal(error.code, "USE_READ_ONLY", name);
        assert.match(error.message, new RegExp(`withFields\\(.*headers\\.${method}\\("Set-Cookie"\\)`));
      }
      bench.server.handler = handler;
      const clean = await client.exchange(ask(target, fields));
      assert.equal(clean.headers.get("set-cookie"), undefined, `${name}: nothing is left of it`);
      assert.notEqual(clean.status, 500, name);
    }
  }
});

test("what withFields() adds for one client no other one sees, wherever the reply comes from", async () => {
  for (const [name, handler, target, fields] of await everyPath()) {
    let visits = 0;
    const visited: Middleware = (next) => async (request) => {
      const visit = String(++visits);
      return withFields(await next(request), (copy) => copy.add("Set-Cookie", `visit=${visit}`));
    };
    await using bench = loopback(stack(handler, visited));
    for (const wanted of ["visit=1", "visit=2", "visit=3"]) {
      const answer = await bench.connect().exchange(ask(target, fields));
      assert.deepEqual(answer.headers.all("set-cookie"), [wanted], name);
    }
  }
  assert.deepEqual([OWN.has("set-cookie"), CONSTANT.headers.has("set-cookie")], [false, false]);
});

test("nothing of a reply can be written to: not its status, its body, or its headers as a whole", () => {
  const made = text("x") as { -readonly [K in keyof Reply]: unknown };
  for (const write of [
    () => (made.status = 404),
    () => (made.headers = new Fields()),
    () => (made.body = "y"),
    () => (made.extras = { reason: "No" }),
  ]) {
    assert.throws(write, TypeError);
  }
  assert.deepEqual([made.status, made.body, made.extras], [200, "x", undefined]);
});

test("the compiler refuses to write to a reply", () => {
  const made = text("x");
  // @ts-expect-error: the headers of a reply are read
  assert.throws(() => made.headers.add("Set-Cookie", "a=b"), { code: "USE_READ_ONLY" });
  // @ts-expect-error: they are replaced by withFields() alone
  assert.throws(() => (made.headers = new Fields()), TypeError);
  // @ts-expect-error: and so is the status, by another reply
  assert.throws(() => (made.status = 404), TypeError);
  const read: readonly (string | number | undefined)[] = [made.headers.get("content-type"), made.headers.size];
  assert.equal(read.length, 2);
});

test("the copy that withFields() lends can be written to until it is given back, and no longer", async () => {
  let lent = new Fields();
  const made = withFields(CONSTANT, (fields) => void (lent = fields).set("A", "b"));
  assert.throws(() => lent.set("A", "c"), { code: "USE_READ_ONLY" });
  assert.throws(() => withFields(CONSTANT, async (fields) => void fields.set("A", "b")), { code: "USE_BAD_OPTION" });
  const later = async (fields: Fields): Promise<void> => {
    await Promise.resolve();
    fields.set("A", "too late");
  };
  assert.throws(() => withFields(CONSTANT, later), { code: "USE_BAD_OPTION" });
  assert.equal(made.headers.get("a"), "b");
});

test("Fields of one's own stay writable, whatever replies were made of them", () => {
  const own = new Fields({ A: "1" });
  const first = reply(200, own);
  own.set("A", "2");
  const second = reply(200, own);
  own.delete("A");
  const copied = new Fields(first.headers);
  copied.set("A", "3");
  assert.deepEqual(
    [first, second].map(({ headers }) => headers.get("a")),
    ["1", "2"],
  );
  assert.deepEqual([own.has("a"), copied.get("a")], [false, "3"]);
  assert.throws(() => (upgrade("tea", () => {}).headers as Fields).add("A", "b"), { code: "USE_READ_ONLY" });
});

test("a refusal that is thrown again and again keeps the fields that it was made with", async () => {
  const given: Record<string, string> = { "Retry-After": "1" };
  const busy = new HttpError(503, undefined, { fields: given });
  given["Set-Cookie"] = "id=1";
  const spoiling: Middleware = (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      (error as { fields: Record<string, string> }).fields["Set-Cookie"] = "id=2";
      throw error;
    }
  };
  const handler: Handler = () => {
    throw busy;
  };
  await using bench = loopback(stack(handler, spoiling));
  assert.equal((await bench.connect().exchange(ask("/"))).status, 500, "to write to them is a failure");
  bench.server.handler = handler;
  const answer = await bench.connect().exchange(ask("/"));
  assert.deepEqual(
    [answer.status, answer.headers.get("retry-after"), answer.headers.has("set-cookie")],
    [503, "1", false],
  );
});
