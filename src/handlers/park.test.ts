// Parked requests on a server in memory: when they are looked at, what answers them, and what becomes of those whose client leaves.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { type Clock, FakeClock } from "../base/clock.ts";
import { HttpError } from "../base/errors.ts";
import { stack } from "../message/handler.ts";
import { type Reply, text } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { type ParkingLot, parkingLot } from "./park.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const get = (path: string): string => GET.replace("/", path);

test("a parked request is answered at the next notification, in the order of parking", async () => {
  const lot = parkingLot();
  const order: string[] = [];
  await using bench = loopback((request) =>
    lot.park(request, () => {
      order.push(request.path);
      return { path: request.path };
    }),
  );
  const clients = ["/1", "/2", "/3"].map((path) => bench.connect().send(get(path)));
  await bench.settled();
  assert.deepEqual([lot.parked, clients.map(({ received }) => received).join("")], [3, ""]);
  assert.equal(lot.notify(), 3);
  assert.deepEqual(await Promise.all(clients.map((client) => client.answer().then(({ body }) => body))), [
    '{"path":"/1"}',
    '{"path":"/2"}',
    '{"path":"/3"}',
  ]);
  assert.deepEqual([order, lot.parked, lot.notify()], [["/1", "/2", "/3"], 0, 0]);
});

test("a guard is asked at once and at each notification, and its value is passed on", async () => {
  const lot = parkingLot();
  let news: string | undefined;
  let asked = 0;
  await using bench = loopback((request) =>
    lot.deferUntil(
      request,
      () => {
        asked++;
        return news;
      },
      (value, { path }) => `${path}: ${value.toUpperCase()}`,
    ),
  );
  const client = bench.connect().send(get("/now"));
  await bench.settled();
  assert.deepEqual([asked, lot.notify(), asked], [1, 0, 2]);
  news = "it rains";
  await bench.settled();
  assert.deepEqual([asked, client.received], [2, ""], "nothing is asked before it is said that something happened");
  assert.equal(lot.notify(), 1);
  assert.equal((await client.answer()).body, "/now: IT RAINS");
  assert.equal((await bench.connect().exchange(GET)).body, "/: IT RAINS");
  assert.equal(asked, 4);
});

test("a guard can hold while it is true", async () => {
  const lot = parkingLot();
  let jobs = 2;
  await using bench = loopback((request) =>
    lot.deferWhile(
      request,
      () => jobs,
      (left) => `left: ${left}`,
    ),
  );
  const client = bench.connect().send(GET);
  await bench.settled();
  for (jobs = 1; lot.notify() === 0; jobs--);
  assert.equal((await client.answer()).body, "left: 0");
});

test("defer or do asks once: true, and it is done at the next notification whatever the guard says by then", async () => {
  const lot = parkingLot();
  let busy = false;
  let asked = 0;
  await using bench = loopback((request) =>
    lot.deferOrDo(
      request,
      () => {
        asked++;
        return busy;
      },
      () => "done",
    ),
  );
  assert.equal((await bench.connect().exchange(GET)).body, "done");
  busy = true;
  const client = bench.connect().send(GET);
  await bench.settled();
  assert.deepEqual([lot.parked, lot.notify(), asked], [1, 1, 2]);
  assert.equal((await client.answer()).body, "done");
});

test("who parks again stays parked, and is not looked at twice by one notification", async () => {
  const lot = parkingLot();
  const runs: string[] = [];
  let open = false;
  const handler = (request: { readonly path: string }): string | Promise<Reply> => {
    runs.push(request.path);
    return open ? `open ${request.path}` : lot.park(request as never, handler);
  };
  await using bench = loopback((request) => lot.park(request, handler));
  const clients = ["/1", "/2"].map((path) => bench.connect().send(get(path)));
  await bench.settled();
  for (let i = 0; i < 1000; i++) assert.equal(lot.notify(), 0);
  assert.deepEqual([runs.length, lot.parked, runs.slice(-2)], [2000, 2, ["/1", "/2"]]);
  open = true;
  assert.equal(lot.notify(), 2);
  for (const [i, client] of clients.entries()) assert.equal((await client.answer()).body, `open /${i + 1}`);
});

test("an async handler that parks again is answered too", async () => {
  const lot = parkingLot();
  let rounds = 0;
  const handler = async (request: never): Promise<string | Reply> => {
    await null;
    rounds++;
    return rounds < 3 ? await lot.park(request, handler as never) : "third";
  };
  await using bench = loopback((request) => lot.park(request, handler as never));
  const client = bench.connect().send(GET);
  for (let i = 0; i < 3; i++) {
    await bench.settled();
    lot.notify();
  }
  assert.equal((await client.answer()).body, "third");
});

test("without an answer the same handler runs again from its beginning", async () => {
  const lot = parkingLot();
  let value = "";
  let runs = 0;
  const handler = stack((request) => {
    runs++;
    return value === "" ? lot.park(request) : text(value);
  }, lot.deferrable);
  await using bench = loopback(handler);
  const client = bench.connect().send(GET);
  await bench.settled();
  assert.deepEqual([lot.notify(), lot.notify(), runs], [0, 0, 3]);
  value = "at last";
  assert.deepEqual([lot.notify(), (await client.answer()).body, runs], [1, "at last", 4]);
});

test("an async handler can wait for its turn and go on where it stands", async () => {
  const lot = parkingLot();
  let value = "";
  await using bench = loopback(async (request) => {
    const captured = request.path;
    while (value === "") await lot.turn(request);
    return text(`${captured} ${value}`);
  });
  const client = bench.connect().send(get("/here"));
  await bench.settled();
  lot.notify();
  await bench.settled();
  assert.equal(lot.parked, 1);
  value = "and now";
  lot.notify();
  assert.equal((await client.answer()).body, "/here and now");
});

for (const [leave, code] of [
  ["end", "NET_CLOSED"],
  ["reset", "NET_RESET"],
] as const) {
  test(`a client that leaves (${leave}) is dropped, the hook is told, and nothing runs for it any more`, async () => {
    const left: string[] = [];
    const ran: string[] = [];
    const lot = parkingLot({
      onAbandoned: ({ path }, reason) => void left.push(`${path} ${(reason as HttpError).code}`),
    });
    await using bench = loopback((request) => lot.park(request, () => void ran.push(request.path)));
    const leaver = bench.connect().send(get("/leaver"));
    const stayer = bench.connect().send(get("/stayer"));
    await bench.settled();
    leaver[leave]();
    await bench.settled();
    assert.deepEqual([left, lot.parked], [[`/leaver ${code}`], 1]);
    lot.notify();
    assert.deepEqual([(await stayer.answer()).status, ran], [204, ["/stayer"]]);
    assert.equal(left.length, 1);
  });
}

test("a client that has left before it is parked is abandoned at once", async () => {
  const left: string[] = [];
  const lot = parkingLot({ onAbandoned: ({ path }) => void left.push(path) });
  await using bench = loopback(async (request) => {
    await new Promise((resolve) => setImmediate(resolve));
    return lot.park(request, () => assert.fail("it ran"));
  });
  bench.connect().send(get("/gone")).end();
  await bench.settled();
  assert.deepEqual([left, lot.parked], [["/gone"], 0]);
});

for (const [when, onAbandoned] of [
  ["at once", () => assert.fail("the hook is broken")],
  ["later", async () => assert.fail("the hook is broken")],
] as const)
  test(`what the hook throws harms nobody: ${when}`, async () => {
    const lot = parkingLot({ onAbandoned });
    await using bench = loopback((request) => lot.park(request, () => "answered"));
    const leaver = bench.connect().send(GET);
    const stayer = bench.connect().send(GET);
    await bench.settled();
    leaver.reset();
    await bench.settled();
    assert.equal(lot.notify(), 1);
    assert.equal((await stayer.answer()).body, "answered");
  });

test("a request is parked for so long: then it is 204, or what the lot or the call says", async () => {
  const clock = new FakeClock();
  const lot = parkingLot({ clock, deadline: 30_000 });
  const late = (): Reply => text("come again", 503, { "Retry-After": "5" });
  await using bench = loopback((request) => {
    if (request.path === "/turn") return lot.turn(request).then(() => text("never"));
    return lot.park(request, () => "never", request.path === "/own" ? { deadline: 40_000, late } : {});
  });
  const clients = ["/", "/own", "/turn"].map((path) => bench.connect().send(get(path)));
  await bench.settled();
  clock.tick(29_999);
  await bench.settled();
  assert.equal(lot.parked, 3);
  clock.tick(1);
  assert.equal((await clients[0]?.answer())?.status, 204);
  assert.equal((await clients[2]?.answer())?.status, 503);
  assert.equal(lot.parked, 1);
  clock.tick(10_000);
  const own = await clients[1]?.answer();
  assert.deepEqual([own?.status, own?.body, lot.parked], [503, "come again", 0]);
});

test("a signal ends the waiting with 503: a server that drains, for one", async () => {
  const lot = parkingLot();
  const stop = new AbortController();
  await using bench = loopback((request) => lot.park(request, () => "never", { signal: stop.signal }));
  const client = bench.connect().send(GET);
  await bench.settled();
  stop.abort();
  const { status, headers } = await client.answer();
  assert.deepEqual([status, headers.get("retry-after"), lot.parked], [503, "1", 0]);
  assert.equal((await bench.connect().exchange(GET)).status, 503, "aborted already");
});

test("so many are parked, and the next is 503", async () => {
  const lot = parkingLot({ limit: 2 });
  await using bench = loopback((request) => lot.park(request, () => "in"));
  const clients = [1, 2].map(() => bench.connect().send(GET));
  await bench.settled();
  const { status, headers } = await bench.connect().exchange(GET);
  assert.deepEqual([status, headers.get("retry-after")], [503, "1"]);
  assert.equal(lot.notify(), 2);
  for (const client of clients) assert.equal((await client.answer()).body, "in");
});

test("a guard or an answer that fails is 500 for its request alone", async () => {
  const lot = parkingLot();
  let ready = false;
  await using bench = loopback((request) =>
    lot.deferUntil(
      request,
      () => {
        if (ready && request.path === "/guard") throw new Error("the guard is broken");
        return ready;
      },
      () => {
        if (request.path === "/answer") throw new HttpError(410);
        return "fine";
      },
    ),
  );
  const clients = ["/guard", "/answer", "/fine"].map((path) => bench.connect().send(get(path)));
  await bench.settled();
  ready = true;
  assert.equal(lot.notify(), 3);
  const statuses = await Promise.all(clients.map((client) => client.answer().then(({ status }) => status)));
  assert.deepEqual(statuses, [500, 410, 200]);
});

test("a notification from within a look is done behind it", async () => {
  const lot: ParkingLot = parkingLot();
  let said = "";
  await using bench = loopback((request) =>
    lot.deferUntil(
      request,
      () => request.path === "/first" || said,
      () => {
        if (request.path === "/first" && said === "") {
          return lot.park(request, () => {
            said = "by the first";
            assert.equal(lot.notify(), 0);
            return "first";
          });
        }
        return `second ${said}`;
      },
    ),
  );
  const second = bench.connect().send(get("/second"));
  const first = bench.connect().send(get("/first"));
  await bench.settled();
  assert.equal(lot.notify(), 1);
  assert.equal((await first.answer()).body, "first");
  assert.equal((await second.answer()).body, "second by the first");
});

test("options that mean nothing are refused, and so is a guard that answers later", async () => {
  assert.throws(() => parkingLot({ limit: 0 }), { code: "USE_BAD_OPTION" });
  assert.throws(() => parkingLot({ deadline: -1 }), { code: "USE_BAD_OPTION" });
  const lot = parkingLot();
  const codes: unknown[] = [];
  await using bench = loopback(
    (request) => {
      if (request.path === "/park") return lot.park(request);
      if (request.path === "/deadline") return lot.park(request, () => "", { deadline: Number.NaN });
      if (request.path === "/signal") return lot.park(request, () => "", { signal: {} as AbortSignal });
      return lot.deferUntil(request, async () => true, String);
    },
    { hooks: { error: (error) => void codes.push((error as HttpError).code) } },
  );
  for (const path of ["/park", "/deadline", "/signal", "/guard"]) {
    assert.equal((await bench.connect().exchange(get(path))).status, 500);
  }
  assert.deepEqual([codes, lot.parked], [["USE_STATE", "USE_BAD_OPTION", "USE_BAD_OPTION", "USE_BAD_OPTION"], 0]);
});

/** Counts what is armed. */
function counting(clock: Clock): { readonly clock: Clock; armed: number } {
  const counted = {
    armed: 0,
    clock: {
      wall: () => clock.wall(),
      now: () => clock.now(),
      after(milliseconds: number, call: () => void) {
        counted.armed++;
        return clock.after(milliseconds, call);
      },
      every: () => assert.fail("nothing is done again and again"),
    },
  };
  return counted;
}

test("a thousand that wait for hours cost one timer, and no guard is asked meanwhile", async () => {
  const time = new FakeClock();
  const counted = counting(time);
  const lot = parkingLot({ clock: counted.clock, deadline: 8 * 3_600_000 });
  let asked = 0;
  let ready = false;
  await using bench = loopback((request) =>
    lot.deferUntil(
      request,
      () => {
        asked++;
        return ready;
      },
      () => "ready",
    ),
  );
  const clients = Array.from({ length: 1000 }, () => bench.connect().send(GET));
  await bench.settled();
  assert.deepEqual([lot.parked, asked, counted.armed], [1000, 1000, 1]);
  time.tick(7 * 3_600_000);
  await bench.settled();
  assert.deepEqual([lot.parked, asked, counted.armed], [1000, 1000, 1]);
  ready = true;
  assert.equal(lot.notify(), 1000);
  for (const client of clients) assert.equal((await client.answer()).body, "ready");
  assert.deepEqual([asked, counted.armed], [2000, 1]);
});

test("an answer that a library promises is waited for", async () => {
  const lot = parkingLot();
  // biome-ignore lint/suspicious/noThenProperty: what query builders return
  const query = { then: (done: (rows: unknown) => void) => void setImmediate(() => done(["row"])) };
  let ready = false;
  await using bench = loopback((request) =>
    lot.deferUntil(
      request,
      () => ready,
      () => query,
    ),
  );
  const parked = bench.connect().exchange(GET);
  await bench.settled();
  ready = true;
  lot.notify();
  assert.equal((await parked).body, '["row"]');
  assert.equal((await bench.connect().exchange(GET)).body, '["row"]');
});

test("many parked requests can share a signal, and nothing is kept of them", async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error): unknown => warnings.push(warning);
  process.on("warning", warned);
  const lot = parkingLot();
  const stop = new AbortController();
  await using bench = loopback((request) => lot.park(request, () => text("x"), { signal: stop.signal }));
  const replies = Array.from({ length: 12 }, () => bench.connect().exchange(GET));
  await bench.settled();
  assert.equal(getEventListeners(stop.signal, "abort").length, 12);
  lot.notify();
  for (const { status } of await Promise.all(replies)) assert.equal(status, 200);
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);
  await new Promise((resolve) => setImmediate(resolve)); // a warning is told in a later turn
  process.off("warning", warned);
  assert.deepEqual(warnings, []);
});
