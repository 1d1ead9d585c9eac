import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { Readable } from "node:stream";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { HttpError } from "../base/errors.ts";
import { type Handler, stack } from "../message/handler.ts";
import { Pipe } from "../message/pipe.ts";
import { reply, text } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { signalOf, timeout } from "./timeout.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function limited(handler: Handler, status?: 504): { bench: Loopback; clock: FakeClock; told: unknown[] } {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const guard = timeout(1000, { clock, ...(status && { status }) });
  return { bench: loopback(stack(handler, guard), { hooks: { error: (error) => told.push(error) } }), clock, told };
}

test("who answers in time is let be, and no timer is left", async () => {
  for (const handler of [() => text("x"), async () => text("x")]) {
    const { bench, clock } = limited(handler);
    await using _bench = bench;
    assert.equal((await bench.connect().exchange(GET)).body, "x");
    assert.equal(clock.armed, 0);
  }
  const { bench, clock } = limited(() => Promise.reject(new Error("no")));
  await using _bench = bench;
  assert.equal((await bench.connect().exchange(GET)).status, 500);
  assert.equal(clock.armed, 0);
});

test("who does not is answered for, and told by its signal", async () => {
  for (const status of [503, 504] as const) {
    let reason: unknown;
    const { bench, clock } = limited(
      (request) =>
        new Promise((_resolve, reject) => {
          const signal = signalOf(request);
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason as Error);
          });
        }),
      status === 504 ? 504 : undefined,
    );
    await using _bench = bench;
    const client = bench.connect().send(GET);
    await bench.settled();
    clock.tick(999);
    await bench.settled();
    assert.equal(client.received, "");
    clock.tick(1);
    assert.equal((await client.answer()).status, status);
    assert.equal((reason as { code: string }).code, "HTTP_TIMEOUT");
    bench.server.handler = () => text("goes on");
    assert.equal((await client.exchange(GET)).body, "goes on");
  }
});

test("a signal that is asked for too late has aborted already", async () => {
  let ask = (): AbortSignal => assert.fail();
  const { bench, clock } = limited((request) => {
    ask = () => signalOf(request);
    return new Promise(() => {});
  });
  await using _bench = bench;
  const client = bench.connect().send(GET);
  await bench.settled();
  clock.tick(1000);
  await client.answer();
  assert.equal(ask().aborted, true);
});

test("a reply that comes too late is let go: its source is closed", async () => {
  const pipe = new Pipe();
  const stream = new Readable({ read() {} });
  let stopped = 0;
  const iterable = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: async () => {
        stopped++;
        throw new Error("nobody's concern");
      },
    }),
  };
  for (const body of [pipe, stream, iterable, "text", Buffer.from("x"), null]) {
    let answer = (): void => {};
    const { bench, clock, told } = limited(
      () =>
        new Promise((resolve) => {
          answer = () => resolve(reply(200, {}, body));
        }),
    );
    await using _bench = bench;
    const client = bench.connect().send(GET);
    await bench.settled();
    clock.tick(1000);
    assert.equal((await client.answer()).status, 503);
    answer();
    await bench.settled();
    assert.equal(client.untaken, "");
    assert.equal(told.length, 1);
  }
  assert.equal(pipe.cancelled.aborted, true);
  assert.equal(stream.destroyed, true);
  assert.equal(stopped, 1);
});

test("an error that comes too late is told of; one that only says that it was aborted is not", async () => {
  let fail = (_error: Error): void => {};
  const { bench, clock, told } = limited(
    () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
  );
  await using _bench = bench;
  for (const late of [new Error("late"), new DOMException("aborted", "AbortError")]) {
    const client = bench.connect().send(GET);
    await bench.settled();
    clock.tick(1000);
    await client.answer();
    fail(late as Error);
    await bench.settled();
  }
  assert.deepEqual(
    told.map((error) => (error as { code?: string }).code ?? (error as Error).message),
    ["HTTP_TIMEOUT", "late", "HTTP_TIMEOUT"],
  );
});

test("the signal aborts when the client leaves, and an outer timeout reaches an inner one", async () => {
  const signals: AbortSignal[] = [];
  const clock = new FakeClock();
  const handler = stack(
    (request) => {
      signals.push(signalOf(request));
      return new Promise(() => {});
    },
    timeout(1000, { clock }),
    timeout(5000, { clock }),
  );
  await using bench = loopback(handler);
  const leaving = bench.connect().send(GET);
  await bench.settled();
  leaving.reset();
  await bench.settled();
  assert.equal(signals[0]?.aborted, true);
  const waiting = bench.connect().send(GET);
  await bench.settled();
  clock.tick(1000);
  assert.equal((await waiting.answer()).status, 503);
  assert.equal(signals[1]?.aborted, true);
});

test("the signal of the request is let go once the reply is over, and followed until then", async () => {
  const never = new Promise<never>(() => {});
  let late = (): void => {};
  const pipe = new Pipe();
  pipe.flush(); // the head does not wait
  const endings: Record<string, (bench: Loopback, clock: FakeClock) => Promise<void>> = {
    "a reply at once": async (bench) => void (await bench.connect().exchange(GET)),
    "a refusal": async (bench) => void (await bench.connect().exchange(GET)),
    "a reply later": async (bench) => {
      const client = bench.connect().send(GET);
      await bench.settled();
      late();
      await client.answer();
    },
    "no reply in time": async (bench, clock) => {
      const client = bench.connect().send(GET);
      await bench.settled();
      clock.tick(1000);
      await client.answer();
    },
    "no client any more": async (bench) => {
      const client = bench.connect().send(GET);
      await bench.settled();
      client.reset();
      await bench.settled();
    },
  };
  const handlers: Record<string, Handler> = {
    "a reply at once": () => text("x"),
    "a refusal": () => {
      throw new HttpError(404);
    },
    "a reply later": () => new Promise((resolve) => (late = () => resolve(text("x")))),
    "no reply in time": () => never,
    "no client any more": () => never,
  };
  for (const [ending, happens] of Object.entries(endings)) {
    const leading: AbortSignal[] = [];
    const following: AbortSignal[] = [];
    const clock = new FakeClock();
    const handler = stack(
      (request) => {
        leading.push(request.signal);
        following.push(signalOf(request), signalOf(request));
        assert.equal(getEventListeners(request.signal, "abort").length, 1);
        return (handlers[ending] as Handler)(request);
      },
      timeout(1000, { clock }),
      timeout(5000, { clock }),
    );
    await using bench = loopback(handler, { hooks: { error: () => {} } });
    for (let i = 0; i < 3; i++) await happens(bench, clock);
    await bench.settled();
    assert.equal(leading.length, 3);
    for (const signal of [...leading, ...following]) {
      assert.equal(getEventListeners(signal, "abort").length, 0, ending);
    }
    const aborted = ending.startsWith("no ");
    assert.deepEqual(new Set(following.map((signal) => signal.aborted)), new Set([aborted]), ending);
    if (ending === "no client any more") assert.equal(following[0]?.reason, leading[0]?.reason);
  }
  // A body that is still sent may wait for something.
  let signal: AbortSignal | undefined;
  const streaming = stack((request) => {
    signal = signalOf(request);
    return reply(200, {}, pipe);
  }, timeout(1000));
  await using bench = loopback(streaming);
  const client = bench.connect().send(GET);
  await client.until("\r\n\r\n");
  assert.equal(signal?.aborted, false);
  client.reset();
  await bench.settled();
  assert.equal(signal?.aborted, true);
});

test("a signal that is first asked for when the reply is over holds nothing, and has the reason where there is one", async () => {
  const requests: Request[] = [];
  const handler = stack((request) => {
    requests.push(request);
    return requests.length === 1 ? text("x") : new Promise(() => {});
  }, timeout(1000));
  await using bench = loopback(handler);
  await bench.connect().exchange(GET);
  const client = bench.connect().send(GET);
  await bench.settled();
  client.reset();
  await bench.settled();
  assert.deepEqual(
    requests.map((request) => [signalOf(request).aborted, getEventListeners(request.signal, "abort").length]),
    [
      [false, 0],
      [true, 0],
    ],
  );
  assert.equal(signalOf(requests[1] as Request).reason, requests[1]?.signal.reason);
});

test("without timeout() the signal is the request's own", async () => {
  await using bench = loopback((request) => text(String(signalOf(request) === request.signal)));
  assert.equal((await bench.connect().exchange(GET)).body, "true");
});

test("a time or a status that cannot be is refused", () => {
  for (const wrong of [0, -1, Number.NaN]) assert.throws(() => timeout(wrong), { code: "USE_BAD_OPTION" });
  assert.throws(() => timeout(1, { status: 408 as never }), { code: "USE_BAD_OPTION" });
});
