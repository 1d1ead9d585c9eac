import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { HttpError, LocalError } from "../base/errors.ts";
import { loopback } from "../testing/loopback.ts";
import { html } from "./html.ts";
import { imperative, type Responder } from "./imperative.ts";
import { text } from "./reply.ts";
import type { Request } from "./request.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** What comes on the wire from a function that writes its response: all of it, once nothing is under way. */
async function wireOf(
  answer: (request: Request, response: Responder) => unknown,
  request: string = GET,
): Promise<string> {
  await using bench = loopback(imperative(answer), { date: false });
  const client = bench.connect().send(request);
  await bench.settled();
  return client.ending === "reset" ? `${client.received}<RST>` : client.received;
}

function refuses(code: string, call: () => unknown): void {
  assert.throws(call, (error) => error instanceof LocalError && error.code === code);
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

test("start, write and end: a chunk a write, its size in octets [EL-09, GB-30, GB-31, ND-71, ND-72]", async () => {
  const wire = await wireOf((_, response) => {
    response.start(200);
    response.write("\u00e4");
    response.write("");
    response.write(new Uint8Array(0));
    response.write("abcdef", 2, 4);
    response.write(Buffer.from("abcdef"), 4);
    response.write("abc", 1, 1);
    response.end("!");
  });
  assert.equal(wire, `${CHUNKED}2\r\n\xc3\xa4\r\n2\r\ncd\r\n2\r\nef\r\n1\r\n!\r\n0\r\n\r\n`);
});

test("a status may be a number or its digits, and the fields keep their order [EL-08]", async () => {
  const fields: [string, string][] = [
    ["X-b", "1"],
    ["A", "2"],
    ["X-b", "3"],
  ];
  const [digits, number] = await Promise.all(
    ["200", 200].map((status) => wireOf((_, response) => response.start(status, fields).end())),
  );
  assert.equal(digits, number);
  assert.equal(number, "HTTP/1.1 200 OK\r\nX-b: 1\r\nA: 2\r\nX-b: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
});

test("a second start is an error, and sends nothing [ND-70, GB-29]", async () => {
  const wire = await wireOf((_, response) => {
    response.start(200);
    refuses("USE_STARTED", () => response.start(404));
    refuses("USE_STARTED", () => response.send(404));
    response.end();
    refuses("USE_STARTED", () => response.start(404));
  });
  assert.equal(wire, `${CHUNKED}0\r\n\r\n`);
});

test("writing, flushing and ending need a start, and nothing is written behind the end [EL-10]", async () => {
  const wire = await wireOf((_, response) => {
    for (const call of [
      () => response.write("x"),
      () => response.flush(),
      () => response.end(),
      () => response.end("x"),
      () => response.drained(),
    ]) {
      refuses("USE_NOT_STARTED", call);
    }
    assert.equal(response.state, "fresh");
    response.start(200);
    assert.equal(response.state, "started");
    response.end();
    assert.equal(response.state, "ended");
    for (const call of [
      () => response.write("x"),
      () => response.flush(),
      () => response.end(),
      () => response.end("x"),
    ])
      refuses("USE_ENDED", call);
  });
  assert.equal(wire, `${CHUNKED}0\r\n\r\n`);
});

test("send() declares the length in octets, and its body may be text, bytes or nothing [GB-28]", async () => {
  assert.equal(
    await wireOf((_, response) => response.send(200, { A: "1" }, "\u00e4b")),
    "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 3\r\n\r\n\xc3\xa4b",
  );
  assert.equal(
    await wireOf((_, response) => response.send(404, {}, Buffer.from("x"))),
    "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
  );
  assert.equal(await wireOf((_, response) => response.send(204)), "HTTP/1.1 204 No Content\r\n\r\n");
  const head = await wireOf((_, response) => response.send(200, {}, "abc"), GET.replace("GET", "HEAD"));
  assert.equal(head, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  await wireOf((_, response) => {
    refuses("USE_BAD_BODY", () => response.send(200, {}, 1 as never));
    refuses("USE_BAD_FIELD", () => response.send(200, { A: "a\r\nB: c" }, "x"));
    refuses("USE_BAD_STATUS", () => response.send("2000", {}, "x"));
    response.send(200);
    refuses("USE_STARTED", () => response.send(200));
  });
});

test("what throws before start is a 500 or what the HttpError says, and nothing else is told", async () => {
  const thrown = await wireOf(() => {
    throw new Error("secret");
  });
  assert.match(thrown, /^HTTP\/1\.1 500 (?![\s\S]*secret)/);
  assert.match(await wireOf(() => Promise.reject(new HttpError(403, "No."))), /^HTTP\/1\.1 403 [\s\S]*No\.\n$/);
});

test("what throws after start cuts the connection, so that the client can tell [GB-47]", async () => {
  const wire = await wireOf(async (_, response) => {
    response.start(200);
    response.write("a");
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error("secret");
  });
  assert.equal(wire, `${CHUNKED}1\r\na\r\n<RST>`);
});

test("what is written later is sent when it is written, and flush() does not wait for the end [GB-33]", async () => {
  const held: { response?: Responder } = {};
  await using bench = loopback(
    imperative((_, response) => (held.response = response)),
    { date: false },
  );
  const client = bench.connect().send(GET);
  await bench.settled();
  assert.equal(client.received, "");
  held.response?.start(200).write("a");
  held.response?.flush();
  await bench.settled();
  assert.equal(client.received, `${CHUNKED}1\r\na\r\n`);
  held.response?.end();
  await bench.settled();
  assert.match(client.received, /0\r\n\r\n$/);
});

test("writing to a client that has left throws nothing and never hangs", async () => {
  const held: { response?: Responder } = {};
  await using bench = loopback(imperative((_, response) => void (held.response = response.start(200))));
  const client = bench.connect().send(GET);
  await bench.settled();
  client.reset();
  await bench.settled();
  assert.equal(held.response?.write("x"), false);
  await assert.rejects(held.response?.drained() ?? Promise.resolve());
  held.response?.end("x");
});

/** What the server was told of, and what came on the wire. */
async function reportsOf(
  answer: (request: Request, response: Responder) => unknown,
  request: string = GET,
): Promise<{ wire: string; reported: unknown[] }> {
  const reported: unknown[] = [];
  await using bench = loopback(imperative(answer), {
    date: false,
    hooks: { error: (error) => void reported.push(error) },
  });
  const client = bench.connect().send(request);
  await bench.settled();
  await turn();
  await bench.settled();
  return { wire: client.ending === "reset" ? `${client.received}<RST>` : client.received, reported };
}

test("a thrown value that cannot be made text is a failure like any other, and ends nothing else", async () => {
  const odd: unknown = Object.create(null);
  for (const started of [false, true]) {
    for (const wait of [false, true]) {
      const { wire, reported } = await reportsOf((_, response) => {
        if (started) response.start(200).write("a");
        if (wait) return turn().then(() => Promise.reject(odd));
        throw odd;
      });
      assert.match(wire, started ? /<RST>$/ : /^HTTP\/1\.1 500 /);
      assert.equal(reported.length, 1);
      assert.ok(reported[0] === odd || (started && (reported[0] as Error).cause === odd));
    }
  }
});

test("what is thrown after end() or send() is reported, and the reply stands", async () => {
  const late = new Error("late");
  for (const answer of [
    (_: Request, response: Responder) => {
      response.send(200, {}, "a");
      throw late;
    },
    async (_: Request, response: Responder) => {
      response.send(200, {}, "a");
      await turn();
      throw late;
    },
    async (_: Request, response: Responder) => {
      await turn();
      response.start(200, { "Content-Length": "1" }).end("a");
      throw late;
    },
  ]) {
    const { wire, reported } = await reportsOf(answer);
    assert.equal(wire, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    assert.deepEqual(reported, [late]);
  }
});

test("what is thrown while nobody takes the body, as for HEAD, is reported", async () => {
  const late = new Error("late");
  const { reported } = await reportsOf(
    async (_, response) => {
      response.start(200);
      await turn();
      throw late;
    },
    GET.replace("GET", "HEAD"),
  );
  assert.deepEqual(reported, [late]);
});

test("an async function that is through without a start is answered with 500, and never hangs", async () => {
  for (const answer of [async () => {}, () => turn()]) {
    const { wire, reported } = await reportsOf(answer);
    assert.match(wire, /^HTTP\/1\.1 500 /);
    assert.deepEqual(
      reported.map((error) => (error as LocalError).code),
      ["USE_NOT_STARTED"],
    );
  }
});

test("the signal has a listener only while the reply is waited for", async () => {
  const changes: string[] = [];
  const watch = ({ signal }: Request): void => {
    for (const name of ["addEventListener", "removeEventListener"] as const) {
      const original = signal[name];
      signal[name] = (...args: unknown[]) => {
        changes.push(name);
        Reflect.apply(original, signal, args);
      };
    }
  };
  await wireOf((request, response) => {
    watch(request);
    response.send(200);
  });
  assert.deepEqual(changes, []);
  for (const ending of ["send", "throw"]) {
    await wireOf(async (request, response) => {
      watch(request);
      await turn();
      if (ending === "throw") throw new Error("broken");
      response.send(200);
    });
    assert.deepEqual(changes.splice(0), ["addEventListener", "removeEventListener"]);
  }
});

test("who starts after the client has left learns it: nothing is kept and nothing hangs", async () => {
  const held: { response?: Responder } = {};
  await using bench = loopback(imperative((_, response) => void (held.response = response)));
  const client = bench.connect().send(GET);
  await bench.settled();
  client.reset();
  await bench.settled();
  assert.equal(held.response?.start(200).write("x"), false);
  await assert.rejects(held.response?.drained() ?? Promise.resolve());
});

test("a value is the answer where nothing was written, and an error beside what was [B18]", async () => {
  const answers: readonly (readonly [value: unknown, expected: RegExp])[] = [
    ["tea", /text\/plain; charset=utf-8\r\nContent-Length: 3\r\n\r\ntea$/],
    [{ tea: 1 }, /application\/json\r\nContent-Length: 9\r\n\r\n\{"tea":1\}$/],
    [[1], /\r\n\r\n\[1\]$/],
    [new Uint8Array([0x61]), /octet-stream\r\nContent-Length: 1\r\n\r\na$/],
    [html`<b>${"<"}</b>`, /text\/html; charset=utf-8\r\nContent-Length: 11\r\n\r\n<b>&lt;<\/b>$/],
    [text("own", 404), /^HTTP\/1\.1 404 [\s\S]*own$/],
  ];
  for (const [value, expected] of answers) {
    for (const wait of [false, true]) {
      const give = (): unknown => (wait ? turn(value) : value);
      const alone = await reportsOf(give);
      assert.match(alone.wire, expected);
      assert.deepEqual(alone.reported, []);

      const whole = await reportsOf((_, response) => {
        response.send(200, {}, "written");
        return give();
      });
      assert.match(whole.wire, /^HTTP\/1\.1 200 OK\r\nContent-Length: 7\r\n\r\nwritten$/);
      assert.deepEqual(codesOf(whole.reported), ["USE_STARTED"]);

      const begun = await reportsOf((_, response) => {
        response.start(200).write("begun");
        return give();
      });
      assert.match(begun.wire, /<RST>$/);
      assert.equal(begun.reported.length, 1);
    }
  }
});

function codesOf(errors: readonly unknown[]): unknown[] {
  return errors.map((error) => (error as LocalError).code);
}

test("what a call gives by the way is no value: the function may write, then or later", async () => {
  const parked: Responder[] = [];
  const ways: readonly ((request: Request, response: Responder) => unknown)[] = [
    (_, response) => response.start(200).write("x"),
    (_, response) => response.start(200),
    (_, response) => parked.push(response),
    (_, response) => setImmediate(() => response.start(200)),
    (_, response) => new Map([[1, response.start(200)]]),
    (_, response) => {
      response.start(200);
      return null;
    },
    async (_, response) => response.start(200).write("x"),
  ];
  for (const way of ways) {
    await using bench = loopback(
      imperative((request, response) => {
        const returned = way(request, response);
        void turn().then(() => (response.state === "fresh" ? response.start(200) : response).end("end"));
        return returned;
      }),
      { hooks: { error: (error) => assert.fail(error as Error) } },
    );
    const { status, body } = await bench.connect().exchange(GET);
    assert.deepEqual([status, body.endsWith("end")], [200, true], String(way));
  }
});

test("a value that cannot be an answer is a failure of the function, and a start behind one is out of turn", async () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const { wire, reported } = await reportsOf(() => cycle);
  assert.match(wire, /^HTTP\/1\.1 500 /);
  assert.ok(reported[0] instanceof TypeError);
  let late: unknown;
  const behind = await reportsOf((_, response) => {
    setImmediate(() => {
      try {
        response.start(404);
      } catch (error) {
        late = error;
      }
    });
    return "first";
  });
  assert.match(behind.wire, /first$/);
  assert.deepEqual(codesOf([late]), ["USE_STARTED"]);
});

test("reported rather than thrown, a call out of turn sends nothing, and says that there is room [EL-08] [EL-09] [EL-10]", async () => {
  const reported: unknown[] = [];
  const said: unknown[] = [];
  const handler = imperative(
    async (_, response) => {
      said.push(response.write("x"), response.flush(), response.end("x"), await response.drained(), response.state);
      response.start("200", { A: "1" });
      said.push(response.start(404, { B: "2" }) === response, response.send(500), response.state);
      response.end("once");
      said.push(response.write("x"), response.flush(), response.end(), response.state);
    },
    { outOfTurn: "report" },
  );
  const hooks = { error: (error: unknown) => void reported.push(error) };
  await using bench = loopback(handler, { date: false, hooks });
  const client = bench.connect().send(GET);
  await bench.settled();
  assert.match(client.received, /^HTTP\/1\.1 200 OK\r\nA: 1\r\n[\s\S]*once/);
  assert.doesNotMatch(client.received, /B: 2|404|500/);
  assert.deepEqual(said, [
    ...[true, undefined, undefined, undefined, "fresh"],
    ...[true, undefined, "started"],
    ...[true, undefined, undefined, "ended"],
  ]);
  const early = Array.from({ length: 4 }, () => "USE_NOT_STARTED");
  assert.deepEqual(codesOf(reported), [...early, "USE_STARTED", "USE_STARTED", "USE_ENDED", "USE_ENDED", "USE_ENDED"]);
});
