// Programs behind real sockets, from their first octet to their last process: slow output, clients that leave, failures, limits.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as ask, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cgi, type ProcessExit, processes, spawn } from "../../src/handlers/index.ts";
import { createServer, type Handler, HttpError, type Server, text } from "../../src/index.ts";
import { mux } from "../../src/route/index.ts";
import { onWindows } from "../fixtures/conditions.ts";
import "./strays.ts";

const POSIX = { skip: onWindows("has neither sh nor process groups") };

/** A server on a free port, and what it reports. */
async function served(handler: Handler): Promise<{ server: Server; port: number; errors: unknown[] }> {
  const errors: unknown[] = [];
  const server = createServer(handler, { hooks: { error: (error) => void errors.push(error) } });
  await server.listen(0);
  return { server, port: Number(new URL(server.url ?? "").port), errors };
}

/** A raw client, and all that it has received. */
class Client {
  received = "";
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (bytes) => (this.received += bytes.toString("latin1")));
    this.socket.on("error", () => {});
  }

  /** Resolves when what is awaited has come. */
  async until(awaited: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = awaited.exec(this.received);
      if (match !== null) return match;
      assert.ok(!this.socket.destroyed, `${awaited} did not come: ${this.received}`);
      await once(this.socket, "data");
    }
  }
}

/** Whether a process runs; a zombie does not. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Resolves when none of the processes runs. They are not ours, and tell nobody. */
async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(runs)) await new Promise((resolve) => setTimeout(resolve, 5));
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

test(
  "slow output arrives chunk by chunk, a second program is refused, and exit 3 ends the body and is logged [EL-27]",
  POSIX,
  async () => {
    let second: unknown;
    const script = "echo one; read line; echo two $line; read line; echo three $line; exit 3";
    const { server, port, errors } = await served(async (request) => {
      const running = spawn(request, "sh", ["-c", script], { stdin: request.body });
      await spawn(request, "echo", ["no"]).catch((error: unknown) => (second = error));
      return running;
    });
    const client = new Client(port);
    client.socket.write(CHUNKED);
    await client.until(/\r\n\r\n4\r\none\n\r\n$/);
    client.socket.write("2\r\na\n\r\n");
    await client.until(/\r\n6\r\ntwo a\n\r\n$/);
    client.socket.write("2\r\nb\n\r\n");
    await client.until(/\r\n8\r\nthree b\n\r\n0\r\nExit-Status: 3\r\n\r\n$/);
    assert.equal((second as { code: string }).code, "USE_STATE");
    const [error] = errors;
    assert.ok(error instanceof HttpError && errors.length === 1);
    assert.match((error.cause as Error).message, /^sh exited with 3\./);
    await server.close({ mode: "abort" });
  },
);

for (const [how, leave] of [
  ["resets", (client: Client) => client.socket.resetAndDestroy()],
  ["closes", (client: Client) => client.socket.destroy()],
  ["ends its side", (client: Client) => client.socket.end()],
] as const) {
  test(
    `a client that ${how} ends its program and the children of that, at the first asking [EL-27]`,
    POSIX,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "tail-"));
      const log = join(folder, "app.log");
      await writeFile(log, "first\n");
      const script = 'tail -f "$1" & echo pids $$ $!; wait';
      const exits: unknown[] = [];
      const onExit = ({ signal, stopped }: ProcessExit): void => void exits.push([signal, stopped]);
      const args = ["-c", script, "sh", log];
      const { server, port, errors } = await served((request) => spawn(request, "sh", args, { onExit }));
      const client = new Client(port);
      client.socket.write(GET);
      const [, shell, tail] = await client.until(/pids (\d+) (\d+)\n/);
      await client.until(/first\n/);
      await appendFile(log, "second\n");
      await client.until(/second\n/);
      const pids = [Number(shell), Number(tail)];
      assert.ok(pids.every(runs));
      leave(client);
      await gone(pids);
      while (exits.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(exits, [["SIGTERM", "left"]], "not by SIGKILL, which comes behind the grace");
      assert.deepEqual(errors, []);
      await server.close({ mode: "abort" });
      await rm(folder, { recursive: true });
    },
  );
}

test("five megabytes through a program come back as they went", POSIX, async () => {
  const { server, port, errors } = await served((request) => spawn(request, "cat", [], { stdin: request.body }));
  const sent = randomBytes(5_000_000);
  const outgoing = ask({ port, host: "127.0.0.1", method: "POST" });
  outgoing.end(sent);
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  const hash = createHash("sha256");
  for await (const chunk of answer) hash.update(chunk as Buffer);
  assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
  assert.equal(answer.trailers["exit-status"], "0");
  assert.deepEqual(errors, []);
  await server.close({ mode: "abort" });
});

test("clients that come and leave at all moments leave no process and no place taken behind", POSIX, async () => {
  const pool = processes({ limit: 8, queue: 100 });
  const pids: number[] = [];
  const script = "sleep 100 & echo pids $$ $!; wait";
  const { server, port } = await served((request) =>
    pool.spawn(request, "sh", ["-c", script], { grace: 100, onExit: (_, { pid }) => void pids.push(pid) }),
  );
  const clients = Array.from({ length: 40 }, () => new Client(port));
  for (const client of clients) client.socket.write(GET);
  for (const [i, client] of clients.entries()) {
    // Some wait for their program, some leave the queue.
    if (i % 4 === 0) {
      const [, shell, sleep] = await client.until(/pids (\d+) (\d+)\n/);
      pids.push(Number(shell), Number(sleep));
    }
    client.socket.destroy();
  }
  while (pool.running + pool.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(pids.length >= 30);
  await gone(pids);
  await server.close({ mode: "abort" });
});

test("a server that closes lets programs end; what still runs at the deadline is ended", POSIX, async () => {
  const { server, port } = await served((request) => spawn(request, "sh", ["-c", "echo pid $$; exec sleep 100"]));
  const client = new Client(port);
  client.socket.write(GET);
  const [, pid] = await client.until(/pid (\d+)\n/);
  await server.close({ deadline: 50 });
  await gone([Number(pid)]);
});

test("a CGI script stands among other routes, and speaks for itself", POSIX, async () => {
  const script = `
    printf 'Status: 201 Brewed\\r\\nContent-Type: text/plain\\r\\n\\r\\n'
    printf '%s %s %s ' "$REQUEST_METHOD" "$SCRIPT_NAME" "$PATH_INFO"; cat`;
  const routes = mux()
    .on("/cgi/tea/{rest...}", cgi("sh", { args: ["-c", script] }))
    .on("/", () => text("home"));
  const { server, port } = await served(routes.handler);
  const answer = await fetch(`http://127.0.0.1:${port}/cgi/tea/green/pot`, { method: "POST", body: "two cups" });
  assert.deepEqual(
    [answer.status, answer.statusText, await answer.text()],
    [201, "Brewed", "POST /cgi/tea /green/pot two cups"],
  );
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "home");
  await server.close({ mode: "abort" });
});
