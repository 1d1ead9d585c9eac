// Scenario 16, as far as it needs no network: connections as they live, handlers and settings that are changed, and every way
// to close. What needs real sockets is in test/loopback/.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, Transport } from "../../src/base/transport.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { empty, reply, text, upgrade } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { type Connection, createServer, currentServer, serverOf } from "../../src/server/index.ts";
import { loopback, WireClient } from "../../src/testing/index.ts";
import type { Listen } from "../../src/transport/listen.ts";
import { memoryListener, memoryPair } from "../../src/transport/memory.ts";
import { turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** A handler that answers when it is told to. */
function parked(): {
  handler: (request: Request) => Promise<ReturnType<typeof text>>;
  release: () => void;
  signals: AbortSignal[];
} {
  const waiting: (() => void)[] = [];
  const signals: AbortSignal[] = [];
  return {
    signals,
    release: () => {
      for (const go of waiting.splice(0)) go();
    },
    handler: async (request) => {
      signals.push(request.signal);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return text(request.path);
    },
  };
}

test("the startup hook is called once, when everything listens and nothing is accepted; then comes the first request [CH-24] [CH-38]", async () => {
  const events: string[] = [];
  const { listen, dial } = memoryListener();
  let early: WireClient | undefined;
  const server = createServer(
    () => {
      events.push("request");
      return empty();
    },
    {
      hooks: {
        startup: async (started) => {
          events.push(`startup on ${server.listeners.map(({ address }) => (address as { port: number }).port)}`);
          assert.equal(started, server);
          early = new WireClient(await dial({ host: "a", port: 1 }));
          early.send(GET);
          await turns(5);
          events.push("started");
        },
        connection: () => events.push("connection"),
      },
    },
  );
  await server.listen(
    [
      { host: "a", port: 1 },
      { host: "a", port: 2 },
    ],
    { via: listen },
  );
  assert.equal((await early?.answer())?.status, 204);
  assert.deepEqual(events, ["startup on 1,2", "started", "connection", "request"]);
  await server.listen({ host: "a", port: 3 }, { via: listen });
  assert.equal(events.filter((event) => event.startsWith("startup")).length, 1);
  await server.close({ mode: "abort" });
});

test("two calls of listen() at once start up once, and both wait for it [CH-38]", async () => {
  let started = 0;
  let release = (): void => {};
  const { listen } = memoryListener();
  const server = createServer(() => empty(), {
    hooks: {
      startup: () => {
        started++;
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    },
  });
  const settled: number[] = [];
  const both = [1, 2].map((port) => server.listen({ host: "a", port }, { via: listen }).then(() => settled.push(port)));
  await turns();
  assert.deepEqual([started, settled], [1, []]);
  release();
  await Promise.all(both);
  assert.equal(started, 1);
  await server.close();
});

test("a startup hook that fails aborts the start: nothing listens, and a second try starts anew [CH-38]", async () => {
  const { listen, dial } = memoryListener();
  const at: Address = { host: "a", port: 1 };
  let fails = true;
  for (const startup of [
    () => {
      if (fails) throw new Error("no start");
    },
    async () => {
      if (fails) throw new Error("no start");
    },
  ]) {
    fails = true;
    const server = createServer(() => empty(), { hooks: { startup } });
    await assert.rejects(server.listen(at, { via: listen }), /no start/);
    assert.deepEqual(server.listeners, []);
    await assert.rejects(dial(at));
    fails = false;
    await server.listen(at, { via: listen });
    assert.equal(server.listeners.length, 1);
    await server.close();
  }
});

test("a server that is closed while it begins to listen does not listen", async () => {
  const { listen, dial } = memoryListener();
  const at: Address = { host: "a", port: 1 };
  const server = createServer(() => empty());
  const listening = server.listen(at, { via: listen });
  listening.catch(() => {});
  await server.close();
  await assert.rejects(listening, { code: "USE_ALREADY_LISTENING" });
  await assert.rejects(dial(at));
  assert.deepEqual(server.listeners, []);
});

test("the list of connections is live: peer, age, phase, request in hand, octets [EL-36]", async () => {
  const { handler, release } = parked();
  await using bench = loopback(handler);
  bench.clock.tick(5_000);
  const peers = [1, 2, 3].map((port) => ({ address: "192.0.2.1", port, secure: port === 3 }));
  const clients = peers.map((peer) => bench.connect({ peer }));
  clients[1]?.send(GET.replace("/", "/busy"));
  await bench.settled();
  const list = (): unknown[] =>
    [...bench.server.connections].map(({ peer, phase, request }) => [peer.port, phase, request?.path]);
  assert.deepEqual(list(), [
    [1, "idle", undefined],
    [2, "active", "/busy"],
    [3, "idle", undefined],
  ]);
  const [first, second, third] = [...bench.server.connections] as [Connection, Connection, Connection];
  assert.deepEqual([first.peer, third.peer.secure], [peers[0], true]);
  assert.equal(first.since, Date.UTC(2009, 7, 1, 0, 0, 5));
  assert.deepEqual([second.received, second.sent], [GET.length + 4, 0]);
  release();
  const { received } = clients[1] as WireClient;
  await clients[1]?.answer();
  assert.equal(received.length <= second.sent, true);
  assert.equal(second.sent, clients[1]?.received.length);
  assert.deepEqual(list()[1], [2, "idle", undefined]);
  clients[0]?.end();
  await clients[0]?.closed;
  await bench.settled();
  assert.deepEqual(
    list().map((each) => (each as unknown[])[0]),
    [2, 3],
  );
  assert.equal(first.phase, "closed");
});

test("serverOf gives the server of a request; currentServer too, after awaits, and undefined outside [GB-02]", async () => {
  const seen: unknown[] = [];
  const handler = async (request: Request): Promise<ReturnType<typeof text>> => {
    seen.push(currentServer(), serverOf(request));
    await turns(2);
    seen.push(currentServer());
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.push(currentServer());
    return text("x");
  };
  await using one = loopback(handler, { ambient: true });
  await using two = loopback(handler, { ambient: true });
  assert.equal(currentServer(), undefined);
  await one.connect().exchange(GET);
  assert.deepEqual(
    seen.splice(0).map((server) => server === one.server),
    [true, true, true, true],
  );
  const clients = [one.connect().send(GET), two.connect().send(GET), one.connect().send(GET), two.connect().send(GET)];
  await Promise.all(clients.map((client) => client.answer()));
  assert.equal(seen.filter((server) => server === one.server).length, 8);
  assert.equal(seen.filter((server) => server === two.server).length, 8);
  assert.equal(currentServer(), undefined);
});

test("a server can be made the current one for what runs inside, after awaits too, and inside of another's handler [GB-02]", async () => {
  await using one = loopback(() => empty());
  const { server } = one;
  const seen: unknown[] = [];
  const given = await currentServer(server, async () => {
    seen.push(currentServer() === server);
    await turns(2);
    seen.push(currentServer() === server);
    return "given";
  });
  assert.deepEqual([given, currentServer(), ...seen], ["given", undefined, true, true]);
  await using two = loopback(
    () => {
      const inside = currentServer(server, () => currentServer() === server);
      return text(`${inside} ${currentServer() === two.server}`);
    },
    { ambient: true },
  );
  assert.equal((await two.connect().exchange(GET)).body, "true true");
  assert.throws(() => currentServer(server, undefined as never), { code: "USE_BAD_OPTION" });
  assert.throws(() => currentServer({} as never, () => 1), { code: "USE_BAD_OPTION" });
});

test("two servers at once are not mixed: each handler sees its own, whatever the order [GB-02]", async () => {
  const wrong: string[] = [];
  const make = (name: string) => {
    const bench = loopback(
      async ({ path }) => {
        for (let i = 0; i < 5; i++) {
          if (currentServer() !== bench.server) wrong.push(`${name} ${path}`);
          await turns(1);
        }
        return text(name);
      },
      { ambient: true },
    );
    return bench;
  };
  await using one = make("one");
  await using two = make("two");
  const both = [one, two, two, one, one, two].map((bench) => bench.connect().send(GET));
  assert.deepEqual(await Promise.all(both.map(async (client) => (await client.answer()).body)), [
    ..."one two two one one two".split(" "),
  ]);
  assert.deepEqual(wrong, []);
});

test("without the option, currentServer is undefined inside handlers too", async () => {
  let seen: unknown = "not asked";
  await using bench = loopback(() => {
    seen = currentServer();
    return empty();
  });
  await bench.connect().exchange(GET);
  assert.equal(seen, undefined);
});

test("the handler is swapped live: what is in flight finishes on the old one", async () => {
  const { handler, release } = parked();
  await using bench = loopback(handler);
  const old = bench.connect().send(GET.replace("/", "/old"));
  await bench.settled();
  bench.server.handler = () => text("new");
  assert.equal((await bench.connect().exchange(GET)).body, "new");
  release();
  assert.equal((await old.answer()).body, "/old");
  assert.equal((await old.exchange(GET)).body, "new");
  for (const wrong of [undefined, null, "handler", {}]) {
    assert.throws(() => (bench.server.handler = wrong as never), { code: "USE_BAD_OPTION" });
    assert.throws(() => createServer(wrong as never), { code: "USE_BAD_OPTION" });
  }
  assert.equal((await bench.connect().exchange(GET)).body, "new");
});

test("configure() refuses what cannot be, and then changes nothing [GB-42]", async () => {
  await using bench = loopback(() => text("x"), { limits: { fields: 2 } });
  const wrong: Record<string, unknown>[] = [
    { limits: { fields: 0 } },
    { limits: { fields: -1 } },
    { limits: { fields: "2" } },
    { limits: { fields: 1.5 } },
    { limits: { fields: Number.NaN } },
    { limits: { fields: null } },
    { limits: { fields: undefined } },
    { limits: { nothing: 1 } },
    { timeouts: { idle: -1 } },
    { timeouts: { idle: "1" } },
    { timeouts: { idle: Number.NaN } },
    { timeouts: { idle: Number.POSITIVE_INFINITY } },
    { timeouts: { nothing: 1 } },
    { trace: "loud" },
    { halfClose: "stay" },
    { fields: { "Content-Length": "1" } },
  ];
  for (const change of wrong) {
    const both = { ...change, limits: { bodyBytes: 1, ...(change["limits"] as object | undefined) } };
    assert.throws(() => bench.server.configure(both), { code: "USE_BAD_OPTION" }, JSON.stringify(change));
    assert.throws(() => createServer(() => empty(), change), { code: "USE_BAD_OPTION" });
  }
  const two = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  assert.equal((await bench.connect().exchange(two)).status, 200);
  assert.equal((await bench.connect().exchange(two.replace("X: y", "X: y\r\nX: y"))).status, 431);
});

test("configure() holds for new connections only, and for what it names only [GB-42]", async () => {
  await using bench = loopback(() => text("x"), { limits: { fields: 1 }, date: false, fields: { Server: "tea" } });
  const two = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  const before = bench.connect();
  await before.exchange(GET);
  bench.server.configure({ limits: { fields: 2 } });
  const after = bench.connect();
  const answer = await after.exchange(two);
  assert.deepEqual([answer.status, answer.headers.get("server"), answer.headers.get("date")], [200, "tea", undefined]);
  assert.equal((await before.exchange(two)).status, 431);
  bench.server.configure({ fields: {}, date: true });
  const third = await bench.connect().exchange(two);
  assert.deepEqual([third.headers.get("server"), third.headers.has("date")], [undefined, true]);
});

test("draining closes what idles at once, finishes what is in hand with a reply that says close, and counts them [GB-07]", async () => {
  const { handler, release, signals } = parked();
  const bench = loopback(handler);
  const idle = [bench.connect(), bench.connect()];
  const busy = [bench.connect(), bench.connect(), bench.connect()].map((client) => client.send(GET));
  await bench.settled();
  const closing = bench.server.close();
  await Promise.all(idle.map((client) => client.closed));
  await bench.settled();
  assert.equal(bench.server.stats.open, 3);
  assert.equal(
    signals.some((signal) => signal.aborted),
    false,
  );
  bench.clock.tick(2_000);
  release();
  for (const client of busy) {
    assert.equal((await client.answer()).headers.get("connection"), "close");
    assert.equal(await client.closed, "fin");
  }
  assert.deepEqual(await closing, { idle: 2, finished: 3, cut: 0, elapsed: 2_000 });
});

test("what still drains at the deadline is cut off, and its signal says why [GB-07]", async () => {
  const { handler, signals } = parked();
  const bench = loopback(handler);
  const client = bench.connect().send(GET);
  bench.connect();
  await bench.settled();
  const closing = bench.server.close({ deadline: 3_000 });
  bench.clock.tick(2_999);
  await bench.settled();
  assert.equal(signals[0]?.aborted, false);
  bench.clock.tick(1);
  assert.equal(await client.closed, "reset");
  assert.equal((signals[0]?.reason as { code: string } | undefined)?.code, "NET_SHUTDOWN");
  assert.deepEqual(await closing, { idle: 1, finished: 0, cut: 1, elapsed: 3_000 });
});

test("a deadline of 0 waits for ever, and none is armed", async () => {
  const { handler, release } = parked();
  const bench = loopback(handler);
  const client = bench.connect().send(GET);
  await bench.settled();
  const closing = bench.server.close({ deadline: 0 });
  bench.clock.tick(1_000_000);
  await bench.settled();
  assert.equal(bench.server.stats.open, 1);
  release();
  await client.answer();
  assert.deepEqual(await closing, { idle: 0, finished: 1, cut: 0, elapsed: 1_000_000 });
});

test("abort cuts everything at once: waiting handlers are told [GB-07]", async () => {
  const { handler, signals } = parked();
  const bench = loopback(handler);
  const clients = [bench.connect().send(GET), bench.connect().send(GET), bench.connect()];
  await bench.settled();
  const report = await bench.server.close({ mode: "abort" });
  assert.deepEqual(report, { idle: 0, finished: 0, cut: 3, elapsed: 0 });
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true],
  );
  for (const client of clients) assert.equal(await client.closed, "reset");
  assert.equal(bench.server.stats.open, 0);
});

test("a second close waits for the same end; one that aborts makes it come [GB-07]", async () => {
  const { handler } = parked();
  const bench = loopback(handler);
  const client = bench.connect().send(GET);
  await bench.settled();
  const first = bench.server.close();
  const second = bench.server.close();
  const third = bench.server.close({ mode: "abort" });
  assert.equal(await client.closed, "reset");
  const report = { idle: 0, finished: 0, cut: 1, elapsed: 0 };
  assert.deepEqual(await Promise.all([first, second, third]), [report, report, report]);
  const { handler: next, release } = parked();
  bench.server.handler = next;
  const later = bench.connect().send(GET);
  await bench.settled();
  const again = bench.server.close();
  release();
  await later.answer();
  assert.deepEqual(await again, { idle: 0, finished: 1, cut: 0, elapsed: 0 });
});

test("closing the listeners only leaves the connections as they are [GB-07]", async () => {
  const { listen, dial } = memoryListener();
  const server = createServer(() => text("x"));
  const at: Address = { host: "a", port: 1 };
  await server.listen(at, { via: listen });
  const client = new WireClient(await dial(at));
  await client.exchange(GET);
  const { elapsed, ...report } = await server.close({ mode: "listener-only" });
  assert.deepEqual(report, { idle: 0, finished: 0, cut: 0 });
  assert.equal(elapsed >= 0, true);
  await assert.rejects(dial(at));
  assert.equal((await client.exchange(GET)).body, "x");
  await server.listen(at, { via: listen });
  assert.equal((await new WireClient(await dial(at)).exchange(GET)).body, "x");
  await server.close();
  assert.equal(server.stats.open, 0);
});

test("a connection in the middle of a head is finished, not counted as served in vain", async () => {
  const bench = loopback(() => text("x"));
  const client = bench.connect().send("GET / HTTP/1.1\r\nHo");
  await bench.settled();
  const closing = bench.server.close();
  await bench.settled();
  assert.equal(client.ending, undefined);
  const answer = await client.send("st: a\r\n\r\n").answer();
  assert.deepEqual([answer.body, answer.headers.get("connection")], ["x", "close"]);
  await closing;
});

test("a streamed reply in hand is finished whole while the server drains", async () => {
  const pipe = new Pipe();
  pipe.write("begin ");
  const bench = loopback(() => reply(200, {}, pipe));
  const client = bench.connect().send(GET);
  await client.until("begin");
  const closing = bench.server.close();
  await bench.settled();
  pipe.write("end");
  pipe.end();
  await client.until("end\r\n0\r\n\r\n");
  assert.equal(await client.closed, "fin");
  assert.equal((await closing).finished, 1);
});

test("an answer that is still on its way to a slow reader is not cut by draining", async () => {
  const bench = loopback(() => text("x".repeat(1_000_000)));
  const client = bench.connect().pause().send(GET);
  await bench.settled();
  const closing = bench.server.close();
  await bench.settled();
  client.resume();
  assert.equal((await client.answer()).body.length, 1_000_000);
  await closing;
});

test("a connection that was taken over is waited for, and cut at the deadline", async () => {
  const bench = loopback(() =>
    upgrade("x", (transport) => transport.open({ data() {}, end() {}, drain() {}, close() {} })),
  );
  const client = bench.connect().send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  await client.until("\r\n\r\n");
  const closing = bench.server.close({ deadline: 1_000 });
  await bench.settled();
  assert.equal(bench.server.stats.open, 1);
  bench.clock.tick(1_000);
  assert.equal((await closing).cut, 1);
});

test("listen() while the server closes is refused; afterwards it is not", async () => {
  const { handler, release } = parked();
  const { listen } = memoryListener();
  const bench = loopback(handler);
  const client = bench.connect().send(GET);
  await bench.settled();
  const closing = bench.server.close();
  await assert.rejects(bench.server.listen(1, { via: listen }), { code: "USE_ALREADY_LISTENING" });
  release();
  await client.answer();
  await closing;
  assert.equal((await bench.server.listen(1, { via: listen })).length, 1);
  await bench.server.close();
});

test("a server that goes out of scope is closed: await using [GB-07]", async () => {
  const { listen, dial } = memoryListener();
  const at: Address = { host: "a", port: 1 };
  let client: WireClient;
  {
    await using server = createServer(() => text("x"));
    await server.listen(at, { via: listen });
    client = new WireClient(await dial(at));
    await client.exchange(GET);
  }
  await client.closed;
  await assert.rejects(dial(at));
});

test("listening is replaceable, and gets the options as they were given [GB-05] [CH-25] [CH-42]", async () => {
  const seen: unknown[] = [];
  const { listen, dial } = memoryListener();
  const via: Listen = (address, accept, options) => {
    seen.push(address, options?.backlog);
    return listen(address, accept, options);
  };
  const server = createServer(() => text("injected"));
  const [listener] = await server.listen({ host: "a", port: 0 }, { via, backlog: 10 });
  assert.deepEqual(seen, [{ host: "a", port: 0 }, 10]);
  assert.ok(listener);
  assert.equal((await new WireClient(await dial(listener.address)).exchange(GET)).body, "injected");
  await server.close();
});

test("accepting is replaceable: a connection from anywhere is served [CH-43]", async () => {
  const server = createServer(({ peer }) => text(`${peer.address}:${peer.port}`));
  const [near, far] = memoryPair({ peer: { address: "198.51.100.1", port: 7, secure: false } });
  const connection = server.accept(far);
  assert.equal(connection.phase, "idle");
  assert.equal((await new WireClient(near).exchange(GET)).body, "198.51.100.1:7");
  assert.equal(server.stats.connections, 1);
  await server.close();
});

test("who the peer is can be replaced, and the hooks and handlers see that [CH-44]", async () => {
  const logged: string[] = [];
  const server = createServer(({ peer }) => text(`${peer.address} ${peer.secure}`), {
    hooks: { reply: (request) => logged.push(request.peer.address) },
  });
  const [near, far] = memoryPair({ peer: { address: "10.0.0.1", port: 1, secure: false } });
  const asked: Transport[] = [];
  server.accept(far, {
    peer: (transport) => {
      asked.push(transport);
      return { address: "203.0.113.9", port: 99, secure: true };
    },
  });
  assert.equal((await new WireClient(near).exchange(GET)).body, "203.0.113.9 true");
  assert.deepEqual([logged, asked], [["203.0.113.9"], [far]]);
  await server.close();
});

test("a replacement that throws ends its connection, and listening goes on", async () => {
  const { listen, dial } = memoryListener();
  const told: unknown[] = [];
  const server = createServer(() => text("x"), { hooks: { error: (error) => told.push((error as Error).message) } });
  let fails = true;
  const at: Address = { host: "a", port: 1 };
  await server.listen(at, {
    via: listen,
    peer: () => {
      if (fails) throw new Error("no peer");
      return { address: "b", port: 0, secure: false };
    },
  });
  assert.equal(await new WireClient(await dial(at)).closed, "reset");
  fails = false;
  assert.equal((await new WireClient(await dial(at)).exchange(GET)).body, "x");
  assert.deepEqual(told, ["no peer"]);
  await server.close();
});

test("how a connection is cut off can be replaced, and is called with the reason [CH-45]", async () => {
  const cut: unknown[] = [];
  const server = createServer(() => {
    async function* failing(): AsyncGenerator<string> {
      yield "a";
      throw new Error("half-way");
    }
    return reply(200, {}, failing());
  });
  const [near, far] = memoryPair();
  server.accept(far, {
    hardClose: (transport, error) => {
      cut.push(transport === far, error?.message);
      transport.destroy(error);
    },
  });
  const client = new WireClient(near).send(GET);
  assert.equal(await client.closed, "reset");
  assert.deepEqual(cut, [true, "half-way"]);
  assert.equal(server.stats.open, 0);
});

test("one timer serves ten thousand connections, and none is left when they have gone", async () => {
  const bench = loopback(() => text("x"), { date: false, timeouts: { idle: 10_000 } });
  const pairs = Array.from({ length: 10_000 }, () => memoryPair());
  let ended = 0;
  for (const [near, far] of pairs) {
    near.open({
      data() {},
      end() {
        ended++;
        near.end();
      },
      drain() {},
      close() {},
    });
    bench.server.accept(far);
    near.write([GET]);
  }
  await turns(5);
  assert.equal(bench.server.stats.requests, 10_000);
  assert.equal(bench.clock.armed, 1);
  assert.equal((await bench.connect().exchange(GET)).body, "x");
  bench.clock.tick(13_000);
  await bench.settled();
  assert.equal(ended, 10_000);
  assert.deepEqual([bench.server.stats.open, bench.clock.armed], [0, 0]);
});

test("a thousand clients that stop in the middle of a head do not delay one that is quick [HS-49]", async () => {
  const order: string[] = [];
  await using bench = loopback(({ path }) => {
    order.push(path);
    return text(path);
  });
  const slow = Array.from({ length: 1_000 }, () => bench.connect().send(`GET /slow HTTP/1.1\r\nHost`));
  await bench.settled();
  const quick = bench.connect();
  for (let i = 0; i < 3; i++) await quick.exchange(GET.replace("/", "/quick"));
  assert.deepEqual(order, ["/quick", "/quick", "/quick"]);
  for (const client of slow) client.send(": a\r\n\r\n");
  await Promise.all(slow.map((client) => client.answer()));
  assert.equal(order.length, 1_003);
});

test("a thousand clients that read nothing do not delay one that is quick [HS-49]", async () => {
  await using bench = loopback(({ path }) => (path === "/quick" ? text("quick") : text("x".repeat(100_000))));
  for (let i = 0; i < 1_000; i++) bench.connect().pause().send(GET);
  await bench.settled();
  assert.equal((await bench.connect().exchange(GET.replace("/", "/quick"))).body, "quick");
  assert.equal(bench.server.stats.open, 1_001);
});
