// One real run each way: 512 MB over TCP with a slow partner, and how much the process grew meanwhile. The figure is printed,
// not asserted: what holds it down is proven by its causes in test/scenarios/flat-memory.test.ts.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { reply, text } from "../../src/message/reply.ts";
import { createServer } from "../../src/server/index.ts";

const PIECE = 65_536;
const VOLUME = 512 * 1_048_576;

/** The peak of the resident set while something runs, above what it was before. */
async function growth(context: TestContext, run: () => Promise<void>): Promise<void> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  await run();
  clearInterval(timer);
  context.diagnostic(`the process grew by ${((peak - before) / 1_048_576).toFixed(1)} MB`);
}

test("512 MB up over TCP, and 512 MB down", async (context) => {
  let consumed = 0;
  await using server = createServer(async (request) => {
    if (request.method === "GET") return reply(200, { "Content-Length": String(VOLUME) }, down());
    for await (const piece of request.body) consumed += piece.length;
    return text("done");
  });
  const [listener] = await server.listen();
  assert.ok(listener !== undefined && "port" in listener.address);
  const { port } = listener.address;
  await growth(context, async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${VOLUME}\r\n\r\n`);
    const bytes = new Uint8Array(PIECE);
    for (let sent = 0; sent < VOLUME; sent += PIECE) {
      if (!socket.write(bytes)) await new Promise((resolve) => socket.once("drain", resolve));
    }
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
  });
  assert.equal(consumed, VOLUME);
  await growth(context, async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let taken = 0;
    for await (const piece of socket) taken += (piece as Buffer).length;
    assert.equal(taken > VOLUME, true);
  });
});

async function* down(): AsyncGenerator<Uint8Array> {
  const bytes = new Uint8Array(PIECE);
  for (let made = 0; made < VOLUME; made += PIECE) yield bytes;
}
