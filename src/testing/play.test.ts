import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import { text } from "../message/reply.ts";
import { difference, escaped, unescaped } from "./escape.ts";
import { loopback } from "./loopback.ts";
import { type PlayOptions, play } from "./play.ts";
import { seeded } from "./random.ts";
import { parseTranscripts } from "./transcript.ts";

const HELLO = String.raw`
# A comment
= hello
> GET / HTTP/1.1\r\n
> Host: a\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n
< Content-Length: 5\r\nDate: *\r\n\r\nhello
`;

const options: PlayOptions = { serve: () => loopback(() => text("hello")) };

async function playAll(transcripts: string, changed: Partial<PlayOptions> = {}): Promise<void> {
  for (const each of parseTranscripts(transcripts, "some.txt")) await play(each, { ...options, ...changed });
}

function fails(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LocalError && error.code === "USE_TRANSCRIPT", String(error));
    assert.match(error.message, pattern);
    return true;
  };
}

test("a transcript that is followed passes in every way", async () => {
  await playAll(HELLO);
});

test("a byte that differs fails, with file, line, way and a mark under it", async () => {
  await assert.rejects(playAll(HELLO.replace(/nhello$/m, "nhellu")), (error) => {
    fails(/some\.txt:6\)/)(error);
    fails(/"hello", played whole/)(error);
    fails(/ {2}hellu\n {6}\^\nreceived:/)(error);
    return true;
  });
});

test("an answer that is longer than the transcript fails", async () => {
  await assert.rejects(playAll(HELLO.replace(/nhello$/m, "nhell")), fails(/expected:/));
});

test("a server that ends unasked fails", async () => {
  const close = HELLO.replace("Host: a", String.raw`Host: a\r\nConnection: close`).replace(
    "Date:",
    String.raw`Connection: close\r\nDate:`,
  );
  await assert.rejects(playAll(close), fails(/ended the connection \(fin\), which nothing expected/));
  await playAll(`${close}< FIN\n`);
  await assert.rejects(playAll(`${close}< RST\n`), fails(/The end is fin, not reset/));
  await assert.rejects(playAll(`${HELLO}< FIN\n`), fails(/The end is not there, not fin/));
});

test("a server that answers the tail behind its FIN would fail, one that answers another thing to it does", async () => {
  let calls = 0;
  const serve = () => loopback(({ target }) => text(target === "/tail" ? `${++calls}` : "hello"));
  await assert.rejects(playAll(HELLO, { serve, ways: ["tail"] }), fails(/played tail/));
  await playAll(HELLO.replace("= hello", "= hello\n! no tail"), { serve, ways: ["tail"] });
});

test("what depends on how the bytes arrive fails bytewise", async () => {
  let pieces = 0;
  const serve = () => {
    pieces = 0;
    const bench = loopback(() => text(pieces > 1 ? "HELLO" : "hello"));
    const { connect } = bench;
    return {
      ...bench,
      connect: (how: Parameters<typeof connect>[0]) => {
        const client = connect(how);
        const send = client.send.bind(client);
        client.send = (octets) => {
          pieces++;
          return send(octets);
        };
        return client;
      },
    };
  };
  await playAll(HELLO, { serve, ways: ["whole"] });
  await assert.rejects(playAll(HELLO, { serve, ways: ["bytewise"] }), fails(/played bytewise/));
});

test("time passes where the transcript says so, and settings reach who makes the server", async () => {
  const seen: string[] = [];
  const serve = (settings: readonly string[]) => {
    seen.push(...settings);
    return loopback(() => text("hello"), { timeouts: { idle: 1000, head: 1000 } });
  };
  await playAll("= silence\n! quick\n! no tail\n~ 5000\n< FIN\n", { serve, ways: ["whole"] });
  assert.deepEqual(seen, ["quick", "no tail"]);
});

test("the client's FIN and reset are played", async () => {
  await playAll("= leaves\n> FIN\n< FIN\n");
  await playAll("= cuts\n> GET\n> RST\n< RST\n");
});

test("a file that is no transcript is refused with its line", () => {
  const cases: [string, RegExp][] = [
    ["> GET\n", /\(f:1\) A title/],
    ["= a\n= b\n> x\n", /\(f:1\) The case has no steps/],
    ["= a\n? x\n", /\(f:2\) A line begins with/],
    ["= a\n> \\q\n", /\(f:2\) An escape/],
    ["= a\n> \\x4\n", /\(f:2\) An escape/],
    ["= a\n> \\\n", /\(f:2\) An escape/],
    ["= a\n> \u20ac\n", /\(f:2\) A character is no octet/],
    ["= a\n~ soon\n", /\(f:2\) "soon" is no number/],
  ];
  for (const [source, pattern] of cases) assert.throws(() => parseTranscripts(source, "f"), fails(pattern), source);
});

test("every octet survives being escaped and unescaped", () => {
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet));
  assert.match(escaped(all), /^[\x20-\x7e]*$/);
  assert.equal(unescaped(escaped(all)), all);
});

test("a difference is marked where it begins", () => {
  assert.equal(
    difference("a\r\nbcd\r\n", "a\r\nbxd"),
    "expected:\n  a\\r\\n\n  bcd\\r\\n\n   ^\nreceived:\n  a\\r\\n\n  bxd",
  );
});

test("the same seed gives the same numbers, in their range", () => {
  const [one, two, other] = [seeded(1), seeded(1), seeded(2)];
  const numbers = Array.from({ length: 1000 }, () => one(10));
  assert.deepEqual(
    numbers,
    Array.from({ length: 1000 }, () => two(10)),
  );
  assert.notDeepEqual(
    numbers,
    Array.from({ length: 1000 }, () => other(10)),
  );
  assert.deepEqual([...new Set(numbers)].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
