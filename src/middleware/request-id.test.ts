import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { type Answer, loopback } from "../testing/index.ts";
import { type RequestIdOptions, requestId, requestIdOf } from "./request-id.ts";

async function ask(fields: string, options: RequestIdOptions = {}): Promise<Answer> {
  const handler = stack((request) => {
    if (request.path === "/gone") throw new HttpError(410, requestIdOf(request) ?? "none");
    return text(requestIdOf(request) ?? "none");
  }, requestId(options));
  await using loop = loopback(handler);
  return await loop.connect().exchange(`GET ${fields}\r\n`);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test("a good id of the client's is taken, else one is made; the reply has it, and so has a refusal", async () => {
  const taken = await ask("/ HTTP/1.1\r\nHost: a\r\nX-Request-Id: client-1\r\n");
  assert.deepEqual([taken.body, taken.headers.get("x-request-id")], ["client-1", "client-1"]);
  const made = await ask("/ HTTP/1.1\r\nHost: a\r\n");
  assert.match(made.body, UUID);
  assert.equal(made.headers.get("x-request-id"), made.body);
  const gone = await ask("/gone HTTP/1.1\r\nHost: a\r\nX-Request-Id: client-2\r\n");
  assert.deepEqual([gone.status, gone.headers.get("x-request-id")], [410, "client-2"]);
});

test("what is no id is not taken, nor is one of two, nor any where that is said", async () => {
  const hostile = ["a b", "a\tb", "a\u0080b", "<script>", "x".repeat(129), "", "a,b", 'a"', "$(reboot)", "é"];
  for (const id of hostile) {
    assert.match((await ask(`/ HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n`)).body, UUID, id);
  }
  assert.match((await ask("/ HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n")).body, UUID);
  assert.match((await ask("/ HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\n", { accept: false })).body, UUID);
  const accept = (request: { peer: { address: string } }): boolean => request.peer.address === "192.0.2.1";
  assert.match((await ask("/ HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\n", { accept })).body, UUID);
});

test("the field and the maker may be others", async () => {
  let count = 0;
  const answer = await ask("/ HTTP/1.1\r\nHost: a\r\n", { header: "Trace-Id", make: () => `n${++count}` });
  assert.equal(answer.headers.get("trace-id"), "n1");
  assert.throws(() => requestId({ header: "a b" }), { code: "USE_BAD_OPTION" });
});

test("without it there is none", async () => {
  await using loop = loopback((request) => text(String(requestIdOf(request))));
  assert.equal((await loop.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).body, "undefined");
});
