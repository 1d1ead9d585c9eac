import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError, LocalError, RemoteError } from "../base/errors.ts";
import { Fields } from "./fields.ts";
import { type InboundSource, NO_BODY, ReceivedBody } from "./inbound.ts";

interface Watched {
  readonly body: ReceivedBody;
  readonly asked: string[];
}

function receive(length?: number, bodyBytes = 100): Watched {
  const asked: string[] = [];
  const source: InboundSource = {
    bodyBytes,
    wanted: () => void asked.push("wanted"),
    room: () => void asked.push("room"),
    unwanted: () => void asked.push("unwanted"),
  };
  return { body: new ReceivedBody(length, source), asked };
}

function arrive(body: ReceivedBody, ...chunks: string[]): void {
  for (const chunk of chunks) {
    const shared = Buffer.from(chunk);
    body.feed(shared);
    shared.fill(0xdd);
  }
  body.end(null);
}

function status(code: string, status: number): (error: unknown) => boolean {
  return (error) => error instanceof HttpError && error.code === code && error.status === status;
}

test("a body that comes in pieces is collected, as bytes, text or JSON", async () => {
  const one = receive();
  const reading = one.body.bytes();
  assert.deepEqual([one.asked[0], one.body.state], ["wanted", "reading"]);
  arrive(one.body, "he", "llo");
  assert.deepEqual([Buffer.from(await reading).toString(), one.body.state], ["hello", "done"]);
  const two = receive();
  arrive(two.body, '{"a":', "[1]}");
  assert.deepEqual(await two.body.json(), { a: [1] });
  const three = receive(3);
  arrive(three.body, "\xe4b");
  assert.equal(await three.body.text(), "\u00e4b");
});

test("a body that is here as a whole is given at once, as a copy that may be kept", async () => {
  const shared = Buffer.from("hello");
  const { body } = receive(5);
  body.offer(shared);
  const reading = body.bytes();
  shared.fill(0xdd);
  assert.equal(Buffer.from(await reading).toString(), "hello");
  const later = receive(5).body;
  const again = Buffer.from("hello");
  later.offer(again);
  later.hold();
  again.fill(0xdd);
  assert.equal(await later.text(), "hello");
});

test("a body is read once", async () => {
  const { body } = receive();
  arrive(body, "a");
  await body.text();
  const used = (error: unknown): boolean => error instanceof LocalError && error.code === "USE_BODY_USED";
  await assert.rejects(body.text(), used);
  await assert.rejects(body.bytes(), used);
  await assert.rejects(body.json(), used);
  assert.throws(() => body[Symbol.asyncIterator](), used);
});

test("a declared length over the limit is refused before anything is asked for", async () => {
  const { body, asked } = receive(101);
  await assert.rejects(body.bytes(), status("HTTP_BODY_TOO_LARGE", 413));
  assert.deepEqual([asked, body.state], [[], "unread"]);
  await assert.rejects(body.text(100), status("HTTP_BODY_TOO_LARGE", 413));
});

test("a body of just the limit is collected, one octet more is refused", async () => {
  for (const [limit, octets, fits] of [
    [5, "hello", true],
    [4, "hello", false],
  ] as const) {
    const { body, asked } = receive();
    const reading = body.text(limit);
    arrive(body, octets.slice(0, 3), octets.slice(3));
    if (fits) assert.equal(await reading, octets);
    else {
      await assert.rejects(reading, status("HTTP_BODY_TOO_LARGE", 413));
      assert.deepEqual([asked.at(-1), body.state], ["unwanted", "failed"]);
    }
  }
});

test("the limit of the call is used in place of the server's, above it too", async () => {
  const { body } = receive(150);
  const reading = body.bytes(200);
  arrive(body, "x".repeat(150));
  assert.equal((await reading).length, 150);
});

test("piece by piece there is no limit, and asking begins the reading", async () => {
  const { body, asked } = receive(undefined, 2);
  const pieces: string[] = [];
  const reading = (async () => {
    for await (const piece of body) pieces.push(Buffer.from(piece).toString());
  })();
  assert.deepEqual(asked.slice(0, 1), ["wanted"]);
  arrive(body, "abc", "def");
  await reading;
  assert.deepEqual([pieces.join(""), body.state], ["abcdef", "done"]);
});

test("leaving the loop says that nobody wants the rest", async () => {
  const { body, asked } = receive();
  body.feed(Buffer.from("abc"));
  for await (const piece of body) {
    assert.equal(Buffer.from(piece).toString(), "abc");
    break;
  }
  assert.deepEqual([asked.includes("unwanted"), body.state], [true, "failed"]);
  assert.equal(body.feed(Buffer.from("more")), true, "what still comes is dropped");
});

test("who is slow to read slows the sender down", async () => {
  const { body, asked } = receive();
  assert.equal(body.feed(Buffer.alloc(40_000)), true);
  assert.equal(body.feed(Buffer.alloc(40_000)), false);
  const iterator = body[Symbol.asyncIterator]();
  await iterator.next();
  assert.equal(asked.at(-1), "room");
});

test("a body that does not arrive whole fails, behind what came", async () => {
  const { body } = receive();
  body.feed(Buffer.from("abc"));
  body.fail(new RemoteError("WIRE_UNFINISHED"));
  await assert.rejects(body.text(), (error) => error instanceof RemoteError && error.code === "WIRE_UNFINISHED");
  assert.equal(body.state, "failed");
});

test("what fails after it has ended has ended", async () => {
  const { body } = receive();
  arrive(body, "abc");
  body.fail(new Error("late"));
  assert.equal(await body.text(), "abc");
});

test("trailers are there once the body is done, and not before", async () => {
  const { body } = receive();
  const reading = body.text();
  body.feed(Buffer.from("a"));
  const before = body.trailers;
  body.end(new Fields({ Digest: "x" }));
  await reading;
  assert.deepEqual([before, body.trailers?.get("digest")], [null, "x"]);
});

test("text that is not UTF-8, and text that is not JSON, are the sender's fault", async () => {
  for (const octets of [Buffer.from([0xff]), Buffer.from([0xc3])]) {
    const { body } = receive();
    body.feed(octets);
    body.end(null);
    await assert.rejects(body.text(), status("HTTP_BAD_TEXT", 400));
  }
  for (const text of [" ", "{", "undefined", "{'a':1}", "[1,]"]) {
    const { body } = receive();
    arrive(body, text);
    await assert.rejects(body.json(), status("HTTP_BAD_JSON", 400));
  }
  const marked = receive().body;
  arrive(marked, "\u{feff}[1]");
  assert.deepEqual(await marked.json(), [1]);
});

test("no body can be asked again and again, and says nothing", async () => {
  for (let i = 0; i < 2; i++) {
    assert.deepEqual([(await NO_BODY.bytes()).length, await NO_BODY.text(), NO_BODY.length], [0, "", 0]);
    for await (const piece of NO_BODY) assert.fail(`${piece}`);
    assert.deepEqual([await NO_BODY.json(), await NO_BODY.isEmpty()], [undefined, true]);
  }
});

test("a body that fails before anybody reads it never passes for a complete one", async () => {
  const reason = new RemoteError("WIRE_UNFINISHED");
  for (const arrived of ["", "abc"]) {
    for (const read of ["bytes", "text", "json"] as const) {
      const { body, asked } = receive(10);
      if (arrived !== "") body.feed(Buffer.from(arrived));
      body.fail(reason);
      assert.equal(body.state, "unread");
      await assert.rejects(body[read](), (error) => error === reason);
      assert.deepEqual([body.state, asked.includes("wanted")], ["failed", false]);
    }
  }
});

test("a loop over a body that fails throws, and the state says so", async () => {
  for (const when of ["before", "while"]) {
    const { body } = receive(10);
    body.feed(Buffer.from("abc"));
    if (when === "before") body.fail(new RemoteError("WIRE_UNFINISHED"));
    const pieces: Uint8Array[] = [];
    await assert.rejects(async () => {
      for await (const piece of body) {
        pieces.push(piece);
        body.fail(new RemoteError("WIRE_UNFINISHED"));
      }
    }, RemoteError);
    assert.deepEqual([pieces.length, body.state], [1, "failed"]);
  }
});

test("who reads a body while it is cancelled gets the reason: it neither hangs nor takes a part for the whole", async () => {
  const reason = new Error("The reply was finished.");
  const { body } = receive();
  body.feed(Buffer.from("abc"));
  const whole = body.bytes();
  body.cancel(reason);
  await assert.rejects(whole, (error) => error === reason);
  const looped = receive().body;
  const iterator = looped[Symbol.asyncIterator]();
  const next = iterator.next();
  looped.cancel(reason);
  await assert.rejects(next, (error) => error === reason);
  await iterator.return?.();
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  assert.deepEqual([body.state, looped.state], ["failed", "failed"]);
});

test("a limit that is no number is refused, and reads nothing; Infinity is none", async () => {
  const { body, asked } = receive(150);
  for (const limit of [Number.NaN, -1, "5", null]) {
    for (const read of ["bytes", "text", "json"] as const) {
      await assert.rejects(
        body[read](limit as number),
        (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
      );
    }
  }
  assert.deepEqual([asked, body.state], [[], "unread"]);
  arrive(body, "x".repeat(150));
  assert.equal((await body.text(Number.POSITIVE_INFINITY)).length, 150);
});

test("a body that comes an octet at a time is held in little more than its size", async () => {
  const octets = 100_000;
  const { body } = receive(undefined, octets);
  for (let i = 0; i < octets; i++) body.feed(Buffer.of(i % 251));
  body.end(null);
  const buffers = new Set<ArrayBufferLike>();
  let read = 0;
  let pieces = 0;
  for await (const piece of body) {
    pieces++;
    buffers.add(piece.buffer);
    for (const octet of piece) if (octet !== read++ % 251) assert.fail(`octet ${read - 1} is ${octet}`);
  }
  // The first octet comes from Node's pool, which is no memory of ours.
  const held = [...buffers].reduce((sum, { byteLength }) => sum + (byteLength > 4096 ? 0 : byteLength), 0);
  assert.equal(read, octets);
  assert.ok(pieces < 30, `${pieces} pieces`);
  assert.ok(held < 1.2 * octets, `${held} octets are held`);
});

test("a body that is collected an octet at a time has one buffer, of at most twice its size and the limit", async () => {
  for (const [length, limit] of [
    [undefined, 100_000],
    [undefined, 1_000_000],
    [100_000, 1_000_000],
  ] as const) {
    const { body } = receive(length, limit);
    const reading = body.bytes();
    const octet = Buffer.alloc(1);
    for (let i = 0; i < 100_000; i++) {
      octet[0] = i % 251;
      body.feed(octet);
    }
    body.end(null);
    const bytes = await reading;
    assert.ok(bytes.every((value, i) => value === i % 251));
    assert.equal(bytes.length, 100_000);
    assert.ok(bytes.buffer.byteLength <= Math.min(200_000, length ?? limit), `${bytes.buffer.byteLength}`);
  }
});

test("what was announced is not allocated before it arrives", async (t) => {
  const { body } = receive(50_000_000, 50_000_000);
  const allocated = t.mock.method(Buffer, "allocUnsafe");
  const reading = body.bytes();
  body.feed(Buffer.from("a"));
  const sizes = allocated.mock.calls.map((call) => call.arguments[0] as number);
  assert.ok(sizes.length > 0 && Math.max(...sizes) <= 16_384, `${sizes} octets were allocated`);
  body.fail(new RemoteError("WIRE_UNFINISHED"));
  await assert.rejects(reading, RemoteError);
});

test("the pieces of a large body share no buffer, with each other or with those of another", async () => {
  const piece = Buffer.alloc(65_536, 1);
  const [one = [], two = []] = await Promise.all(
    [receive().body, receive().body].map(async (body) => {
      const buffers: ArrayBufferLike[] = [];
      for (let i = 0; i < 8; i++) body.feed(piece);
      body.end(null);
      for await (const chunk of body) buffers.push(chunk.buffer);
      return buffers;
    }),
  );
  assert.equal(new Set([...one, ...two]).size, 16);
});

test("forEach() shows every piece where it was received, once, and waits for the end", async () => {
  const { body, asked } = receive();
  body.feed(Buffer.from("early"));
  const shown: string[] = [];
  const views: Uint8Array[] = [];
  const visiting = body.forEach((bytes) => {
    views.push(bytes);
    shown.push(Buffer.from(bytes).toString());
  });
  assert.deepEqual([asked[0], body.state], ["wanted", "reading"]);
  const shared = Buffer.from("later");
  assert.equal(body.feed(shared), true);
  shared.fill(0xdd);
  body.end(null);
  await visiting;
  assert.deepEqual([shown, body.state], [["early", "later"], "done"]);
  assert.equal(views[1]?.[0], 0xdd, "a view of what was received, not a copy");
  await assert.rejects(
    body.forEach(() => {}),
    { code: "USE_BODY_USED" },
  );
});

test("forEach() shows a body that is here as a whole before it returns", async () => {
  const { body } = receive(5);
  const shared = Buffer.from("hello");
  body.offer(shared);
  let shown = "";
  const visiting = body.forEach((bytes) => {
    shown += Buffer.from(bytes).toString();
  });
  shared.fill(0xdd);
  await visiting;
  assert.deepEqual([shown, body.state], ["hello", "done"]);
  await NO_BODY.forEach(() => {
    assert.fail("there is nothing to show");
  });
});

test("what forEach()'s visitor throws cancels the rest, and a promise is none of its business", async () => {
  const { body, asked } = receive();
  const full = new Error("full");
  let shown = 0;
  const visiting = body.forEach(() => {
    shown += 1;
    throw full;
  });
  arrive(body, "one", "two");
  await assert.rejects(visiting, full);
  assert.deepEqual([shown, body.state, asked.at(-1)], [1, "failed", "unwanted"]);
  const waiting = receive();
  const refused = waiting.body.forEach(async () => {
    throw new Error("nobody waits for it");
  });
  arrive(waiting.body, "one");
  await assert.rejects(refused, { code: "USE_BAD_OPTION" });
  const cut = receive();
  const broken = cut.body.forEach(() => {});
  cut.body.fail(new RemoteError("WIRE_UNFINISHED"));
  await assert.rejects(broken, { code: "WIRE_UNFINISHED" });
});
