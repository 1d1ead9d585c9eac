import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { ask } from "../../test/fixtures/ask.ts";
import { HttpError } from "../base/errors.ts";
import { json } from "../message/reply.ts";
import { type HeaderLinesOptions, type HeaderSource, readHeaders } from "./header-lines.ts";

async function all(source: HeaderSource, options?: HeaderLinesOptions): Promise<readonly unknown[]> {
  const { headers, rest, end } = await readHeaders(source, options);
  const pieces: Uint8Array[] = [];
  for await (const piece of rest) pieces.push(piece);
  return [[...headers], Buffer.concat(pieces).toString("latin1"), end];
}

/** A text and what it is read as. */
const CASES: readonly (readonly [text: string, headers: readonly (readonly string[])[], rest: string, end: string])[] =
  [
    [
      "A: b\r\nC: d\r\n\r\nbody\r\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
      "body\r\n",
      "empty line",
    ],
    [
      "A: b\nC: d\n\nbody: x\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
      "body: x\n",
      "empty line",
    ],
    [
      "X-A: 1\r\nx-a: 2\r\nX-A:3\r\n\r\n",
      [
        ["x-a", "1"],
        ["x-a", "2"],
        ["x-a", "3"],
      ],
      "",
      "empty line",
    ],
    [
      "A: b\r\n c\r\n\t d \r\nE:\r\n f\r\n\r\n",
      [
        ["a", "b c d"],
        ["e", "f"],
      ],
      "",
      "empty line",
    ],
    ["A: b\r\n \r\n\r\nx", [["a", "b"]], "x", "empty line"],
    ["A: b\r\nno header\r\nC: d\r\n", [["a", "b"]], "no header\r\nC: d\r\n", "other line"],
    ["no header", [], "no header", "other line"],
    [" A: b\r\n\r\n", [], " A: b\r\n\r\n", "other line"],
    ["A : b\r\n\r\n", [], "A : b\r\n\r\n", "other line"],
    [": b\r\n", [], ": b\r\n", "other line"],
    ["A: b\0\r\n\r\n", [], "A: b\0\r\n\r\n", "other line"],
    ["A: b\r\n c\0\r\n\r\n", [["a", "b"]], " c\0\r\n\r\n", "other line"],
    ["A: b", [["a", "b"]], "", "end"],
    ["A: b\r\n", [["a", "b"]], "", "end"],
    ["A: \u00e9\u00a0\t\r\n\r\n", [["a", "\u00e9\u00a0"]], "", "empty line"],
    ["A: b: c, d\r\n\r\n", [["a", "b: c, d"]], "", "empty line"],
    ["__proto__: x\r\n\r\n", [["__proto__", "x"]], "", "empty line"],
    ["\r\nA: b\r\n", [], "A: b\r\n", "empty line"],
    ["", [], "", "end"],
  ];

test("header lines are read up to the blank line, the end or a line that is none; folded, double and bad ones too [CH-51]", async () => {
  for (const [text, headers, rest, end] of CASES) {
    const bytes = Buffer.from(text, "latin1");
    for (let size = 1; size <= Math.max(1, bytes.length); size++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size), Buffer.alloc(0));
      assert.deepEqual(await all(pieces), [headers, rest, end], `${JSON.stringify(text)} in ${size}`);
    }
    assert.deepEqual(await all(bytes), [headers, rest, end]);
    assert.deepEqual(await all(Readable.from([bytes])), [headers, rest, end]);
  }
  assert.deepEqual(await all("A: b\n\nbody"), [[["a", "b"]], "body", "empty line"]);
});

test("the body behind the lines stays unread: not a piece more is taken than the lines need [CH-51]", async () => {
  let taken = 0;
  const pieces = async function* (): AsyncGenerator<string> {
    for (const piece of ["A: b\r\n", "\r\nbo", "dy", "more"]) {
      taken++;
      yield piece;
    }
  };
  const { headers, rest } = await readHeaders(pieces());
  assert.deepEqual([headers.get("A"), taken], ["b", 2]);
  assert.equal(String((await rest.next()).value), "bo");
  assert.equal(taken, 2);
  assert.equal(String((await rest.next()).value), "dy");
});

test("who does not want the rest closes the stream, begun or not; so does a failure", async () => {
  let closed = 0;
  const endless = async function* (): AsyncGenerator<string> {
    try {
      for (;;) yield "A: b\r\n";
    } finally {
      closed++;
    }
  };
  await assert.rejects(readHeaders(endless()), (error: unknown) => error instanceof HttpError && error.status === 413);
  assert.equal(closed, 1);
  const body = async function* (): AsyncGenerator<string> {
    yield "\r\n";
    yield* endless();
  };
  for (const begin of [false, true]) {
    const { rest } = await readHeaders(body());
    if (begin) await rest.next();
    await rest.return?.();
    assert.equal((await rest.next()).done, true);
  }
  assert.equal(closed, 2); // the one that was not begun had nothing to close inside
});

test("a line, and all of them, may have so many bytes and no more; what is folded costs no square", async () => {
  const line = (length: number): string => `A: ${"x".repeat(length - 5)}\r\n`;
  assert.equal(((await all(`${line(8192)}\r\n`))[0] as unknown[]).length, 1);
  await assert.rejects(all(`${line(8193)}\r\n`), { code: "HTTP_BODY_TOO_LARGE" });
  assert.deepEqual((await all("A: b\r\n\r\n", { bytes: 8, lineBytes: 6 }))[0], [["a", "b"]]);
  await assert.rejects(all("A: b\r\n\r\n", { bytes: 7 }), { code: "HTTP_BODY_TOO_LARGE" });
  await assert.rejects(all("A: b\r\n\r\n", { lineBytes: 5 }), { code: "HTTP_BODY_TOO_LARGE" });
  const folds = 20_000;
  const [headers] = await all(`A: b\n${" c\n".repeat(folds)}\n`);
  assert.equal((headers as string[][])[0]?.[1]?.length, 1 + 2 * folds);
});

test("the lines of a request's own body are read, and the rest of it behind them", async () => {
  const answer = await ask({ body: "Subject: tea\r\n\r\ngreen" }, async (request) => {
    const { headers, rest } = await readHeaders(request.body);
    let text = "";
    for await (const piece of rest) text += piece;
    return json([headers.get("subject"), text]);
  });
  assert.equal(answer.body, '["tea","green"]');
});
