import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Transport, TransportEvents } from "../base/transport.ts";
import { memoryListener, memoryPair } from "./memory.ts";

const quiet: TransportEvents = { data() {}, end() {}, drain() {}, close() {} };

function has(code: string): (error: unknown) => boolean {
  return (error) => (error instanceof TransportError || error instanceof LocalError) && error.code === code;
}

test("a connection can be injected: bytes go from one end of a pair to the other, later [CH-43]", async () => {
  const [near, far] = memoryPair();
  let text = "";
  const closed = new Promise<void>((resolve) => {
    far.open({
      ...quiet,
      data: (bytes, start, end) => void (text += Buffer.from(bytes.subarray(start, end)).toString("latin1")),
      end: () => far.end(),
      close: () => resolve(),
    });
  });
  near.open(quiet);
  near.write(["hello, ", Buffer.from("world")]);
  near.end();
  assert.equal(text, "", "nothing is told within the call that causes it");
  await closed;
  assert.equal(text, "hello, world");
});

test("who the peer is can be said by whoever makes the connection [CH-44]", () => {
  const peer = { address: "192.0.2.7", port: 4711, secure: true };
  const [near, far] = memoryPair({ peer, protocol: "http/1.1" });
  assert.deepEqual([far.peer, far.protocol], [peer, "http/1.1"]);
  assert.deepEqual(near.peer, { address: "", port: 0, secure: false });
});

test("bytes are valid during the call only, and need not begin at 0", async () => {
  const [near, far] = memoryPair();
  const kept = await new Promise<Uint8Array>((resolve) => {
    far.open({
      ...quiet,
      data(bytes, start, end) {
        assert.ok(start > 0);
        assert.equal(Buffer.from(bytes.subarray(start, end)).toString(), "secret");
        resolve(bytes.subarray(start, end));
      },
    });
    near.write(["secret"]);
  });
  assert.deepEqual([...kept], [...Buffer.alloc(6, 0xdd)]);
});

test("write() says false at the high water mark, and drain() follows when the other end has taken it", async () => {
  const [near, far] = memoryPair({ highWater: 10 });
  const drained = new Promise<void>((resolve) => near.open({ ...quiet, drain: resolve }));
  assert.deepEqual([near.write(["12345"]), near.pending], [true, 5]);
  assert.deepEqual([near.write(["67890"]), near.pending], [false, 10]);
  far.open(quiet);
  await drained;
  assert.equal(near.pending, 0);
  assert.throws(() => memoryPair({ highWater: -1 }), has("USE_BAD_OPTION"));
});

test("a listen procedure in memory stands in for the system's [CH-42]", async () => {
  const { listen, dial } = memoryListener({ peer: { address: "198.51.100.1", port: 9, secure: false } });
  const accepted: Transport[] = [];
  const listener = await listen({ host: "example.test", port: 0 }, (transport) => accepted.push(transport));
  assert.ok("port" in listener.address && listener.address.port > 0);
  await assert.rejects(
    listen(listener.address, () => {}),
    has("NET_ADDRESS_IN_USE"),
  );
  const near = await dial(listener.address);
  assert.equal(near.write(["x"]), true);
  await turn();
  assert.equal(accepted[0]?.peer.address, "198.51.100.1");
  assert.equal(listener.ref().unref(), listener);
  await listener.close();
  await assert.rejects(dial(listener.address), has("NET_CONNECT"));
  const again = await listen(listener.address, () => {});
  await listener.close();
  await dial(again.address);
});

test("a signal closes a listener in memory, and what memory has not is refused", async () => {
  const { listen, dial } = memoryListener();
  const stop = new AbortController();
  const path = { path: "/anything" };
  await listen(path, () => {}, { signal: stop.signal });
  await dial(path);
  await assert.rejects(dial(path, AbortSignal.abort()), has("NET_CONNECT"));
  stop.abort();
  await assert.rejects(dial(path), has("NET_CONNECT"));
  await assert.rejects(
    listen(path, () => {}, { signal: stop.signal }),
    has("NET_LISTEN"),
  );
  await assert.rejects(
    listen(path, () => {}, { signal: {} as AbortSignal }),
    has("USE_BAD_OPTION"),
  );
  await (await listen(path, () => {})).close(); // the name is free still
  await assert.rejects(
    listen(path, () => {}, { reusePort: true }),
    has("USE_UNSUPPORTED"),
  );
  await assert.rejects(
    listen({ path: "a" }, () => {}, { mode: 0o600 }),
    has("USE_UNSUPPORTED"),
  );
  await assert.rejects(
    listen(path, () => {}, { tls: {} }),
    has("USE_UNSUPPORTED"),
  );
  await assert.rejects(
    listen({ fd: 3 }, () => {}),
    has("USE_UNSUPPORTED"),
  );
});

test("two ends that always answer each other let timers have their turn", async () => {
  const [near, far] = memoryPair();
  for (const end of [near, far]) end.open({ ...quiet, data: () => void end.write(["again"]) });
  near.write(["begin"]);
  await new Promise((resolve) => setTimeout(resolve, 1));
  near.destroy();
});
