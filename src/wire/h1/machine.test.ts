import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError, RemoteError } from "../../base/errors.ts";
import { Fields, type FieldsInit } from "../../message/fields.ts";
import { feed } from "../../testing/feed.ts";
import { END, type Signal, type WireEvent } from "../events.ts";
import { H1Machine } from "./machine.ts";

/** Two machines without sockets. What one sends arrives whole, or octet by octet, in a buffer that is overwritten. */
class Wire {
  readonly client: H1Machine = new H1Machine("client");
  readonly server: H1Machine = new H1Machine("server");
  readonly #step: number;
  #signal: Signal = "need-data";

  constructor(step: number) {
    this.#step = step;
  }

  /** What the receiver makes of events that are sent, in short. */
  say(from: "client" | "server", ...events: (WireEvent | null)[]): string[] {
    const [sender, receiver] = from === "client" ? [this.client, this.server] : [this.server, this.client];
    const told: string[] = [];
    for (const event of events) {
      let wire = "";
      if (event === null) receiver.receive(null);
      else
        sender.send(
          event,
          (piece) => (wire += typeof piece === "string" ? piece : Buffer.from(piece).toString("latin1")),
        );
      for (let at = 0; at < wire.length; at += this.#step) {
        const shared = Buffer.from(wire.slice(at, at + this.#step), "latin1");
        receiver.receive(shared);
        this.#pull(receiver, told);
        shared.fill(0xdd);
      }
      this.#pull(receiver, told);
    }
    return told;
  }

  get signal(): Signal {
    return this.#signal;
  }

  #pull(receiver: H1Machine, told: string[]): void {
    for (let event = receiver.next(); ; event = receiver.next()) {
      if (typeof event === "string") {
        this.#signal = event;
        return;
      }
      if (event.type === "data") {
        const text = Buffer.from(event.bytes as Uint8Array).toString("latin1");
        if (told.at(-1)?.startsWith("data ")) told[told.length - 1] += text;
        else told.push(`data ${text}`);
      } else told.push(short(event));
      if (event.type === "closed") return;
    }
  }
}

function short(event: WireEvent): string {
  if (event.type === "request") return `${event.head.method} ${event.head.target} ${event.length}`;
  if (event.type === "response") return `${event.head.status} ${event.length}`;
  if (event.type === "informational") return `${event.head.status}`;
  if (event.type === "end" && event.trailers !== null) return `end ${[...event.trailers].join()}`;
  return event.type;
}

const request = (method: string, length: number | undefined, headers: FieldsInit = {}, target = "/"): WireEvent => ({
  type: "request",
  head: { method, target, version: "1.1", headers: new Fields([["Host", "a"], ...new Fields(headers)]) },
  length,
});

const response = (status: number, length: number | undefined, headers: FieldsInit = {}): WireEvent => ({
  type: status < 200 && status !== 101 ? "informational" : "response",
  head: { status, reason: "", version: "1.1", headers: new Fields(headers) },
  length,
});

const some = (text: string): WireEvent => ({ type: "data", bytes: text });

/** The same conversation with whole messages and octet by octet. */
function converse(name: string, talk: (wire: Wire) => void): void {
  test(name, () => {
    talk(new Wire(65_536));
    talk(new Wire(1));
  });
}

converse("a request and its response, and another on the same connection", (wire) => {
  for (const target of ["/1", "/2"]) {
    assert.deepEqual(wire.say("client", request("POST", 5, {}, target), some("he"), some("llo"), END), [
      `POST ${target} 5`,
      "data hello",
      "end",
    ]);
    assert.deepEqual(wire.say("server", response(200, 3), some("abc"), END), ["200 3", "data abc", "end"]);
    wire.client.recycle();
    wire.server.recycle();
  }
});

converse("chunks and trailers go both ways", (wire) => {
  const trailers: WireEvent = { type: "end", trailers: new Fields({ Digest: "x" }) };
  assert.deepEqual(wire.say("client", request("POST", undefined), some("a"), some("bc"), trailers), [
    "POST / undefined",
    "data abc",
    "end Digest,x",
  ]);
  assert.deepEqual(wire.say("server", response(200, undefined), some("a"), trailers), [
    "200 undefined",
    "data a",
    "end Digest,x",
  ]);
  wire.client.recycle();
  wire.server.recycle();
});

converse("100 Continue is awaited until it comes, the answer comes, or the body comes", (wire) => {
  const expecting = request("POST", 1, { Expect: "100-continue" });
  assert.deepEqual(wire.say("client", expecting), ["POST / 1"]);
  assert.deepEqual([wire.client.awaitsContinue, wire.server.awaitsContinue], [true, true]);
  assert.deepEqual(wire.say("server", response(100, 0)), ["100"]);
  assert.deepEqual([wire.client.awaitsContinue, wire.server.awaitsContinue], [false, false]);
  wire.say("client", some("x"), END);
  wire.say("server", response(204, 0), END);
  wire.client.recycle();
  wire.server.recycle();
  wire.say("client", expecting, some("x"));
  assert.equal(wire.server.awaitsContinue, false, "it came without being asked for");
  wire.say("client", END);
  wire.say("server", response(204, 0), END);
  wire.client.recycle();
  wire.server.recycle();
  wire.say("client", expecting);
  wire.say("server", response(413, 0), END);
  assert.equal(wire.server.awaitsContinue, false);
});

converse("a request without a body awaits no 100 Continue", (wire) => {
  wire.say("client", request("GET", 0, { Expect: "100-continue" }), END);
  assert.equal(wire.server.awaitsContinue, false);
});

converse("an answer may come before the request has ended", (wire) => {
  wire.say("client", request("POST", 2), some("a"));
  assert.deepEqual(wire.say("server", response(200, 0), END), ["200 0", "end"]);
  assert.equal(wire.server.complete, false);
  assert.deepEqual(wire.say("client", some("b"), END), ["data b", "end"]);
  assert.equal(wire.server.complete, true);
});

converse("upgrade: what follows 101 is the other protocol's, on both sides", (wire) => {
  wire.say("client", request("GET", 0, { Upgrade: "tea", Connection: "upgrade" }), END);
  assert.equal(wire.server.theirs, "might-switch");
  assert.deepEqual(wire.say("server", response(101, undefined, { Upgrade: "tea" })), ["101 0"]);
  assert.deepEqual([wire.client.ours, wire.client.theirs, wire.signal], ["switched", "switched", "switched"]);
  wire.client.receive(Buffer.from("tea"));
  assert.equal(wire.client.next(), "switched");
  assert.equal(Buffer.from(wire.client.leftover()).toString(), "tea");
  assert.equal(wire.client.buffered, 0);
});

converse("an upgrade that is not taken up goes on in HTTP", (wire) => {
  wire.say("client", request("GET", 0, { Upgrade: "tea", Connection: "upgrade" }), END);
  assert.deepEqual(wire.say("server", response(200, 0), END), ["200 0", "end"]);
  wire.client.recycle();
  wire.server.recycle();
  assert.deepEqual(wire.say("client", request("GET", 0), END), ["GET / 0", "end"]);
});

converse("CONNECT: 2xx makes a tunnel, anything else does not", (wire) => {
  wire.say("client", request("CONNECT", 0, {}, "a:1"), END);
  assert.deepEqual(wire.say("server", response(403, 2), some("no"), END), ["403 2", "data no", "end"]);
  wire.client.recycle();
  wire.server.recycle();
  wire.say("client", request("CONNECT", 0, {}, "a:1"), END);
  assert.deepEqual(wire.say("server", response(200, undefined)), ["200 0"]);
  assert.equal(wire.client.ours, "switched");
});

converse("HEAD, 204 and 304 end with their head, whatever length they tell", (wire) => {
  for (const [method, status] of [
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ] as const) {
    wire.say("client", request(method, 0), END);
    assert.deepEqual(wire.say("server", response(status, status === 200 ? 99 : 0), END), [`${status} 0`, "end"]);
    wire.client.recycle();
    wire.server.recycle();
  }
});

converse("close is said by the server, and both know", (wire) => {
  wire.server.close();
  wire.say("client", request("GET", 0), END);
  wire.say("server", response(200, 0), END);
  assert.deepEqual([wire.client.keepAlive, wire.client.theirs, wire.server.ours], [false, "must-close", "must-close"]);
  assert.throws(() => wire.client.recycle(), LocalError);
  assert.deepEqual(wire.say("server", null as never), ["closed"]);
});

converse("close is said by the client, and both know", (wire) => {
  wire.say("client", request("GET", 0, { Connection: "close" }), END);
  assert.equal(wire.server.keepAlive, false);
  wire.say("server", response(200, 0), END);
  assert.deepEqual([wire.client.keepAlive, wire.server.theirs], [false, "must-close"]);
});

test("pipelined requests wait behind the answer in hand, and are read in order", () => {
  const server = new H1Machine("server");
  const octets = ["/1", "/2", "/3"].map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).join("");
  server.receive(Buffer.from(octets));
  const targets: string[] = [];
  for (let round = 0; round < 3; round++) {
    const event = server.next() as WireEvent & { type: "request" };
    targets.push(event.head.target);
    assert.equal(server.next(), END);
    assert.equal(server.next(), round < 2 ? "paused" : "need-data");
    server.send(response(200, 0), () => {});
    server.send(END, () => {});
    server.recycle();
  }
  assert.deepEqual(targets, ["/1", "/2", "/3"]);
  assert.equal(server.next(), "need-data");
});

test("what comes behind the last request of a connection is dropped, not parsed", () => {
  const server = new H1Machine("server");
  server.receive(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\0\0\0"));
  assert.equal((server.next() as WireEvent).type, "request");
  assert.equal(server.next(), END);
  assert.equal(server.next(), "need-data");
  assert.equal(server.buffered, 0);
});

test("after a refusal nothing more is read, and the answer still goes out", () => {
  const server = new H1Machine("server");
  server.receive(Buffer.from("GET / HTTP/1.1\r\nHost : a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
  assert.throws(() => server.next(), RemoteError);
  assert.deepEqual([server.theirs, server.buffered, server.next()], ["error", 0, "need-data"]);
  server.receive(Buffer.from("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"));
  assert.equal(server.buffered, 0);
  let wire = "";
  server.send(response(400, 0), (piece) => (wire += piece));
  server.send(END, () => {});
  assert.match(wire, /^HTTP\/1\.1 400 \r\n.*Connection: close\r\n/s);
  assert.equal(server.ours, "must-close");
});

test("a HEAD that is refused is known to be one, also where its target is what was wrong", () => {
  for (const octets of [
    "HEAD / HTTP/1.1\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "HEAD /\0 HTTP/1.1\r\n",
    "HEAD / HTTP/2.0\r\n",
    `HEAD /${"a".repeat(9000)}`,
  ]) {
    const server = new H1Machine("server");
    server.receive(Buffer.from(octets));
    assert.throws(() => server.next(), RemoteError);
    assert.equal(server.method, "HEAD", octets.slice(0, 50));
  }
  const nothing = new H1Machine("server");
  nothing.receive(Buffer.from("HEAD"));
  nothing.next();
  nothing.receive(Buffer.from("\0"));
  assert.throws(() => nothing.next(), RemoteError);
  assert.equal(nothing.method, "");
});

test("the method of one request is not taken for that of the next, which is refused", () => {
  const server = new H1Machine("server");
  assert.deepEqual(
    feed(server, ["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "\0"]).at(-1),
    "error WIRE_BAD_REQUEST_LINE 400",
  );
  assert.equal(server.method, "");
});

test("a FIN in each state of a server", () => {
  const cases: [octets: string, last: string][] = [
    ["", "closed"],
    ["\r\n", "closed"],
    ["GET", "error WIRE_UNFINISHED 400"],
    ["GET / HTTP/1.1\r\nHost: a\r\n", "error WIRE_UNFINISHED 400"],
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "closed"],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na", "error WIRE_UNFINISHED 400"],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na", "closed"],
    ["GET / HTTP/1.0\r\n\r\n", "closed"],
    ["\0", "error WIRE_BAD_REQUEST_LINE 400"],
  ];
  for (const [octets, last] of cases)
    assert.equal(feed(new H1Machine("server"), [octets, null]).at(-1), last, JSON.stringify(octets));
});

test("a FIN behind a request that is being handled is told once it is, and the answer still goes out", () => {
  const server = new H1Machine("server");
  server.receive(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  server.receive(null);
  assert.equal((server.next() as WireEvent).type, "request");
  assert.equal(server.next(), END);
  assert.deepEqual(server.next(), { type: "closed" });
  server.send(response(200, 0), () => {});
  server.send(END, () => {});
  assert.deepEqual([server.ours, server.theirs], ["must-close", "closed"]);
});

test("a FIN does not hide the requests that came before it", () => {
  const octets = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  assert.deepEqual(
    feed(new H1Machine("server"), [octets, null]).filter((line) => /^(request|closed)/.test(line)),
    ["request GET /1 1.1 length=0 | Host: a", "request GET /2 1.1 length=0 | Host: a", "closed"],
  );
});

function asking(method = "GET"): H1Machine {
  const client = new H1Machine("client");
  client.send(request(method, 0, { Upgrade: "x" }, method === "CONNECT" ? "a:1" : "/"), () => {});
  client.send(END, () => {});
  return client;
}

test("a FIN in each state of a client", () => {
  const cases: [octets: string, last: string][] = [
    ["", "error WIRE_UNFINISHED 400"],
    ["HTTP/1.1 200", "error WIRE_UNFINISHED 400"],
    ["HTTP/1.1 100 Continue\r\n\r\n", "error WIRE_UNFINISHED 400"],
    ["HTTP/1.1 200 OK\r\n\r\nabc", "end"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "error WIRE_UNFINISHED 400"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "error WIRE_UNFINISHED 400"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "closed"],
  ];
  for (const [octets, last] of cases) {
    const lines = feed(asking(), [octets, null]);
    assert.equal(
      lines.at(-1) === "closed" && last === "end" ? lines.at(-2) : lines.at(-1),
      last,
      JSON.stringify(octets),
    );
  }
  assert.deepEqual(feed(new H1Machine("client"), [null]), ["closed"]);
});

test("a client refuses a server that speaks unasked, or switches unasked", () => {
  assert.deepEqual(feed(new H1Machine("client"), ["HTTP/1.1 200 OK\r\n\r\n"]), ["error WIRE_BAD_STATUS_LINE 502"]);
  const plain = new H1Machine("client");
  plain.send(request("GET", 0), () => {});
  plain.send(END, () => {});
  assert.deepEqual(feed(plain, ["HTTP/1.1 101 X\r\n\r\n"]), ["error WIRE_BAD_UPGRADE 400"]);
});

test("a client reads informational responses as many as come, and then the final one", () => {
  const octets = `${"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(3)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`;
  assert.deepEqual(feed(asking(), [octets]), [
    ...Array(3).fill("informational 103 | Link: x"),
    "response 200 OK 1.1 length=0 | Content-Length: 0",
    "end",
  ]);
});

test("a client refuses what smuggles a response", () => {
  for (const fields of [
    "Content-Length: 1\r\nTransfer-Encoding: chunked",
    "Content-Length: 1\r\nContent-Length: 2",
    "Transfer-Encoding: gzip",
    "Content-Length: +1",
    "Transfer-Encoding: chunked, chunked",
  ]) {
    const last = feed(asking(), [`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`]).at(-1);
    assert.match(last ?? "", /^error WIRE_/, fields);
  }
});

test("what may not be sent now is refused with the state, and changes nothing", () => {
  const server = new H1Machine("server");
  for (const event of [some("x"), END, response(100, 0)]) {
    assert.throws(
      () => server.send(event, () => assert.fail("nothing is written")),
      (error) => error instanceof LocalError && error.code === "USE_STATE" && error.message.includes('"idle"'),
    );
  }
  assert.equal(server.ours, "idle");
  assert.throws(() => server.recycle(), LocalError);
});

test("bytes that wait are the machine's own: the reader's buffer may change", () => {
  const server = new H1Machine("server");
  const shared = Buffer.from("GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: b\r\n\r\n");
  server.receive(shared);
  const first = server.next() as WireEvent & { type: "request" };
  server.next();
  assert.equal(server.next(), "paused");
  shared.fill(0xdd);
  assert.deepEqual([first.head.target, first.head.headers.get("host")], ["/first", "a"]);
  server.send(response(200, 0), () => {});
  server.send(END, () => {});
  server.recycle();
  const second = server.next() as WireEvent & { type: "request" };
  assert.deepEqual([second.head.target, second.head.headers.get("host")], ["/second", "b"]);
});
