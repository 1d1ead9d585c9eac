import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Handler } from "../message/handler.ts";
import { Reply } from "../message/reply.ts";
import { mux } from "../route/mux.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { type Snapshot, snapshot } from "./snapshot.ts";

const SCRIPT = "export const answer = 42;\n".repeat(100);
let root = "";
let site: Snapshot;

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "portico-snapshot-")));
  await mkdir(join(root, "docs/deep"), { recursive: true });
  const contents: Record<string, string> = {
    "index.html": "<h1>Top</h1>",
    "a.js": SCRIPT,
    "docs/index.html": "<h1>Docs</h1>",
    "docs/deep/a b+c (ä).txt": "odd",
    ".env": "secret",
  };
  for (const [name, text] of Object.entries(contents)) await writeFile(join(root, name), text);
  await symlink("/etc/passwd", join(root, "out"));
  await symlink("..", join(root, "docs/round"));
  site = await snapshot(root, { cacheControl: ({ path }) => (path === "/a.js" ? "max-age=60" : "no-cache") });
});
after(() => rm(root, { recursive: true }));

async function ask(
  target: string,
  fields: string[] = [],
  method = "GET",
  handler: Handler = site.handler,
): Promise<Answer> {
  await using bench = loopback(handler);
  return await bench.connect().exchange([`${method} ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
}

test("all files are there, and their directories by their index; the rest is not", async () => {
  assert.deepEqual([...site.paths].sort(), [
    "/",
    "/a.js",
    "/docs/",
    "/docs/deep/a%20b%2Bc%20(%C3%A4).txt",
    "/docs/index.html",
    "/index.html",
  ]);
  assert.equal((await ask("/")).body, "<h1>Top</h1>");
  assert.equal((await ask("/docs/")).body, "<h1>Docs</h1>");
  for (const target of ["/docs/deep/a%20b%2Bc%20(%C3%A4).txt", "/docs/deep/a%20b+c%20%28%C3%A4%29.txt"]) {
    assert.equal((await ask(target)).body, "odd", target);
  }
  for (const target of [
    "/docs/deep/",
    "/docs/deep",
    "/.env",
    "/out",
    "/missing",
    "/%zz",
    "/a.js/",
    "/..%2fa.js",
    "/%ff",
  ]) {
    assert.equal((await ask(target)).status, 404, target);
  }
  const { status, headers } = await ask("/docs?a=1");
  assert.deepEqual([status, headers.get("location")], [308, "/docs/?a=1"]);
  assert.equal((await ask("/a.js", [], "PUT")).status, 405);
});

test("each is answered in the same turn, in the coding that is liked best, with a tag of its octets", async () => {
  const replies: unknown[] = [];
  const watched: Handler = (request) => {
    const reply = site.handler(request);
    replies.push(reply);
    return reply;
  };
  const plain = await ask("/a.js", [], "GET", watched);
  const br = await ask("/a.js", ["Accept-Encoding: br, gzip"], "GET", watched);
  const gzip = await ask("/a.js", ["Accept-Encoding: gzip"], "GET", watched);
  assert.ok(replies.every(Reply.is));
  assert.equal(plain.body, SCRIPT);
  assert.equal(brotliDecompressSync(Buffer.from(br.body, "latin1")).toString(), SCRIPT);
  assert.equal(gunzipSync(Buffer.from(gzip.body, "latin1")).toString(), SCRIPT);
  const tags = [plain, br, gzip].map(({ headers }) => headers.get("etag") as string);
  assert.equal(new Set(tags).size, 3);
  for (const tag of tags) assert.match(tag, /^"[\w-]+"$/);
  for (const { headers } of [plain, br, gzip]) {
    assert.deepEqual([headers.get("vary"), headers.get("cache-control")], ["Accept-Encoding", "max-age=60"]);
  }
  assert.equal((await ask("/a.js", [`If-None-Match: ${tags[0]}`])).status, 304);
  assert.equal((await ask("/a.js", ["Range: bytes=0-5"])).body, "export");
  assert.equal((await ask("/a.js", ["Accept-Encoding: identity;q=0"])).status, 406);
  assert.ok(site.bytes > SCRIPT.length);
});

test("what changes or comes on the disk is not seen", async () => {
  const own = await mkdtemp(join(tmpdir(), "portico-snapshot-"));
  await writeFile(join(own, "a.txt"), "one");
  const { handler } = await snapshot(own);
  await writeFile(join(own, "a.txt"), "two");
  await writeFile(join(own, "b.txt"), "new");
  assert.equal((await ask("/a.txt", [], "GET", handler)).body, "one");
  assert.equal((await ask("/b.txt", [], "GET", handler)).status, 404);
  await rm(own, { recursive: true });
  assert.equal((await ask("/a.txt", [], "GET", handler)).body, "one");
});

test("mounted, it reads what is left of the path", async () => {
  const { handler } = mux().on("/static/{path...}", site.handler);
  assert.equal((await ask("/static/docs/", [], "GET", handler)).body, "<h1>Docs</h1>");
  assert.equal((await ask("/static/docs", [], "GET", handler)).headers.get("location"), "/static/docs/");
});

test("no more is held than may be, and nothing of nothing", async () => {
  const refused = { code: "USE_BAD_OPTION" };
  await assert.rejects(snapshot(root, { maxFiles: 2 }), refused);
  await assert.rejects(snapshot(root, { maxBytes: 100 }), refused);
  await assert.rejects(snapshot(join(root, "missing")), refused);
  await assert.rejects(snapshot(root, { index: "a/b" }), refused);
  const none = await snapshot(root, { compress: false });
  assert.ok(none.bytes < site.bytes);
});
