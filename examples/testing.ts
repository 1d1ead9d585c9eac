// You will see two tests pass: the server is real, the connection is in memory, and the clock stands still until it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Handler, text } from "portico";
import { loopback } from "portico/testing";

const greet: Handler = ({ query }) => text(`Hello, ${query.get("name") ?? "you"}`);

test("it greets by name", async () => {
  await using bench = loopback(greet);
  const { status, body } = await bench.connect().exchange("GET /?name=Ada HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(status, 200);
  assert.equal(body, "Hello, Ada");
});

test("who does not finish a request is told so after ten seconds, which take no time", async () => {
  await using bench = loopback(greet, { timeouts: { head: 10_000 } });
  const client = bench.connect().send("GET / HT");
  await bench.settled();
  bench.clock.tick(12_000);
  assert.equal((await client.answer()).status, 408);
});
