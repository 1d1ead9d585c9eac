// What holds for any octets at all. A law that is broken throws an AssertionError; everything else that is thrown is a bug as
// well.
import assert from "node:assert/strict";
import { HttpError } from "../../src/base/errors.ts";
import { parse } from "../../src/content/parsers.ts";
import { type Handler, Pipe, type Reply, reply, text, toReply, upgrade } from "../../src/message/index.ts";
import { bytewise, cut, feed } from "../../src/testing/feed.ts";
import { type Chance, type Loopback, loopback } from "../../src/testing/index.ts";
import { H1Machine, STRICT, WIRE_LIMITS } from "../../src/wire/index.ts";
import { readAll, readText } from "./reading.ts";

const LIMITS = { targetBytes: 256, fieldBytes: 256, headBytes: 1024, fields: 32, streamBytes: 10_000 };
const SMALL = { limits: LIMITS };
const FOLDING = { limits: { ...WIRE_LIMITS, headBytes: 512 }, leniency: { requireHost: false, obsFold: true } };
const DEFAULTS = { limits: WIRE_LIMITS, leniency: STRICT };

/** Events do not depend on how the input was cut; nothing but RemoteError is thrown; nothing goes on for ever. */
export function cutsDoNotMatter(input: string, chance: Chance): void {
  for (const options of [SMALL, FOLDING, DEFAULTS]) {
    const whole = feed(new H1Machine("server", options), [input, null]);
    assert.deepEqual(feed(new H1Machine("server", options), [...bytewise(input), null]), whole);
    assert.deepEqual(feed(new H1Machine("server", options), [...cut(input, chance), null]), whole);
    assert.ok(whole.filter((line) => line.startsWith("error")).length <= 1, "an error is the last that is read");
  }
}

/** What any text is, as a value of any header, is read or refused. */
export function valuesAreReadOrRefused(input: string): void {
  readText(input);
}

async function* failing(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
  await new Promise((resolve) => setImmediate(resolve));
  throw new HttpError(404);
}

/** Says nothing for so many milliseconds, and then fails or ends. */
function silent({ clock }: Loopback, milliseconds: number, failure?: Error): Pipe {
  const pipe = new Pipe();
  clock.after(milliseconds, () => (failure === undefined ? pipe.end() : pipe.fail(failure)));
  return pipe;
}

const UPSTREAM = { headers: { Connection: "X-Hop", "X-Hop": "1", "Content-Type": "text/plain" } };

/** Replies whose head waits, or that say of their length and their connection what must not be passed on. */
const REPLIES: Readonly<Record<string, (bench: Loopback) => Reply>> = {
  "/fails": () => reply(200, {}, failing([])),
  "/fails-late": () => reply(200, {}, failing(["a piece"])),
  "/silent": (bench) => reply(200, {}, silent(bench, 250)),
  "/fails-in-time": (bench) => reply(200, {}, silent(bench, 50, new HttpError(409))),
  "/fails-too-late": (bench) => reply(200, {}, silent(bench, 250, new HttpError(409))),
  "/none": () => reply(204, { "Content-Length": "0" }),
  "/head": () => reply(200),
  "/switch": () => upgrade("tea", (transport) => transport.destroy()),
  "/upstream": () => toReply(new globalThis.Response("hello", UPSTREAM)),
};

async function* events(): AsyncGenerator<string> {
  yield "data: one\n\n";
  await new Promise(() => {});
}

/** What is read of a request, by its path. */
const READERS: Readonly<Record<string, Handler>> = {
  "/unread": () => text("unread"),
  "/read": readAll,
  "/relay": ({ body }) => reply(200, {}, body),
  "/parse": async (request) => text(JSON.stringify(await parse(request)) ?? "nothing"),
  "/let-go": ({ body }) => {
    void body.json();
    throw new HttpError(401);
  },
};

/** So often the time is turned on before a connection counts as one that is never ended. */
const MOST_PASSES = 2000;

/** @param waits is called where a reply waits for its client to disconnect. */
function site(waits: () => void): Loopback {
  const bench: Loopback = loopback(
    async (request) => {
      const made = REPLIES[request.path];
      if (made !== undefined) return made(bench);
      const read = READERS[request.path];
      if (read !== undefined) return read(request);
      if (/^\/(?:ignores|obeys|events)$/.test(request.path)) waits();
      if (request.path === "/ignores") return new Promise(() => {});
      if (request.path === "/events") return reply(200, { "Content-Type": "text/event-stream" }, events());
      if (request.path === "/obeys") {
        const { signal } = request;
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw signal.reason;
      }
      return reply(200, {}, await request.body.bytes());
    },
    { limits: LIMITS, timeouts: { head: 1000, body: 1000, idle: 1000, drain: 1000 }, hooks: { error: () => {} } },
  );
  return bench;
}

/**
 * A whole server answers or closes within its timeouts, whatever comes: nothing escapes it, what it says is HTTP with a Date,
 * and no connection and no timer is left. Where a reply waits for its client to disconnect, that ends it.
 */
export async function serverAnswersOrCloses(input: string, chance: Chance): Promise<void> {
  let waiting = false;
  await using bench = site(() => {
    waiting = true;
  });
  const client = bench.connect({ onFin: chance(2) === 0 ? "end" : "stay" });
  for (const piece of chance(2) === 0 ? [input] : cut(input, chance)) {
    client.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const leaves = chance(4);
  if (leaves === 0) client.end();
  if (leaves === 1) client.reset();
  await bench.settled();
  // A decoder works in a thread of its own, which no turn of ours waits for: as long as one may, the connection is looked at again.
  for (let passes = 0; passes < 8 || (client.ending === undefined && passes < MOST_PASSES); passes++) {
    bench.clock.tick(3000);
    await bench.settled();
    if (passes === 3 && client.ending === undefined && waiting) client.end();
  }
  assert.notEqual(client.ending, undefined, "the connection was not ended");
  assert.equal(bench.server.stats.open, 0, "a connection is left");
  bench.clock.tick(1000);
  assert.equal(bench.clock.armed, 0, "a timer is left");
  const heads = client.received.match(/HTTP\/1\.1 [2-5]\d\d [\w ]*\r\n(?:[\w-]+: [^\r\n]*\r\n)*/g) ?? [];
  assert.equal(client.received === "" || client.received.startsWith("HTTP/1.1 "), true, "what was said is HTTP");
  for (const head of heads) {
    assert.match(head, /\r\nDate: /);
    assert.doesNotMatch(head, /^HTTP\/1\.1 (?:204|304) [\s\S]*\r\nContent-Length: /i, "a length of no content");
    assert.doesNotMatch(head, /\r\nx-hop: /i, "a field of another connection");
  }
  assert.doesNotMatch(client.received, /^HTTP\/1\.1 500 /m, "what came was neither read nor refused");
}
