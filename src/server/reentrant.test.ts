// A transport may do anything in write(): also send on another connection of the same process.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport, TransportEvents } from "../base/transport.ts";
import { Pipe } from "../message/pipe.ts";
import { reply } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { createServer } from "./server.ts";

async function* chunks(): AsyncGenerator<Uint8Array | string> {
  yield Buffer.alloc(100_000, "b");
  yield "tail";
}

test("octets stay on their connection where one is served through the reply of another", async () => {
  const tunnel = new Pipe(1e9);
  await using outer = loopback(() => reply(200, {}, tunnel));
  const client = outer.connect();
  tunnel.flush();
  await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until("\r\n\r\n");
  let events!: TransportEvents;
  const through: Transport = {
    peer: { address: "", port: 0, secure: false },
    protocol: undefined,
    pending: 0,
    open: (given) => {
      events = given;
    },
    write: (list) => {
      for (const piece of list) tunnel.write(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece);
      return true;
    },
    pause() {},
    resume() {},
    end: () => {
      tunnel.end();
      queueMicrotask(() => events.close());
    },
    destroy() {},
  };
  const inner = createServer(() => reply(200, {}, chunks()));
  inner.accept(through);
  const request = Buffer.from("GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
  events.data(request, 0, request.length);
  const received = await client.until("0\r\n\r\n\r\n0\r\n\r\n");
  const whole = unchunked(received);
  assert.equal(unchunked(whole.slice(whole.indexOf("\r\n\r\n") + 4)), `${"b".repeat(100_000)}tail`);
  await inner.close();
});

function unchunked(text: string): string {
  let content = "";
  for (let at = 0; ; ) {
    const end = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, end), 16);
    assert.ok(Number.isInteger(size), `no size of a chunk at ${at}: ${JSON.stringify(text.slice(at, at + 20))}`);
    if (size === 0) return content;
    content += text.slice(end + 2, end + 2 + size);
    assert.equal(text.slice(end + 2 + size, end + 4 + size), "\r\n");
    at = end + 4 + size;
  }
}
