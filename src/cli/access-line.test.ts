import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError, RemoteError, TransportError } from "../base/errors.ts";
import type { Request } from "../message/request.ts";
import { accessLine, failureLine } from "./access-line.ts";

const request = { method: "GET", target: "/a?b" } as Request;

test("a line has method, target, status, octets and milliseconds", () => {
  const info = { status: 200, bytes: 1532, elapsed: 0.8312 };
  assert.equal(
    accessLine(request, info, (_code, text) => text),
    "GET /a?b 200 1532 B 0.8 ms\n",
  );
});

test("a reply that never began has no status", () => {
  const info = { status: 0, bytes: 0, elapsed: 12 };
  assert.equal(
    accessLine(request, info, (_code, text) => text),
    "GET /a?b - 0 B 12.0 ms\n",
  );
});

test("what a terminal would obey is written out", () => {
  const evil = { method: "GET", target: "/\u001b[2J\u009b1m" } as Request;
  const line = accessLine(evil, { status: 404, bytes: 0, elapsed: 0 }, (_code, text) => text);
  assert.equal(line, "GET /\\x1b[2J\\x9b1m 404 0 B 0.0 ms\n");
  assert.equal(failureLine(new Error("broken"), evil), "portico: GET /\\x1b[2J\\x9b1m: broken\n");
});

test("the status has the colour of its class", () => {
  const painted = [200, 304, 404, 500].map((status) =>
    accessLine(request, { status, bytes: 0, elapsed: 0 }, (code, text) => `<${code}:${text}>`),
  );
  assert.deepEqual(
    painted.map((line) => /<.*>/.exec(line)?.[0]),
    ["<32:200>", "<36:304>", "<33:404>", "<31:500>"],
  );
});

test("a failure of the server is told, a refusal and a client that left are not", () => {
  assert.equal(failureLine(new Error("EIO: i/o error, read"), request), "portico: GET /a?b: EIO: i/o error, read\n");
  assert.equal(failureLine("odd", undefined), "portico: odd\n");
  for (const error of [new HttpError(404), new RemoteError("WIRE_BAD_FIELD"), new TransportError("NET_CLOSED")]) {
    assert.equal(failureLine(error, request), null);
  }
});
