// What is said of files whose time says nothing, because a tool set it; and of files that grow while they are looked at.
import assert from "node:assert/strict";
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import {
  type FileHandle,
  link,
  mkdir,
  mkdtemp,
  open,
  realpath,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { mux } from "../route/mux.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { file, sendFile } from "./file.ts";
import { addFiles } from "./file-routes.ts";
import { digestOf, digestOfFile, isDated, openAs } from "./file-state.ts";
import { type FilesOptions, files } from "./files.ts";
import { snapshot } from "./snapshot.ts";

let root = "";

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "portico-dates-")));
});
after(() => rm(root, { recursive: true }));

async function ask(handler: Handler, target: string, ...fields: string[]): Promise<Answer> {
  await using bench = loopback(handler);
  return await bench.connect().exchange([`GET ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
}

// Times as tools set them: container images, Nix, ZIP in two zones, Gradle, Go, yarn, npm, archives of Bazel.
const CONSTANT = [
  "1970-01-01T00:00:00Z",
  "1970-01-01T00:00:01Z",
  "1970-01-02T00:00:00Z",
  "1979-11-30T00:00:00Z",
  "1980-01-01T00:00:00Z",
  "1980-01-01T00:00:02Z",
  "1979-12-31T11:00:00Z",
  "1980-01-01T12:00:00Z",
  "1980-02-01T00:00:00Z",
  "1984-06-22T21:50:00Z",
  "1985-10-26T08:15:00Z",
  "2000-01-01T00:00:00Z",
  "2010-01-01T00:00:00Z",
];
const REAL = ["1994-05-06T07:08:09Z", "1999-12-31T23:59:59Z", "2000-01-01T00:00:01Z", "2024-01-01T00:00:00Z"];

/** How often any file is read, and with how many octets, until the test is over. */
async function reads(t: TestContext, before: () => void = () => {}): Promise<{ octets: number }> {
  const probe = await open(root);
  const prototype = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const read = prototype.read as (...args: unknown[]) => Promise<{ bytesRead: number }>;
  const count = { octets: 0 };
  t.mock.method(prototype, "read", async function (this: FileHandle, ...args: unknown[]) {
    before();
    const result = await read.apply(this, args);
    count.octets += result.bytesRead;
    return result;
  });
  return count;
}

test("two releases of one size and one constant date are not taken for each other, in any way to serve a file", async () => {
  for (const [index, date] of [CONSTANT[1] as string, CONSTANT[4] as string].entries()) {
    for (const size of [10, 70_000]) {
      const folder = join(root, `release-${index}-${size}`);
      await mkdir(folder);
      const path = join(folder, "app.js");
      const release = async (letter: string): Promise<void> => {
        await rm(path, { force: true });
        await writeFile(path, letter.repeat(size));
        await utimes(path, new Date(date), new Date(date));
      };
      await release("a");
      const routes = mux();
      await addFiles(routes, folder, { stemFrom: `release-${index}-${size}` });
      const ways: Record<string, [target: string, handler: () => Handler | Promise<Handler>]> = {
        files: ["/app.js", () => files(folder)],
        file: ["/", () => file(path)],
        sendFile: ["/", () => (request) => sendFile(request, path)],
        addFiles: [`/release-${index}-${size}/app.js`, () => routes.handler],
        snapshot: ["/app.js", async () => (await snapshot(folder, { compress: false })).handler],
      };
      for (const [way, [target, make]] of Object.entries(ways)) {
        await release("a");
        const first = await ask(await make(), target);
        const tag = first.headers.get("etag") as string;
        assert.match(tag, /^"[^"]+"$/, `${way} ${date}`);
        assert.equal(first.headers.has("last-modified"), false, `${way} ${date}`);
        assert.equal((await ask(await make(), target, `If-None-Match: ${tag}`)).status, 304);
        await release("b");
        const conditions = [`If-None-Match: ${tag}`, `If-Modified-Since: ${new Date().toUTCString()}`];
        for (const condition of conditions) {
          const answer = await ask(await make(), target, condition);
          assert.deepEqual([answer.status, answer.body[0]], [200, "b"], `${way} ${date} ${condition}`);
        }
        assert.notEqual((await ask(await make(), target)).headers.get("etag"), tag);
      }
    }
  }
});

test("a date that a tool sets is not said, and the tag is of the content", async () => {
  for (const date of CONSTANT) {
    const path = join(root, "set.txt");
    await writeFile(path, "set");
    await utimes(path, new Date(date), new Date(date));
    const { headers } = await ask(files(root), "/set.txt");
    assert.deepEqual(
      [headers.get("etag"), headers.has("last-modified")],
      [`"${digestOf(Buffer.from("set"))}"`, false],
      date,
    );
    assert.equal(isDated({ mtimeMs: Date.parse(date) }), false);
  }
});

test("a date that a file may really have is said", async () => {
  for (const date of REAL) {
    const path = join(root, "real.txt");
    await writeFile(path, "real");
    await utimes(path, new Date(date), new Date(date));
    const { headers } = await ask(files(root), "/real.txt");
    assert.equal(headers.get("last-modified"), new Date(date).toUTCString());
    assert.match(headers.get("etag") as string, /^W\//);
    assert.equal(isDated({ mtimeMs: Date.parse(date) }), true);
  }
});

test("without a date, a tag is of the content up to 16 MiB, and above that there is neither; and none where none is wanted", async () => {
  const most = 16_777_216;
  for (const [size, tagged] of [
    [most, true],
    [most + 1, false],
  ] as const) {
    const path = join(root, "huge.bin");
    await writeFile(path, "");
    await truncate(path, size);
    await utimes(path, 1, 1);
    const head = async (options: FilesOptions): Promise<Answer["headers"]> => {
      await using bench = loopback(files(root, options));
      return (await bench.connect().exchange("HEAD /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")).headers;
    };
    const weak = await head({});
    assert.equal(weak.get("etag"), tagged ? `"${digestOf(Buffer.alloc(size))}"` : undefined);
    assert.equal(weak.has("last-modified"), false);
    const none = await head({ etag: "none" });
    assert.deepEqual([none.has("etag"), none.has("last-modified")], [false, false]);
    assert.equal((await head({ etag: "strong" })).get("etag"), `"${digestOf(Buffer.alloc(size))}"`);
  }
  const inner = files(root);
  const handler: Handler = async (request) => text(String((await inner(request)).status));
  const ifRange = `If-Range: ${new Date(1000).toUTCString()}`;
  assert.equal((await ask(handler, "/huge.bin", "Range: bytes=0-1", ifRange)).body, "200");
});

test("the tag of what lies beside a file, or is compressed from it, is of the content too", async () => {
  const path = join(root, "beside.js");
  const make = async (letter: string): Promise<void> => {
    await writeFile(path, letter.repeat(90_000));
    await writeFile(`${path}.br`, letter.repeat(50));
    for (const each of [path, `${path}.br`]) await utimes(each, 0, 0);
  };
  const tags = async (): Promise<(string | undefined)[]> => {
    const handler = files(root, { precompressed: ["br"], compress: ["gzip"] });
    const answers = [];
    for (const encoding of ["br", "gzip", "identity"]) {
      const answer = await ask(handler, "/beside.js", `Accept-Encoding: ${encoding}`);
      assert.equal(answer.headers.has("last-modified"), false, encoding);
      answers.push(answer.headers.get("etag"));
    }
    return answers;
  };
  await make("a");
  const before = await tags();
  await make("b");
  const now = await tags();
  assert.equal(new Set([...before, ...now]).size, 6);
  assert.equal([...before, ...now].includes(undefined), false);
});

test("the digest of a file is read once for each state of it, however many ask and by whatever path", async (t) => {
  const path = join(root, "once.bin");
  await writeFile(path, Buffer.alloc(300_000, 1));
  await link(path, join(root, "once-too.bin"));
  await utimes(path, 1, 1);
  const state = await stat(path);
  const today = Date.now();
  const { octets: none } = await reads(t);
  assert.equal(none, 0);
  const count = await reads(t);
  // It has just changed, and could again unseen: who asks meanwhile shares the reading, and nobody after it.
  const many = await Promise.all(Array.from({ length: 50 }, () => digestOfFile(path, state)));
  assert.deepEqual([new Set(many).size, count.octets], [1, 300_000]);
  await digestOfFile(path, state);
  assert.equal(count.octets, 600_000);
  t.mock.method(Date, "now", () => today + 86_400_000);
  for (const each of [path, join(root, "once-too.bin"), path]) await digestOfFile(each, await stat(each));
  assert.equal(count.octets, 900_000);
  await utimes(path, 2, 2);
  await digestOfFile(path, await stat(path));
  assert.equal(count.octets, 1_200_000);
});

test("a file that only grew since it was looked at is sent as what was promised, whole, in parts and compressed", async () => {
  const path = join(root, "growing.log");
  const size = 100_000;
  // The policy is asked between the look and the opening.
  const handler = files(root, {
    cacheControl: () => {
      appendFileSync(path, "b".repeat(5000));
      return "no-cache";
    },
    compress: true,
  });
  const cases: readonly (readonly [fields: string[], status: number, body: RegExp, length: number])[] = [
    [[], 200, /^a+$/, size],
    [["Range: bytes=99990-"], 206, /^a+$/, 10],
    [["Range: bytes=-5,0-4"], 206, /\r\n\r\na{5}\r\n--[\s\S]*\r\n\r\na{5}\r\n--/, 0],
    [["Accept-Encoding: gzip"], 200, /^a+$/, size],
  ];
  for (const [fields, status, body, length] of cases) {
    await writeFile(path, "a".repeat(size));
    const answer = await ask(handler, "/growing.log", ...fields);
    const packed = answer.headers.get("content-encoding") === "gzip";
    const sent = packed ? gunzipSync(Buffer.from(answer.body, "latin1")).toString() : answer.body;
    assert.equal(answer.status, status, fields.join());
    assert.match(sent.replace(/boundary=\w+|--\w+/g, "--"), body, fields.join());
    if (length > 0) assert.equal(sent.length, length);
  }
});

test("a small file that grows each time it is read is sent as it was", async (t) => {
  const path = join(root, "busy.log");
  await writeFile(path, "0123456789");
  let lines = 0;
  await reads(t, () => {
    appendFileSync(path, `${lines++}\n`);
  });
  const answer = await ask(files(root), "/busy.log");
  assert.equal(answer.status, 200);
  assert.ok(answer.body.startsWith("0123456789"), answer.body);
  assert.equal(answer.headers.get("content-length"), String(answer.body.length));
  assert.ok(answer.body.length < (await stat(path)).size);
});

test("a file that was put in the place of another, or cut and written anew, is never sent for it", async () => {
  const path = join(root, "changing.txt");
  const changes: Record<string, () => Promise<void>> = {
    "replaced by a longer one": async () => {
      await writeFile(`${path}.new`, "b".repeat(200_000));
      await rename(`${path}.new`, path);
    },
    "deleted, and another written": async () => {
      await unlink(path);
      await writeFile(path, "b".repeat(200_000));
    },
    shorter: async () => truncate(path, 99_999),
    "written anew, as long as it was": async () => writeFile(path, "b".repeat(100_000)),
  };
  for (const [change, make] of Object.entries(changes)) {
    await writeFile(path, "a".repeat(100_000));
    const state = await stat(path);
    // The clock of a file system moves in steps: until it has, another change is none to see.
    do await make();
    while ((await stat(path)).ctimeMs === state.ctimeMs);
    const { birthtimeMs, ino } = await stat(path);
    // Where a system does not tell when a file was made, its number alone says which one it is.
    if (change.startsWith("deleted") && ino === state.ino && birthtimeMs === state.birthtimeMs) continue;
    await assert.rejects(openAs(path, state), { status: 503 }, change);
  }
});

test("a file that is cut between the look and the opening is 503, and later ends the connection", async () => {
  const path = join(root, "cut.txt");
  for (const [name, cut] of [
    ["shorter", () => truncateSync(path, 70_000)],
    ["other octets", () => writeFileSync(path, "b".repeat(100_000))],
  ] as const) {
    await writeFile(path, "a".repeat(100_000));
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const cacheControl = (): string => {
      cut();
      return "no-cache";
    };
    const handler = files(root, { cacheControl });
    const answer = await ask(handler, "/cut.txt");
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"], name);
  }
});
