// Scenario 24, the engine's part, by its causes: how many octets are between the two ends at any moment, and that reading
// stops where nobody takes what was read. The figures of a real run are in test/loopback/ and in the benchmark.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport } from "../../src/base/transport.ts";
import { HIGH_WATER, Pipe } from "../../src/message/pipe.ts";
import { reply, text } from "../../src/message/reply.ts";
import { OUTBOX_BYTES } from "../../src/server/defaults.ts";
import { createServer } from "../../src/server/index.ts";
import { loopback } from "../../src/testing/index.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PIECE = 65_536;
const VOLUME = 512 * 1_048_576;

/** A transport that tells how often its reading was stopped. */
function watched(transport: Transport): { transport: Transport; paused: () => number } {
  let paused = 0;
  return {
    paused: () => paused,
    transport: {
      peer: transport.peer,
      protocol: transport.protocol,
      get pending() {
        return transport.pending;
      },
      open: (events) => transport.open(events),
      write: (list) => transport.write(list),
      pause() {
        paused++;
        transport.pause();
      },
      resume: () => transport.resume(),
      end: () => transport.end(),
      destroy: (error) => transport.destroy(error),
    },
  };
}

for (const [name, head, open, close] of [
  ["by length", `Content-Length: ${VOLUME}`, "", ""],
  ["in chunks", "Transfer-Encoding: chunked", `${PIECE.toString(16)}\r\n`, "\r\n"],
] as const) {
  test(`512 MB up, ${name}: what was read and not consumed stays within the bounds, and reading is paused [GB-40] [ND-115]`, async () => {
    let consumed = 0;
    let most = 0;
    const server = createServer(async (request) => {
      for await (const piece of request.body) {
        most = Math.max(most, connection.received - consumed);
        consumed += piece.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      return text(String(consumed));
    });
    const [near, far] = memoryPair();
    const { transport, paused } = watched(far);
    const connection = server.accept(transport);
    const answer = await new Promise<string>((resolve) => {
      let octets = "";
      let sent = 0;
      const bytes = new Uint8Array(PIECE);
      const pump = (): void => {
        while (sent < VOLUME) {
          sent += PIECE;
          if (!near.write([open, bytes, close])) return;
        }
        if (sent === VOLUME) near.write([close === "" ? "" : "0\r\n\r\n"]);
        sent = Number.POSITIVE_INFINITY;
      };
      near.open({
        data: (received, start, end) => {
          octets += Buffer.from(received.subarray(start, end)).toString("latin1");
          if (octets.endsWith(String(VOLUME))) resolve(octets);
        },
        end() {},
        drain: pump,
        close: () => resolve(octets),
      });
      near.write([`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`]);
      pump();
    });
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(consumed, VOLUME);
    // The framing of chunks counts as received, and is never consumed: a thousandth of what came.
    const bound = HIGH_WATER + 2 * PIECE + (close === "" ? 0 : VOLUME / 4_096);
    assert.equal(most <= bound, true, `${most} octets waited, ${bound} may`);
    assert.equal(paused() > 100, true, `reading was paused ${paused()} times`);
    await server.close({ mode: "abort" });
  });
}

test("512 MB down to a slow reader: what was made and not taken stays within the bounds [GB-41] [ND-115]", async () => {
  let made = 0;
  let taken = 0;
  let most = 0;
  let largest = 0;
  const server = createServer(() => {
    const pipe = new Pipe();
    void (async () => {
      const bytes = new Uint8Array(PIECE);
      while (made < VOLUME) {
        made += PIECE;
        const more = pipe.write(bytes);
        largest = Math.max(largest, pipe.size);
        most = Math.max(most, made - taken);
        if (!more) await pipe.drained();
      }
      pipe.end();
    })();
    return reply(200, { "Content-Length": String(VOLUME) }, pipe);
  });
  const [near, far] = memoryPair();
  server.accept(far);
  await new Promise<void>((resolve) => {
    near.open({
      data: (_bytes, start, end) => {
        taken += end - start;
        near.pause();
        setImmediate(() => near.resume());
        if (taken >= VOLUME) resolve();
      },
      end() {},
      drain() {},
      close: () => resolve(),
    });
    near.write([GET]);
  });
  assert.equal(made, VOLUME);
  assert.equal(largest <= HIGH_WATER + PIECE, true, `${largest} octets waited in the pipe`);
  const bound = HIGH_WATER + OUTBOX_BYTES + HIGH_WATER + 3 * PIECE;
  assert.equal(most <= bound, true, `${most} octets waited, ${bound} may`);
  await server.close({ mode: "abort" });
});

test("a generator is not asked for more than the reader takes", async () => {
  let made = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      made += PIECE;
      yield new Uint8Array(PIECE);
    }
  }
  await using bench = loopback(() => reply(200, {}, endless()));
  const client = bench.connect().pause().send(GET);
  await bench.settled();
  assert.equal(made <= 4 * PIECE, true, `${made} octets were made for who reads nothing`);
  const before = made;
  client.resume();
  await client.until((rest) => rest.length > 10 * PIECE);
  assert.equal(made > before, true);
  client.reset();
  await bench.settled();
  const after = made;
  await turns(10);
  assert.equal(made, after, "and not at all once the reader has gone");
});

test("a body that nobody reads yet is read only so far: the mark of the pipe, then reading stops [GB-40]", async () => {
  await using bench = loopback(() => new Promise(() => {}));
  const client = bench.connect().send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 * PIECE}\r\n\r\n`);
  for (let i = 0; i < 64; i++) client.send(new Uint8Array(PIECE));
  await bench.settled();
  const [connection] = bench.server.connections;
  const { received = 0 } = connection ?? {};
  assert.equal(received >= HIGH_WATER && received <= HIGH_WATER + 2 * PIECE, true, String(received));
  assert.equal(client.pending > 60 * PIECE, true);
});

test("a body that is passed on as it comes waits for who takes it: the client is slowed down by its own reading", async () => {
  await using bench = loopback((request) => reply(200, {}, request.body));
  const client = bench.connect().pause();
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 * PIECE}\r\n\r\n`);
  for (let i = 0; i < 64; i++) client.send(new Uint8Array(PIECE));
  await bench.settled();
  const [connection] = bench.server.connections;
  assert.equal((connection?.received ?? 0) < 8 * PIECE, true, String(connection?.received));
  client.resume();
  assert.equal((await client.answer("POST")).body.length, 64 * PIECE);
});

test("large replies to pipelined requests wait as requests, not as replies", async () => {
  let made = 0;
  await using bench = loopback(() => {
    made++;
    return reply(200, {}, new Uint8Array(16 * PIECE));
  });
  const client = bench.connect().pause().send(GET.repeat(50));
  await bench.settled();
  assert.equal(made, 1);
  client.resume();
  await client.until((rest) => rest.length > 50 * 16 * PIECE);
  assert.equal(made, 50);
});
