import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { html } from "../message/html.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { type FilesOptions, files } from "./files.ts";
import { readableSize } from "./listing-page.ts";

let root = "";

before(async () => {
  root = await mkdtemp(join(tmpdir(), "portico-listing-"));
  for (const folder of ["b folder", "a & <i>", "empty"]) await mkdir(join(root, folder));
  for (const name of ["file10.txt", "file9.txt", 'quote".txt', "100%.txt", "a?b#c.txt", ".hidden", "back\\slash"]) {
    await writeFile(join(root, name), "x".repeat(2048));
    await utimes(join(root, name), 1_700_000_000, 1_700_000_000);
  }
  await symlink("/etc/passwd", join(root, "out.txt"));
  await symlink("file9.txt", join(root, "z-link.txt"));
});
after(() => rm(root, { recursive: true }));

async function list(target: string, options: FilesOptions = {}): Promise<Answer> {
  await using bench = loopback(files(root, { listing: true, ...options }));
  return await bench.connect().exchange(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
}

function linksIn(page: string): string[] {
  return Array.from(page.matchAll(/href="(\.[^"]*)"/g), (match) => match[1] as string);
}

test("folders come first, then files, numbers in their order, and only what can be asked for", async () => {
  const { status, body } = await list("/");
  assert.equal(status, 200);
  assert.deepEqual(linksIn(body), [
    "./a%20%26%20%3Ci%3E/",
    "./b%20folder/",
    "./empty/",
    "./100%25.txt",
    "./a%3Fb%23c.txt",
    "./file9.txt",
    "./file10.txt",
    "./quote%22.txt",
    "./z-link.txt",
  ]);
});

test("each link of a list leads to what it names", async () => {
  const { body } = await list("/");
  for (const link of linksIn(body)) {
    const { status } = await list(new URL(link, "http://a/").pathname);
    assert.equal(status, 200, link);
  }
});

test("names are escaped, and nothing is loaded from elsewhere", async () => {
  const { body, headers } = await list("/");
  assert.ok(body.includes("a &amp; &lt;i&gt;/") && body.includes("quote&quot;.txt"));
  assert.ok(!/<i>|<script|https?:/.test(body));
  assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none'/);
  assert.ok((await list("/a%20&%20%3Ci%3E/")).body.includes("<h1>/a &amp; &lt;i&gt;/</h1>"));
});

test("a list says size and time, and the way up below the top", async () => {
  const { body } = await list("/");
  assert.ok(body.includes("<td>2.0 KiB</td>") && body.includes("2023-11-14 22:13"));
  assert.ok(!body.includes("../"));
  const empty = await list("/empty/");
  assert.deepEqual(linksIn(empty.body), ["../"]);
  assert.ok(empty.body.includes("Nothing is in here."));
});

test("hidden names are listed where they are served", async () => {
  assert.ok(!(await list("/")).body.includes(".hidden"));
  assert.ok(linksIn((await list("/", { dotFiles: "serve" })).body).includes("./.hidden"));
});

test("without the option there is no list", async () => {
  assert.equal((await list("/", { listing: false })).status, 404);
});

test("a list is bounded, and says that it is not all", async () => {
  const { body } = await list("/", { listingLimit: 4 });
  // Folders first: what is left out is at the end.
  assert.deepEqual(linksIn(body), ["./a%20%26%20%3Ci%3E/", "./b%20folder/", "./empty/", "./100%25.txt"]);
  assert.match(body, /<p>This is not all: these are the first 4 of \d+\.<\/p>/);
  assert.ok(!(await list("/")).body.includes("not all"));
});

test("a function that makes the page is told what there is, and how much was left out", async () => {
  const { body, headers } = await list("/", {
    listingLimit: 1,
    cacheControl: "max-age=5",
    listing: ({ path, place, entries, total }, request) =>
      html`${request.method} ${path} ${place} ${entries.length} ${total > 5 && "more"} ${entries[0]?.name}`,
  });
  assert.equal(body, "GET / top 1 more a &amp; &lt;i&gt;");
  assert.equal(headers.get("cache-control"), "max-age=5");
});

test("the list of a directory that is a link has the way up that its path has", async () => {
  await symlink("b folder", join(root, "empty", "there"));
  await symlink("../b folder", join(root, "empty", "near"));
  const near = await list("/empty/near/");
  assert.deepEqual(linksIn(near.body), ["../"]);
  assert.ok(near.body.includes("<h1>/empty/near/</h1>"));
  assert.equal((await list("/empty/there/")).status, 404);
});

test("sizes are for people", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [102_400, "100 KiB"],
    [1.5 * 1024 ** 2, "1.5 MiB"],
    [3 * 1024 ** 5, "3072 TiB"],
  ];
  for (const [octets, text] of cases) assert.equal(readableSize(octets), text);
});
