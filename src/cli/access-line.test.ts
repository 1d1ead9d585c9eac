import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { HttpError, RemoteError, TransportError } from "../base/errors.ts";
import type { Request } from "../message/request.ts";
import { accessLine, failureLine } from "./access-line.ts";
import { failureReport, framesOf } from "./live/failure.ts";

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
  const silent = [
    new HttpError(404),
    new HttpError(501),
    new HttpError(503, undefined, { code: "HTTP_OVERLOADED" }),
    new HttpError(503, undefined, { code: "HTTP_BUSY" }),
    new HttpError(504, undefined, { code: "HTTP_TIMEOUT" }),
    new RemoteError("WIRE_BAD_FIELD"),
    new TransportError("NET_CLOSED"),
  ];
  for (const error of silent) assert.equal(failureLine(error, request), null);
});

test("a refusal that is a fault of the server is told with its code and its causes", () => {
  const missing = new Error("spawn nowhere ENOENT", { cause: new RangeError("no words\u001b[2J") });
  const failed = new HttpError(500, undefined, { code: "HTTP_PROCESS_FAILED", cause: missing });
  const causes = "Cause: spawn nowhere ENOENT\nCause: RangeError: no words\\x1b[2J\n";
  assert.equal(failureLine(failed, request), `portico: GET /a?b: 500 HTTP_PROCESS_FAILED\n${causes}`);
  assert.equal(failureLine(new HttpError(503, "Later."), request), "portico: GET /a?b: 503 HTTP_REFUSED: Later.\n");
});

test("causes that go round in a circle come to an end", () => {
  const error = new Error("round");
  error.cause = error;
  assert.match(failureLine(error, request) ?? "", /^portico: GET \/a\?b: round\n(?:Cause: round\n){5}$/);
});

const refuse = (): never => {
  throw new Error("refused");
};

test("what was thrown and cannot be looked at ended the process that told of it", async () => {
  const thrown: readonly unknown[] = [
    new Proxy(new Error("trap"), { get: refuse }),
    new Proxy(new HttpError(500), { get: refuse }),
    new Proxy(new Error("trap"), { getPrototypeOf: refuse }),
    Object.defineProperty(new Error("stack"), "stack", { get: refuse }),
    Object.defineProperty(new Error("message"), "message", { get: refuse }),
    Object.defineProperty(new Error("cause"), "cause", { get: refuse }),
    Object.assign(new Error("a number"), { stack: 5 }),
    Object.assign(new Error("a symbol"), { name: Symbol("name") }),
    Object.create(null),
    { toString: refuse },
    Symbol("symbol"),
    null,
  ];
  for (const error of thrown) {
    assert.match(failureLine(error, request) ?? "", /^portico: GET \/a\?b: .+\n$/);
    assert.match(await failureReport(error, new Set(), (_code, text) => text), /.+\n$/);
  }
});

test("a failure has the first place of its stack that is in the program, and the lines around it", () => {
  const error = new TypeError("no x");
  error.stack = `TypeError: no x
    at helper (/node_modules/p/index.js:1:1)
    at async Object.handler (file:///a%20b/app.js:2:7)
    at process (node:internal/process:1:1)`;
  const asked: string[] = [];
  const line = failureLine(error, request, (stack) => {
    const [, second] = [...framesOf(stack)];
    asked.push(...[...framesOf(stack)].map(({ file }) => file));
    return second && { place: { ...second, file: resolve("app.js") }, text: "one\ntwo.x()\n" };
  });
  assert.deepEqual(asked, ["/node_modules/p/index.js", "/a b/app.js"]);
  assert.equal(
    line,
    "portico: GET /a?b: app.js:2:7: TypeError: no x\n  1 | one\n> 2 | two.x()\n    |       ^\n  3 | \n",
  );
});
