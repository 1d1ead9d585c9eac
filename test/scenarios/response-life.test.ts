// Scenario 2: the life of a response, octet by octet: started, written, flushed, ended, in the right and the wrong order.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport } from "../../src/base/transport.ts";
import { Fields } from "../../src/message/fields.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative, type Responder } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { empty, json, page, Reply, redirect, reply, text, upgrade, withFields } from "../../src/message/reply.ts";
import { inform } from "../../src/message/request.ts";
import { reason, registeredStatuses } from "../../src/message/status.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { type Loopback, loopback, WireClient } from "../../src/testing/index.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { strays, turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CLOSING = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const OLD = "GET / HTTP/1.0\r\n\r\n";

/** All octets that answer a request which closes the connection. */
async function bytesOf(handler: Handler, options: ServerOptions = {}, request = CLOSING): Promise<string> {
  await using bench = loopback(handler, { date: false, ...options });
  const client = bench.connect().send(request);
  await client.closed;
  return client.received;
}

/** What an imperative handler throws, by code. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "nothing was thrown";
}

/** A connection whose writes are recorded, one entry a write of the transport. */
function recorded(bench: Loopback): { client: WireClient; writes: string[] } {
  const [near, far] = memoryPair();
  const writes: string[] = [];
  const watched: Transport = {
    peer: far.peer,
    protocol: far.protocol,
    get pending() {
      return far.pending;
    },
    open: (events) => far.open(events),
    write(list) {
      writes.push(list.map((piece) => Buffer.from(piece as string, "latin1").toString("latin1")).join(""));
      return far.write(list);
    },
    pause: () => far.pause(),
    resume: () => far.resume(),
    end: () => far.end(),
    destroy: (error) => far.destroy(error),
  };
  const client = new WireClient(near);
  bench.server.accept(watched);
  return { client, writes };
}

test("start, write and end are these octets and no others [EL-08] [EL-09] [EL-10] [GB-29] [GB-31]", async () => {
  const octets = await bytesOf(
    imperative((_request, response) => {
      response.start(200, { "Content-Type": "text/plain", "X-B": "2", "X-A": "1" });
      response.write("tea");
      response.write("é");
      response.end("the end");
    }),
  );
  assert.equal(
    octets,
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-B: 2\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n" +
      "Connection: close\r\n\r\n3\r\ntea\r\n2\r\n\xc3\xa9\r\n7\r\nthe end\r\n0\r\n\r\n",
  );
});

test("end() without a chunk sends the terminator, once [GB-31]", async () => {
  const octets = await bytesOf(
    imperative((_request, response) => {
      response.start(200).end();
      assert.equal(
        codeOf(() => response.end()),
        "USE_ENDED",
      );
      assert.equal(
        codeOf(() => response.write("more")),
        "USE_ENDED",
      );
      assert.equal(
        codeOf(() => response.flush()),
        "USE_ENDED",
      );
      assert.equal(response.state, "ended");
    }),
  );
  assert.equal(octets, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n");
});

test('the status "200" gives the same octets as 200, and text that is no status is refused [EL-08]', async () => {
  const one = await bytesOf(imperative((_request, response) => response.start("200", { A: "b" }).end("x")));
  const other = await bytesOf(imperative((_request, response) => response.start(200, { A: "b" }).end("x")));
  assert.equal(one, other);
  assert.match(one, /^HTTP\/1\.1 200 OK\r\n/);
  for (const bad of ["", "20", "2000", "2e2", " 200", "0x1", "abc", 99, 101, 1000, 200.5, Number.NaN]) {
    let code = "";
    await bytesOf(
      imperative((_request, response) => {
        code = codeOf(() => response.start(bad));
        response.send(204);
      }),
    );
    assert.equal(code, "USE_BAD_STATUS", JSON.stringify(bad));
  }
});

test("a second start, or send, is an error and sends no octet [EL-08] [GB-28]", async () => {
  const codes: string[] = [];
  const octets = await bytesOf(
    imperative((_request, response) => {
      response.start(200);
      codes.push(codeOf(() => response.start(404, { "X-Second": "1" })));
      codes.push(codeOf(() => response.send(404, {}, "second")));
      response.end("first");
      codes.push(codeOf(() => response.start(500)));
      codes.push(codeOf(() => response.send(500)));
    }),
  );
  assert.deepEqual(codes, ["USE_STARTED", "USE_STARTED", "USE_STARTED", "USE_STARTED"]);
  assert.equal(
    octets,
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
  );
});

test("write, flush, end and drained before start are errors and send no octet [EL-10] [GB-30]", async () => {
  const codes: string[] = [];
  const octets = await bytesOf(
    imperative((_request, response) => {
      assert.equal(response.state, "fresh");
      codes.push(codeOf(() => response.write("a")));
      codes.push(codeOf(() => response.flush()));
      codes.push(codeOf(() => response.end("b")));
      codes.push(codeOf(() => response.drained()));
      response.send(200, {}, "");
    }),
  );
  assert.deepEqual(codes, Array(4).fill("USE_NOT_STARTED"));
  assert.equal(octets, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
});

test("an empty chunk, or an empty part of one, does not end the body [EL-09] [GB-30]", async () => {
  const octets = await bytesOf(
    imperative((_request, response) => {
      response.start(200);
      response.write("");
      response.write(new Uint8Array(0));
      response.write("abc", 1, 1);
      response.write(Buffer.from("abc"), 3);
      response.write("x");
      response.end("");
    }),
  );
  assert.match(octets, /\r\n\r\n1\r\nx\r\n0\r\n\r\n$/);
});

test("a part of a chunk is counted in octets of bytes and in characters of text [GB-30]", async () => {
  const octets = await bytesOf(
    imperative((_request, response) => {
      response.start(200);
      response.write(Buffer.from("0123456789"), 2, 5);
      response.write("aéîõü", 1, 3);
      response.write("tail", 2);
      response.end();
    }),
  );
  assert.match(octets, /\r\n\r\n3\r\n234\r\n4\r\n\xc3\xa9\xc3\xae\r\n2\r\nil\r\n0\r\n\r\n$/);
});

test("send() declares the length in octets, and takes text, bytes or nothing [GB-28]", async () => {
  const table: [string | Uint8Array | null | undefined, string][] = [
    ["é☕", "Content-Length: 5\r\nConnection: close\r\n\r\n\xc3\xa9\xe2\x98\x95"],
    [Uint8Array.of(0, 255), "Content-Length: 2\r\nConnection: close\r\n\r\n\x00\xff"],
    [null, "Content-Length: 0\r\nConnection: close\r\n\r\n"],
    [undefined, "Content-Length: 0\r\nConnection: close\r\n\r\n"],
  ];
  for (const [body, ending] of table) {
    const octets = await bytesOf(imperative((_request, response) => response.send(200, {}, body)));
    assert.equal(octets, `HTTP/1.1 200 OK\r\n${ending}`);
  }
});

test("a body or a chunk of another type is an error, and the reply a 500 [GB-28]", async () => {
  for (const body of [42, true, {}, [], () => "text", Symbol("s"), 1n]) {
    assert.equal(
      codeOf(() => reply(200, {}, body as never)),
      "USE_BAD_BODY",
    );
    const octets = await bytesOf(imperative((_request, response) => response.send(200, {}, body as never)));
    assert.match(octets, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    let code = "";
    await bytesOf(
      imperative((_request, response) => {
        response.start(200);
        code = codeOf(() => response.write(body as never));
        response.end();
      }),
    );
    assert.equal(code, "USE_BAD_BODY");
  }
});

test("a reply to HEAD has the fields of GET and no octet of the body [GB-28]", async () => {
  const handler = imperative((_request, response) => response.send(200, { A: "b" }, "four"));
  const head = await bytesOf(handler, {}, CLOSING.replace("GET", "HEAD"));
  const get = await bytesOf(handler);
  assert.equal(`${head}four`, get);
  const streamed = imperative((_request, response) => {
    response.start(200);
    response.write("never seen");
    response.end();
  });
  assert.match(await bytesOf(streamed, {}, CLOSING.replace("GET", "HEAD")), /\r\n\r\n$/);
});

test("204 and 304 have no body and no length of one, 205 says that it is empty [GB-28]", async () => {
  for (const status of [204, 304]) {
    for (const body of ["text", Buffer.from("bytes"), null, chunks("a", "b")]) {
      const octets = await bytesOf(() => reply(status, {}, body));
      assert.equal(octets, `HTTP/1.1 ${status} ${reason(status)}\r\nConnection: close\r\n\r\n`);
    }
  }
  assert.equal(
    await bytesOf(() => empty(205)),
    "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  );
  assert.match(await bytesOf(() => text("content", 205)), /^HTTP\/1\.1 500 /);
});

test("a body that is made but not sent is told to stop: HEAD, 204, 304", async () => {
  for (const [request, status] of [
    [CLOSING.replace("GET", "HEAD"), 200],
    [CLOSING, 204],
    [CLOSING, 304],
  ] as const) {
    const pipe = new Pipe();
    const iterated = stoppable();
    await bytesOf(() => reply(status, {}, pipe), {}, request);
    await bytesOf(() => reply(status, {}, iterated), {}, request);
    assert.equal(pipe.cancelled.aborted, true);
    assert.equal(iterated.state, "stopped");
  }
});

function stoppable(): AsyncIterable<string> & { state: string } {
  const body = {
    state: "fresh",
    [Symbol.asyncIterator]: (): AsyncIterator<string> => ({
      next: () => new Promise(() => {}),
      return: async () => {
        body.state = "stopped";
        return { done: true, value: undefined };
      },
    }),
  };
  return body;
}

async function* chunks(...pieces: string[]): AsyncGenerator<string> {
  yield* pieces;
}

test("replies carry the Date as IMF-fixdate, of the clock, unless it is switched off or given [GB-48]", async () => {
  await using bench = loopback(() => text("x"));
  const client = bench.connect();
  assert.equal((await client.exchange(GET)).headers.get("date"), "Sat, 01 Aug 2009 00:00:00 GMT");
  bench.clock.tick(1000);
  assert.equal((await client.exchange(GET)).headers.get("date"), "Sat, 01 Aug 2009 00:00:01 GMT");
  assert.match(await bytesOf(() => text("x"), { date: true }), /\r\nDate: Sat, 01 Aug 2009 00:00:00 GMT\r\n/);
  assert.doesNotMatch(await bytesOf(() => text("x"), { date: false }), /Date/);
  const given = await bytesOf(() => text("x", 200, { Date: "Sun, 02 Aug 2009 00:00:00 GMT" }), { date: true });
  assert.deepEqual(given.match(/Date: .*/g), ["Date: Sun, 02 Aug 2009 00:00:00 GMT"]);
});

test("every registered status has its phrase on the wire, an unknown one none, and both are parseable [EL-11] [GB-48]", async () => {
  for (const status of [...registeredStatuses().filter((each) => each >= 200), 299, 418, 599, 999]) {
    const octets = await bytesOf(() => reply(status));
    const [line = ""] = octets.split("\r\n");
    assert.equal(line, `HTTP/1.1 ${status} ${reason(status)}`);
  }
  assert.equal(reason(299), "");
  assert.match(await bytesOf(() => reply(299)), /^HTTP\/1\.1 299 \r\n/);
});

test("a reply may have a phrase of its own, which cannot split it [EL-11] [GB-48]", async () => {
  assert.match(await bytesOf(() => reply(299, {}, null, { reason: "Très Tea" })), /^HTTP\/1\.1 299 Tr\xe8s Tea\r\n/);
  for (const bad of ["a\r\nX: y", "a\nb", "\0", "☕"]) {
    const octets = await bytesOf(() => reply(200, {}, null, { reason: bad }));
    assert.match(octets, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
  }
});

test("header names and values that would split or spoil the head are refused by every maker [GB-28]", async () => {
  const evil: [string, string][] = [
    ["X", "a\r\nSet-Cookie: b"],
    ["X", "a\rb"],
    ["X", "a\nb"],
    ["X", "a\0b"],
    ["X", "☕"],
    ["X Y", "a"],
    ["X\r\n", "a"],
    ["", "a"],
    ["X:", "a"],
  ];
  for (const [name, value] of evil) {
    const headers = [[name, value]] as const;
    const makers: (() => unknown)[] = [
      () => reply(200, headers),
      () => text("", 200, headers),
      () => json({}, 200, headers),
      () => page("", 200, headers),
      () => empty(204, headers),
      () => withFields(empty(), (copy) => copy.add(name, value)),
      () => withFields(empty(), (copy) => copy.set(name, value)),
      () => upgrade("x", () => {}, headers),
    ];
    for (const maker of makers) assert.equal(codeOf(maker), "USE_BAD_FIELD", `${JSON.stringify(name)} ${maker}`);
    assert.match(await bytesOf(() => reply(200, headers)), /^HTTP\/1\.1 500 Internal Server Error\r\n/);
  }
  for (const value of [7, null, undefined, {}]) {
    assert.equal(
      codeOf(() => reply(200, { X: value } as never)),
      "USE_BAD_FIELD",
    );
  }
  assert.equal(
    codeOf(() => redirect("/a\r\nX: y")),
    "USE_BAD_FIELD",
  );
  assert.equal(
    codeOf(() => redirect("/", 200)),
    "USE_BAD_STATUS",
  );
});

test("the framing is the engine's: Transfer-Encoding is refused by the makers, a false Content-Length by the wire", async () => {
  assert.equal(
    codeOf(() => reply(200, { "transfer-encoding": "chunked" })),
    "USE_FRAMING_FIELD",
  );
  for (const length of ["4", "2", "3, 3", "+3", "3x", "", "1e1", "99999999999999999999"]) {
    const errors: unknown[] = [];
    const octets = await bytesOf(() => text("abc", 200, { "Content-Length": length }), {
      hooks: { error: (error) => errors.push((error as { code: string }).code) },
    });
    assert.match(octets, /^HTTP\/1\.1 500 /, length);
    assert.deepEqual(errors, ["USE_BODY_LENGTH"]);
  }
  assert.match(
    await bytesOf(() => text("abc", 200, { "Content-Length": "3" })),
    /\r\nContent-Length: 3\r\n[\s\S]*abc$/,
  );
});

test("a streamed body is held to the Content-Length that was declared, shorter and longer", async () => {
  const right = await bytesOf(() => reply(200, { "Content-Length": "4" }, chunks("ab", "cd")));
  assert.equal(right, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd");
  for (const pieces of [["abcde"], [], ["abc"], ["ab", "cde"]]) {
    const errors: string[] = [];
    await using bench = loopback(() => reply(200, { "Content-Length": "4" }, chunks(...pieces)), {
      hooks: { error: (error) => void errors.push((error as { code: string }).code) },
    });
    const client = bench.connect().send(CLOSING);
    const ending = await client.closed;
    // What is wrong before anything was sent has a status of its own.
    const begun = (pieces[0]?.length ?? 5) < 5;
    assert.equal(ending, begun ? "reset" : "fin");
    assert.match(client.received, begun ? /^(?:HTTP\/1\.1 200 [\s\S]*)?$/ : /^HTTP\/1\.1 500 /);
    assert.deepEqual(errors, ["USE_BODY_LENGTH"]);
  }
});

test("a producer that writes more than it declared is told that nobody reads any more", async () => {
  let pipe = new Pipe();
  await using bench = loopback(() => {
    pipe = new Pipe();
    pipe.write("too long");
    return reply(200, { "Content-Length": "3" }, pipe);
  });
  assert.equal((await bench.connect().exchange(GET)).status, 500);
  assert.equal(pipe.cancelled.aborted, true);
  await assert.rejects(pipe.drained());
});

test("a body that fails at once behind a head that cannot be sent is one failure, and none that nobody catches", async () => {
  async function* failing(): AsyncGenerator<string> {
    yield* [];
    throw new Error("the body failed");
  }
  const octets = await bytesOf(() => reply(200, { "Content-Length": "nonsense" }, failing()));
  assert.match(octets, /^HTTP\/1\.1 500 /);
  await turns();
  assert.deepEqual(strays, []);
});

test("withFields gives another reply: the first is not changed, whoever shares it", async () => {
  const constant = text("x", 200, { A: "1" });
  const other = withFields(constant, (copy) => copy.set("A", "2").add("B", "3"));
  assert.match(await bytesOf(() => constant), /^HTTP\/1\.1 200 OK\r\nA: 1\r\nContent-Type/);
  assert.match(await bytesOf(() => other), /^HTTP\/1\.1 200 OK\r\nA: 2\r\nContent-Type[^\n]*\nB: 3\r\n/);
  assert.equal(
    codeOf(() => withFields(constant, (copy) => copy.add("Transfer-Encoding", "chunked"))),
    "USE_FRAMING_FIELD",
  );
});

test("trailers follow the last chunk, are asked for after it, and are left out where the framing has none", async () => {
  const order: string[] = [];
  async function* body(): AsyncGenerator<string> {
    yield "a";
    order.push("body");
  }
  const answer = (): Reply =>
    reply(200, {}, body(), {
      trailers: async () => {
        order.push("trailers");
        return new Fields({ Digest: "x" });
      },
    });
  assert.match(await bytesOf(answer), /\r\n\r\n1\r\na\r\n0\r\nDigest: x\r\n\r\n$/);
  assert.deepEqual(order, ["body", "trailers"]);
  assert.match(await bytesOf(answer, {}, OLD), /\r\n\r\na$/);
});

test("trailers that fail, or frame, cut the connection instead of completing the body", async () => {
  for (const trailers of [
    () => {
      throw new Error("no trailers");
    },
    async () => Promise.reject(new Error("no trailers, later")),
    () => new Fields({ "Content-Length": "1" }),
  ]) {
    await using bench = loopback(() => reply(200, {}, chunks("a"), { trailers }));
    const client = bench.connect().send(GET);
    assert.equal(await client.closed, "reset");
    assert.doesNotMatch(client.received, /\r\n0\r\n/);
  }
});

test("what was flushed is visible before the handler ends [GB-33]", async () => {
  let response: Responder | undefined;
  await using bench = loopback(
    imperative((_request, given) => {
      response = given;
      given.start(200);
      given.write("part");
      given.flush();
    }),
  );
  const client = bench.connect().send(GET);
  assert.match(await client.until("part\r\n"), /^HTTP\/1\.1 200 OK\r\n[\s\S]*4\r\npart\r\n$/);
  response?.write("more");
  response?.flush();
  assert.equal(await client.until("more\r\n"), "4\r\nmore\r\n");
  assert.equal(response?.state, "started");
  response?.end();
  await client.until("0\r\n\r\n");
});

test("a flush writes within the turn, and once", async () => {
  let writes: string[] = [];
  let during = -1;
  let response: Responder | undefined;
  await using bench = loopback(
    imperative((_request, given) => {
      response = given.start(200);
      given.flush();
    }),
  );
  const connection = recorded(bench);
  connection.client.send(GET);
  await connection.client.until("\r\n\r\n");
  writes = connection.writes;
  const before = writes.length;
  response?.write("a");
  response?.write("b");
  response?.flush();
  during = writes.length - before;
  response?.end();
  await connection.client.until("0\r\n\r\n");
  assert.equal(during, 1);
  assert.deepEqual(writes.slice(before), ["1\r\na\r\n1\r\nb\r\n", "0\r\n\r\n"]);
});

test("ten chunks of a hundred octets in one turn leave in one write [GB-41]", async () => {
  await using bench = loopback(
    imperative((_request, response) => {
      response.start(200);
      for (let i = 0; i < 10; i++) response.write("x".repeat(100));
      response.end();
    }),
  );
  const { client, writes } = recorded(bench);
  await client.exchange(GET);
  assert.equal(writes.length, 1);
});

test("ten chunks that are written in one later turn leave in one write [GB-41]", async () => {
  let response: Responder | undefined;
  await using bench = loopback(
    imperative((_request, given) => {
      response = given.start(200);
      given.flush();
    }),
  );
  const { client, writes } = recorded(bench);
  client.send(GET);
  await client.until("\r\n\r\n");
  const before = writes.length;
  for (let i = 0; i < 10; i++) response?.write("x".repeat(100));
  response?.end();
  await client.until("0\r\n\r\n");
  assert.equal(writes.length - before, 1);
});

test("what is gathered leaves when the outbox is full, not only at the end of the turn [GB-41]", async () => {
  const seen: number[] = [];
  let response: Responder | undefined;
  await using bench = loopback(
    imperative((_request, given) => {
      response = given.start(200);
      given.flush();
    }),
  );
  const { client, writes } = recorded(bench);
  client.send(GET);
  await client.until("\r\n\r\n");
  const before = writes.length;
  for (let i = 0; i < 70; i++) {
    response?.write("x".repeat(1000));
    seen.push(writes.length - before);
  }
  response?.end();
  await client.until("0\r\n\r\n");
  assert.equal(seen[60], 0);
  assert.equal(seen[69], 1);
  assert.equal((writes[before]?.length ?? 0) >= 65_536, true);
});

test("the replies to requests that came together leave in one write, in order", async () => {
  await using bench = loopback(({ path }) => text(path));
  const { client, writes } = recorded(bench);
  client.send(["/1", "/2", "/3"].map((path) => GET.replace("/", path)).join(""));
  for (const path of ["/1", "/2", "/3"]) assert.equal((await client.answer()).body, path);
  assert.equal(writes.length, 1);
});

test("informational answers come first, before the reply begins and never after, and not to HTTP/1.0 [HS-46]", async () => {
  const said: boolean[] = [];
  const handler = imperative((request, response) => {
    said.push(inform(request, 102), inform(request, 103, { Link: "</a.css>" }));
    response.start(200);
    setImmediate(() => {
      said.push(inform(request, 103));
      response.end("x");
    });
  });
  const octets = await bytesOf(handler);
  assert.match(
    octets,
    /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  );
  assert.deepEqual(said, [true, true, false]);
  said.length = 0;
  assert.match(await bytesOf(handler, {}, OLD), /^HTTP\/1\.1 200 OK\r\n/);
  assert.deepEqual(said, [false, false, false]);
});

test("an informational answer leaves at once, while the handler still works", async () => {
  let release = (): void => {};
  await using bench = loopback(async (request) => {
    inform(request, 103, { Link: "</a>" });
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return text("late");
  });
  const client = bench.connect().send(GET);
  assert.equal(await client.until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  release();
  assert.equal((await client.answer()).body, "late");
});

test("octets may go out ahead of everything else by a takeover, and they come first [HS-46]", async () => {
  await using bench = loopback(() => upgrade("raw", (transport) => transport.write(["raw octets"])));
  const client = bench.connect().send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n");
  assert.equal(
    await client.until("raw octets"),
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\nDate: Sat, 01 Aug 2009 00:00:00 GMT\r\n" +
      "\r\nraw octets",
  );
});

test("default fields stand in every reply that does not have them, refusals too [CH-26] [HS-53]", async () => {
  const fields = { Server: "tea/1", "Cache-Control": "no-cache, no-store, must-revalidate" };
  assert.equal(
    await bytesOf(() => text("x"), { fields }),
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 1\r\nConnection: close\r\n" +
      "Server: tea/1\r\nCache-Control: no-cache, no-store, must-revalidate\r\n\r\nx",
  );
  const own = await bytesOf(() => text("x", 200, { "cache-control": "public", server: "mine" }), { fields });
  assert.doesNotMatch(own, /tea|no-store/);
  assert.match(await bytesOf(() => text("x"), { fields }, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400 [\s\S]*Server: tea\/1/);
});

test("what only a reply or the engine can know is refused as a default field [HS-53]", () => {
  for (const name of [
    "Content-Type",
    "Set-Cookie",
    "Location",
    "Connection",
    "Expires",
    "Content-Length",
    "content-length",
    "Transfer-Encoding",
    "Date",
  ]) {
    assert.equal(
      codeOf(() => loopback(() => empty(), { fields: { [name]: "x" } })),
      "USE_BAD_OPTION",
      name,
    );
  }
  assert.equal(
    codeOf(() => loopback(() => empty(), { fields: { Server: "a\r\nb" } })),
    "USE_BAD_FIELD",
  );
});

test("to HTTP/1.0 a body without length ends with the connection, one with length may keep it", async () => {
  const streamed = imperative((_request, response) => {
    response.start(200);
    response.write("a");
    response.end("b");
  });
  assert.equal(await bytesOf(streamed, {}, OLD), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
  await using bench = loopback(() => text("x"));
  const client = bench.connect();
  for (let i = 0; i < 2; i++) {
    const answer = await client.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert.equal(answer.headers.get("connection"), "keep-alive");
  }
});

test("with keepAlive off every reply says close, and the connection closes [EL-10]", async () => {
  const octets = await bytesOf(() => text("x"), { keepAlive: false }, GET);
  assert.match(octets, /\r\nConnection: close\r\n/);
});

test("a reply that says close closes", async () => {
  const octets = await bytesOf(() => text("x", 200, { Connection: "close" }), {}, GET);
  assert.deepEqual(octets.match(/Connection: .*/g), ["Connection: close"]);
});

test("Reply.is is true of what the makers made, and of nothing else [GB-27]", () => {
  const made: unknown[] = [reply(200), text(""), json(1), page(""), empty(), redirect("/"), upgrade("x", () => {})];
  const others: unknown[] = [
    undefined,
    null,
    200,
    "reply",
    {},
    { status: 200, headers: new Fields(), body: null, extras: undefined },
    Object.create(Reply.prototype),
    JSON.parse(JSON.stringify(text("x"))),
    new Map(),
    () => text("x"),
    Promise.resolve(text("x")),
  ];
  for (const value of made) assert.equal(Reply.is(value), true);
  for (const value of others) assert.equal(Reply.is(value), false);
});

test("two connections are answered in turn, not one after the other [GB-16]", async () => {
  const order: string[] = [];
  const steps: (() => void)[] = [];
  await using bench = loopback(async (request) => {
    order.push(`${request.path} begins`);
    await new Promise<void>((resolve) => steps.push(resolve));
    order.push(`${request.path} goes on`);
    await new Promise<void>((resolve) => steps.push(resolve));
    order.push(`${request.path} ends`);
    return empty();
  });
  const one = bench.connect().send(GET.replace("/", "/a"));
  const two = bench.connect().send(GET.replace("/", "/b"));
  await bench.settled();
  for (let i = 0; i < 2; i++) {
    for (const step of steps.splice(0)) step();
    await bench.settled();
  }
  await Promise.all([one.answer(), two.answer()]);
  assert.deepEqual(order, ["/a begins", "/b begins", "/a goes on", "/b goes on", "/a ends", "/b ends"]);
});

test("after the client has gone, writing throws nothing into the handler [EL-09]", async () => {
  const returned: boolean[] = [];
  let response: Responder | undefined;
  await using bench = loopback(
    imperative((_request, given) => {
      response = given.start(200);
      given.flush();
    }),
  );
  const client = bench.connect().send(GET);
  await client.until("\r\n\r\n");
  client.reset();
  await bench.settled();
  returned.push(response?.write("a") ?? true, response?.write("b") ?? true);
  response?.flush();
  const drained = response?.drained();
  response?.end("c");
  assert.deepEqual(returned, [false, false]);
  await assert.rejects(drained ?? Promise.resolve(), { code: "NET_RESET" });
});
