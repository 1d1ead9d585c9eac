import { AssertionError } from "node:assert";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields } from "../message/fields.ts";
import { empty, reply, text, tunnel, upgrade } from "../message/reply.ts";
import { inform } from "../message/request.ts";
import { loopback } from "./loopback.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("exchange() sends a request and reads one whole answer", async () => {
  await using bench = loopback((request) => text(`you asked for ${request.path}`));
  const client = bench.connect();
  const first = await client.exchange("GET /tea HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([first.status, first.reason, first.body], [200, "OK", "you asked for /tea"]);
  assert.equal(first.headers.get("content-length"), "18");
  assert.equal(first.headers.get("date"), "Sat, 01 Aug 2009 00:00:00 GMT");
  const second = await client.exchange("GET /more HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(second.body, "you asked for /more");
  assert.equal(client.untaken, "");
});

test("exchange() shows what came ahead of the answer, its trailers, and no body for HEAD", async () => {
  await using bench = loopback((request) => {
    inform(request, 103, { Link: "</a.css>" });
    return reply(200, { "Content-Type": "text/plain" }, "abc", { trailers: () => new Fields({ Digest: "x" }) });
  });
  const client = bench.connect();
  const answer = await client.exchange(GET);
  assert.deepEqual(
    answer.informational.map(({ status, headers }) => [status, headers.get("link")]),
    [[103, "</a.css>"]],
  );
  assert.deepEqual([answer.body, answer.trailers?.get("digest")], ["abc", "x"]);
  assert.equal((await client.exchange(GET.replace("GET", "HEAD"))).body, "");
});

test("answer() takes pipelined answers one by one", async () => {
  await using bench = loopback(({ path }) => text(path));
  const client = bench.connect().send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal((await client.answer()).body, "/1");
  assert.equal((await client.answer()).body, "/2");
});

test("an answer that switches protocols ends at its head, and what follows is not taken", async () => {
  await using bench = loopback((request) =>
    request.method === "CONNECT"
      ? tunnel((transport) => transport.write(["hello"]))
      : upgrade("chat", (transport) => transport.write(["hello"])),
  );
  const chat = bench.connect();
  const switched = await chat.exchange("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n");
  assert.deepEqual([switched.status, await chat.until("hello")], [101, "hello"]);
  const pipe = bench.connect();
  const through = await pipe.exchange("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
  assert.deepEqual([through.status, await pipe.until("hello")], [200, "hello"]);
});

test("an answer that ends with the connection is read to the FIN", async () => {
  await using bench = loopback(() => reply(200, {}, chunks()));
  const answer = await bench.connect().exchange("GET / HTTP/1.0\r\n\r\n");
  assert.equal(answer.body, "onetwo");
});

async function* chunks(): AsyncGenerator<string> {
  yield "one";
  yield "two";
}

test("until() takes text, patterns and questions, each behind the last", async () => {
  await using bench = loopback(() => text("abc"));
  const client = bench.connect().send(GET);
  assert.equal(await client.until("HTTP/1.1 "), "HTTP/1.1 ");
  assert.equal(await client.until(/\d{3}/g), "200");
  assert.match(await client.until((rest) => rest.endsWith("abc")), /^ OK\r\n[\s\S]*\r\n\r\nabc$/);
  assert.equal(client.untaken, "");
});

test("until() that can no longer be met fails at once, and shows what came", async () => {
  await using bench = loopback(() => text("abc"));
  const client = bench.connect().send("NONSENSE\r\n\r\n");
  await assert.rejects(client.until("200 OK"), (error) => {
    assert.ok(error instanceof AssertionError);
    assert.match(error.message, /200 OK did not come: the connection ended \(fin\).*HTTP\/1\.1 400 Bad Request\\r\\n/);
    return true;
  });
  const halfTaken = bench.connect().send(GET);
  await halfTaken.until("HTTP/1.1 200 ");
  await assert.rejects(halfTaken.answer(), /an answer to GET did not come: The status line/);
});

test("how the server ended is told: by a FIN, or by cutting the connection", async () => {
  await using bench = loopback(() => text("abc"));
  const polite = bench.connect().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  assert.equal(await polite.closed, "fin");
  const cut = bench.connect();
  for (const connection of bench.server.connections) connection.destroy();
  assert.equal(await cut.closed, "reset");
});

test("a client that stays does not answer the FIN, until the server's patience has an end", async () => {
  await using bench = loopback(() => empty(), { timeouts: { drain: 1000 } });
  const client = bench.connect({ onFin: "stay" }).send("nonsense\r\n\r\n");
  assert.equal(await client.closed, "fin");
  await bench.settled();
  assert.equal(bench.server.stats.open, 1);
  bench.clock.tick(3000);
  await bench.settled();
  assert.equal(bench.server.stats.open, 0);
});

test("a client that is paused gets nothing until it reads again", async () => {
  await using bench = loopback(() => text("abc"));
  const client = bench.connect().pause().send(GET);
  await bench.settled();
  assert.equal(client.received, "");
  client.resume();
  assert.equal((await client.answer()).body, "abc");
});

test("a client that resets aborts the request in hand", async () => {
  let aborted: Promise<unknown> | undefined;
  await using bench = loopback(async (request) => {
    aborted = new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    await aborted;
    return empty();
  });
  const client = bench.connect().send(GET);
  await bench.settled();
  client.reset();
  await bench.settled();
  await aborted;
  assert.equal(bench.server.stats.open, 0);
});

test("the clock stands still: a connection that idles is closed when it is turned, and not before", async () => {
  await using bench = loopback(() => text("abc"), { timeouts: { idle: 10_000 } });
  const client = bench.connect();
  await client.exchange(GET);
  bench.clock.tick(9_000);
  await bench.settled();
  assert.equal(client.ending, undefined);
  bench.clock.tick(5_000);
  await bench.settled();
  assert.equal(client.ending, "fin");
});

test("disposing of a loopback leaves no connection and no timer", async () => {
  const bench = loopback(() => text("abc"));
  const client = bench.connect();
  await client.exchange(GET);
  await bench[Symbol.asyncDispose]();
  assert.equal(await client.closed, "reset");
  bench.clock.tick(1000); // the line of the Date is forgotten
  assert.deepEqual([bench.server.stats.open, bench.clock.armed], [0, 0]);
});
