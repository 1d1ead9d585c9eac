// What files() says of a file: parts, conditions, codings, policies, and where it is mounted.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFile,
  mkdir,
  mkdtemp,
  realpath,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { html } from "../message/html.ts";
import { prefix } from "../route/families.ts";
import { mux } from "../route/mux.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { type FilesOptions, files } from "./files.ts";

const DATE = "Tue, 14 Nov 2023 22:13:20 GMT";
const SECONDS = 1_700_000_000;
const SCRIPT = "export const answer = 42; // and so on\n".repeat(200);
const LARGE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));

let root = "";
let second = "";

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "portico-served-")));
  second = join(root, "second");
  for (const folder of ["second", "www/sub", "www/pages"]) await mkdir(join(root, folder), { recursive: true });
  const contents: Record<string, string | Uint8Array> = {
    "www/ten.txt": "0123456789",
    "www/large.bin": LARGE,
    "www/empty.txt": "",
    "www/a.js": SCRIPT,
    "www/large.js": SCRIPT.repeat(40),
    "www/picture.png": Buffer.alloc(5000),
    "www/pre.js": SCRIPT,
    "www/pre.js.gz": gzipSync(SCRIPT),
    "www/stale.js": SCRIPT,
    "www/stale.js.gz": gzipSync("old"),
    "www/pages/home.htm": "home",
    "www/LICENSE": "free",
    "www/app.1f2e.css": "a {}",
    "second/other.txt": "other",
    "second/ten.txt": "the second ten",
    "second/pages/only.txt": "",
  };
  await mkdir(join(second, "pages"));
  for (const [name, octets] of Object.entries(contents)) {
    await writeFile(join(root, name), octets);
    await utimes(join(root, name), SECONDS, SECONDS);
  }
  await utimes(join(root, "www/stale.js.gz"), SECONDS - 10, SECONDS - 10);
  await symlink("../second/other.txt", join(root, "www/out.txt"));
  await symlink("ten.txt", join(root, "www/near.txt"));
  root = join(root, "www");
});
after(() => rm(join(root, ".."), { recursive: true }));

type Asked = FilesOptions & { method?: string; fields?: string[] };

async function ask(target: string, { method = "GET", fields = [], ...options }: Asked = {}): Promise<Answer> {
  return askOf(files(root, options), target, fields, method);
}

async function askOf(handler: Handler, target: string, fields: string[] = [], method = "GET"): Promise<Answer> {
  await using bench = loopback(handler);
  return await bench.connect().exchange([`${method} ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
}

const octets = ({ body }: Answer): Buffer => Buffer.from(body, "latin1");

test("a part is sent with the place that it has in the whole", async () => {
  const cases: [range: string, body: string, place: string][] = [
    ["bytes=0-3", "0123", "bytes 0-3/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-2", "89", "bytes 8-9/10"],
    ["bytes=-99", "0123456789", "bytes 0-9/10"],
    ["bytes=5-99", "56789", "bytes 5-9/10"],
    ["bytes=0-1,1-2", "012", "bytes 0-2/10"],
  ];
  for (const [range, body, place] of cases) {
    const answer = await ask("/ten.txt", { fields: [`Range: ${range}`] });
    assert.deepEqual([answer.status, answer.body, answer.headers.get("content-range")], [206, body, place], range);
    assert.equal(answer.headers.get("content-length"), String(body.length));
    assert.equal(answer.headers.get("last-modified"), DATE);
  }
});

test("a part of a large file is those octets", async () => {
  const answer = await ask("/large.bin", { fields: ["Range: bytes=100000-170000"] });
  assert.equal(answer.status, 206);
  assert.ok(octets(answer).equals(LARGE.subarray(100_000, 170_001)));
});

test("several parts come as multipart/byteranges, whose length is said before", async () => {
  for (const [target, whole] of [
    ["/ten.txt", Buffer.from("0123456789")],
    ["/large.bin", LARGE],
  ] as const) {
    const answer = await ask(target, { fields: ["Range: bytes=0-1,5-6,-1"] });
    assert.equal(answer.status, 206);
    assert.equal(answer.headers.has("content-range"), false);
    assert.equal(answer.headers.get("content-length"), String(answer.body.length));
    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(answer.headers.get("content-type") ?? "")?.[1];
    const parts = answer.body.split(`--${boundary}`);
    assert.deepEqual([parts.length, parts[0], parts[4]], [5, "", "--\r\n"]);
    const size = whole.length;
    for (const [i, [start, end]] of [
      [0, 2],
      [5, 7],
      [size - 1, size],
    ].entries()) {
      const [head, body] = (parts[i + 1] as string).split("\r\n\r\n") as [string, string];
      assert.match(head, new RegExp(`Content-Range: bytes ${start}-${(end as number) - 1}/${size}$`));
      assert.match(head, /^\r\nContent-Type: (text\/plain; charset=utf-8|application\/octet-stream)\r\n/);
      assert.deepEqual(Buffer.from(body.slice(0, -2), "latin1"), whole.subarray(start, end));
    }
  }
});

test("a range that cannot be had is 416 with the size, and one that means nothing is not looked at", async () => {
  for (const range of ["bytes=10-", "bytes=99-100", "bytes=-0", "bytes=10-12,20-"]) {
    const { status, headers } = await ask("/ten.txt", { fields: [`Range: ${range}`] });
    assert.deepEqual([status, headers.get("content-range")], [416, "bytes */10"], range);
  }
  for (const range of ["bytes=a-b", "items=0-1", "bytes=", `bytes=${"0-0,".repeat(100)}0-0`, "bytes 0-1"]) {
    const { status, body } = await ask("/ten.txt", { fields: [`Range: ${range}`] });
    assert.deepEqual([status, body], [200, "0123456789"], range);
  }
  assert.equal((await ask("/empty.txt", { fields: ["Range: bytes=0-"] })).status, 200);
  assert.equal((await ask("/ten.txt", { method: "HEAD", fields: ["Range: bytes=0-1"] })).status, 200);
});

test("If-Range gives a part only of the state that it names", async () => {
  const etag = (await ask("/ten.txt", { etag: "strong" })).headers.get("etag") as string;
  const cases: [number, FilesOptions, string][] = [
    [206, {}, DATE],
    [200, {}, "Tue, 14 Nov 2023 22:13:19 GMT"],
    [200, {}, 'W/"a"'],
    [206, { etag: "strong" }, etag],
    [200, { etag: "strong" }, '"other"'],
  ];
  for (const [status, options, value] of cases) {
    const answer = await ask("/ten.txt", { ...options, fields: ["Range: bytes=0-1", `If-Range: ${value}`] });
    assert.equal(answer.status, status, value);
  }
  // A weak tag never stands for octets.
  const weak = (await ask("/ten.txt")).headers.get("etag") as string;
  assert.equal((await ask("/ten.txt", { fields: ["Range: bytes=0-1", `If-Range: ${weak}`] })).status, 200);
});

test("conditions come before ranges, in the order of RFC 9110 §13.2.2", async () => {
  const etag = (await ask("/ten.txt", { etag: "strong" })).headers.get("etag") as string;
  const cases: [number, ...string[]][] = [
    [412, 'If-Match: "other"'],
    [200, `If-Match: ${etag}`],
    [200, "If-Match: *"],
    [412, "If-Unmodified-Since: Mon, 13 Nov 2023 00:00:00 GMT"],
    [200, `If-Unmodified-Since: ${DATE}`],
    [304, `If-None-Match: ${etag}`],
    [304, `If-Match: ${etag}`, `If-Modified-Since: ${DATE}`],
    [412, 'If-Match: "other"', `If-None-Match: ${etag}`],
    [304, `If-None-Match: ${etag}`, "Range: bytes=0-1"],
    [206, `If-Match: ${etag}`, "Range: bytes=0-1"],
    [412, 'If-Match: "other"', "Range: bytes=0-1"],
    [304, `If-None-Match: ${etag}`, "Range: bytes=99-"],
  ];
  for (const [status, ...fields] of cases) {
    assert.equal((await ask("/ten.txt", { etag: "strong", fields })).status, status, fields.join());
  }
});

test("a strong tag stands for the octets, in small and in large files", async () => {
  const path = join(root, "twice.bin");
  for (const size of [10, 100_000]) {
    const tags: (string | undefined)[] = [];
    for (const fill of [1, 2, 1]) {
      await writeFile(path, Buffer.alloc(size, fill));
      tags.push((await ask("/twice.bin", { etag: "strong" })).headers.get("etag"));
    }
    assert.match(tags[0] ?? "", /^"[\w-]+"$/);
    assert.equal(tags[0], tags[2]);
    assert.notEqual(tags[0], tags[1]);
  }
  await unlink(path);
  const none = await ask("/ten.txt", { etag: "none" });
  assert.deepEqual([none.headers.has("etag"), none.headers.get("last-modified")], [false, DATE]);
});

test("a file that was compressed before is sent to who accepts it", async () => {
  const options = { precompressed: true };
  const plain = await ask("/pre.js", options);
  const packed = await ask("/pre.js", { ...options, fields: ["Accept-Encoding: gzip, br"] });
  assert.deepEqual([plain.body, plain.headers.get("content-encoding")], [SCRIPT, undefined]);
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(packed.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(gunzipSync(octets(packed)).toString(), SCRIPT);
  for (const { headers } of [plain, packed]) assert.equal(headers.get("vary"), "Accept-Encoding");
  assert.notEqual(plain.headers.get("etag"), packed.headers.get("etag"));
  // A part of it is a part of what would be sent.
  const part = await ask("/pre.js", { ...options, fields: ["Accept-Encoding: gzip", "Range: bytes=0-1"] });
  assert.deepEqual([part.status, part.body, part.headers.get("content-encoding")], [206, "\x1f\x8b", "gzip"]);
  const current = ["Accept-Encoding: gzip", `If-None-Match: ${packed.headers.get("etag")}`];
  const same = await ask("/pre.js", { ...options, fields: current });
  assert.deepEqual([same.status, same.headers.get("vary")], [304, "Accept-Encoding"]);
});

test("a compressed file that is older than what it was made of, or not wanted, is not sent", async () => {
  const fields = ["Accept-Encoding: gzip"];
  assert.equal((await ask("/stale.js", { precompressed: true, fields })).body, SCRIPT);
  assert.equal((await ask("/pre.js", { precompressed: ["br"], fields })).body, SCRIPT);
  assert.equal((await ask("/pre.js", { precompressed: true, fields: ["Accept-Encoding: gzip;q=0"] })).body, SCRIPT);
  assert.equal((await ask("/pre.js", { fields })).body, SCRIPT);
});

test("a compressed file that comes, changes or goes is seen", async () => {
  const handler = files(root, { precompressed: true });
  const path = join(root, "ten.js");
  await writeFile(path, SCRIPT);
  await utimes(path, SECONDS, SECONDS);
  const gz = async (): Promise<string> => {
    const answer = await askOf(handler, "/ten.js", ["Accept-Encoding: gzip"]);
    return answer.headers.has("content-encoding") ? gunzipSync(octets(answer)).toString() : answer.body;
  };
  for (const text of ["first", "the second"]) {
    await writeFile(`${path}.gz`, gzipSync(text));
    assert.equal(await gz(), text);
  }
  await unlink(`${path}.gz`);
  assert.equal(await gz(), SCRIPT);
  await unlink(path);
});

test("what becomes smaller is compressed while it is sent, small or large", async () => {
  const options = { compress: true };
  for (const [target, text] of [
    ["/a.js", SCRIPT],
    ["/large.js", SCRIPT.repeat(40)],
  ] as const) {
    const fields = ["Accept-Encoding: br"];
    const answer = await ask(target, { ...options, fields });
    assert.equal(answer.headers.get("content-encoding"), "br", target);
    assert.equal(answer.headers.get("vary"), "Accept-Encoding");
    assert.ok(answer.body.length < text.length / 10);
    assert.equal(brotliDecompressSync(octets(answer)).toString(), text);
    const head = await ask(target, { ...options, fields, method: "HEAD" });
    assert.deepEqual([head.status, head.body, head.headers.get("etag")], [200, "", answer.headers.get("etag")]);
    const etag = answer.headers.get("etag") as string;
    assert.equal((await ask(target, { ...options, fields: [...fields, `If-None-Match: ${etag}`] })).status, 304);
    // A part can only be had of what is there.
    const part = await ask(target, { ...options, fields: [...fields, "Range: bytes=0-5"] });
    assert.deepEqual([part.status, part.body], [206, "export"]);
  }
  const fields = ["Accept-Encoding: gzip"];
  for (const target of ["/picture.png", "/ten.txt"]) {
    assert.equal((await ask(target, { ...options, fields })).headers.has("content-encoding"), false, target);
  }
  assert.equal((await ask("/a.js", { compress: ["gzip"], fields: ["Accept-Encoding: br"] })).body, SCRIPT);
});

test("who accepts nothing that can be had is told so, where there is something to choose from", async () => {
  const fields = ["Accept-Encoding: identity;q=0, compress"];
  const refused = await ask("/a.js", { compress: true, fields });
  assert.deepEqual([refused.status, refused.headers.get("vary")], [406, "Accept-Encoding"]);
  assert.equal((await ask("/a.js", { fields })).status, 200);
});

test("policies: caching by file, fields, types and what is unknown", async () => {
  const seen: unknown[] = [];
  const cacheControl: FilesOptions["cacheControl"] = (file) => {
    seen.push(file);
    return /\.[0-9a-f]{4}\./.test(file.name) ? "public, max-age=31536000, immutable" : "";
  };
  const css = await ask("/app.1f2e.css", { cacheControl });
  assert.equal(css.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.deepEqual(seen, [{ name: "app.1f2e.css", path: "/app.1f2e.css", type: "text/css; charset=utf-8", size: 4 }]);
  assert.equal((await ask("/ten.txt", { cacheControl })).headers.has("cache-control"), false);
  assert.equal((await ask("/LICENSE")).headers.get("content-type"), "application/octet-stream");
  const plain = await ask("/LICENSE", { unknownType: "text/plain" });
  assert.equal(plain.headers.get("content-type"), "text/plain; charset=utf-8");
  const headers = { "Access-Control-Allow-Origin": "*", "content-type": "text/x-own" };
  const own = await ask("/ten.txt", { headers });
  assert.deepEqual(own.headers.all("content-type"), ["text/x-own"]);
  const same = await ask("/ten.txt", { headers, fields: [`If-Modified-Since: ${DATE}`] });
  assert.deepEqual(
    [same.status, same.headers.get("access-control-allow-origin"), same.headers.has("content-type")],
    [304, "*", false],
  );
});

test("flags: which index there is, whether directories are listed, and led to", async () => {
  assert.equal((await ask("/pages/")).status, 404);
  assert.equal((await ask("/pages/", { index: ["index.html", "home.htm"] })).body, "home");
  assert.equal((await ask("/pages/", { index: false, listing: true })).status, 200);
  assert.equal((await ask("/pages", {})).status, 308);
  assert.equal((await ask("/pages", { redirect: false })).status, 404);
});

test("a list can be made by a function, which is told what there is", async () => {
  const page = await ask("/pages/", {
    listing: ({ path, place, entries, total }) =>
      html`${path} ${place} ${total}: ${entries.map(({ name, kind, size }) => `<${name}> ${kind} ${size}`)}`,
  });
  assert.equal(page.body, "/pages/ below 1: &lt;home.htm&gt; file 4");
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  const json = await ask("/pages/", { listing: async ({ entries }) => entries.map(({ name }) => name) });
  assert.deepEqual([json.headers.get("content-type"), json.body], ["application/json", '["home.htm"]']);
});

test("of several roots the first that has it answers", async () => {
  const both = files([root, second]);
  assert.equal((await askOf(both, "/ten.txt")).body, "0123456789");
  assert.equal((await askOf(both, "/other.txt")).body, "other");
  assert.equal((await askOf(both, "/pages/only.txt")).status, 200);
  assert.equal((await askOf(both, "/neither")).status, 404);
  assert.equal((await askOf(files([second, root]), "/ten.txt")).body, "the second ten");
});

test("links: those that stay inside, all, or none", async () => {
  const statuses = async (symlinks: "inside" | "follow" | "deny"): Promise<number[]> =>
    Promise.all(["/near.txt", "/out.txt"].map(async (target) => (await ask(target, { symlinks })).status));
  assert.deepEqual(await statuses("inside"), [200, 404]);
  assert.deepEqual(await statuses("follow"), [200, 200]);
  assert.deepEqual(await statuses("deny"), [404, 404]);
});

test("mounted, it reads the part of the path that is left", async () => {
  const site = files(root, { index: "ten.txt" });
  const inMux = mux().on("/static/{path...}", site).handler;
  const inPrefix = prefix({ "/static": site }).handler;
  for (const handler of [inMux, inPrefix]) {
    assert.equal((await askOf(handler, "/static/ten.txt")).body, "0123456789");
    assert.equal((await askOf(handler, "/static/")).body, "0123456789");
    assert.equal((await askOf(handler, "/static/pages")).headers.get("location"), "/static/pages/");
    assert.equal((await askOf(handler, "/ten.txt")).status, 404);
    for (const target of [
      "/static/../../second/other.txt",
      "/static/%2e%2e/second/other.txt",
      "/static/..%2fsecond/other.txt",
    ]) {
      assert.equal((await askOf(handler, target)).status, 404, target);
    }
  }
  const list = await askOf(
    mux().on("/static/{path...}", files(root, { index: false, listing: true })).handler,
    "/static/",
  );
  assert.ok(list.body.includes("<h1>/static/</h1>") && !list.body.includes("../"));
});

test("the mount without its slash is led to it, also when the file is kept", async () => {
  const handler = prefix({ "/static": files(root, { index: "ten.txt" }) }).handler;
  for (const time of [1, 2]) {
    assert.equal((await askOf(handler, "/static/")).status, 200, `time ${time}`);
    const { status, headers } = await askOf(handler, "/static?a=1");
    assert.deepEqual([status, headers.get("location")], [308, "/static/?a=1"], `time ${time}`);
  }
});

test("a file that becomes shorter while it is sent ends the connection, one that becomes longer is sent as it was", async () => {
  const path = join(root, "growing.bin");
  const size = 2_000_000;
  for (const change of ["shorter", "longer"] as const) {
    await writeFile(path, Buffer.alloc(size, "a"));
    await using bench = loopback(files(root));
    const client = bench.connect({ highWater: 65_536 });
    client.pause();
    client.send("GET /growing.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.resume();
    await client.until("\r\n\r\n");
    client.pause();
    if (change === "shorter") await truncate(path, 100);
    else await appendFile(path, "b".repeat(1000));
    client.resume();
    if (change === "shorter") {
      assert.equal(await client.closed, "reset");
      assert.ok(client.received.length < size);
    } else {
      await client.until((untaken) => untaken.length >= size);
      assert.match(client.received, /Content-Length: 2000000\r\n/i);
      assert.equal(client.received.includes("b".repeat(10)), false);
    }
  }
  await unlink(path);
});

test("what is no regular file is refused and not waited for, beside a file too", {
  skip: onWindows("has no named pipes in its folders"),
}, async () => {
  execFileSync("mkfifo", [join(root, "a.js.gz")]);
  const answer = await ask("/a.js", { precompressed: true, fields: ["Accept-Encoding: gzip"] });
  assert.equal(answer.body, SCRIPT);
  assert.equal((await ask("/a.js.gz")).status, 404);
  await unlink(join(root, "a.js.gz"));
});

test("options that cannot be are refused when they are given", () => {
  const cases: FilesOptions[] = [
    { index: ["a", "../b"] },
    { etag: "md5" as "weak" },
    { dotFiles: "allow" as "hide" },
    { symlinks: true as unknown as "inside" },
    { memory: -1 },
    { listingLimit: Number.NaN },
    { compress: ["compress" as "gzip"] },
    { precompressed: ["compress" as "gzip"] },
    { cacheControl: "a\r\nb" },
    { headers: { "a b": "c" } },
    { unknownType: "nonsense" },
  ];
  for (const options of cases) {
    assert.throws(() => files(root, options), LocalError, JSON.stringify(options));
  }
  assert.throws(() => files([]), LocalError);
});

test("fields that are given may have several lines, and take nothing from Vary", async () => {
  const headers: [string, string][] = [
    ["Link", "</a.css>; rel=preload"],
    ["link", "</b.css>; rel=preload"],
    ["Vary", "Origin"],
    ["cache-control", "max-age=60"],
    ["Content-Location", "/a.en.js"],
    ["Content-Language", "en"],
  ];
  const options: FilesOptions = { headers, compress: true };
  const whole = await ask("/a.js", { ...options, fields: ["Accept-Encoding: gzip"] });
  const links = ["</a.css>; rel=preload", "</b.css>; rel=preload"];
  assert.deepEqual(whole.headers.all("link"), links);
  assert.deepEqual(whole.headers.list("vary"), ["Accept-Encoding", "Origin"]);
  assert.deepEqual(whole.headers.all("cache-control"), ["max-age=60"]);
  const known = await ask("/a.js", { ...options, fields: ["If-None-Match: *"] });
  assert.equal(known.status, 304);
  assert.deepEqual(known.headers.all("link"), links);
  assert.deepEqual(known.headers.list("vary"), ["Accept-Encoding", "Origin"]);
  assert.equal(known.headers.get("content-location"), "/a.en.js");
  assert.equal(known.headers.has("content-language"), false);
});
