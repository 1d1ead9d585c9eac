import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, test } from "node:test";
import type { TransportEvents } from "../base/transport.ts";
import { SocketTransport } from "./socket.ts";
import { forceReadMode, poison, readMode } from "./static-buffer.ts";
import { dial, listen } from "./tcp.ts";

const ANY = { host: "127.0.0.1", port: 0 };
const quiet: TransportEvents = { data() {}, end() {}, drain() {}, close() {} };

after(() => {
  forceReadMode(undefined);
  poison(process.env["PORTICO_POISON"] === "1");
});

/** The memory that two connections read into, one after the other. */
async function buffersOf(): Promise<ArrayBufferLike[]> {
  const seen: ArrayBufferLike[] = [];
  let more: () => void = () => {};
  const listener = await listen(ANY, (transport) => {
    transport.open({
      ...quiet,
      data(bytes) {
        seen.push(bytes.buffer);
        transport.destroy();
        more();
      },
    });
  });
  for (let round = 0; round < 2; round += 1) {
    const near = await dial(listener.address);
    await new Promise<void>((resolve) => {
      more = resolve;
      near.write([Buffer.alloc(5000)]);
    });
    near.destroy();
  }
  await listener.close();
  return seen;
}

test("this Node reads all connections into one buffer", async () => {
  forceReadMode("static");
  assert.equal(readMode(), "static");
  const [first, second] = await buffersOf();
  assert.ok(first !== undefined && first === second);
  assert.equal(first.byteLength, 65536);
});

test("PORTICO_READ=data gives each read memory of its own", async () => {
  const before = process.env["PORTICO_READ"];
  forceReadMode(undefined);
  process.env["PORTICO_READ"] = "data";
  assert.equal(readMode(), "data");
  const [first, second] = await buffersOf();
  assert.notEqual(first, second);
  if (before === undefined) delete process.env["PORTICO_READ"];
  else process.env["PORTICO_READ"] = before;
});

test("a poisoned buffer is overwritten when the call is over", async () => {
  forceReadMode("static");
  poison(true);
  const listener = await listen(ANY, (transport) => {
    transport.open({
      ...quiet,
      data(bytes, start, end) {
        const kept = bytes.subarray(start, end);
        assert.equal(Buffer.from(kept).toString(), "mine");
        setImmediate(() => transport.write([Buffer.from(kept)]));
      },
    });
  });
  const near = await dial(listener.address);
  const back = await new Promise<Buffer>((resolve) => {
    near.open({ ...quiet, data: (bytes, start, end) => resolve(Buffer.from(bytes.subarray(start, end))) });
    near.write(["mine"]);
  });
  assert.deepEqual(back, Buffer.alloc(4, 0xdd));
  near.destroy();
  await listener.close();
});

test("a socket that others made is taken over as well, with what waits in it already", async () => {
  forceReadMode("static");
  const listener = await listen(ANY, (transport) => {
    transport.open(quiet);
    transport.write(["hello"]);
  });
  assert.ok("port" in listener.address);
  const socket = net.connect(listener.address.port, "127.0.0.1");
  await once(socket, "connect");
  await once(socket, "readable");
  socket.removeAllListeners("readable");
  const transport = new SocketTransport(socket);
  const text = await new Promise<string>((resolve) => {
    transport.open({
      ...quiet,
      data: (bytes, start, end) => resolve(Buffer.from(bytes.subarray(start, end)).toString()),
    });
  });
  assert.equal(text, "hello");
  transport.destroy();
  await listener.close();
});
