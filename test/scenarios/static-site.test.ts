// Scenario 8: static sites over real sockets. Two roots in one process; attacks on the path, links, lists, parts, conditions,
// types, files that vanish, a walk with a stem, and a large file in bounded memory.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, realpath, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { addFiles, file, files, sendFile, snapshot, withTarget } from "../../src/handlers/index.ts";
import { createServer, type Handler, html, reply, type Server } from "../../src/index.ts";
import { mux, regex } from "../../src/route/index.ts";
import { OUTBOX_BYTES } from "../../src/server/defaults.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import "./strays.ts";

const hasCurl = ["/usr/bin/curl", "/bin/curl", "/usr/local/bin/curl"].some((path) => existsSync(path));
const SECRET = "the secret";

let top = "";

before(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), "portico-static-")));
  const folders = ["one/nested/deeper", "one/bare", "one-old", "two", "outside"];
  for (const folder of folders) await mkdir(join(top, folder), { recursive: true });
  const contents: Record<string, string> = {
    "secret.txt": SECRET,
    "outside/secret.txt": SECRET,
    "one-old/secret.txt": SECRET,
    "one/.env": SECRET,
    "one/index.html": "<h1>One</h1>",
    "one/page.b.html": "<p>b</p>",
    "one/notes.creole": "= Notes",
    "one/style.css": "a {}",
    "one/script.js": "1;",
    "one/sound.ogg": "sound",
    "one/unknown.nobody": "?",
    "one/digits.txt": "0123456789",
    'one/bare/<i> & "quotes".txt': "escaped",
    "one/bare/100% näh.txt": "percent",
    "one/nested/deeper/leaf.txt": "leaf",
    "two/index.html": "<h1>Two</h1>",
    "two/only-two.txt": "two",
  };
  for (const [name, octets] of Object.entries(contents)) await writeFile(join(top, name), octets);
  await utimes(join(top, "one/digits.txt"), 1_700_000_000, 1_700_000_000);
  const links = {
    "one/out.txt": "../secret.txt",
    "one/out": "../outside",
    "one/sibling": "../one-old",
    "one/near.txt": "digits.txt",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(top, name));
});
after(() => rm(top, { recursive: true }));

interface Site extends AsyncDisposable {
  readonly server: Server;
  readonly base: string;
  /** What is sent as it stands: fetch mends paths before it sends them. */
  raw(target: string, method?: string, ...fields: string[]): Promise<{ status: number; head: string; body: string }>;
}

async function serve(handler: Handler): Promise<Site> {
  const server = createServer(handler);
  await server.listen({ host: "127.0.0.1", port: 0 });
  const base = (server.url ?? "").replace(/\/$/, "");
  return {
    server,
    base,
    async raw(target, method = "GET", ...fields) {
      const socket = connect(Number(new URL(base).port), "127.0.0.1");
      const lines = [`${method} ${target} HTTP/1.1`, "Host: a", "Connection: close", ...fields];
      socket.end(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
      const all = await text(socket);
      const [head = "", ...rest] = all.split("\r\n\r\n");
      return { status: Number(head.slice(9, 12)), head, body: rest.join("\r\n\r\n") };
    },
    [Symbol.asyncDispose]: async () => void (await server.close({ mode: "abort" })),
  };
}

test("two sites with two roots and two sets of types in one process do not mix [EL-33] [EL-34]", async () => {
  const one = files(join(top, "one"), { types: { creole: "text/plain", css: "text/x-own" } });
  const two = files(join(top, "two"), { types: { txt: "text/x-two" } });
  await using site = await serve((request) => (request.headers.get("host") === "two" ? two(request) : one(request)));
  await using other = await serve(two);
  assert.equal(await (await fetch(`${site.base}/`)).text(), "<h1>One</h1>");
  assert.equal(await (await fetch(`${other.base}/`)).text(), "<h1>Two</h1>");
  assert.equal((await fetch(`${site.base}/only-two.txt`)).status, 404);
  assert.equal((await fetch(`${other.base}/digits.txt`)).status, 404);
  const types: Record<string, string> = {
    "/page.b.html": "text/html; charset=utf-8",
    "/notes.creole": "text/plain; charset=utf-8",
    "/style.css": "text/x-own; charset=utf-8",
    "/script.js": "text/javascript; charset=utf-8",
    "/sound.ogg": "audio/ogg",
    "/unknown.nobody": "application/octet-stream",
    "/digits.txt": "text/plain; charset=utf-8",
  };
  for (const [target, type] of Object.entries(types)) {
    assert.equal((await fetch(site.base + target)).headers.get("content-type"), type, target);
  }
  assert.equal((await fetch(`${other.base}/only-two.txt`)).headers.get("content-type"), "text/x-two; charset=utf-8");
});

test("HEAD, If-Modified-Since and Range are answered for a file [EL-34]", async () => {
  await using site = await serve(files(join(top, "one")));
  const url = `${site.base}/digits.txt`;
  const whole = await fetch(url);
  assert.equal(await whole.text(), "0123456789");
  const date = whole.headers.get("last-modified") as string;
  assert.equal(date, "Tue, 14 Nov 2023 22:13:20 GMT");
  const head = await fetch(url, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "10", ""]);
  // fetch adds Cache-Control: no-cache beside a condition; that is for caches on the way.
  assert.equal((await fetch(url, { headers: { "If-Modified-Since": date } })).status, 304);
  assert.equal((await fetch(url, { headers: { "If-None-Match": whole.headers.get("etag") as string } })).status, 304);
  assert.equal((await fetch(url, { headers: { "If-Match": '"other"' } })).status, 412);
  const part = await fetch(url, { headers: { Range: "bytes=2-4" } });
  assert.deepEqual([part.status, part.headers.get("content-range"), await part.text()], [206, "bytes 2-4/10", "234"]);
  const none = await fetch(url, { headers: { Range: "bytes=10-" } });
  assert.deepEqual([none.status, none.headers.get("content-range")], [416, "bytes */10"]);
});

test("curl gets parts, and goes on where it was cut off", {
  skip: hasCurl ? false : "curl is not installed",
}, async () => {
  await using site = await serve(files(join(top, "one")));
  const curl = async (...parts: string[]): Promise<string> => {
    const child = spawn("curl", ["--silent", "--show-error", "--max-time", "20", ...parts], {
      env: { PATH: process.env["PATH"], no_proxy: "*" },
    });
    const [out] = await Promise.all([text(child.stdout), once(child, "close")]);
    return out;
  };
  const url = `${site.base}/digits.txt`;
  assert.equal(await curl("-r", "2-4", url), "234");
  assert.equal(await curl("-r", "-3", url), "789");
  const several = await curl("-i", "-r", "0-1,8-9", url);
  assert.match(several, /^HTTP\/1\.1 206 /);
  assert.match(
    several,
    /Content-Range: bytes 0-1\/10\r\n\r\n01\r\n--[\s\S]*Content-Range: bytes 8-9\/10\r\n\r\n89\r\n--/,
  );
  const half = join(top, "half");
  await writeFile(half, "01234");
  await curl("-C", "-", "-o", half, url);
  assert.equal(await readFile(half, "utf8"), "0123456789");
  assert.match(await curl("-I", url), /^HTTP\/1\.1 200 [\s\S]*Content-Length: 10\r\n/);
});

const ATTACKS = [
  "/../secret.txt",
  "/../../../../etc/passwd",
  "/%2e%2e/secret.txt",
  "/%2e%2e%2fsecret.txt",
  "/..%2fsecret.txt",
  "/..%5csecret.txt",
  "/..\\secret.txt",
  "/%252e%252e/secret.txt",
  "/..%252fsecret.txt",
  "/%c0%ae%c0%ae/secret.txt",
  "/%e0%80%ae%e0%80%ae/secret.txt",
  "/..%00/secret.txt",
  "/digits.txt%00",
  "/%2fetc/passwd",
  "//etc/passwd",
  "/file:///etc/passwd",
  "/C:/windows/win.ini",
  "/digits.txt::$DATA",
  "/../one-old/secret.txt",
  "/sibling/secret.txt",
  "/out.txt",
  "/out/secret.txt",
  "/.env",
  "/%2eenv",
  "/nested/../../secret.txt",
  "/nested%2f..%2f..%2fsecret.txt",
  "/..;/secret.txt",
  "/%uff0e%uff0e/secret.txt",
  "/..%ef%bc%8fsecret.txt",
  "/%zz",
  "/%ff",
  "http://a/../secret.txt",
];

test("no path leads out of a root, or to what is hidden, however it is written [EL-32]", async () => {
  const asked: string[] = [];
  const target = withTarget(join(top, "one"), (_request, path) => {
    asked.push(path);
    return reply(200, {}, path);
  });
  const memory = await snapshot(join(top, "one"));
  for (const handler of [files(join(top, "one")), target, memory.handler]) {
    await using site = await serve(handler);
    for (const attack of ATTACKS) {
      const { status, body } = await site.raw(attack);
      assert.ok(status === 404 || status === 400, `${attack} gave ${status}`);
      assert.ok(!body.includes(SECRET) && !body.includes("root:") && !body.includes(top), attack);
    }
  }
  assert.deepEqual(asked, []);
  await using legal = await serve(target);
  assert.equal((await legal.raw("/nested/deeper/leaf.txt")).body, join(top, "one/nested/deeper/leaf.txt"));
  assert.equal((await legal.raw("/near.txt")).body, join(top, "one/digits.txt"));
});

test("the handler is given the root and the target, both absolute and resolved, by a group of the pattern too [EL-32]", async () => {
  const given: unknown[] = [];
  const answer = (_request: unknown, target: string, root: string): string => {
    given.push([root, target]);
    return relative(root, target);
  };
  await symlink("one", join(top, "current"));
  const byGroup = regex([["files/(.*)", withTarget(join(top, "current"), answer, { param: "1" })]]);
  for (const [handler, path] of [
    [withTarget(join(top, "current"), answer), "/near.txt"],
    [withTarget(pathToFileURL(join(top, "one")), answer), "/digits.txt"],
    [byGroup.handler, "/files/digits.txt"],
  ] as const) {
    await using site = await serve(handler);
    assert.equal((await site.raw(path)).body, "digits.txt", path);
  }
  assert.deepEqual(given, Array(3).fill([join(top, "one"), join(top, "one/digits.txt")]));
  await using own = await serve(withTarget(top, answer, { notFound: () => html`<h1>Mine</h1>`.reply(404) }));
  assert.deepEqual([(await own.raw("/none")).body, given.length], ["<h1>Mine</h1>", 3]);
});

test("the same attacks behind a mount [EL-32]", async () => {
  await using site = await serve(mux().on("/static/{path...}", files(join(top, "one"))).handler);
  for (const attack of ATTACKS.filter((each) => each.startsWith("/"))) {
    const { status, body } = await site.raw(`/static${attack}`);
    assert.ok(status === 404 || status === 400, `${attack} gave ${status}`);
    assert.ok(!body.includes(SECRET) && !body.includes("root:"), attack);
  }
  assert.equal((await site.raw("/static/digits.txt")).body, "0123456789");
});

test("a directory is a list whose names are escaped and whose links lead there, nested too [EL-35]", async () => {
  await using site = await serve(files(join(top, "one"), { listing: true, index: false }));
  const page = await (await fetch(`${site.base}/bare/`)).text();
  assert.ok(page.includes("<title>/bare/</title>") && page.includes("<h1>/bare/</h1>"));
  assert.ok(page.includes("&lt;i&gt; &amp; &quot;quotes&quot;.txt") && !page.includes("<i>"));
  const links = (body: string): string[] =>
    Array.from(body.matchAll(/href="(\.[^"]*)"/g), (match) => match[1] as string);
  const bodies: string[] = [];
  for (const link of links(page)) {
    const answer = await fetch(new URL(link, `${site.base}/bare/`));
    assert.equal(answer.status, 200, link);
    if (link !== "../") bodies.push(await answer.text());
  }
  assert.deepEqual(bodies.sort(), ["escaped", "percent"]);
  // Without its slash a directory is led to it, so that its links are right.
  const nested = await fetch(`${site.base}/nested`);
  assert.equal(nested.url, `${site.base}/nested/`);
  assert.deepEqual(links(await nested.text()), ["../", "./deeper/"]);
  assert.deepEqual(links(await (await fetch(`${site.base}/nested/deeper/`)).text()), ["../", "./leaf.txt"]);
  const whole = links(await (await fetch(`${site.base}/`)).text());
  assert.ok(
    whole.includes("./nested/") &&
      whole.includes("./near.txt") &&
      !whole.includes("./out.txt") &&
      !whole.includes("./.env"),
  );
});

test("a function makes the list of a directory, and is given what lies in it [EL-47]", async () => {
  const handler = files(join(top, "one"), {
    index: false,
    listing: ({ path, entries }) =>
      html`<h1>${path}</h1>${entries.map(({ name, kind, size }) => html`<li>${name}: ${kind} of ${size}</li>`)}`,
  });
  await using site = await serve(handler);
  const answer = await fetch(`${site.base}/nested/deeper/`);
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(await answer.text(), "<h1>/nested/deeper/</h1><li>leaf.txt: file of 4</li>");
});

test("flags: listing off, index names of which the first that is there is served, dot files, redirects [EL-48]", async () => {
  const root = join(top, "one");
  await using off = await serve(files(root));
  assert.equal((await fetch(`${off.base}/bare/`)).status, 404);
  await using named = await serve(
    files(root, { index: ["missing.html", "page.b.html", "index.html"], dotFiles: "serve" }),
  );
  assert.equal(await (await fetch(`${named.base}/`)).text(), "<p>b</p>");
  assert.equal(await (await fetch(`${named.base}/.env`)).text(), SECRET);
  await using still = await serve(files(root, { redirect: false }));
  assert.equal((await fetch(`${still.base}/nested`, { redirect: "manual" })).status, 404);
  assert.equal((await fetch(`${off.base}/nested`, { redirect: "manual" })).status, 308);
});

test("a single file is its octets and its type, what it is now, and 404 once it has vanished [HS-23]", async () => {
  const path = join(top, "two", "single.json");
  await writeFile(path, '{"a":1}');
  await using site = await serve(mux().on("GET /data", file(path)).handler);
  const answer = await fetch(`${site.base}/data`);
  assert.deepEqual([answer.headers.get("content-type"), await answer.text()], ["application/json", '{"a":1}']);
  await writeFile(path, '{"a":2,"b":3}');
  assert.equal(await (await fetch(`${site.base}/data`)).text(), '{"a":2,"b":3}');
  await unlink(path);
  assert.equal((await fetch(`${site.base}/data`)).status, 404);
});

test("a directory is walked into routes, by its stem; new files appear under files() and not in a snapshot [HS-24]", async () => {
  const root = join(top, "walked");
  await mkdir(join(root, "css/deep"), { recursive: true });
  await writeFile(join(root, "css/deep/a.css"), "a {}");
  await writeFile(join(root, "b.txt"), "b");
  const routes = mux();
  await addFiles(routes, root);
  await addFiles(routes, join(root, "css"), { stemFrom: "css" });
  const memory = await snapshot(root);
  routes.on("/memory/{path...}", memory.handler).on("/live/{path...}", files(root));
  await using site = await serve(routes.handler);
  const get = async (target: string): Promise<string> => {
    const answer = await fetch(site.base + target);
    return answer.status === 200 ? answer.text() : String(answer.status);
  };
  for (const stem of ["/walked/css", "/css", "/memory/css", "/live/css"])
    assert.equal(await get(`${stem}/deep/a.css`), "a {}");
  await writeFile(join(root, "new.txt"), "new");
  assert.deepEqual(
    [await get("/live/new.txt"), await get("/walked/new.txt"), await get("/memory/new.txt")],
    ["new", "404", "404"],
  );
});

test("types by extension, and what is unknown [HS-25]", async () => {
  await using usual = await serve(files(join(top, "one")));
  await using plain = await serve(files(join(top, "one"), { unknownType: "text/plain" }));
  const typeAt = async (site: Site, target: string): Promise<string | null> =>
    (await fetch(site.base + target)).headers.get("content-type");
  assert.equal(await typeAt(usual, "/style.css"), "text/css; charset=utf-8");
  assert.equal(await typeAt(usual, "/script.js"), "text/javascript; charset=utf-8");
  assert.equal(await typeAt(usual, "/sound.ogg"), "audio/ogg");
  assert.equal(await typeAt(usual, "/unknown.nobody"), "application/octet-stream");
  assert.equal(await typeAt(plain, "/unknown.nobody"), "text/plain; charset=utf-8");
});

test("a handler answers with a file and fields of its own, and 404 before any head where it is missing [GB-32]", async () => {
  const path = join(top, "two", "large.bin");
  const octets = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 241));
  await writeFile(path, octets);
  await using site = await serve((request) =>
    sendFile(request, request.path === "/" ? path : join(top, "two", "missing"), { headers: { "X-Own": "yes" } }),
  );
  const answer = await fetch(site.base);
  assert.deepEqual(
    [answer.status, answer.headers.get("x-own"), answer.headers.get("content-length")],
    [200, "yes", "300000"],
  );
  assert.equal(answer.headers.get("content-type"), "application/octet-stream");
  assert.ok(answer.headers.has("etag") && answer.headers.has("last-modified"));
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(octets));
  const { status, head, body } = await site.raw("/missing");
  assert.equal(status, 404);
  assert.ok(!head.includes("X-Own") && !body.includes(top));
});

test("a file that vanishes between the look and the opening is 404 before any head", async () => {
  const path = join(top, "two", "vanishing.bin");
  await writeFile(path, Buffer.alloc(200_000));
  const inner = files(join(top, "two"));
  // The reply is made, and nothing has been sent of it: whoever is around the handler may take as long as it likes.
  await using site = await serve(async (request) => {
    const made = await inner(request);
    if (request.method === "GET") await unlink(path);
    return made;
  });
  assert.equal((await fetch(`${site.base}/vanishing.bin`, { method: "HEAD" })).status, 200);
  assert.equal((await fetch(`${site.base}/vanishing.bin`)).status, 404);
});

const VOLUME = 256 * 1_048_576;

test("a large file is read no faster than it is taken, whole and in parts [GB-32]", async () => {
  const path = join(top, "two", "volume.bin");
  const handle = await open(path, "w");
  await handle.truncate(VOLUME); // sparse: it takes no room
  await handle.close();
  const parts = `Range: bytes=0-${VOLUME / 2 - 1},${VOLUME / 2 + 1}-`;
  for (const [status, fields] of [
    [200, ""],
    [206, `${parts}\r\n`],
  ] as const) {
    const server = createServer(files(join(top, "two")));
    const [near, far] = memoryPair();
    const connection = server.accept(far);
    let received = 0;
    let most = 0;
    let head = "";
    await new Promise<void>((resolve, reject) => {
      let held = false;
      near.open({
        data: (bytes, start, end) => {
          if (received === 0) head = Buffer.from(bytes.subarray(start, Math.min(end, start + 200))).toString("latin1");
          received += end - start;
          most = Math.max(most, connection.sent - received);
          if (received >= VOLUME - 1) return resolve();
          // A reader that stops at every piece, for a turn: whoever does not wait for it would be far ahead.
          if (held) return;
          held = true;
          near.pause();
          setImmediate(() => {
            most = Math.max(most, connection.sent - received);
            held = false;
            near.resume();
          });
        },
        end() {},
        drain() {},
        close: () => reject(new Error(`It was cut off after ${received} octets.`)),
      });
      near.write([`GET /volume.bin HTTP/1.1\r\nHost: a\r\n${fields}\r\n`]);
    });
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `));
    assert.ok(most <= 4 * OUTBOX_BYTES, `${most} octets waited`);
    await server.close({ mode: "abort" });
  }
  await unlink(path);
});
