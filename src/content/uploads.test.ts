import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, MULTIPART, multipart, type SentPart, wire } from "../../test/fixtures/ask.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { fileSlice, reply, text } from "../message/index.ts";
import type { Request } from "../message/request.ts";
import { loopback } from "../testing/index.ts";
import { readFormData } from "./form-data.ts";
import { parts } from "./multipart.ts";
import { type UploadedFile, uploads } from "./uploads.ts";

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "portico-uploads-"));
});
after(() => rm(root, { recursive: true }));

const HEADERS = { "Content-Type": MULTIPART };

/** A new folder for one test. */
const folder = (): Promise<string> => mkdtemp(join(root, "t-"));

const LARGE: SentPart = { name: "f", filename: "../x.txt", type: "text/plain", content: Buffer.alloc(100_000, "x") };
const SMALL: SentPart = { name: "s", filename: "s.txt", content: "small" };
const FIELD: SentPart = { name: "a", content: "1" };

async function first(request: Request, into: string): Promise<UploadedFile> {
  for await (const part of parts(request)) if (part.filename !== undefined) return await part.save(into);
  throw new HttpError(400);
}

test("a part is saved under a name that the peer has no part in, and nobody else can read it", async () => {
  const into = await folder();
  const answer = await ask({ headers: HEADERS, body: multipart([FIELD, LARGE]) }, async (request) => {
    const file = await first(request, into);
    const { mode } = await stat(file.path as string);
    return [
      file.name,
      file.filename,
      file.type,
      file.size,
      mode & 0o777,
      (await file.bytes()).length,
      uploads(request).size,
    ];
  });
  assert.deepEqual(JSON.parse(answer.body), ["f", "x.txt", "text/plain", 100_000, 0o600, 100_000, 1]);
  const [name = ""] = await readdir(into);
  assert.match(name, /^upload-[0-9a-f-]{36}$/);
});

test("what is kept stays, where it is told to; what is not goes with uploads()", async () => {
  const into = await folder();
  const body = multipart([LARGE, { ...LARGE, content: "two" }, { ...LARGE, content: "three" }]);
  await writeFile(join(into, "there"), "older");
  const answer = await ask({ headers: HEADERS, body }, async (request) => {
    await using held = uploads(request);
    const files: UploadedFile[] = [];
    for await (const part of parts(request)) files.push(await part.save(into));
    const [one, two, three] = files as [UploadedFile, UploadedFile, UploadedFile];
    const kept = await one.keep();
    const moved = await two.keep(join(into, "there"));
    assert.deepEqual([held.size, kept === one.path, moved === two.path], [1, true, true]);
    assert.equal(await three.text(), "three");
    return [kept];
  });
  const [kept] = JSON.parse(answer.body) as [string];
  assert.equal((await readdir(into)).length, 2);
  assert.equal((await stat(kept)).size, 100_000);
  assert.equal(await readFile(join(into, "there"), "utf8"), "two");
});

test("a file is deleted once, and is then gone for all", async () => {
  const into = await folder();
  await ask({ headers: HEADERS, body: multipart([LARGE]) }, async (request) => {
    {
      await using file = await first(request, into);
      assert.equal((await readdir(into)).length, 1);
      assert.equal(uploads(request).size, 1);
      await file.delete();
    }
    assert.deepEqual([await readdir(into), uploads(request).size], [[], 0]);
    return "";
  });
});

test("where the upload is malformed, too large or cut off, no file is left", async () => {
  const into = await folder();
  const whole = multipart([LARGE]);
  const cases: [Buffer, number][] = [
    [whole.subarray(0, -10), 400],
    [whole.subarray(0, 50_000), 400],
    [multipart([{ ...LARGE, content: Buffer.alloc(200_001) }]), 413],
  ];
  for (const [body, status] of cases) {
    const answer = await ask({ headers: HEADERS, body }, async (request) => {
      for await (const part of parts(request, { fileBytes: 200_000 })) await part.save(into);
      return "";
    });
    assert.deepEqual([answer.status, await readdir(into)], [status, []]);
  }
});

test("a folder that is not there is a failure of the server, and says nothing to the client", async () => {
  const answer = await ask({ headers: HEADERS, body: multipart([LARGE]) }, (request) =>
    first(request, join(root, "none")),
  );
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body, /ENOENT|none/);
});

test("when the client leaves, all that was not kept is deleted", async () => {
  const into = await folder();
  let saved = (): void => {};
  const isSaved = new Promise<void>((resolve) => {
    saved = resolve;
  });
  const kept: string[] = [];
  let over: Promise<unknown> = Promise.resolve();
  await using bench = loopback((request) => {
    const run = async (): Promise<never> => {
      for await (const part of parts(request)) {
        const file = await part.save(into);
        if (kept.length === 0) kept.push(await file.keep());
        else saved();
      }
      assert.fail("the form never ends");
    };
    const answer = run();
    over = answer.catch(() => uploads(request).release());
    return answer;
  });
  const client = bench.connect();
  const body = multipart([LARGE, LARGE, LARGE]);
  client.send(wire({ headers: HEADERS, body: Buffer.concat([body, Buffer.alloc(10)]) }).subarray(0, -50_000));
  await isSaved;
  client.reset();
  await over;
  assert.deepEqual(
    (await readdir(into)).map((name) => join(into, name)),
    kept,
  );
});

/** The disk deletes with threads of its own. */
async function emptied(into: string): Promise<void> {
  while ((await readdir(into)).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

test("what is left is deleted when the handler fails, and when it has answered", async () => {
  const into = await folder();
  let seen = 0;
  const receive =
    (end: (file: UploadedFile) => ReturnType<Handler>): Handler =>
    async (request) => {
      const file = await first(request, into);
      seen = (await readdir(into)).length;
      return end(file);
    };
  const fail = (): never => {
    throw new HttpError(409);
  };
  const sent = wire({ headers: HEADERS, body: multipart([LARGE]) });
  for (const [end, status] of [
    [fail, 409],
    [() => text("ok"), 200],
  ] as const) {
    await using bench = loopback(receive(end));
    assert.equal((await bench.connect().send(sent).answer("POST")).status, status);
    await emptied(into);
    assert.equal(seen, 1);
  }
});

test("a reply streams the file first, as an iterable or as a slice, and it is deleted too where that is never begun, or fails", async () => {
  const into = await folder();
  const sent = wire({ headers: HEADERS, body: multipart([LARGE]) });
  const answered = async (make: (file: UploadedFile) => ReturnType<Handler>): Promise<number> => {
    const handler: Handler = async (request) => make(await first(request, into));
    await using bench = loopback(handler);
    const client = bench.connect().send(sent);
    const head = await client.until("\r\n\r\n");
    if (!head.includes(" 204 "))
      await client.until((rest) => rest.endsWith("\r\n\r\n") || rest.endsWith("xxxx") || client.ending !== undefined);
    await emptied(into);
    return client.received.length;
  };
  assert.ok((await answered((file) => reply(200, {}, file))) > 100_000);
  assert.ok((await answered((file) => reply(200, {}, fileSlice(file.path as string, 0, file.size)))) > 100_000);
  assert.ok((await answered((file) => reply(204, {}, file))) < 1000);
  await answered((file) =>
    reply(
      200,
      {},
      (async function* () {
        for await (const chunk of file) yield chunk;
        throw new Error("in the middle");
      })(),
    ),
  );
});

test("a file that was kept can be sent as a slice", async () => {
  const into = await folder();
  const handler: Handler = async (request) => {
    const file = await first(request, into);
    return reply(200, {}, fileSlice(await file.keep(), 0, 10));
  };
  await using bench = loopback(handler);
  assert.equal(
    (
      await bench
        .connect()
        .send(wire({ headers: HEADERS, body: multipart([LARGE]) }))
        .answer("POST")
    ).body,
    "x".repeat(10),
  );
  assert.equal((await readdir(into)).length, 1);
});

test("a whole form has small files in memory and large ones on disk", async () => {
  const into = await folder();
  const empty: SentPart = { name: "e", filename: "", type: "application/octet-stream", content: "" };
  const named: SentPart = { name: "n", filename: "n", content: "" };
  await ask({ headers: HEADERS, body: multipart([FIELD, SMALL, empty, LARGE, named, FIELD]) }, async (request) => {
    await using held = uploads(request);
    const form = await readFormData(request, { folder: into });
    assert.deepEqual(form.names(), ["a", "s", "f", "n"]);
    assert.deepEqual(form.all("a"), ["1", "1"]);
    const [small, large] = [form.get("s"), form.get("f")] as [UploadedFile, UploadedFile];
    assert.deepEqual([small.path, await small.text(), small.size], [undefined, "small", 5]);
    assert.equal(large.path?.startsWith(into), true);
    assert.equal(String(await large.bytes()), "x".repeat(100_000));
    assert.equal(held.size, 3);
    let streamed = 0;
    for await (const chunk of large) streamed += chunk.length;
    for await (const chunk of small) streamed += chunk.length;
    assert.equal(streamed, 100_005);
    await assert.rejects(small.keep(), (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION");
    await small.keep(join(into, "small.txt"));
    await assert.rejects(large.bytes(10), (error) => error instanceof HttpError && error.status === 413);
    await large.delete();
    for (const path of [undefined, join(into, "large")])
      await assert.rejects(large.keep(path), { code: "USE_BODY_USED" });
    return "";
  });
  assert.deepEqual(await readdir(into), ["small.txt"]);
});

test("what is in memory is bounded: files go to disk, and fields are 413", async () => {
  const into = await folder();
  await ask({ headers: HEADERS, body: multipart([SMALL, { ...SMALL, name: "t" }]) }, async (request) => {
    await using _held = uploads(request);
    const form = await readFormData(request, { folder: into, memoryBytes: 6 });
    const paths = ["s", "t"].map((name) => (form.get(name) as UploadedFile).path !== undefined);
    assert.deepEqual(paths, [false, true]);
    return "";
  });
  const fields = multipart([SMALL, { name: "a", content: "1234567890" }]);
  const answer = await ask({ headers: HEADERS, body: fields }, (request) => readFormData(request, { memoryBytes: 10 }));
  assert.equal(answer.status, 413);
  assert.deepEqual(await readdir(into), []);
});

test("a form that fails late leaves none of its files", async () => {
  const into = await folder();
  const body = multipart([LARGE, { name: "a", content: Buffer.from([0xff]) }]);
  const answer = await ask({ headers: HEADERS, body }, (request) => readFormData(request, { folder: into }));
  assert.deepEqual([answer.status, await readdir(into)], [400, []]);
});
