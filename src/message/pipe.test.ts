import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LocalError, TransportError } from "../base/errors.ts";
import { Fields } from "./fields.ts";
import { Pipe, type Sink } from "./pipe.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (chunk: Uint8Array): string => Buffer.from(chunk).toString();

/** A sink that writes down what it is told, and takes as many chunks as it is allowed. */
function recording(take = Number.POSITIVE_INFINITY): { sink: Sink; told: string[] } {
  const told: string[] = [];
  return {
    told,
    sink: {
      chunk(chunk) {
        told.push(textOf(chunk));
        return --take > 0;
      },
      end: (trailers) => void told.push(trailers === null ? "end" : `end ${[...trailers].join()}`),
      fail: (error) => void told.push(`fail ${error.message}`),
    },
  };
}

test("chunks come out in order, text as UTF-8, empty ones not at all", async () => {
  const pipe = new Pipe();
  pipe.write("\u00e4");
  pipe.write("");
  pipe.write(new Uint8Array(0));
  pipe.write(bytes("b"));
  pipe.end();
  const chunks: string[] = [];
  for await (const chunk of pipe) chunks.push(textOf(chunk));
  assert.deepEqual(chunks, ["\u00e4", "b"]);
});

test("write() says false at the high water mark, and drained() resolves below it", async () => {
  const pipe = new Pipe(4);
  assert.deepEqual([pipe.write("abc"), pipe.write("d"), pipe.size], [true, false, 4]);
  let drained = false;
  const waiting = pipe.drained().then(() => (drained = true));
  await turn();
  assert.equal(drained, false);
  await pipe[Symbol.asyncIterator]().next();
  await waiting;
  assert.equal(pipe.size, 1);
  await pipe.drained();
});

test("a reader that waits gets the chunk at once, past the queue", async () => {
  const pipe = new Pipe(1);
  const next = pipe[Symbol.asyncIterator]().next();
  assert.equal(pipe.write("abc"), true);
  assert.equal(textOf((await next).value as Uint8Array), "abc");
});

test("end() ends a reader that waits, one that comes later, and one that comes again", async () => {
  const pipe = new Pipe();
  const iterator = pipe[Symbol.asyncIterator]();
  const waiting = iterator.next();
  pipe.end();
  pipe.end();
  assert.deepEqual(
    [await waiting, await iterator.next()],
    [
      { done: true, value: undefined },
      { done: true, value: undefined },
    ],
  );
  assert.throws(
    () => pipe.write("x"),
    (error) => error instanceof LocalError && error.code === "USE_ENDED",
  );
  assert.equal(pipe.ended, true);
});

test("fail() reaches the reader behind what was queued", async () => {
  const pipe = new Pipe();
  pipe.write("a");
  pipe.fail(new Error("broken"));
  const iterator = pipe[Symbol.asyncIterator]();
  assert.equal(textOf((await iterator.next()).value as Uint8Array), "a");
  await assert.rejects(iterator.next(), /broken/);
  const other = new Pipe();
  const waiting = other[Symbol.asyncIterator]().next();
  other.fail(new Error("broken"));
  await assert.rejects(waiting, /broken/);
});

test("cancel() tells the producer in every way there is, and drops what waits", async () => {
  const pipe = new Pipe(1);
  pipe.write("abc");
  const told: unknown[] = [];
  pipe.watch({ cancel: (reason) => told.push(reason) });
  const { cancelled } = pipe;
  const drained = pipe.drained();
  const reason = new Error("gone");
  pipe.cancel(reason);
  pipe.cancel(new Error("again"));
  await assert.rejects(drained, /gone/);
  await assert.rejects(pipe.drained(), /gone/);
  assert.deepEqual([cancelled.aborted, cancelled.reason, told], [true, reason, [reason]]);
  assert.deepEqual([pipe.size, pipe.write("x"), pipe.size], [0, false, 0]);
  pipe.watch({ cancel: (late) => told.push(late) });
  assert.equal(told.length, 2, "who watches later is told too");
});

test("a cancelled pipe aborts a signal that is asked for later", () => {
  const pipe = new Pipe();
  pipe.cancel();
  assert.equal(pipe.cancelled.aborted, true);
  assert.ok(pipe.cancelled.reason instanceof TransportError);
});

test("return() while next() waits ends both, and the producer is told: a silent stream learns that its reader left", async () => {
  const pipe = new Pipe();
  const iterator = pipe[Symbol.asyncIterator]();
  const waiting = iterator.next();
  await iterator.return?.();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.equal(pipe.cancelled.aborted, true);
});

test("leaving a loop cancels the pipe", async () => {
  const pipe = new Pipe();
  pipe.write("a");
  pipe.write("b");
  for await (const chunk of pipe) {
    assert.equal(textOf(chunk), "a");
    break;
  }
  assert.deepEqual([pipe.cancelled.aborted, pipe.write("c")], [true, false]);
});

test("a sink is given what waits, then what comes, then the end with its trailers", () => {
  const pipe = new Pipe();
  pipe.write("a");
  const { sink, told } = recording();
  pipe.attach(sink);
  assert.equal(pipe.write("b"), true);
  pipe.end(new Fields({ T: "v" }));
  assert.deepEqual(told, ["a", "b", "end T,v"]);
});

test("a sink that is full is given nothing until resume(), and the producer waits as long", async () => {
  const pipe = new Pipe();
  const { sink, told } = recording(1);
  pipe.attach(sink);
  assert.equal(pipe.write("a"), false);
  let drained = false;
  const waiting = pipe.drained().then(() => (drained = true));
  pipe.write("b");
  await turn();
  assert.deepEqual([told, drained], [["a"], false]);
  sink.chunk = (chunk) => told.push(textOf(chunk)) > 0;
  pipe.resume();
  await waiting;
  pipe.end();
  assert.deepEqual(told, ["a", "b", "end"]);
});

test("what a sink has taken counts no longer, so that there is room again", async () => {
  const pipe = new Pipe(4);
  const { sink, told } = recording(1);
  pipe.attach(sink);
  pipe.write("a");
  assert.deepEqual([pipe.write("bcde"), pipe.size], [false, 4]);
  sink.chunk = (chunk) => told.push(textOf(chunk)) > 0;
  pipe.resume();
  assert.deepEqual([pipe.size, pipe.write("f"), told], [0, true, ["a", "bcde", "f"]]);
  await pipe.drained();
});

test("an end that was said while the sink was full comes behind the last chunk", () => {
  const pipe = new Pipe();
  const { sink, told } = recording(1);
  pipe.attach(sink);
  pipe.write("a");
  pipe.write("b");
  pipe.fail(new Error("broken"));
  assert.deepEqual(told, ["a"]);
  pipe.resume();
  assert.deepEqual(told, ["a", "b", "fail broken"]);
  pipe.resume();
  assert.equal(told.length, 3);
});

test("flush() reaches whoever the pipe is attached to, also where it was called before", () => {
  for (const [before, after, wanted] of [
    [0, 0, 0],
    [1, 0, 1],
    [2, 0, 1],
    [0, 2, 2],
    [1, 1, 2],
  ] as const) {
    const pipe = new Pipe();
    let flushed = 0;
    for (let i = 0; i < before; i++) pipe.flush();
    pipe.attach(recording().sink, { flush: () => flushed++ });
    for (let i = 0; i < after; i++) pipe.flush();
    assert.equal(flushed, wanted, `${before} before, ${after} after`);
  }
});

test("a chunk that is neither text nor bytes is refused", () => {
  for (const chunk of [1, null, undefined, {}, ["a"]]) {
    assert.throws(() => new Pipe().write(chunk as never), LocalError);
  }
});

const outOfState = (error: unknown): boolean => error instanceof LocalError && error.code === "USE_STATE";

test("a sink that is attached to a cancelled pipe fails at once, with the reason", () => {
  const pipe = new Pipe();
  pipe.write("a");
  pipe.cancel(new Error("gone"));
  const { sink, told } = recording();
  pipe.attach(sink);
  assert.deepEqual(told, ["fail gone"]);
});

test("a sink is told when the pipe is cancelled, whoever did it, and gets nothing more", () => {
  const pipe = new Pipe();
  const { sink, told } = recording();
  pipe.attach(sink);
  pipe.write("a");
  pipe.cancel(new Error("gone"));
  pipe.write("b");
  pipe.end();
  pipe.resume();
  assert.deepEqual(told, ["a", "fail gone"]);
});

test("a sink that cancels while it is given what waits gets nothing more", () => {
  const pipe = new Pipe();
  for (const chunk of ["a", "b"]) pipe.write(chunk);
  pipe.end();
  const { sink, told } = recording();
  sink.chunk = (chunk) => {
    told.push(textOf(chunk));
    pipe.cancel(new Error("gone"));
    return true;
  };
  pipe.attach(sink);
  assert.deepEqual(told, ["a", "fail gone"]);
});

test("a second sink is refused, and the first keeps the pipe", () => {
  const pipe = new Pipe();
  const { sink, told } = recording();
  pipe.attach(sink);
  assert.throws(() => pipe.attach(recording().sink), outOfState);
  pipe.write("a");
  pipe.end();
  assert.throws(() => pipe.attach(recording().sink), outOfState);
  assert.deepEqual(told, ["a", "end"]);
});

test("next() may be called again while one is pending: each gets its chunk, in order, or the end", async () => {
  const pipe = new Pipe();
  const iterator = pipe[Symbol.asyncIterator]();
  const nexts = [iterator.next(), iterator.next(), iterator.next()];
  pipe.write("a");
  pipe.write("b");
  pipe.end();
  const chunks = (await Promise.all(nexts)).map(({ value }) => value && textOf(value));
  assert.deepEqual(chunks, ["a", "b", undefined]);
  const failing = new Pipe();
  const both = [failing[Symbol.asyncIterator]().next(), failing[Symbol.asyncIterator]().next()];
  failing.fail(new Error("broken"));
  for (const result of await Promise.allSettled(both)) assert.equal(result.status, "rejected");
});

test("small pieces are gathered behind what waits, and each write stays one chunk between them", async () => {
  const pipe = new Pipe();
  const one = Buffer.from("x");
  assert.equal(pipe.gather(one), false, "nothing waits: it would only be late");
  pipe.write("first");
  for (const text of ["g", "h", "i"]) {
    one.write(text);
    assert.equal(pipe.gather(one), true);
  }
  pipe.write("a");
  pipe.write("b");
  one.write("j");
  pipe.gather(one);
  assert.equal(pipe.gather(Buffer.alloc(2000)), false, "it is large");
  assert.equal(pipe.size, 11);
  pipe.end();
  assert.equal(pipe.gather(one), false);
  const chunks: string[] = [];
  for await (const chunk of pipe) chunks.push(textOf(chunk));
  assert.deepEqual([chunks, pipe.size], [["first", "ghi", "a", "b", "j"], 0]);
});

test("100,000 pieces of one octet become some 25 chunks, which are full", async () => {
  const pipe = new Pipe();
  pipe.write("x");
  for (let i = 0; i < 100_000; i++) pipe.gather(Buffer.of(i % 251));
  pipe.end();
  assert.deepEqual([pipe.full, pipe.size], [true, 100_001]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of pipe) chunks.push(chunk);
  const held = chunks.slice(1).reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  assert.ok(chunks.length <= 26, `${chunks.length} chunks`);
  assert.ok(held < 110_000, `${held} octets`);
  assert.ok(Buffer.concat(chunks.slice(1)).every((octet, i) => octet === i % 251));
});

test("a few octets between large pieces do not cost a page each", async () => {
  const pipe = new Pipe(1_000_000);
  pipe.write(new Uint8Array(2));
  const gathered = new Set<ArrayBufferLike>();
  for (let i = 0; i < 320; i++) {
    pipe.gather(Buffer.of(1));
    pipe.write(Buffer.alloc(1025));
  }
  pipe.end();
  for await (const chunk of pipe) if (chunk.length === 1) gathered.add(chunk.buffer);
  const held = [...gathered].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(held < 320 * 400, `${held} octets`);
});
