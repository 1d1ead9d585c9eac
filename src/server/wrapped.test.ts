import assert from "node:assert/strict";
import { test } from "node:test";
import type { TransportEvents } from "../base/transport.ts";
import { memoryPair } from "../transport/memory.ts";
import { WrappedTransport } from "./wrapped.ts";

function told(): { events: TransportEvents; log: unknown[]; closed: Promise<void> } {
  const log: unknown[] = [];
  let close = (): void => {};
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  return {
    log,
    closed,
    events: {
      data: (bytes, start, end) => log.push(Buffer.from(bytes.slice(start, end)).toString()),
      end: () => log.push("end"),
      drain: () => log.push("drain"),
      close: (error) => {
        log.push("close", error);
        close();
      },
    },
  };
}

test("what is not replaced is that of the transport", async () => {
  const [near, far] = memoryPair({ peer: { address: "a", port: 1, secure: true }, protocol: "http/1.1", highWater: 1 });
  const wrapped = new WrappedTransport(far, {});
  assert.deepEqual([wrapped.peer, wrapped.protocol, wrapped.pending], [far.peer, "http/1.1", 0]);
  const { events, log, closed } = told();
  wrapped.open(events);
  const other = told();
  near.open(other.events);
  assert.equal(wrapped.write(["ab"]), false);
  assert.equal(wrapped.pending, 2);
  wrapped.pause();
  near.write(["cd"]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([other.log, log], [["ab"], ["drain"]]);
  wrapped.resume();
  await new Promise((resolve) => setImmediate(resolve));
  near.end();
  wrapped.end();
  await closed;
  assert.deepEqual(log, ["drain", "cd", "end", "close", undefined]);
  wrapped.ref();
  wrapped.unref();
});

test("who is to be told of the end is told before the taker", async () => {
  const [near, far] = memoryPair();
  const order: unknown[] = [];
  const reason = new Error("why");
  const wrapped = new WrappedTransport(far, { closed: (error) => order.push("server", error) });
  await new Promise<void>((resolve) => {
    wrapped.open({
      data() {},
      end() {},
      drain() {},
      close: (error) => {
        order.push("taker", error);
        resolve();
      },
    });
    near.open(told().events);
    wrapped.destroy(reason);
  });
  assert.deepEqual(order, ["server", reason, "taker", reason]);
});
