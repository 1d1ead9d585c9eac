// Clients that we did not write, over real sockets: curl, node:http, fetch, and bare sockets of node:net.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { FakeClock } from "../../src/base/clock.ts";
import type { Address, Transport } from "../../src/base/transport.ts";
import type { Handler } from "../../src/message/handler.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { reply, text, tunnel, upgrade } from "../../src/message/reply.ts";
import { createServer, type ServeOptions, type Server, type ServerOptions } from "../../src/server/index.ts";
import { type Listen, listen } from "../../src/transport/index.ts";
import { LOCALHOST } from "../fixtures/certificates.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const hasCurl = ["/usr/bin/curl", "/bin/curl", "/usr/local/bin/curl"].some((path) => existsSync(path));
const noCurl = hasCurl ? false : "curl is not installed";

const strays: unknown[] = [];
process.on("unhandledRejection", (error) => strays.push(error));
process.on("uncaughtException", (error) => strays.push(error));
after(() => assert.deepEqual(strays, []));

async function serve(
  handler: Handler,
  options: ServerOptions = {},
  how: ServeOptions = {},
): Promise<{ server: Server; port: number; base: string } & AsyncDisposable> {
  const server = createServer(handler, options);
  const [listener] = await server.listen({ host: "127.0.0.1", port: 0 }, how);
  assert.ok(listener !== undefined && "port" in listener.address);
  const { port } = listener.address;
  return {
    server,
    port,
    base: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => void (await server.close({ mode: "abort" })),
  };
}

/** How a connection of HTTP/1.0 ends after a body that fails, and what came before. */
function ending(port: number, path: string): Promise<{ readonly how: string; readonly body: string }> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    const end = (how: string) => () => resolve({ how, body: received.split("\r\n\r\n")[1] ?? "" });
    socket.setEncoding("latin1").on("data", (piece: string) => (received += piece));
    socket.on("end", end("fin")).on("error", (error: NodeJS.ErrnoException) => end(error.code ?? "")());
    socket.write(`GET ${path} HTTP/1.0\r\n\r\n`);
  });
}

interface Curled {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function curl(parts: readonly string[], input?: string | Uint8Array): Promise<Curled> {
  const child = spawn("curl", ["--silent", "--show-error", "--max-time", "20", ...parts], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], no_proxy: "*" },
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece: Buffer) => err.push(piece));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: Buffer.concat(out).toString("latin1"), err: Buffer.concat(err).toString("latin1") };
}

/** All that a socket gets until the other side ends. */
async function all(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (piece: string) => (text += piece));
  await once(socket, "close");
  return text;
}

function until(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const look = (piece: Buffer): void => {
      text += piece.toString("latin1");
      if (!text.includes(wanted)) return;
      socket.off("data", look);
      resolve(text);
    };
    socket.on("data", look).once("close", () => reject(new Error(`It closed; what came: ${text}`)));
  });
}

const echo: Handler = async (request) => {
  const body = await request.body.bytes(64 * 1_048_576);
  return reply(200, { "X-Version": request.version, "X-Method": request.method }, body);
};

test("curl speaks HTTP/1.0 and HTTP/1.1, and keeps its connection [EL-14]", { skip: noCurl }, async () => {
  await using site = await serve((request) => text(`${request.version} ${request.path}`));
  const one = await curl(["--http1.1", "-i", `${site.base}/a`, "--next", "--http1.1", "-i", `${site.base}/b`]);
  assert.equal(one.code, 0, one.err);
  assert.match(one.out, /^HTTP\/1\.1 200 OK\r\n[\s\S]*1\.1 \/aHTTP\/1\.1 200 OK\r\n[\s\S]*1\.1 \/b$/);
  assert.equal(site.server.stats.connections, 1);
  const old = await curl(["--http1.0", "-i", `${site.base}/a`]);
  assert.equal(old.code, 0, old.err);
  assert.match(old.out, /\r\nConnection: close\r\n[\s\S]*1\.0 \/a$/);
});

test("curl gets a streamed reply whole, in HTTP/1.0 and 1.1", { skip: noCurl }, async () => {
  await using site = await serve(() => {
    const pipe = new Pipe();
    void (async () => {
      for (let i = 0; i < 50; i++) if (!pipe.write("x".repeat(20_000))) await pipe.drained();
      pipe.end();
    })();
    return reply(200, {}, pipe);
  });
  for (const version of ["--http1.0", "--http1.1"]) {
    const { code, out, err } = await curl([version, site.base]);
    assert.deepEqual([code, out.length], [0, 1_000_000], err);
  }
});

test("curl uploads in chunks, and by length, of any size", { skip: noCurl }, async () => {
  await using site = await serve(echo);
  const body = Buffer.alloc(3_000_000, "0123456789");
  const chunked = await curl(["-T", "-", "-D", "-", `${site.base}/`], body);
  assert.equal(chunked.code, 0, chunked.err);
  assert.match(chunked.out, /X-Method: PUT\r\n/);
  assert.equal(chunked.out.endsWith(body.toString("latin1")), true);
  const sized = await curl(["--data-binary", "@-", `${site.base}/`], body);
  assert.deepEqual([sized.code, sized.out.length], [0, body.length], sized.err);
});

test("curl waits for 100 Continue, and is refused before it where the body is too long", { skip: noCurl }, async () => {
  await using site = await serve(async (request) => text(String((await request.body.bytes()).length)));
  const expecting = ["-H", "Expect: 100-continue", "--expect100-timeout", "15", "-D", "-", "--data-binary", "@-"];
  const invited = await curl([...expecting, site.base], Buffer.alloc(100_000));
  assert.equal(invited.code, 0, invited.err);
  assert.match(invited.out, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*100000$/);
  const refused = await curl([...expecting, site.base], Buffer.alloc(3 * 1_048_576));
  assert.match(refused.out, /^HTTP\/1\.1 413 /);
  assert.equal((await curl([...expecting, site.base], "abc")).out.endsWith("3"), true);
});

test("curl that reads slowly gets everything, and the server holds little of it", { skip: noCurl }, async () => {
  await using site = await serve(() => text("x".repeat(400_000)));
  const { code, out, err } = await curl(["--limit-rate", "400k", site.base]);
  assert.deepEqual([code, out.length], [0, 400_000], err);
});

test("curl gets HEAD, OPTIONS *, any method, and an error page", { skip: noCurl }, async () => {
  await using site = await serve((request) => text(request.method));
  assert.match((await curl(["-I", site.base])).out, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 4\r\n/);
  assert.equal((await curl(["-X", "BREW", site.base])).out, "BREW");
  const star = await curl(["-i", "-X", "OPTIONS", "--request-target", "*", site.base]);
  assert.match(star.out, /^HTTP\/1\.1 200 OK\r\nContent-Length: 0\r\n/);
  const doubled = await curl(["-i", "-H", "Host: a", "-H", "Host : b", site.base]);
  assert.match(doubled.out, /^HTTP\/1\.1 400 /);
});

test("curl over TLS and over a unix socket", { skip: noCurl }, async () => {
  await using secure = await serve(({ peer }) => text(`${peer.secure}`), {}, { tls: { ...LOCALHOST } });
  const { out, err } = await curl(["-k", `https://127.0.0.1:${secure.port}/`]);
  assert.equal(out, "true", err);
  const folder = await mkdtemp(join(tmpdir(), "portico-"));
  try {
    await using server = createServer(({ peer }) => text(`peer "${peer.address}"`));
    const path = join(folder, "s");
    await server.listen({ path });
    assert.equal((await curl(["--unix-socket", path, "http://a/"])).out, 'peer ""');
  } finally {
    await rm(folder, { recursive: true });
  }
});

function get(port: number, path: string, agent: Agent): Promise<IncomingMessage & { text: string }> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ host: "127.0.0.1", port, path, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve(Object.assign(response, { text })));
      response.on("error", reject);
    });
    asked.on("error", reject).end();
  });
}

test("node:http reuses one connection for a hundred requests", async () => {
  await using site = await serve(async ({ path }) => text(path));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 100; i++) assert.equal((await get(site.port, `/${i}`, agent)).text, `/${i}`);
  agent.destroy();
  assert.equal(site.server.stats.connections, 1);
});

test("node:http sees early hints, trailers and 100 Continue", async () => {
  const { Fields } = await import("../../src/message/fields.ts");
  const { inform } = await import("../../src/message/request.ts");
  await using site = await serve(async (request) => {
    inform(request, 103, { Link: "</a.css>" });
    const body = await request.body.text();
    return reply(200, {}, body, { trailers: () => new Fields({ Digest: "x" }) });
  });
  const events: string[] = [];
  const done = new Promise<void>((resolve, reject) => {
    const asked = httpRequest({
      host: "127.0.0.1",
      port: site.port,
      method: "POST",
      headers: { Expect: "100-continue", "Content-Length": 3 },
    });
    asked.on("information", ({ statusCode }) => events.push(`${statusCode}`));
    asked.on("continue", () => {
      events.push("continue");
      asked.end("abc");
    });
    asked.on("response", (response) => {
      response.resume().on("end", () => {
        events.push(`${response.statusCode} ${response.trailers["digest"]}`);
        resolve();
      });
    });
    asked.on("error", reject);
    asked.flushHeaders();
  });
  await done;
  assert.deepEqual(events, ["103", "continue", "100", "200 x"]);
});

test("node:https gets an answer over TLS, and its peer is called secure", async () => {
  await using site = await serve(({ peer }) => text(String(peer.secure)), {}, { tls: { ...LOCALHOST } });
  const answer = await new Promise<string>((resolve, reject) => {
    const asked = httpsRequest({ host: "127.0.0.1", port: site.port, ca: LOCALHOST.cert, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve(text));
    });
    asked.on("error", reject).end();
  });
  assert.equal(answer, "true");
});

test("fetch posts and reads a stream", async () => {
  await using site = await serve((request) => reply(200, {}, request.body));
  const answer = await fetch(site.base, { method: "POST", body: "x".repeat(500_000) });
  assert.equal((await answer.text()).length, 500_000);
});

test("a thousand pipelined requests with handlers that take their time are answered in order", async () => {
  await using site = await serve(async ({ path }) => {
    const number = Number(path.slice(1));
    for (let i = 0; i < number % 4; i++) await new Promise((resolve) => setImmediate(resolve));
    return text(path);
  });
  const socket = connect(site.port, "127.0.0.1");
  const text1000 = Array.from({ length: 1_000 }, (_, i) => GET.replace("/", `/${i}`)).join("");
  socket.write(text1000);
  socket.end();
  const octets = await all(socket);
  const bodies = octets.match(/\r\n\r\n\/\d+/g)?.map((body) => body.slice(5));
  assert.deepEqual(
    bodies,
    Array.from({ length: 1_000 }, (_, i) => String(i)),
  );
});

test("an upgrade hands over the connection with the octets that came early", async () => {
  await using site = await serve(() =>
    upgrade("shout", (transport, early) => {
      const shout = (bytes: Uint8Array): void => {
        transport.write([Buffer.from(bytes).toString("latin1").toUpperCase()]);
      };
      if (early.length > 0) shout(early);
      transport.open({
        data: (bytes, start, end) => shout(bytes.subarray(start, end)),
        end: () => transport.end(),
        drain() {},
        close() {},
      });
    }),
  );
  const socket = connect(site.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nearly ");
  assert.match(await until(socket, "EARLY "), /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*\r\n\r\nEARLY $/);
  socket.write("later");
  assert.equal(await until(socket, "LATER"), "LATER");
  assert.equal([...site.server.connections].length, 1);
  socket.end();
  await once(socket, "close");
});

test("CONNECT makes a tunnel to elsewhere", async () => {
  await using origin = await serve(() => text("from the origin"));
  await using proxy = await serve((request) => {
    if (request.method !== "CONNECT") return text("no proxy", 400);
    return tunnel((transport, early) => {
      const there = connect(Number(request.target.split(":")[1]), "127.0.0.1");
      there.write(early);
      transport.open({
        data: (bytes, start, end) => there.write(Buffer.from(bytes.slice(start, end))),
        end: () => there.end(),
        drain() {},
        close: () => there.destroy(),
      });
      there.on("data", (piece: Buffer) => transport.write([piece])).on("end", () => transport.end());
      there.on("error", () => transport.destroy());
    });
  });
  const socket = connect(proxy.port, "127.0.0.1");
  const target = `127.0.0.1:${origin.port}`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n${GET}`);
  const octets = await until(socket, "from the origin");
  assert.match(octets, /^HTTP\/1\.1 200 OK\r\n(?!Content-Length|Transfer)[\s\S]*\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  socket.destroy();
});

test("a client that ends its side while the handler works is answered over TCP", async () => {
  let release = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    release = resolve;
  });
  let answer = (): void => {};
  await using site = await serve(async () => {
    release();
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return text("late");
  });
  const socket = connect(site.port, "127.0.0.1");
  socket.end(GET);
  await arrived;
  await new Promise((resolve) => setImmediate(resolve));
  answer();
  assert.match(await all(socket), /late$/);
});

test("a reset while the handler works aborts its signal, over TCP", async () => {
  let arrive: (signal: AbortSignal) => void = () => {};
  const arrived = new Promise<AbortSignal>((resolve) => {
    arrive = resolve;
  });
  await using site = await serve((request) => {
    arrive(request.signal);
    return new Promise(() => {});
  });
  const socket = connect(site.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(GET);
  const signal = await arrived;
  const aborted = once(signal, "abort");
  socket.resetAndDestroy();
  await aborted;
  assert.equal((signal.reason as { code: string }).code, "NET_RESET");
});

test("under resets at any moment the server lives, and a good client is served every time", async () => {
  await using site = await serve((request) =>
    request.path === "/big" ? text("x".repeat(2_000_000)) : reply(200, {}, request.body),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const requests = [
    "GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc",
    "GET / HT",
    "",
  ];
  for (let i = 0; i < 200; i++) {
    const socket = connect(site.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(requests[i % requests.length] ?? "");
    await once(socket, "connect");
    if (i % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
    if (i % 2 === 0) socket.resetAndDestroy();
    else socket.destroy();
    if (i % 10 === 0) assert.equal((await get(site.port, "/", agent)).statusCode, 200);
  }
  agent.destroy();
});

test("what a slow client takes later comes whole, and in the right order", async () => {
  await using site = await serve(() => {
    async function* numbers(): AsyncGenerator<string> {
      for (let i = 0; i < 100_000; i++) yield `${i} `;
    }
    return reply(200, {}, numbers());
  });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port: site.port, agent: false }, resolve).on("error", reject).end();
  });
  let octets = "";
  for await (const piece of answer) {
    octets += piece;
    if (octets.length % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(octets, Array.from({ length: 100_000 }, (_, i) => `${i} `).join(""));
});

test("the peer of a request is the address and port of the client's socket, IPv4 and IPv6 [GB-23] [CH-40]", async () => {
  const logged: string[] = [];
  await using server = createServer(({ peer }) => text(`${peer.address} ${peer.port}`), {
    hooks: { reply: ({ peer }) => logged.push(`${peer.address} ${peer.port}`) },
  });
  const hosts = ["127.0.0.1", ...((await hasIpv6()) ? ["::1"] : [])];
  const listeners = await server.listen(hosts.map((host): Address => ({ host, port: 0 })));
  for (const [index, host] of hosts.entries()) {
    const address = listeners[index]?.address;
    assert.ok(address !== undefined && "port" in address);
    const { port } = address;
    const socket = connect(port, host);
    await once(socket, "connect");
    const own = `${host} ${socket.localPort}`;
    socket.end("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.equal((await all(socket)).split("\r\n\r\n")[1], own);
    assert.equal(logged.at(-1), own);
  }
});

async function hasIpv6(): Promise<boolean> {
  const server = createServer(() => text(""));
  try {
    await server.listen({ host: "::1", port: 0 });
    return true;
  } catch {
    return false;
  } finally {
    await server.close();
  }
}

const failed = (): Error => new Error("it fails");

const atOnce: AsyncIterable<string> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(failed()) }),
};

const FAILING: Readonly<Record<string, () => AsyncIterable<string> | Pipe>> = {
  "/at-once": () => atOnce,
  "/behind-a-piece": async function* () {
    yield "half";
    throw failed();
  },
  "/a-turn-later": async function* () {
    yield "half";
    await new Promise((resolve) => setImmediate(resolve));
    throw failed();
  },
  "/pipe": () => {
    const pipe = new Pipe();
    pipe.write("half");
    pipe.fail(failed());
    return pipe;
  },
  "/pipe-later": () => {
    const pipe = new Pipe();
    pipe.write("half");
    setImmediate(() => pipe.fail(failed()));
    return pipe;
  },
};

test("a body that fails in HTTP/1.0 ends with a reset, in the turn of its head too, and never as if it were whole", async () => {
  const whole = async function* () {
    yield "whole";
  };
  await using one = await serve(({ path }) => reply(200, {}, FAILING[path]?.() ?? whole()), { hooks: { error() {} } });
  for (const path of Object.keys(FAILING)) {
    const { how, body } = await ending(one.port, path);
    // What fails before its first piece has no head yet: it is answered with an error page, which is whole.
    if (path === "/at-once") assert.deepEqual([how, /^500 /.test(body)], ["fin", true], body);
    else assert.deepEqual([how, "half".startsWith(body)], ["ECONNRESET", true], `${path}: ${body}`);
  }
  assert.deepEqual(await ending(one.port, "/whole"), { how: "fin", body: "whole" });
});

test("a connection that is destroyed in the middle of a reply is reset, with a reason and without", async () => {
  async function* endless(): AsyncGenerator<string> {
    for (;;) {
      yield "tick";
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  for (const reason of [undefined, failed()]) {
    await using one = await serve(() => reply(200, {}, endless()));
    const ended = ending(one.port, "/");
    while (one.server.stats.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    const [connection] = one.server.connections;
    connection?.destroy(reason);
    assert.equal((await ended).how, "ECONNRESET");
  }
});

/** The alerts among the records of TLS 1.2 (RFC 5246 §6.2.1, §7.2) that a server sends for one request: only their type is in the clear. */
async function alertsOf(port: number, path: string): Promise<{ readonly alerts: number; readonly received: string }> {
  let records = Buffer.alloc(0);
  const tap = createTap(port, (bytes) => (records = Buffer.concat([records, bytes])));
  tap.listen(0, "127.0.0.1");
  await once(tap, "listening");
  const { port: tapped } = tap.address() as AddressInfo;
  const socket = connectTls({ port: tapped, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
  let received = "";
  socket.setEncoding("latin1").on("data", (piece: string) => (received += piece));
  socket.on("error", () => {}).write(`GET ${path} HTTP/1.0\r\n\r\n`);
  await once(socket, "close");
  tap.close();
  let alerts = 0;
  for (let at = 0; at + 5 <= records.length; at += 5 + records.readUInt16BE(at + 3)) if (records[at] === 21) alerts++;
  return { alerts, received };
}

/** Passes on what comes, and shows what goes back. */
function createTap(port: number, show: (bytes: Buffer) => void): NetServer {
  return createNetServer((near) => {
    const far = connect(port, "127.0.0.1");
    far.on("data", show);
    near.pipe(far).pipe(near);
    for (const each of [near, far]) each.on("error", () => {});
  });
}

test("over TLS a body that fails ends without close_notify, which says that it is whole", async () => {
  const whole = async function* () {
    yield "whole";
  };
  await using one = await serve(
    ({ path }) => reply(200, {}, FAILING[path]?.() ?? whole()),
    { hooks: { error() {} } },
    { tls: LOCALHOST },
  );
  for (const path of Object.keys(FAILING)) {
    // The error page of what fails before its first piece is whole.
    assert.equal((await alertsOf(one.port, path)).alerts, path === "/at-once" ? 1 : 0, path);
  }
  const { alerts, received } = await alertsOf(one.port, "/whole");
  assert.deepEqual([alerts, received.endsWith("whole")], [1, true]);
});

test("a client over a real socket that takes anything in the time to write is not cut; one that takes nothing is", async () => {
  const clock = new FakeClock();
  const transports: Transport[] = [];
  const via: Listen = (address, accept, options) =>
    listen(
      address,
      (transport) => {
        transports.push(transport);
        accept(transport);
      },
      options,
    );
  const large = new Uint8Array(40_000_000);
  await using one = await serve(() => reply(200, {}, large), { clock, timeouts: { write: 40_000 } }, { via });
  const socket = connect(one.port, "127.0.0.1");
  socket.on("error", () => {}).write(GET);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  while ((transports[0]?.pending ?? 0) === 0) await turn();
  const transport = transports[0] as Transport;
  for (let i = 0; i < 5; i++) {
    clock.tick(30_000);
    await turn();
    assert.equal(one.server.stats.open, 1);
    const before = transport.pending;
    socket.resume();
    while (transport.pending === before) await turn();
    socket.pause();
  }
  const before = transport.pending;
  assert.ok(before > 0, "the reader is still behind");
  for (let i = 0; i < 4; i++) clock.tick(30_000);
  while (one.server.stats.open > 0) await turn();
  socket.destroy();
});
