// Scenario 16, over real sockets and in real processes: addresses, ports that are free again, signals, and a process that
// ends by itself.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import type { Address } from "../../src/base/transport.ts";
import { reply, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { createServer, type Server, serverOf } from "../../src/server/index.ts";
import { type Listen, listen } from "../../src/transport/index.ts";
import { LOCALHOST } from "../fixtures/certificates.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ENTRY = new URL("../../src/index.js", import.meta.url).href;

function portOf(server: Server, index = 0): number {
  const address = server.listeners[index]?.address;
  assert.ok(address !== undefined && "port" in address);
  return address.port;
}

function ask(
  port: number,
  host = "127.0.0.1",
  request = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
): Promise<string> {
  return new Promise((resolve, reject) => {
    let octets = "";
    const socket = connect(port, host);
    socket.setEncoding("latin1").on("data", (piece: string) => (octets += piece));
    socket.on("error", reject).on("close", () => resolve(octets.split("\r\n\r\n")[1] ?? octets));
    socket.write(request);
  });
}

test("several addresses answer with the same handler, each where it was asked [GB-03] [EL-05]", async () => {
  await using server = createServer(() => text("same"));
  const listeners = await server.listen([
    { host: "127.0.0.1", port: 0 },
    { host: "127.0.0.1", port: 0 },
  ]);
  assert.equal(listeners.length, 2);
  assert.notEqual(portOf(server, 0), portOf(server, 1));
  assert.deepEqual([await ask(portOf(server, 0)), await ask(portOf(server, 1))], ["same", "same"]);
});

test("ports and texts of host and port are addresses, and one that is none leaves nothing listening [GB-03]", async () => {
  await using server = createServer(() => text("same"));
  const [one, two] = [await freePort(), await freePort()];
  await server.listen([one, `127.0.0.1:${two}`]);
  assert.deepEqual([await ask(one), await ask(two)], ["same", "same"]);
  await server.close();
  for (const wrong of ["127.0.0.1", "127.0.0.1:x", ":80", { host: "127.0.0.1" }, { port: 1 }, null, -1, 1.5]) {
    await assert.rejects(server.listen([one, wrong as never]), { code: "USE_BAD_OPTION" }, JSON.stringify(wrong));
    assert.deepEqual(server.listeners, []);
    await assert.rejects(ask(one), { code: "ECONNREFUSED" });
  }
  await server.listen(`127.0.0.1:${one}`);
  assert.equal(await ask(one), "same");
});

test("one bad address of several, and none is left listening [GB-03]", async () => {
  await using other = createServer(() => text("other"));
  await other.listen();
  const server = createServer(() => text("x"));
  const free = await freePort();
  const addresses: Address[] = [
    { host: "127.0.0.1", port: free },
    { host: "127.0.0.1", port: portOf(other) },
  ];
  await assert.rejects(server.listen(addresses), { code: "NET_ADDRESS_IN_USE" });
  assert.deepEqual(server.listeners, []);
  await assert.rejects(ask(free), { code: "ECONNREFUSED" });
  assert.equal(await ask(portOf(other)), "other");
});

async function freePort(): Promise<number> {
  const server = createServer(() => text(""));
  await server.listen();
  const port = portOf(server);
  await server.close();
  return port;
}

test("two servers on two ports answer each with its own; a second start on a used port leaves the first [EL-05] [EL-07]", async () => {
  const one = createServer(() => text("one"));
  await using two = createServer(() => text("two"));
  await one.listen();
  await two.listen();
  const ports = [portOf(one), portOf(two)] as const;
  assert.deepEqual([await ask(ports[0]), await ask(ports[1])], ["one", "two"]);
  const third = createServer(() => text("third"));
  await assert.rejects(third.listen(ports[0]), { code: "NET_ADDRESS_IN_USE" });
  assert.equal(await ask(ports[0]), "one");
  await one.close();
  await assert.rejects(ask(ports[0]), { code: "ECONNREFUSED" });
  assert.equal(await ask(ports[1]), "two");
  await one.close(); // closing what is closed does nothing
});

const external = Object.values(networkInterfaces())
  .flat()
  .find((each) => each !== undefined && !each.internal && each.family === "IPv4")?.address;

test("a server on loopback is not reachable from outside; one on all addresses is [EL-05] [CH-25]", {
  skip: external === undefined ? "there is no other address" : false,
}, async () => {
  await using inside = createServer(() => text("inside"));
  await inside.listen({ host: "127.0.0.1", port: 0 });
  await assert.rejects(ask(portOf(inside), external));
  await using outside = createServer(() => text("outside"));
  await outside.listen({ host: "0.0.0.0", port: 0 });
  assert.equal(await ask(portOf(outside), external), "outside");
  assert.equal(await ask(portOf(outside)), "outside");
});

test("a restart on the same port succeeds at once, also after connections that we closed [GB-06]", async () => {
  let port = 0;
  for (let i = 0; i < 10; i++) {
    const server = createServer(() => text(String(i)));
    await server.listen(port);
    port = portOf(server);
    const idle = connect(port, "127.0.0.1");
    idle.on("error", () => {}).write(GET);
    await once(idle, "data");
    assert.equal(await ask(port), String(i));
    await server.close();
    idle.destroy();
  }
});

test("an option that this Node cannot honour is an error, and nothing listens [GB-06]", async () => {
  const [major = 0] = process.versions.node.split(".").map(Number);
  const server = createServer(() => text("x"));
  const listening = server.listen(0, { reusePort: true });
  if (major < 22) await assert.rejects(listening, { code: "USE_UNSUPPORTED" });
  else {
    await listening;
    await using second = createServer(() => text("y"));
    await second.listen(portOf(server), { reusePort: true });
    assert.equal(portOf(second), portOf(server));
  }
  await server.close();
});

test("after close() no socket of the server is open, and nothing keeps the process [GB-07]", async () => {
  const server = createServer(() => new Promise(() => {}));
  await server.listen();
  const sockets = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const socket = connect(portOf(server), "127.0.0.1");
      socket.on("error", () => {}).write(GET);
      await once(socket, "connect");
      return socket;
    }),
  );
  while (server.stats.requests < 5) await new Promise((resolve) => setImmediate(resolve));
  const closed = sockets.map((socket: Socket) => new Promise((resolve) => socket.on("close", resolve)));
  const report = await server.close({ mode: "abort" });
  await Promise.all(closed);
  assert.deepEqual([report.cut, server.stats.open], [5, 0]);
});

/** A program of its own; its lines, and how it ended. */
function run(program: string): {
  child: ChildProcess;
  line: () => Promise<string>;
  ended: Promise<[number | null, string | null]>;
} {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", `import * as portico from ${JSON.stringify(ENTRY)};\n${program}`],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      timeout: 20_000,
    },
  );
  const lines: string[] = [];
  let rest = "";
  let wake = (): void => {};
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    rest += piece;
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  });
  const ended = once(child, "close") as Promise<[number | null, string | null]>;
  const line = async (): Promise<string> => {
    while (lines.length === 0) {
      const more = new Promise<string>((resolve) => {
        wake = () => resolve("more");
      });
      if ((await Promise.race([more, ended])) !== "more" && lines.length === 0) return "(it ended)";
    }
    return lines.shift() as string;
  };
  return { child, line, ended };
}

const SERVE = `
const say = (text) => process.stdout.write(text + "\\n");
const server = portico.createServer(handler, options);
const [listener] = await server.listen({ host: "127.0.0.1", port: 0 });
say(String(listener.address.port));
`;

test("a server without ref does not hold its process, nor does a connection that idles", async () => {
  const alone = run(`const handler = () => portico.text("x"), options = { ref: false };${SERVE}`);
  assert.deepEqual(await alone.ended, [0, null]);
  // While the client is served something else holds the process, and then lets go of it.
  const { child, line, ended } = run(
    `const handler = () => portico.text("x"), options = {};${SERVE}
    const poll = setInterval(() => {
      if (server.stats.requests === 0) return;
      clearInterval(poll);
      server.unref();
      say("unref");
    }, 5);`,
  );
  const socket = connect(Number(await line()), "127.0.0.1");
  socket.on("error", () => {}).write(GET);
  await once(socket, "data");
  assert.equal(await line(), "unref");
  assert.deepEqual(await ended, [0, null]);
  socket.destroy();
  assert.equal(child.exitCode, 0);
});

test("connections that come to a server without ref do not hold its process either", async () => {
  const { line, ended } = run(
    `const handler = () => portico.text("x"), options = { ref: false };${SERVE}
    const poll = setInterval(() => { if (server.stats.requests > 0) clearInterval(poll); }, 5);`,
  );
  const socket = connect(Number(await line()), "127.0.0.1");
  socket.on("error", () => {}).write(GET);
  await once(socket, "data");
  assert.deepEqual(await ended, [0, null]);
  socket.destroy();
});

test("a server with ref holds its process until it is closed", async () => {
  const { line, ended } = run(
    `const handler = async () => { setImmediate(() => server.close()); return portico.text("x"); }, options = {};${SERVE}`,
  );
  assert.equal(await ask(Number(await line())), "x");
  assert.deepEqual(await ended, [0, null]);
});

test("a signal drains: what is in hand is answered, then the process ends by itself", async () => {
  const { child, line, ended } = run(
    `let release;
    const handler = () => { say("asked"); return new Promise((resolve) => { release = () => resolve(portico.text("late")); }); };
    const options = { signals: ["SIGTERM"] };${SERVE}
    process.on("SIGTERM", () => setImmediate(() => { say("signal"); release(); }));
    process.on("exit", () => say("listeners " + process.listenerCount("SIGTERM")));`,
  );
  const port = Number(await line());
  const answer = ask(port, "127.0.0.1", GET);
  assert.equal(await line(), "asked");
  child.kill("SIGTERM");
  assert.equal(await line(), "signal");
  assert.equal(await answer, "late");
  assert.equal(await line(), "listeners 1");
  assert.deepEqual(await ended, [0, null]);
});

test("a second signal cuts short what still drains, and does not kill the process", async () => {
  const { child, line, ended } = run(
    `const handler = (request) => {
      request.signal.addEventListener("abort", () => say(request.signal.reason.code));
      say("asked");
      return new Promise(() => {});
    };
    const options = { signals: ["SIGTERM"], timeouts: { drain: 0 } };${SERVE}
    const closing = setInterval(() => { if (server.listeners.length === 0) { clearInterval(closing); say("draining"); } }, 5);`,
  );
  const port = Number(await line());
  const answer = ask(port, "127.0.0.1", GET).catch((error: { code: string }) => error.code);
  assert.equal(await line(), "asked");
  child.kill("SIGTERM");
  assert.equal(await line(), "draining");
  child.kill("SIGTERM");
  assert.equal(await line(), "NET_SHUTDOWN");
  assert.deepEqual(await ended, [0, null]);
  assert.equal(await answer, "ECONNRESET");
});

test("without the option no signal is listened to", async () => {
  const { child, line, ended } = run(`const handler = () => portico.text("x"), options = {};${SERVE}`);
  await line();
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [null, "SIGTERM"]);
});

test("the current server is known after real awaits, in a server with the option [GB-02]", async () => {
  const { currentServer } = await import("../../src/server/index.ts");
  await using server = createServer(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const { readFile } = await import("node:fs/promises");
      await readFile(new URL(import.meta.url));
      return text(String(currentServer() === server));
    },
    { ambient: true },
  );
  await server.listen();
  assert.equal(await ask(portOf(server)), "true");
});

test("a server says its URL while it listens, and a listener that its signal closed is forgotten", async () => {
  const closing = new AbortController();
  await using server = createServer(() => text("here"));
  assert.equal(server.url, undefined);
  const [listener] = await server.listen({ host: "127.0.0.1", port: 0 }, { signal: closing.signal });
  const port = (listener?.address as { port: number } | undefined)?.port;
  assert.equal(server.url, `http://127.0.0.1:${port}/`);
  assert.equal(await (await fetch(server.url as string)).text(), "here");
  await server.listen({ host: "0.0.0.0", port: 0 });
  closing.abort();
  assert.equal(server.listeners.length, 1);
  const other = portOf(server);
  assert.equal(server.url, `http://localhost:${other}/`);
});

test("a reply without an end learns that the server drains, and ends it in order", async () => {
  async function* endless(request: Request): AsyncGenerator<string> {
    const { draining } = serverOf(request);
    yield "begun\n";
    await new Promise((resolve) => draining.addEventListener("abort", resolve, { once: true }));
    yield "ended\n";
  }
  await using server = createServer((request) => reply(200, {}, endless(request)));
  await server.listen();
  const response = await fetch(server.url as string);
  const chunks = response.body?.getReader() as { read(): Promise<{ value?: Uint8Array; done: boolean }> };
  assert.equal(Buffer.from((await chunks.read()).value as Uint8Array).toString(), "begun\n");
  const report = server.close();
  assert.equal(Buffer.from((await chunks.read()).value as Uint8Array).toString(), "ended\n");
  assert.deepEqual([(await chunks.read()).done, (await report).cut], [true, 0]);
  assert.equal(server.draining.aborted, false);
});

test("a process waits for close() although what is left open keeps no process alive", async () => {
  const program = `
    import { createServer, upgrade } from ${JSON.stringify(ENTRY)};
    import { connect } from "node:net";
    let taken;
    const taking = new Promise((resolve) => (taken = resolve));
    const server = createServer(() => upgrade("tea", taken)); // who takes it never opens it
    const [{ address }] = await server.listen();
    connect(address.port, "127.0.0.1").on("error", () => {}).unref().write("GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: upgrade\\r\\nUpgrade: tea\\r\\n\\r\\n");
    await taking;
    const { cut } = await server.close({ deadline: 50 });
    console.log("cut " + cut);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (said += piece));
  const [code] = await once(child, "close");
  assert.deepEqual([code, said], [0, "cut 1\n"]);
});

test("TLS connections count from accept: those in a handshake are within limits.connections, and end with close()", async () => {
  for (const mode of ["abort", "drain", "listener-only"] as const) {
    const server = createServer(() => text("x"), { limits: { connections: 5 } });
    await server.listen({ host: "127.0.0.1", port: 0 }, { tls: LOCALHOST });
    const ended: Promise<unknown>[] = [];
    const sockets = Array.from({ length: 60 }, () => {
      const socket = connect(portOf(server), "127.0.0.1");
      ended.push(
        new Promise((resolve) =>
          socket
            .on("error", () => {})
            .on("close", resolve)
            .resume(),
        ),
      );
      return socket;
    });
    while (server.stats.refused < 55) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([server.stats.open, [...server.connections].length], [5, 0]);
    const report = await server.close({ mode });
    await Promise.all(ended);
    assert.deepEqual([server.stats.open, server.stats.refused, report.cut], [0, 55, 0]);
    for (const socket of sockets) socket.destroy();
  }
});

test("connections that come before the startup hook is through are within limits.connections", async () => {
  let through = (): void => {};
  const starting = new Promise<void>((resolve) => {
    through = resolve;
  });
  let port = 0;
  const via: Listen = async (...how) => {
    const listener = await listen(...how);
    port = (listener.address as { readonly port: number }).port;
    return listener;
  };
  await using server = createServer(() => text("x"), {
    limits: { connections: 2 },
    hooks: { startup: () => starting },
  });
  const listening = server.listen({ host: "127.0.0.1", port: 0 }, { via });
  while (port === 0) await new Promise((resolve) => setImmediate(resolve));
  const sockets = Array.from({ length: 10 }, () => connect(port, "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => {}).resume();
  while (server.stats.refused < 8) await new Promise((resolve) => setImmediate(resolve));
  through();
  await listening;
  assert.deepEqual([server.stats.open, server.stats.refused], [2, 8]);
  for (const socket of sockets) socket.destroy();
});
