import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { type TestContext, test } from "node:test";
import { watchListeners } from "./listeners.ts";

async function listening(t: TestContext): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

test("servers that listen before and after ours are told of, and ours is not", async (t) => {
  const told: string[] = [];
  const listeners = watchListeners((where) => told.push(where));
  const [before, ours] = [await listening(t), await listening(t)];
  assert.deepEqual(told, []);
  listeners.exceptFor("127.0.0.1", ours);
  assert.deepEqual(told, [`127.0.0.1:${before}`]);
  const after = await listening(t);
  listeners.close();
  await listening(t);
  assert.deepEqual(told, [`127.0.0.1:${before}`, `127.0.0.1:${after}`]);
});
