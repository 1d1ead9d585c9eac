import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../../base/errors.ts";
import { Fields, type FieldsInit } from "../../message/fields.ts";
import { reason } from "../../message/status.ts";
import type { WireEvent } from "../events.ts";
import { H1Machine, type MachineOptions } from "./machine.ts";

interface Answered {
  readonly status?: number;
  readonly reason?: string;
  readonly headers?: FieldsInit;
  readonly length?: number | undefined;
  readonly body?: readonly (string | Uint8Array)[];
  readonly trailers?: Fields | null;
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function serve(
  request: string,
  options: MachineOptions = {},
): { machine: H1Machine; send: (event: WireEvent) => string } {
  const machine = new H1Machine("server", options);
  machine.receive(Buffer.from(request, "latin1"));
  while (typeof machine.next() !== "string");
  return {
    machine,
    send(event) {
      let wire = "";
      machine.send(
        event,
        (piece) => (wire += typeof piece === "string" ? piece : Buffer.from(piece).toString("latin1")),
      );
      return wire;
    },
  };
}

/** The octets of a response. */
function written(request: string, answered: Answered, options: MachineOptions = {}): string {
  const { send } = serve(request, options);
  const { status = 200, headers, length, body = [], trailers = null } = answered;
  const head = {
    status,
    reason: answered.reason ?? reason(status),
    version: "1.1",
    headers: new Fields(headers),
  } as const;
  let wire = send({ type: "response", head, length });
  for (const bytes of body) wire += send({ type: "data", bytes });
  return wire + send({ type: "end", trailers });
}

function code(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LocalError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

test("a body of known length is sent as it is, behind its Content-Length", () => {
  assert.equal(
    written(GET, { length: 5, body: ["he", Buffer.from("llo")] }),
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  );
  assert.equal(written(GET, { length: 0 }), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
});

test("a body of unknown length is sent in chunks whose sizes count octets", () => {
  assert.equal(
    written(GET, { body: ["a", "", Buffer.from("\u00e4\u20ac"), new Uint8Array(0), "0123456789abcdef"] }),
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n5\r\n\xc3\xa4\xe2\x82\xac\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
  );
  assert.match(written(GET, {}), /\r\n\r\n0\r\n\r\n$/);
});

test("to a peer of HTTP/1.0 a body of unknown length ends with the connection, and no chunks are sent", () => {
  for (const request of ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"]) {
    assert.equal(
      written(request, { body: ["hello"], trailers: new Fields({ T: "v" }) }),
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    );
  }
});

test("keep-alive and close are said as each version needs it", () => {
  const cases: [string, string, string, boolean][] = [
    ["1.1", "", "", true],
    ["1.1", "Connection: keep-alive\r\n", "", true],
    ["1.1", "Connection: close\r\n", "Connection: close\r\n", false],
    ["1.0", "", "Connection: close\r\n", false],
    ["1.0", "Connection: Keep-Alive\r\n", "Connection: keep-alive\r\n", true],
  ];
  for (const [version, field, said, lives] of cases) {
    const { machine, send } = serve(`GET / HTTP/${version}\r\nHost: a\r\n${field}\r\n`);
    const head = { status: 200, reason: "OK", version: "1.1", headers: new Fields() } as const;
    assert.equal(send({ type: "response", head, length: 0 }), `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${said}\r\n`);
    send({ type: "end", trailers: null });
    assert.deepEqual([machine.keepAlive, machine.complete], [lives, lives], `${version} ${field}`);
  }
});

test("a response that says close closes, and says it once", () => {
  for (const value of ["close", "Close", "x, CLOSE"]) {
    const wire = written(GET, { length: 0, headers: { Connection: value } });
    assert.equal(wire, `HTTP/1.1 200 OK\r\nConnection: ${value}\r\nContent-Length: 0\r\n\r\n`);
  }
  const { machine, send } = serve(GET);
  machine.close();
  const head = { status: 200, reason: "OK", version: "1.1", headers: new Fields({ Connection: "x" }) } as const;
  assert.match(send({ type: "response", head, length: 0 }), /Connection: x\r\n.*Connection: close\r\n/s);
});

test("HEAD is told the length that GET would have, and gets no body", () => {
  const HEAD = GET.replace("GET", "HEAD");
  assert.equal(written(HEAD, { length: 5 }), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  assert.equal(written(HEAD, { headers: { "Content-Length": "7" } }), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
  assert.throws(() => written(HEAD, { length: 5, body: ["hello"] }), code("USE_BODY_NOT_ALLOWED"));
});

test("204 and 304 have neither body nor framing; 205 has a length of nothing", () => {
  for (const status of [204, 304]) {
    assert.equal(written(GET, { status, length: 0 }), `HTTP/1.1 ${status} ${reason(status)}\r\n\r\n`);
    assert.equal(written(GET, { status }), `HTTP/1.1 ${status} ${reason(status)}\r\n\r\n`);
    assert.throws(() => written(GET, { status, body: ["x"] }), code("USE_BODY_NOT_ALLOWED"));
  }
  assert.throws(() => written(GET, { status: 204, headers: { "Content-Length": "0" } }), code("USE_FRAMING_FIELD"));
  assert.match(
    written(GET, { status: 304, headers: { "Content-Length": "5" } }),
    /^HTTP\/1\.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n$/,
  );
  assert.match(written(GET, { status: 205, length: 0 }), /Content-Length: 0/);
});

test("a body is held to its length", () => {
  assert.throws(() => written(GET, { length: 5, body: ["hell"] }), code("USE_BODY_LENGTH"));
  assert.throws(() => written(GET, { length: 5, body: ["hello!"] }), code("USE_BODY_LENGTH"));
  assert.throws(() => written(GET, { length: 0, body: ["x"] }), code("USE_BODY_NOT_ALLOWED"));
});

test("a message never says one length and has another", () => {
  assert.throws(() => written(GET, { headers: { "Content-Length": "5" }, body: ["hello"] }), code("USE_BODY_LENGTH"));
  assert.throws(
    () => written(GET, { headers: { "Content-Length": "6" }, length: 5, body: ["hello"] }),
    code("USE_BODY_LENGTH"),
  );
  assert.throws(
    () => written(GET, { headers: { "Content-Length": ["5", "5"] }, length: 5, body: ["hello"] }),
    code("USE_BODY_LENGTH"),
  );
  assert.equal(
    written(GET, { headers: { "content-length": "5" }, length: 5, body: ["hello"] }),
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
  );
});

test("what was refused before the head can be answered in another way", () => {
  const { send } = serve(GET);
  const bad = { status: 200, reason: "a\r\nb", version: "1.1", headers: new Fields() } as const;
  assert.throws(() => send({ type: "response", head: bad, length: 0 }), code("USE_BAD_FIELD"));
  const long = { ...bad, reason: "OK", headers: new Fields({ "Content-Length": "5" }) } as const;
  assert.throws(() => send({ type: "response", head: long, length: 0 }), code("USE_BODY_LENGTH"));
  assert.match(send({ type: "response", head: { ...bad, reason: "OK" }, length: 0 }), /^HTTP\/1\.1 200 OK/);
});

test("a reason phrase cannot split a response", () => {
  for (const phrase of ["OK\r\nSet-Cookie: a=b", "OK\n", "\0", "\u20ac"]) {
    assert.throws(() => written(GET, { reason: phrase, length: 0 }), code("USE_BAD_FIELD"), JSON.stringify(phrase));
  }
  assert.equal(written(GET, { reason: "Na sch\xf6n", length: 0 }).split("\r\n")[0], "HTTP/1.1 200 Na sch\xf6n");
});

test("a status without a registered reason still makes a status line", () => {
  assert.equal(written(GET, { status: 299, length: 0 }).split("\r\n")[0], "HTTP/1.1 299 ");
  assert.equal(written(GET, { status: 999, length: 0 }).split("\r\n")[0], "HTTP/1.1 999 ");
  assert.equal(written(GET, { status: 429, length: 0 }).split("\r\n")[0], "HTTP/1.1 429 Too Many Requests");
  for (const status of [100, 101, 199, 99, 0, -1, 1000])
    assert.throws(() => written(GET, { status, length: 0 }), LocalError, `${status}`);
});

test("Transfer-Encoding is nobody's to set, in no head and no trailer", () => {
  assert.throws(() => written(GET, { headers: { "Transfer-Encoding": "chunked" } }), code("USE_FRAMING_FIELD"));
  const { send } = serve(GET);
  const hint = { status: 103, reason: "", version: "1.1", headers: new Fields({ "transfer-encoding": "x" }) } as const;
  assert.throws(() => send({ type: "informational", head: hint }), code("USE_FRAMING_FIELD"));
  const sized = { ...hint, headers: new Fields({ "Content-Length": "0" }) };
  assert.throws(() => send({ type: "informational", head: sized }), code("USE_FRAMING_FIELD"));
  for (const name of ["Transfer-Encoding", "Content-Length"]) {
    assert.throws(() => written(GET, { trailers: new Fields({ [name]: "5" }) }), code("USE_FRAMING_FIELD"));
  }
});

test("trailers follow the last chunk, and are dropped where the framing has none", () => {
  const trailers = new Fields([
    ["Digest", "x"],
    ["digest", "y"],
  ]);
  assert.match(written(GET, { body: ["a"], trailers }), /1\r\na\r\n0\r\nDigest: x\r\ndigest: y\r\n\r\n$/);
  assert.equal(written(GET, { length: 1, body: ["a"], trailers }), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
});

test("fields are written as they were given: order, case and duplicates", () => {
  const headers: FieldsInit = [
    ["X-b", "1"],
    ["set-cookie", "a=1"],
    ["x-B", "\xe4"],
    ["set-cookie", "b=2"],
  ];
  assert.equal(
    written(GET, { headers, length: 0 }),
    "HTTP/1.1 200 OK\r\nX-b: 1\r\nset-cookie: a=1\r\nx-B: \xe4\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n",
  );
});

test("default lines and Date are added where the response has none of its own", () => {
  const options: MachineOptions = {
    date: () => "Date: now\r\n",
    defaults: [{ name: "Server", line: "Server: tea\r\n" }],
  };
  assert.equal(
    written(GET, { length: 0 }, options),
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: tea\r\nDate: now\r\n\r\n",
  );
  assert.equal(
    written(GET, { length: 0, headers: { date: "then", SERVER: "coffee" } }, options),
    "HTTP/1.1 200 OK\r\ndate: then\r\nSERVER: coffee\r\nContent-Length: 0\r\n\r\n",
  );
});

test("101 needs a proposal, and 2xx to CONNECT is a tunnel: neither has framing", () => {
  const switching = {
    status: 101,
    reason: "Switching Protocols",
    version: "1.1",
    headers: new Fields({ Connection: "Upgrade", Upgrade: "x" }),
  } as const;
  const asked = serve("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nEARLY");
  assert.equal(
    asked.send({ type: "response", head: switching, length: undefined }),
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
  );
  assert.deepEqual([asked.machine.ours, asked.machine.theirs], ["switched", "switched"]);
  assert.equal(asked.machine.next(), "switched");
  assert.equal(Buffer.from(asked.machine.leftover()).toString(), "EARLY");
  const unasked = ["", "Upgrade: x\r\n", "Connection: upgrade\r\n"].map(
    (fields) => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`,
  );
  for (const request of [...unasked, "GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"]) {
    assert.throws(
      () => serve(request).send({ type: "response", head: switching, length: undefined }),
      code("USE_STATE"),
      request,
    );
  }
  const tunnel = { status: 200, reason: "OK", version: "1.1", headers: new Fields() } as const;
  const connect = serve("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
  assert.equal(connect.send({ type: "response", head: tunnel, length: undefined }), "HTTP/1.1 200 OK\r\n\r\n");
  assert.equal(connect.machine.next(), "switched");
});

test("the connection is not handed over while the body of the request is still to come", () => {
  const { send } = serve(
    "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nhe",
  );
  const head = {
    status: 101,
    reason: "Switching Protocols",
    version: "1.1",
    headers: new Fields({ Upgrade: "x" }),
  } as const;
  assert.throws(() => send({ type: "response", head, length: undefined }), code("USE_STATE"));
});

test("informational responses come before the final one, and never to HTTP/1.0", () => {
  const { send } = serve(GET);
  const hint = { status: 103, reason: "Early Hints", version: "1.1", headers: new Fields({ Link: "</a>" }) } as const;
  assert.equal(send({ type: "informational", head: hint }), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  for (const status of [99, 101, 200])
    assert.throws(() => send({ type: "informational", head: { ...hint, status } }), code("USE_BAD_STATUS"));
  send({ type: "response", head: { ...hint, status: 200 }, length: 0 });
  assert.throws(() => send({ type: "informational", head: hint }), code("USE_STATE"));
  assert.throws(() => serve("GET / HTTP/1.0\r\n\r\n").send({ type: "informational", head: hint }), code("USE_STATE"));
});

test("a request is written with the framing its body needs", () => {
  const request = (method: string, length: number | undefined, headers: FieldsInit = {}): string => {
    let wire = "";
    new H1Machine("client").send(
      { type: "request", head: { method, target: "/", version: "1.1", headers: new Fields(headers) }, length },
      (piece) => (wire += piece),
    );
    return wire;
  };
  assert.equal(request("GET", 0), "GET / HTTP/1.1\r\n\r\n");
  assert.equal(request("POST", 0), "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  assert.equal(request("PUT", 5), "PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
  assert.equal(request("GET", undefined), "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  assert.equal(request("PUT", 5, { "Content-Length": "5" }), "PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
  assert.throws(() => request("PUT", 5, { "Content-Length": "6" }), code("USE_BODY_LENGTH"));
  assert.throws(() => request("PUT", undefined, { "Content-Length": "6" }), code("USE_BODY_LENGTH"));
  assert.throws(() => request("PUT", 0, { "Transfer-Encoding": "chunked" }), code("USE_FRAMING_FIELD"));
  for (const method of ["GET / HTTP/1.1\r\nX:", "", "G T"])
    assert.throws(() => request(method, 0), code("USE_BAD_FIELD"));
});

test("a target cannot split a request", () => {
  for (const target of ["/ HTTP/1.1\r\nX: y", "", "/a b", "/\u20ac", "/\n"]) {
    const head = { method: "GET", target, version: "1.1", headers: new Fields() } as const;
    assert.throws(
      () => new H1Machine("client").send({ type: "request", head, length: 0 }, () => {}),
      code("USE_BAD_FIELD"),
    );
  }
});
