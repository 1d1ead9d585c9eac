import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { asNobody, onWindows } from "../../test/fixtures/conditions.ts";
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { mux } from "../route/mux.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { addFiles } from "./file-routes.ts";
import { type FilesOptions, files } from "./files.ts";
import { snapshot } from "./snapshot.ts";
import { underRoot, withTarget } from "./under-root.ts";

const SECRET = "the secret";
const PUBLIC = [404, 400];

let top = "";
let root = "";

before(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), "portico-files-")));
  root = join(top, "www");
  for (const folder of ["www/sub", "www/bare", "www/.git", "www-old", "outside"]) {
    await mkdir(join(top, folder), { recursive: true });
  }
  const contents: Record<string, string> = {
    "secret.txt": SECRET,
    "outside/secret.txt": SECRET,
    "www-old/secret.txt": SECRET,
    "www/.env": SECRET,
    "www/.git/config": SECRET,
    "www/index.html": "<h1>Top</h1>",
    "www/hello.txt": "Hello\n",
    "www/no-type": "octets",
    "www/empty.css": "",
    "www/sub/index.html": "<h1>Sub</h1>",
    "www/100% sure & <b>.txt": "odd",
    "www/näh.txt": "umlaut",
    "www/a b+c.txt": "space",
    "www/%zz.txt": "percent",
    "www/back\\slash.txt": SECRET,
    "www/bare/one.txt": "1",
  };
  for (const [name, text] of Object.entries(contents)) await writeFile(join(top, name), text);
  const links: Record<string, string> = {
    "www/out.txt": "../secret.txt",
    "www/out": "../outside",
    "www/old": "../www-old",
    "www/absolute.txt": join(top, "secret.txt"),
    "www/inside.txt": "hello.txt",
    "www/.alias.txt": "hello.txt",
    "www/disguised.txt": ".env",
    "www/round": "round",
    "www/dangling": "nothing",
    current: "www",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(top, name));
  await utimes(join(root, "hello.txt"), 1_700_000_000, 1_700_000_000);
});
after(() => rm(top, { recursive: true }));

async function ask(
  target: string,
  { method = "GET", fields = [], ...options }: FilesOptions & { method?: string; fields?: string[]; at?: string } = {},
): Promise<Answer> {
  const { at, ...rest } = options;
  await using bench = loopback(files(at ?? root, rest));
  return await bench.connect().exchange([`${method} ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
}

test("a file comes with its type, its length and its validators", async () => {
  const { status, headers, body } = await ask("/hello.txt");
  assert.equal(status, 200);
  assert.equal(body, "Hello\n");
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(headers.get("content-length"), "6");
  assert.equal(headers.get("last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
  assert.match(headers.get("etag") ?? "", /^W\/"[0-9a-f.-]+"$/);
  assert.equal(headers.get("cache-control"), "no-cache");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("accept-ranges"), "bytes");
  assert.equal(headers.has("vary"), false);
});

test("HEAD says what GET would, without the octets", async () => {
  const [got, head] = await Promise.all([ask("/hello.txt"), ask("/hello.txt", { method: "HEAD" })]);
  assert.equal(head.status, 200);
  assert.equal(head.body, "");
  const without = (answer: Answer) => Array.from(answer.headers).filter(([name]) => name !== "Date");
  assert.deepEqual(without(head), without(got));
});

test("names are decoded segment by segment", async () => {
  const cases: Record<string, string> = {
    "/100%25%20sure%20&%20%3Cb%3E.txt": "odd",
    "/n%C3%A4h.txt": "umlaut",
    "/a%20b+c.txt": "space",
    "/%25zz.txt": "percent",
    "/%68ello.txt": "Hello\n",
    "/sub/../hello.txt": "Hello\n",
    "/./hello.txt": "Hello\n",
    "//hello.txt": "Hello\n",
    "/hello.txt?a=%zz": "Hello\n",
    "http://a/hello.txt": "Hello\n",
    "/inside.txt": "Hello\n",
    "/no-type": "octets",
    "/empty.css": "",
  };
  for (const [target, body] of Object.entries(cases)) {
    const answer = await ask(target);
    assert.deepEqual([answer.status, answer.body], [200, body], target);
  }
});

test("a directory is answered by its index", async () => {
  assert.equal((await ask("/")).body, "<h1>Top</h1>");
  const sub = await ask("/sub/");
  assert.equal(sub.body, "<h1>Sub</h1>");
  assert.equal(sub.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal((await ask("/bare/", { index: "one.txt" })).body, "1");
  assert.equal((await ask("/bare/")).status, 404);
});

test("a directory without its slash is redirected to it, with the query and to no other host", async () => {
  const cases: Record<string, string> = {
    "/sub": "/sub/",
    "/sub?a=1&b=%2F": "/sub/?a=1&b=%2F",
    "/sub?": "/sub/?",
    "//sub": "/sub/",
    "/bare/../sub": "/sub/",
    "http://elsewhere.test/sub": "/sub/",
  };
  for (const [target, location] of Object.entries(cases)) {
    const { status, headers } = await ask(target);
    assert.deepEqual([status, headers.get("location")], [308, location], target);
  }
});

test("a file is no directory", async () => {
  for (const target of ["/hello.txt/", "/hello.txt/x", "/sub/index.html/"]) {
    assert.equal((await ask(target)).status, 404, target);
  }
});

test("a malformed escape names nothing, whatever lies there", async () => {
  assert.equal((await ask("/%zz.txt")).status, 404);
  assert.equal((await ask("http://a/%zz.txt?a=1")).status, 404);
});

const ESCAPES = [
  "/../secret.txt",
  "/../../../../../../etc/passwd",
  "/..",
  "/sub/../../secret.txt",
  "/%2e%2e/secret.txt",
  "/%2E%2E/secret.txt",
  "/.%2e/secret.txt",
  "/..%2fsecret.txt",
  "/..%2Fsecret.txt",
  "/%2e%2e%2fsecret.txt",
  "/sub%2f..%2f..%2fsecret.txt",
  "/..%5csecret.txt",
  "/..\\secret.txt",
  "/sub\\..\\..\\secret.txt",
  "/back%5Cslash.txt",
  "/back\\slash.txt",
  "/%252e%252e/secret.txt",
  "/..%252fsecret.txt",
  "/%c0%ae%c0%ae/secret.txt",
  "/%c0%ae%c0%ae%c0%afsecret.txt",
  "/%e0%80%ae%e0%80%ae/secret.txt",
  "/%uff0e%uff0e/secret.txt",
  "/..%ef%bc%8fsecret.txt",
  "/..%00/secret.txt",
  "/hello.txt%00",
  "/hello.txt%00.html",
  "/%00",
  "/..;/secret.txt",
  "/.../secret.txt",
  "/....//secret.txt",
  "/../www-old/secret.txt",
  "/../www/../secret.txt",
  "/sub%2findex.html",
  "/hello.txt%2f",
  "/%2f%2fetc/passwd",
  "//etc/passwd",
  "///etc/passwd",
  "/%2fetc/passwd",
  "/file:///etc/passwd",
  "/C:/windows/win.ini",
  "/C%3A%5Cwindows%5Cwin.ini",
  "/hello.txt::$DATA",
  "/%zz",
  "/%",
  "/hello%2",
  "/hello.txt%",
  "/%ff",
  "/%ed%a0%80",
  "/out.txt",
  "/out/secret.txt",
  "/out/",
  "/out",
  "/old/secret.txt",
  "/absolute.txt",
  "/round",
  "/round/x",
  "/dangling",
  `/${"a/".repeat(2000)}`,
  `/${"a".repeat(4000)}`,
  "http://a/../secret.txt",
  "http://a/%2e%2e%2fsecret.txt",
];

test("no path leads out of the root", async () => {
  for (const target of ESCAPES) {
    const { status, body } = await ask(target, { dotFiles: "serve", listing: true });
    assert.ok(PUBLIC.includes(status) || (status === 200 && !body.includes(SECRET)), `${target} gave ${status}`);
    assert.ok(!body.includes(SECRET) && !body.includes("root:"), target);
    if (status !== 200) continue;
    // What resolves to the root itself is answered by its index, and that alone.
    assert.deepEqual([target, body], ["/..", "<h1>Top</h1>"]);
  }
});

test("a root that is a link is followed, and one that is a sibling's prefix is not left", async () => {
  assert.equal((await ask("/hello.txt", { at: join(top, "current") })).body, "Hello\n");
  assert.equal((await ask("/old/secret.txt", { at: join(top, "current") })).status, 404);
  assert.equal((await ask("/secret.txt", { at: join(top, "www-old") })).body, SECRET);
});

test("the root of the file system can be served, and one that is missing has nothing", async () => {
  assert.equal((await ask(`${root}/hello.txt`, { at: "/" })).body, "Hello\n");
  assert.equal((await ask("/hello.txt", { at: join(top, "missing") })).status, 404);
});

test("names that begin with a dot are not there, unless they are asked to be", async () => {
  for (const target of ["/.env", "/.alias.txt", "/.git/config", "/.git/", "/%2eenv", "/disguised.txt"]) {
    assert.equal((await ask(target)).status, 404, target);
  }
  assert.equal((await ask("/.env", { dotFiles: "serve" })).body, SECRET);
  assert.equal((await ask("/disguised.txt", { dotFiles: "serve" })).body, SECRET);
});

test("what is no regular file is not there, and is not waited for", {
  skip: onWindows("has no named pipes in its folders"),
}, async () => {
  execFileSync("mkfifo", [join(root, "pipe")]);
  assert.equal((await ask("/pipe")).status, 404);
  assert.equal((await ask("/dev/null", { at: "/" })).status, 404);
  await unlink(join(root, "pipe"));
});

test("a file that is not readable is not there", { skip: onWindows("lets its owner read every file") }, async () => {
  await Promise.all([top, root].map((path) => chmod(path, 0o755)));
  await writeFile(join(root, "locked.txt"), SECRET, { mode: 0o000 });
  const [locked, open] = await asNobody(async () => [await ask("/locked.txt"), await ask("/hello.txt")]);
  assert.deepEqual([locked?.status, open?.status], [404, 200]);
  await unlink(join(root, "locked.txt"));
});

test("other methods are refused, and told what is allowed", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"]) {
    const { status, headers } = await ask("/hello.txt", { method });
    assert.deepEqual([status, headers.get("allow")], [405, "GET, HEAD, OPTIONS"], method);
  }
  const { status, headers } = await ask("/hello.txt", { method: "OPTIONS" });
  assert.deepEqual([status, headers.get("allow")], [204, "GET, HEAD, OPTIONS"]);
});

test("a client that has the present state is told so, and no more", async () => {
  const { headers } = await ask("/hello.txt");
  const etag = headers.get("etag") as string;
  const cases: [number, ...string[]][] = [
    [304, `If-None-Match: ${etag}`],
    [304, `If-None-Match: ${etag.slice(2)}`],
    [304, `If-None-Match: "other", ${etag}`],
    [304, 'If-None-Match: "other"', `If-None-Match: ${etag}`],
    [304, "If-None-Match: *"],
    [200, 'If-None-Match: "other"'],
    [200, "If-None-Match: nonsense"],
    [304, "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"],
    [304, "If-Modified-Since: Wed, 15 Nov 2023 00:00:00 GMT"],
    [200, "If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT"],
    [200, "If-Modified-Since: yesterday"],
    [200, 'If-None-Match: "other"', "If-Modified-Since: Wed, 15 Nov 2023 00:00:00 GMT"],
  ];
  for (const [status, ...fields] of cases) {
    const answer = await ask("/hello.txt", { fields });
    assert.equal(answer.status, status, fields.join());
    assert.equal(answer.headers.get("etag"), etag);
    assert.equal(answer.headers.get("cache-control"), "no-cache");
    assert.equal(answer.body, status === 304 ? "" : "Hello\n");
  }
});

test("a change is seen at once", async () => {
  const path = join(root, "changing.txt");
  await writeFile(path, "one");
  const etag = (await ask("/changing.txt")).headers.get("etag") as string;
  await writeFile(path, "two!");
  const answer = await ask("/changing.txt", { fields: [`If-None-Match: ${etag}`] });
  assert.deepEqual([answer.status, answer.body], [200, "two!"]);
  await unlink(path);
  assert.equal((await ask("/changing.txt")).status, 404);
});

test("types, caching and the root can be given", async () => {
  const options = { types: { txt: "text/x-tea" }, cacheControl: "max-age=60" };
  const { headers } = await ask("/inside.txt", options);
  assert.equal(headers.get("content-type"), "text/x-tea; charset=utf-8");
  assert.equal(headers.get("cache-control"), "max-age=60");
  await using bench = loopback(files(pathToFileURL(`${root}/`)));
  const { body } = await bench.connect().exchange("GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(body, "Hello\n");
});

test("an index that is a path is refused when it is given", () => {
  for (const index of ["", "../index.html", "a/b", "a\\b"]) {
    assert.throws(
      () => files(root, { index }),
      (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
    );
  }
});

test("/.well-known/ is served from the root, in each way to serve files, and nothing else with a dot", async () => {
  const site = await mkdtemp(join(tmpdir(), "portico-well-known-"));
  const shown = [".well-known/security.txt", ".well-known/acme-challenge/token", "index.txt", "link.txt"];
  const hidden = [
    ".env",
    ".well-known/.secret",
    ".well-known/.git/config",
    ".well-known/.well-known/x",
    "sub/.well-known/x",
    ".well-known2/x",
    ".Well-Known2/x",
    ".git/.well-known/x",
  ];
  try {
    for (const name of [...shown, ...hidden]) {
      await mkdir(dirname(join(site, name)), { recursive: true });
      if (name !== "link.txt") await writeFile(join(site, name), name);
    }
    await symlink(".well-known/security.txt", join(site, "link.txt"));
    await symlink("../.env", join(site, ".well-known", "out.txt"));
    const routes = mux();
    await addFiles(routes, site);
    const stem = `/${basename(site)}`;
    const made = await snapshot(site);
    const targets: Handler = async (request) => text((await underRoot(site, request.path)) === null ? "no" : "yes");
    const ways: Record<string, [prefix: string, Handler]> = {
      files: ["", files(site)],
      mounted: ["/static", mux().on("/static/{path...}", files(site)).handler],
      snapshot: ["", made.handler],
      addFiles: [stem, routes.handler],
      withTarget: ["", withTarget(site, () => "found")],
    };
    for (const [way, [prefix, handler]] of Object.entries(ways)) {
      await using bench = loopback(handler);
      const status = async (name: string): Promise<number> =>
        (await bench.connect().exchange(`GET ${prefix}/${name} HTTP/1.1\r\nHost: a\r\n\r\n`)).status;
      for (const name of shown) assert.equal(await status(name), 200, `${way} ${name}`);
      for (const name of [...hidden, ".well-known/out.txt"]) assert.equal(await status(name), 404, `${way} ${name}`);
    }
    await using bench = loopback(targets);
    for (const name of [...shown, ...hidden]) {
      const { body } = await bench.connect().exchange(`GET /${name} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal(body, shown.includes(name) ? "yes" : "no", name);
    }
    const listed = async (target: string): Promise<string[]> => {
      await using lists = loopback(files(site, { listing: ({ entries }) => entries.map(({ name }) => name) }));
      const { body } = await lists.connect().exchange(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
      return JSON.parse(body) as string[];
    };
    assert.deepEqual(await listed("/"), [".well-known", "sub", "index.txt", "link.txt"]);
    assert.deepEqual(await listed("/.well-known/"), ["acme-challenge", "security.txt"]);
    assert.deepEqual(await listed("/sub/"), []);
    assert.deepEqual(
      made.paths.filter((path) => path.includes(".w")),
      ["/.well-known/acme-challenge/token", "/.well-known/security.txt"],
    );
  } finally {
    await rm(site, { recursive: true });
  }
});
