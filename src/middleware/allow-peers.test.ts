import assert from "node:assert/strict";
import { test } from "node:test";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { allowPeers } from "./allow-peers.ts";

async function statusOf(list: readonly string[], address: string): Promise<number> {
  await using loop = loopback(stack(() => text("x"), allowPeers(list)));
  const client = loop.connect({ peer: { address, port: 1, secure: false } });
  return (await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status;
}

test("an address of the list, or in a network of it, is let in; any other is 403 [CH-25]", async () => {
  const list = ["192.0.2.7", "10.0.0.0/8", "::1", "fe80::/10"];
  const cases: Record<string, number> = {
    "192.0.2.7": 200,
    "192.0.2.8": 403,
    "10.255.0.1": 200,
    "11.0.0.1": 403,
    "::1": 200,
    "::2": 403,
    "fe80::1%eth0": 200,
    "::ffff:192.0.2.7": 200,
    "::ffff:10.1.2.3": 200,
    "::ffff:192.0.2.8": 403,
    "": 403,
    unknown: 403,
  };
  for (const [address, status] of Object.entries(cases)) assert.equal(await statusOf(list, address), status, address);
});

test("a unix socket has a name of its own, and an empty list lets nobody in", async () => {
  assert.equal(await statusOf(["unix"], ""), 200);
  assert.equal(await statusOf(["unix"], "127.0.0.1"), 403);
  assert.equal(await statusOf([], "127.0.0.1"), 403);
});

test("what is no address is refused when it is made", () => {
  for (const entry of ["localhost", "", "10.0.0.0/33", "::/129", "10.0.0/8", "1.2.3.4/", "1.2.3.4/-1"]) {
    assert.throws(() => allowPeers([entry]), { code: "USE_BAD_OPTION" }, entry);
  }
});
