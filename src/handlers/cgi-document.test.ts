// Heads that programs write, in whatever pieces they come.
import assert from "node:assert/strict";
import { test } from "node:test";
import { documentReply, Malformed, measured, type Pieces, readDocument } from "./cgi-document.ts";

async function* pieces(...all: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array | string> {
  yield* all;
}

async function bodyOf(body: AsyncIterable<Uint8Array | string>): Promise<string> {
  let text = "";
  for await (const piece of body) text += Buffer.from(piece as Uint8Array).toString("latin1");
  return text;
}

const WHOLE = "Status: 202 Soon\r\nContent-Type: text/x\nX-A: 1\nX-A:2\r\n\r\nbody\n\nof it";

test("a head is read however it is cut, and nothing of the body is lost", async () => {
  const bytes = Buffer.from(WHOLE);
  const ways = [[bytes], [...bytes].map((octet) => Uint8Array.of(octet))];
  for (let at = 0; at <= bytes.length; at++) ways.push([bytes.subarray(0, at), bytes.subarray(at)]);
  for (const way of ways) {
    const { status, reason, fields, body } = await readDocument(pieces(...way), "refused");
    assert.deepEqual([status, reason, fields.all("x-a"), fields.size], [202, "Soon", ["1", "2"], 3]);
    assert.equal(await bodyOf(body), "body\n\nof it");
  }
});

test("a status line is read where it is allowed", async () => {
  const written = "HTTP/1.1 404 Not here\nX-A: b\nStatus: 200\n\n";
  const document = await readDocument(pieces(written), "allowed");
  const made = documentReply(document, 200);
  assert.deepEqual([made.status, made.extras?.reason, [...made.headers]], [404, "Not here", [["X-A", "b"]]]);
  await assert.rejects(readDocument(pieces(written), "refused"), Malformed);
});

test("a head may have so many octets and so many fields", async () => {
  const long = (length: number): string => `X: ${"y".repeat(length - 3)}\n\n`;
  assert.equal((await readDocument(pieces(long(65_536)), "refused")).fields.size, 1);
  await assert.rejects(readDocument(pieces(long(65_537)), "refused"), Malformed);
  const lines = (count: number): string => `${"X: y\n".repeat(count)}\n`;
  assert.equal((await readDocument(pieces(lines(200)), "refused")).fields.size, 200);
  await assert.rejects(readDocument(pieces(lines(201)), "refused"), Malformed);
  let asked = 0;
  const endless: Pieces = {
    next: async () => {
      asked++;
      return { done: false, value: "x".repeat(1000) };
    },
  };
  await assert.rejects(readDocument(endless, "refused"), Malformed);
  assert.equal(asked, 66);
});

test("who lets go of the body lets go of what it comes from", async () => {
  let released = 0;
  const source: Pieces = {
    next: async () => ({ done: false, value: "A: b\n\nrest" }),
    return: async () => {
      released++;
      return { done: true, value: undefined };
    },
  };
  const { body } = await readDocument(source, "refused");
  await body[Symbol.asyncIterator]().return?.();
  assert.equal(released, 1);
});

const LENGTHS: readonly (readonly [
  what: string,
  body: readonly string[],
  declared: number,
  sent: number | undefined,
])[] = [
  ["true", ["caf\u00e9"], 5, 5],
  ["true, of a body in many pieces", [..."tea, and more of it"], 19, 19],
  ["true, of nothing", [], 0, 0],
  ["counted in characters", ["caf\u00e9"], 4, undefined],
  ["counted in characters, of a body in pieces", ["c", "a", "f", "\u00e9", " au lait"], 12, undefined],
  ["far too short", ["x".repeat(1000), "y".repeat(100_000)], 500, undefined],
  ["too long", ["caf\u00e9"], 6, 5],
  ["too long, of nothing", [], 6, 0],
  ["too long, and as long as what is held", ["x".repeat(10)], 100_000, 10],
];

for (const [what, body, declared, sent] of LENGTHS) {
  test(`a length that is ${what} leaves every byte of the body, framed by its own length`, async () => {
    const flaws: Error[] = [];
    const document = await readDocument(pieces(`Content-Length: ${declared}\n\n`, ...body), "refused");
    const { fields, body: whole } = await measured(document, (flaw) => void flaws.push(flaw));
    assert.equal(fields.get("content-length"), sent === undefined ? undefined : String(sent));
    assert.equal(await bodyOf(whole), Buffer.from(body.join("")).toString("latin1"));
    assert.equal(flaws.length, sent === declared ? 0 : 1);
    for (const flaw of flaws) assert.match(flaw.message, new RegExp(`its Content-Length is ${declared};`));
  });
}

test("behind a length that was promised nothing is added, and what is missing fails", async () => {
  const piece = "x".repeat(50_000);
  const promised = async (...body: readonly string[]): Promise<readonly [body: string, flaws: number]> => {
    let flaws = 0;
    const document = await readDocument(pieces("Content-Length: 120000\n\n", ...body), "refused");
    const made = await measured(document, () => flaws++);
    assert.equal(made.fields.get("content-length"), "120000");
    return [await bodyOf(made.body), flaws];
  };
  assert.deepEqual(await promised(piece, piece, "x".repeat(20_000)), ["x".repeat(120_000), 0]);
  assert.deepEqual(await promised(piece, piece, `${"x".repeat(20_000)}\u00e9`, "and", "more"), [
    "x".repeat(120_000),
    1,
  ]);
  await assert.rejects(promised(piece, piece), /wrote 100000 bytes where its Content-Length is 120000/);
});

test("what is held is bounded, and what has its length is not held", async () => {
  let asked = 0;
  const endless = (head: string): Pieces => ({
    next: async () => ({ done: false, value: asked++ === 0 ? head : "x".repeat(1000) }),
  });
  await measured(await readDocument(endless("Content-Length: 10000000\n\n"), "refused"), () => {});
  assert.equal(asked, 67, "the head, and 66 times 1000");
  asked = 0;
  await measured(await readDocument(endless("Content-Length: 2000\n\n"), "refused"), () => {});
  assert.equal(asked, 3);
});

test("a length that is none is refused", async () => {
  for (const length of ["", "5, 5", "+5", "5.0", "-1", "0x5", "1".repeat(16), "5\nContent-Length: 5"]) {
    await assert.rejects(readDocument(pieces(`Content-Length: ${length}\n\nhello`), "refused"), Malformed, length);
  }
});
