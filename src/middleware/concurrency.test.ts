import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { stack } from "../message/handler.ts";
import { type Reply, text } from "../message/reply.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { type ConcurrencyOptions, concurrency } from "./concurrency.ts";
import { timeout } from "./timeout.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

interface Held {
  readonly bench: Loopback;
  readonly clock: FakeClock;
  /** What is under way, in the order in which it began. */
  readonly held: ((answer: Reply | Promise<Reply>) => void)[];
}

function holding(limit: number, options: ConcurrencyOptions = {}): Held {
  const clock = new FakeClock();
  const held: Held["held"] = [];
  const handler = stack(
    ({ path }) => (path === "/now" ? text("now") : new Promise<Reply>((resolve) => held.push(resolve))),
    concurrency(limit, { clock, ...options }),
  );
  return { bench: loopback(handler), clock, held };
}

test("with a limit of two the third waits until one has ended, and they begin in order [CH-37]", async () => {
  const { bench, held } = holding(2, { queue: 2 });
  await using _bench = bench;
  const clients = [];
  for (let i = 0; i < 4; i++) {
    clients.push(bench.connect().send(GET));
    await bench.settled();
  }
  assert.equal(held.length, 2);
  held[1]?.(text("second"));
  assert.equal((await clients[1]?.answer())?.body, "second");
  await bench.settled();
  assert.equal(held.length, 3);
  held[2]?.(Promise.reject(new Error("no")));
  assert.equal((await clients[2]?.answer())?.status, 500);
  await bench.settled();
  assert.equal(held.length, 4);
  held[3]?.(text("fourth"));
  assert.equal((await clients[3]?.answer())?.body, "fourth");
  held[0]?.(text("first"));
  assert.equal((await clients[0]?.answer())?.body, "first");
});

test("without a queue, or where it is full, the answer is 503 and when to come again [CH-37]", async () => {
  const { bench, held } = holding(1, { retryAfter: 7 });
  await using _bench = bench;
  const first = bench.connect().send(GET);
  await bench.settled();
  const answer = await bench.connect().exchange(GET);
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "7"]);
  held[0]?.(text("x"));
  assert.equal((await first.answer()).status, 200);
  assert.equal((await bench.connect().exchange(GET.replace("/", "/now"))).body, "now");
});

test("who waits too long is refused, and its place is another's", async () => {
  const { bench, clock, held } = holding(1, { queue: 1, timeout: 500 });
  await using _bench = bench;
  bench.connect().send(GET);
  await bench.settled();
  const waiting = bench.connect().send(GET);
  await bench.settled();
  clock.tick(499);
  const third = bench.connect();
  assert.equal((await third.exchange(GET)).status, 503);
  clock.tick(1);
  assert.equal((await waiting.answer()).status, 503);
  assert.equal(clock.armed, 0);
  third.send(GET);
  await bench.settled();
  held[0]?.(text("x"));
  await bench.settled();
  assert.equal(held.length, 2, "the one that came after");
});

test("who leaves while it waits is never begun, and one whose client has left keeps its place until it has ended", async () => {
  const { bench, held } = holding(1, { queue: 5 });
  await using _bench = bench;
  const first = bench.connect().send(GET);
  await bench.settled();
  const leaving = bench.connect().send(GET);
  await bench.settled();
  const third = bench.connect().send(GET);
  await bench.settled();
  leaving.reset();
  first.reset();
  await bench.settled();
  assert.equal(held.length, 1);
  held[0]?.(text("x"));
  await bench.settled();
  assert.equal(held.length, 2);
  held[1]?.(text("third"));
  assert.equal((await third.answer()).body, "third");
});

test("a thousand that wait and answer at once are answered one after the other", async () => {
  let begun = 0;
  let release = (_reply: Reply): void => {};
  const handler = stack(
    () => {
      begun++;
      return begun === 1 ? new Promise<Reply>((resolve) => (release = resolve)) : text(String(begun));
    },
    concurrency(1, { queue: 1000 }),
  );
  await using bench = loopback(handler);
  bench.connect().send(GET);
  await bench.settled();
  const clients = Array.from({ length: 1000 }, () => bench.connect().send(GET));
  await bench.settled();
  assert.equal(begun, 1);
  release(text("1"));
  const bodies = await Promise.all(clients.map(async (client) => (await client.answer()).body));
  assert.deepEqual(
    bodies,
    Array.from({ length: 1000 }, (_, i) => String(i + 2)),
  );
});

test("a handler that throws at once gives its place back", async () => {
  const handler = stack(() => {
    throw new Error("no");
  }, concurrency(1));
  await using bench = loopback(handler);
  for (let i = 0; i < 3; i++) assert.equal((await bench.connect().exchange(GET)).status, 500);
});

test("numbers that cannot be are refused", () => {
  for (const limit of [0, 1.5, -1, Number.NaN]) assert.throws(() => concurrency(limit), { code: "USE_BAD_OPTION" });
  for (const options of [{ queue: -1 }, { queue: 0.5 }, { retryAfter: -1 }, { timeout: 0 }]) {
    assert.throws(() => concurrency(1, options), { code: "USE_BAD_OPTION" });
  }
});

test("with a time limit around it, who waits longer than that leaves the queue, and a place is taken until the work is done", async () => {
  const clock = new FakeClock();
  const held: ((reply: Reply) => void)[] = [];
  const handler = stack(
    () => new Promise<Reply>((resolve) => held.push(resolve)),
    timeout(1000, { clock }),
    concurrency(1, { queue: 1, clock }),
  );
  await using bench = loopback(handler);
  const ask = async (): Promise<ReturnType<typeof bench.connect>> => {
    const client = bench.connect().send(GET);
    await bench.settled();
    return client;
  };
  const early = [await ask(), await ask()];
  clock.tick(1000);
  for (const client of early) assert.equal((await client.answer()).status, 503);
  const later = await ask();
  assert.equal(held.length, 1, "the first still works, the second never began, the third waits");
  held[0]?.(text("too late"));
  await bench.settled();
  assert.equal(held.length, 2);
  held[1]?.(text("the third"));
  assert.equal((await later.answer()).body, "the third");
  assert.equal(clock.armed, 0);
});
