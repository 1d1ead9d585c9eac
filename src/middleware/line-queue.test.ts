import assert from "node:assert/strict";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type LineOwner, queueTo } from "./line-queue.ts";

const failures: unknown[] = [];
const owner: LineOwner = { dropped: (count) => `${count} dropped`, failed: (error) => failures.push(error) };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a function gets each line, without its end", () => {
  const lines: string[] = [];
  const queue = queueTo((line) => lines.push(line), owner);
  queue.write("one", owner);
  queue.write("two", owner);
  assert.deepEqual(lines, ["one", "two"]);
});

test("a file gets lines in their order, and none is lost", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-lines-"));
  const file = createWriteStream(join(folder, "log"), { highWaterMark: 16 });
  const queue = queueTo(file, owner);
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  for (const line of lines) queue.write(line, owner);
  while (file.writableNeedDrain) await once(file, "drain");
  await turn();
  file.end();
  await once(file, "finish");
  assert.equal(await readFile(join(folder, "log"), "utf8"), `${lines.join("\n")}\n`);
  await rm(folder, { recursive: true });
});

test("a slow stream makes lines wait up to the bound; those beyond it are counted, and the rest is whole", async () => {
  const stream = new PassThrough({ highWaterMark: 10 });
  const queue = queueTo(stream, owner, 100);
  for (let i = 0; i < 1000; i++) queue.write(`line ${String(i).padStart(5, "0")}`, owner);
  assert.ok(stream.writableLength < 50, "nothing piles up in the stream");
  stream.setEncoding("utf8");
  let text = "";
  stream.on("data", (piece) => (text += piece));
  for (let i = 0; i < 10; i++) await turn();
  // One was taken at once, ten of ten characters waited.
  const kept = Array.from({ length: 11 }, (_, i) => `line ${String(i).padStart(5, "0")}`);
  assert.equal(text, `${kept.join("\n")}\n989 dropped\n`);
  queue.write("goes on", owner);
  await turn();
  assert.ok(text.endsWith("dropped\ngoes on\n"));
});

test("an asynchronous function has one line in hand; a rejection is told, and the next line goes on", async () => {
  failures.length = 0;
  const begun: string[] = [];
  const settle: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const queue = queueTo(
    (line) => {
      begun.push(line);
      return new Promise<void>((resolve, reject) => settle.push({ resolve, reject }));
    },
    owner,
    10,
  );
  for (const line of ["one", "two", "three", "four", "five"]) queue.write(line, owner);
  assert.deepEqual(begun, ["one"]);
  settle[0]?.reject(new Error("disk full"));
  await turn();
  assert.deepEqual(begun, ["one", "two"]);
  assert.equal((failures[0] as Error).message, "disk full");
  settle[1]?.resolve();
  await turn();
  settle[2]?.resolve();
  await turn();
  // "two" and "three" were eight characters; "four" was too many, and "five" came behind it.
  assert.deepEqual(begun, ["one", "two", "three", "2 dropped"]);
});

test("a target that throws breaks nothing, nor does who is told of it", () => {
  const rude: LineOwner = {
    dropped: String,
    failed() {
      throw new Error("nor here");
    },
  };
  const queue = queueTo(() => {
    throw new Error("no");
  }, rude);
  queue.write("one", rude);
  queue.write("two", rude);
});

test("a stream that breaks is told of, and takes nothing more; the process goes on", async () => {
  failures.length = 0;
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  const queue = queueTo(stream, owner, 100);
  for (let i = 0; i < 100; i++) queue.write("x".repeat(50), owner);
  await turn();
  for (let i = 0; i < 100; i++) queue.write("y".repeat(50), owner);
  await turn();
  assert.deepEqual(
    failures.map((error) => (error as Error).message),
    ["EPIPE"],
  );
});

test("logs that share a stream share its queue, and all of them are told when it breaks", async () => {
  const told: string[] = [];
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  const owners = ["one", "two"].map((name) => ({
    dropped: String,
    failed: (error: unknown) => void told.push(`${name} ${(error as Error).message}`),
  }));
  for (const each of owners) queueTo(broken, each).write("x", each);
  await turn();
  assert.deepEqual(told, ["one EPIPE", "two EPIPE"]);
  const stream = new PassThrough();
  assert.equal(queueTo(stream, owner), queueTo(stream, owner));
  assert.equal(stream.listenerCount("error"), 1);
});

test("a function that writes to its own log does not go round for ever", async () => {
  let calls = 0;
  const queue = queueTo((line) => {
    calls++;
    if (calls < 5) queue.write(`${line}!`, owner);
  }, owner);
  queue.write("a", owner);
  assert.equal(calls, 1, "the others come later");
  for (let i = 0; i < 10; i++) await turn();
  assert.equal(calls, 5);
});

test("a stream that outlives its logs does not hold them", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const stream = new PassThrough().resume();
  const gone: WeakRef<object>[] = [];
  const told: unknown[] = [];
  const kept: LineOwner = { dropped: String, failed: (error) => told.push(error) };
  queueTo(stream, kept);
  for (let i = 0; i < 100; i++) {
    const passing: LineOwner = { dropped: String, failed: () => {} };
    gone.push(new WeakRef(passing));
    queueTo(stream, passing).write("a line", passing);
  }
  for (let i = 0; i < 5; i++) {
    await turn();
    collect();
  }
  assert.ok(
    gone.filter((each) => each.deref() !== undefined).length <= 1,
    "all but the last, which a register may hold",
  );
  const error = new Error("the disk is full");
  stream.destroy(error);
  await turn();
  assert.deepEqual(told, [error]);
});
