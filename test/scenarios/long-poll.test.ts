// A chat by long polling, over real sockets: a thousand clients wait for a line that one of them says; and the forms that a handler
// can wait in.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { type ParkingLot, parkingLot } from "../../src/handlers/index.ts";
import { createServer, empty, type Handler, type Request, type Server, stack, text } from "../../src/index.ts";
import { leaveOnFin } from "../../src/message/index.ts";
import { loopback } from "../../src/testing/index.ts";
import "./strays.ts";

async function served(handler: Handler): Promise<{ server: Server; port: number }> {
  const server = createServer(handler);
  await server.listen({ host: "127.0.0.1", port: 0 }, { backlog: 2048 });
  return { server, port: Number(new URL(server.url ?? "").port) };
}

interface Client {
  readonly socket: Socket;
  received: string;
}

async function dialed(port: number): Promise<Client> {
  const socket = connect(port, "127.0.0.1");
  const client = { socket, received: "" };
  socket.on("data", (bytes) => (client.received += bytes.toString("latin1")));
  socket.on("error", () => {});
  await once(socket, "connect");
  return client;
}

async function until(client: Client, awaited: RegExp): Promise<void> {
  while (!awaited.test(client.received)) {
    assert.ok(!client.socket.destroyed, `${awaited} did not come: ${client.received}`);
    await once(client.socket, "data");
  }
}

async function parked(lot: ParkingLot, count: number): Promise<void> {
  while (lot.parked !== count) await new Promise((resolve) => setImmediate(resolve));
}

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

test("a chat with a thousand parked clients: one line reaches all, and waiting costs no timer and no question [EL-28]", async () => {
  const COUNT = 1000;
  const lines: string[] = [];
  const left: string[] = [];
  let timers = 0;
  let asked = 0;
  const lot = parkingLot({
    deadline: 600_000,
    onAbandoned: (_, reason) => void left.push((reason as { code?: string }).code ?? ""),
    clock: {
      wall: () => Date.now(),
      now: () => performance.now(),
      every: () => assert.fail("nothing is done again and again"),
      after(milliseconds, call) {
        timers++;
        const timer = setTimeout(call, milliseconds).unref();
        return { cancel: () => clearTimeout(timer) };
      },
    },
  });
  const poll: Handler = (request) => {
    const after = Number(request.query.get("after"));
    const guard = (): readonly string[] | null => {
      asked++;
      return lines.length > after ? lines.slice(after) : null;
    };
    return lot.deferUntil(request, guard, (news) => text(news.join("\n")));
  };
  const { server, port } = await served((request) => {
    if (request.method === "GET") return poll(request);
    return request.body.text().then((line) => {
      lines.push(line);
      lot.notify();
      return empty();
    });
  });
  const clients = await Promise.all(Array.from({ length: COUNT }, () => dialed(port)));
  for (const { socket } of clients) socket.write(get("/?after=0"));
  await parked(lot, COUNT);
  assert.deepEqual([asked, timers], [COUNT, 1]);

  // Some leave: each is dropped at once, and the hook is told.
  for (const { socket } of clients.slice(0, 10)) socket.resetAndDestroy();
  for (const { socket } of clients.slice(10, 20)) socket.end();
  await parked(lot, COUNT - 20);
  assert.equal(left.length, 20);
  assert.deepEqual([asked, timers], [COUNT, 1], "nothing was asked while they waited");

  const speaker = await dialed(port);
  speaker.socket.write("POST /say HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  await until(speaker, /^HTTP\/1\.1 204 /);
  await Promise.all(clients.slice(20).map((client) => until(client, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhi$/)));
  assert.deepEqual([asked, timers, lot.parked, left.length], [2 * COUNT - 20, 1, 0, 20]);

  // They ask for the next line on the same connections, and another one is said.
  for (const { socket } of clients.slice(20)) socket.write(get("/?after=1"));
  await parked(lot, COUNT - 20);
  lines.push("bye");
  assert.equal(lot.notify(), COUNT - 20);
  await Promise.all(clients.slice(20).map((client) => until(client, /bye$/)));
  assert.ok(
    clients.slice(0, 20).every(({ received }) => received === ""),
    "who had left got nothing",
  );
  for (const { socket } of clients) socket.destroy();
  await server.close({ mode: "abort" });
});

test("a guard that is true first and false later: the body runs once, with its value, and never after a disconnect [EL-29]", async () => {
  const lot = parkingLot();
  let busy = 3;
  const ran: string[] = [];
  const { server, port } = await served((request: Request) => {
    const body = (how: unknown): string => {
      ran.push(`${request.path} ${how}`);
      return `ran ${how}`;
    };
    if (request.path === "/once")
      return lot.deferOrDo(
        request,
        () => busy,
        () => body("unasked"),
      );
    if (request.path === "/until") return lot.deferUntil(request, () => (busy === 0 ? "free" : undefined), body);
    return lot.deferWhile(request, () => busy, body);
  });
  const paths = ["/once", "/until", "/while", "/leaver"];
  const clients: Client[] = [];
  for (const path of paths) {
    const client = await dialed(port);
    client.socket.write(get(path));
    clients.push(client);
    await parked(lot, clients.length);
  }
  clients[3]?.socket.end();
  await parked(lot, 3);
  assert.equal(lot.notify(), 1, "the one that is asked once is done, whatever the guard says now");
  busy = 0;
  assert.equal(lot.notify(), 2);
  assert.equal(lot.notify(), 0);
  for (const [i, said] of ["ran unasked", "ran free", "ran 0"].entries()) {
    await until(clients[i] as Client, new RegExp(`${said}$`));
  }
  assert.deepEqual(ran, ["/once unasked", "/until free", "/while 0"]);
  const late = await dialed(port);
  late.socket.write(get("/until"));
  await until(late, /ran free$/);
  for (const { socket } of [...clients, late]) socket.destroy();
  await server.close({ mode: "abort" });
});

test("to defer without saying what runs the same handler again, and awaiting a turn goes on in it [EL-30]", async () => {
  const lot = parkingLot();
  let ripe = false;
  let runs = 0;
  const again = stack((request) => {
    runs++;
    return ripe ? text(`again, after ${runs} runs`) : lot.park(request);
  }, lot.deferrable);
  const { server, port } = await served(async (request) => {
    if (request.path === "/again") return again(request);
    const captured = request.query.get("word");
    while (!ripe) await lot.turn(request);
    return text(`on, with ${captured}`);
  });
  const [one, two] = [await dialed(port), await dialed(port)];
  one.socket.write(get("/again"));
  two.socket.write(get("/turn?word=tea"));
  await parked(lot, 2);
  lot.notify();
  await parked(lot, 2);
  ripe = true;
  lot.notify();
  await until(one, /again, after 3 runs$/);
  await until(two, /on, with tea$/);
  for (const { socket } of [one, two]) socket.destroy();
  await server.close({ mode: "abort" });
});

test("behind a FIN there is still an answer, until the handler says that there is none", async () => {
  const reasons: unknown[] = [];
  const answer: Record<string, () => void> = {};
  await using bench = loopback(async (request) => {
    request.signal.addEventListener("abort", () => reasons.push(`${request.path} ${request.signal.reason.code}`));
    if (request.path === "/late") await new Promise((resolve) => setImmediate(resolve));
    if (request.path !== "/stays") leaveOnFin(request);
    await new Promise<void>((resolve) => {
      answer[request.path] = resolve;
    });
    return text("answered");
  });
  const ask = async (path: string) => {
    const client = bench.connect().send(get(path)).end();
    await bench.settled();
    answer[path]?.();
    return client;
  };
  assert.equal((await (await ask("/stays")).answer()).body, "answered");
  for (const path of ["/at-once", "/late"]) assert.match(await (await ask(path)).closed, /^(?:fin|reset)$/);
  assert.deepEqual(reasons, ["/stays NET_HALF_CLOSED", "/at-once NET_CLOSED", "/late NET_HALF_CLOSED"]);
});
