import assert from "node:assert/strict";
import { test } from "node:test";
import { text } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";

const GET = "GET /tea?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";

test("with debug each phase is a line, and the hooks of the user are called as well [CH-23] [HS-52]", async () => {
  const lines: string[] = [];
  const seen: string[] = [];
  await using bench = loopback(
    (request) => {
      if (request.path === "/bad") throw new Error("no\u001b[31m pot");
      return text("tea");
    },
    { debug: (line) => lines.push(line), hooks: { request: (request) => void seen.push(request.target) } },
  );
  const client = bench.connect();
  await client.exchange(GET);
  await client.exchange(GET.replace("/tea?x=1", "/bad"));
  await bench.connect().send("nonsense\r\n\r\n").closed;
  client.reset();
  await bench.settled();
  assert.deepEqual(seen, ["/tea?x=1", "/bad"]);
  const wanted = [
    /^2009-08-01T00:00:00\.000Z connection -$/,
    / request - GET \/tea\?x=1$/,
    / reply - GET \/tea\?x=1 200 3 octets 0\.0 ms$/,
    / request - GET \/bad$/,
    / error GET \/bad Error: no\\x1b\[31m pot$/,
    / reply - GET \/bad 500 /,
    / connection -$/,
    / error RemoteError: /,
    / reply - \(not understood\) 400 /,
    / close - 12 octets in, [0-9]+ out/,
    / close - /,
  ];
  for (const [at, pattern] of wanted.entries()) assert.match(lines[at] ?? "", pattern);
});

test("without debug nothing is written [CH-23]", async (t) => {
  const write = t.mock.method(process.stderr, "write", () => true);
  await using bench = loopback(() => text("tea"));
  await bench.connect().exchange(GET);
  assert.equal(write.mock.callCount(), 0);
});

test("debug that is true goes to standard error", async (t) => {
  const written: string[] = [];
  t.mock.method(process.stderr, "write", (line: string) => written.push(line) > 0);
  await using bench = loopback(() => text("tea"), { debug: true });
  await bench.connect().exchange(GET);
  t.mock.restoreAll();
  assert.ok(written.some((line) => / request - GET \/tea\?x=1\n$/.test(line)));
});
