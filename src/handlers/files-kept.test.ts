// Small files that are kept: the same answers as when they are read, and none that is out of date.
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, realpath, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { asNobody, onWindows } from "../../test/fixtures/conditions.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import { prefix } from "../route/families.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { file } from "./file.ts";
import { type FilesOptions, files } from "./files.ts";

let folder = "";

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "portico-kept-")));
});
after(() => rm(folder, { recursive: true }));

/** A handler on a day on which all files have been as they are for long, and the replies that it gave. */
function observed(t: TestContext, make: () => Handler): { handler: Handler; replies: Reply[] } {
  const today = Date.now();
  t.mock.method(Date, "now", () => today + 86_400_000);
  const replies: Reply[] = [];
  const inner = make();
  const handler: Handler = async (request) => {
    const reply = await inner(request);
    replies.push(reply);
    return reply;
  };
  return { handler, replies };
}

async function ask(handler: Handler, target: string, ...fields: string[]): Promise<Answer> {
  await using bench = loopback(handler);
  return await bench.connect().exchange([`GET ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
}

async function site(name: string, contents: Record<string, string>): Promise<string> {
  const root = join(folder, name);
  await mkdir(root);
  for (const [file, text] of Object.entries(contents)) await writeFile(join(root, file), text);
  return root;
}

test("a file that is kept is answered with the same reply, and a change is seen at once", async (t) => {
  const root = await site("same", { "a.txt": "one" });
  const { handler, replies } = observed(t, () => files(root));
  const first = await ask(handler, "/a.txt");
  const again = await ask(handler, "/a.txt");
  assert.equal(replies[0], replies[1]);
  assert.equal(again.body, "one");
  assert.equal((await ask(handler, "/a.txt", `If-None-Match: ${first.headers.get("etag")}`)).status, 304);
  assert.equal((await ask(handler, "/a.txt", "Range: bytes=1-")).body, "ne");
  await writeFile(join(root, "a.txt"), "two");
  assert.equal((await ask(handler, "/a.txt")).body, "two");
  await unlink(join(root, "a.txt"));
  assert.equal((await ask(handler, "/a.txt")).status, 404);
  await writeFile(join(root, "a.txt"), "three");
  assert.equal((await ask(handler, "/a.txt")).body, "three");
});

test("nothing is kept where no memory is given, nor before it would show that a file has changed", async (t) => {
  const root = await site("none", { "a.txt": "one" });
  const { handler, replies } = observed(t, () => files(root, { memory: 0 }));
  for (const _ of [1, 2]) assert.equal((await ask(handler, "/a.txt")).body, "one");
  assert.notEqual(replies[0], replies[1]);
  t.mock.restoreAll();
  const today = files(root);
  await ask(today, "/a.txt");
  await writeFile(join(root, "a.txt"), "two");
  assert.equal((await ask(today, "/a.txt")).body, "two");
});

test("a kept file that is replaced by a link to elsewhere is not there any more", async (t) => {
  const root = await site("replaced", { "a.txt": "public" });
  await writeFile(join(folder, "secret.txt"), "secret");
  const { handler, replies } = observed(t, () => files(root));
  for (const _ of [1, 2]) await ask(handler, "/a.txt");
  assert.equal(replies[0], replies[1]);
  await symlink("../secret.txt", join(root, "next"));
  await rename(join(root, "next"), join(root, "a.txt"));
  assert.equal((await ask(handler, "/a.txt")).status, 404);
});

test("a kept file that may not be read any more is not there", {
  skip: onWindows("lets its owner read every file"),
}, async (t) => {
  const root = await site("locked", { "a.txt": "public" });
  const { handler } = observed(t, () => files(root));
  await ask(handler, "/a.txt");
  await Promise.all([folder, root].map((path) => chmod(path, 0o755)));
  assert.equal((await asNobody(() => ask(handler, "/a.txt"))).status, 200);
  await chmod(join(root, "a.txt"), 0o000);
  assert.equal((await asNobody(() => ask(handler, "/a.txt"))).status, 404);
});

test("a path that says something else is not answered with what is kept", async (t) => {
  const root = await site("else", { "a.txt": "a", "%zz.txt": "percent" });
  const { handler } = observed(t, () => files(root));
  assert.equal((await ask(handler, "/%25zz.txt")).body, "percent");
  assert.equal((await ask(handler, "/%zz.txt")).status, 404);
  await ask(handler, "/a.txt");
  assert.equal((await ask(handler, "/a.txt/")).status, 404);
  assert.equal((await ask(handler, "/x/../a.txt")).body, "a");
});

test("an index is kept for its directory, and a better one that comes is taken", async (t) => {
  const root = await site("index", { "index.html": "index", "home.html": "home" });
  const { handler, replies } = observed(
    t,
    () => prefix({ "/static": files(root, { index: ["first.html", "index.html"] }) }).handler,
  );
  for (const _ of [1, 2]) assert.equal((await ask(handler, "/static/")).body, "index");
  await writeFile(join(root, "first.html"), "first");
  for (const _ of [1, 2]) assert.equal((await ask(handler, "/static/")).body, "first");
  assert.equal(replies[2], replies[3]);
  const { status, headers } = await ask(handler, "/static?a");
  assert.deepEqual([status, headers.get("location")], [308, "/static/?a"]);
  await unlink(join(root, "first.html"));
  assert.equal((await ask(handler, "/static/")).body, "index");
});

test("a file that comes to the first of several roots is taken, whatever is kept of the second", async (t) => {
  const first = await site("first", {});
  const second = await site("second", { "a.txt": "second" });
  const { handler } = observed(t, () => files([first, second]));
  for (const _ of [1, 2]) assert.equal((await ask(handler, "/a.txt")).body, "second");
  await writeFile(join(first, "a.txt"), "first");
  assert.equal((await ask(handler, "/a.txt")).body, "first");
});

test("what was compressed once is kept with the file, and goes with it", async (t) => {
  const root = await site("compressed", { "a.js": "1;".repeat(2000) });
  const options: FilesOptions = { compress: ["gzip"] };
  const { handler, replies } = observed(t, () => files(root, options));
  const unpacked = async (): Promise<string> => {
    const { body, headers } = await ask(handler, "/a.js", "Accept-Encoding: gzip");
    assert.equal(headers.get("content-encoding"), "gzip");
    return gunzipSync(Buffer.from(body, "latin1")).toString();
  };
  for (const _ of [1, 2]) assert.equal(await unpacked(), "1;".repeat(2000));
  assert.equal(replies[0], replies[1]);
  await writeFile(join(root, "a.js"), "2;".repeat(2000));
  assert.equal(await unpacked(), "2;".repeat(2000));
});

test("a single file is kept too", async (t) => {
  const root = await site("single", { "a.txt": "one" });
  const { handler, replies } = observed(t, () => file(join(root, "a.txt")));
  for (const _ of [1, 2]) assert.equal((await ask(handler, "/whatever")).body, "one");
  assert.equal(replies[0], replies[1]);
  await writeFile(join(root, "a.txt"), "two");
  assert.equal((await ask(handler, "/whatever")).body, "two");
});
