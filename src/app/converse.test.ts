// Requests over connections of their own, as their sender sees them: when a body is begun, and who hears that nobody takes the rest.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import "../../test/scenarios/strays.ts";
import { HttpError } from "../base/errors.ts";
import { text } from "../message/reply.ts";
import { Server } from "../server/server.ts";
import { inject } from "./inject.ts";

const EXPECT = { Expect: "100-continue" };

/** A body that notes when it is begun and let go. */
function noted(pieces: readonly string[], does: string[]): AsyncIterable<string> {
  const left = [...pieces];
  return {
    [Symbol.asyncIterator]: () => {
      does.push("begun");
      return {
        next: async () => {
          const value = left.shift();
          return value === undefined ? { done: true, value } : { done: false, value };
        },
        return: async () => {
          does.push("released");
          return { done: true, value: undefined };
        },
      };
    },
  };
}

test("a body that is expected is begun when it is asked for, and not where it is refused", async () => {
  const server = new Server(async (request) => {
    if (request.path === "/refuse") throw new HttpError(403);
    if (request.path === "/small") return text(await request.body.text(2));
    return request.path === "/read" ? text(await request.body.text()) : text("not read");
  });
  for (const [url, status, length, does] of [
    ["/refuse", 403, undefined, []],
    ["/unread", 200, undefined, []],
    ["/small", 413, "3", []],
    ["/small", 413, undefined, ["begun"]],
    ["/read", 200, undefined, ["begun"]],
  ] as const) {
    const done: string[] = [];
    const body = Object.assign(noted(["te", "a"], done), length === undefined ? {} : { length: Number(length) });
    const reply = await inject(server, { url, method: "POST", headers: EXPECT, body });
    assert.equal(reply.status, status, url);
    assert.match(await reply.body.text(), status === 200 && url === "/read" ? /^tea$/ : /./);
    assert.deepEqual(done.slice(0, 1), does, url);
  }
  await server.close();
  assert.equal(server.stats.open, 0);
});

test("text and bytes that are expected are sent when they are asked for", async () => {
  const server = new Server(async ({ body }) => text(await body.text()));
  for (const body of ["tea", Buffer.from("tea"), null]) {
    const reply = await inject(server, { url: "/", method: "POST", headers: EXPECT, body });
    assert.equal(await reply.body.text(), body === null ? "" : "tea");
  }
});

test("a body whose rest nobody takes is let go when the reply is whole", async () => {
  const server = new Server(() => text("enough"));
  const silent = new Readable({ read() {} });
  silent.push("some");
  const reply = await inject(server, { url: "/", method: "POST", body: silent });
  assert.equal(await reply.body.text(), "enough");
  assert.equal(silent.destroyed, true);
  let released = 0;
  const pieces = { next: () => new Promise<never>(() => {}), return: () => Promise.reject(new Error(`${released++}`)) };
  const waiting = { [Symbol.asyncIterator]: () => pieces };
  await (await inject(server, { url: "/", method: "POST", body: waiting })).body.text();
  assert.equal(released, 1);
});

test("a body that fails cuts the request, and a signal that aborts lets it go", async () => {
  const server = new Server(async ({ body }) => text(await body.text()), { hooks: { error: () => {} } });
  const failing = (async function* () {
    yield "some";
    throw new RangeError("no more");
  })();
  await assert.rejects(inject(server, { url: "/", method: "POST", body: failing }), { message: "no more" });
  const before = server.stats.requests;
  const leaving = new AbortController();
  const silent = new Readable({ read() {} });
  const asking = inject(server, { url: "/", method: "POST", body: silent, signal: leaving.signal });
  while (server.stats.requests === before) await new Promise((resolve) => setImmediate(resolve));
  leaving.abort(new Error("gone"));
  await assert.rejects(asking, { message: "gone" });
  assert.equal(silent.destroyed, true);
  await server.close({ mode: "abort" });
});
