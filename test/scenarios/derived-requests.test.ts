// A request is never changed: what middleware wants to be different it derives, and the handler behind it reads that.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import { json, text } from "../../src/message/reply.ts";
import { derive, Key, type Request, type RequestChanges } from "../../src/message/request.ts";
import { loopback } from "../../src/testing/index.ts";

const said: Handler = async (request) =>
  json({
    method: request.method,
    target: request.target,
    path: request.path,
    query: request.query.get("q"),
    version: request.version,
    tag: request.headers.all("x-tag"),
    peer: request.peer.address,
    body: await request.body.text(),
  });

const changed = (change: (request: Request) => RequestChanges): Middleware => {
  return (next) => (request) => next(derive(request, change(request)));
};

const POST = "POST /old?q=1 HTTP/1.1\r\nHost: a\r\nX-Tag: one\r\nContent-Length: 4\r\n\r\nbody";

test("method, target, fields and peer of a request are other ones behind middleware, body and version go along [CH-49]", async () => {
  const handler = stack(
    said,
    changed(({ peer, headers }) => ({
      method: "PUT",
      target: "/new/../newer?q=2",
      headers: [...headers, ["X-Tag", "two"]],
      peer: { ...peer, address: "192.0.2.1" },
    })),
  );
  await using bench = loopback(handler);
  const { body } = await bench.connect().exchange(POST);
  assert.deepEqual(JSON.parse(body), {
    method: "PUT",
    target: "/new/../newer?q=2",
    path: "/newer",
    query: "2",
    version: "1.1",
    tag: ["one", "two"],
    peer: "192.0.2.1",
    body: "body",
  });
});

test("the request that came stays what it was, and both see one set of keys and one body", async () => {
  const NAME = new Key<string>("name");
  const handler: Handler = async (request) => {
    request.set(NAME, "outer");
    const inner = derive(request, { target: "/inner" });
    const seen = inner.get(NAME);
    inner.set(NAME, "inner");
    const body = await inner.body.text();
    return json([request.target, inner.target, seen, request.get(NAME), body, request.body.state, inner === request]);
  };
  await using bench = loopback(handler);
  const { body } = await bench.connect().exchange(POST);
  assert.deepEqual(JSON.parse(body), ["/old?q=1", "/inner", "outer", "inner", "body", "done", false]);
});

test("what a peer could not have sent cannot be derived", async () => {
  const refused: unknown[] = [];
  const handler: Handler = (request) => {
    for (const changes of [
      { target: "" },
      { target: "/a b" },
      { target: "/a\r\nX: y" },
      { target: "/é" },
      { method: "" },
      { method: "GET /" },
      { headers: { "X\n": "y" } },
      { headers: { X: "y\r\nZ: 1" } },
    ]) {
      assert.throws(
        () => derive(request, changes),
        (error: { code?: string }) => refused.push(error.code) > 0,
      );
    }
    return text("done");
  };
  await using bench = loopback(handler);
  assert.equal((await bench.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).body, "done");
  assert.deepEqual(refused, [...Array(6).fill("USE_BAD_OPTION"), "USE_BAD_FIELD", "USE_BAD_FIELD"]);
});
