import assert from "node:assert/strict";
import { test } from "node:test";
import { bytewise, cut, feed } from "../../testing/feed.ts";
import { seeded } from "../../testing/random.ts";
import { WIRE_LIMITS, type WireLimits } from "./limits.ts";
import { H1Machine } from "./machine.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const TAIL = "GET /tail HTTP/1.1\r\nHost: a\r\n\r\n";

/** What follows the head of a chunked request, with another request behind it: the same whole, bytewise and cut. */
function chunked(body: string, limits: Partial<WireLimits> = {}): string[] {
  const octets = `${HEAD}${body}${TAIL}`;
  const machine = () => new H1Machine("server", { limits: { ...WIRE_LIMITS, ...limits } });
  const whole = feed(machine(), [octets]);
  assert.deepEqual(feed(machine(), bytewise(octets)), whole, `bytewise: ${body.slice(0, 200)}`);
  for (let seed = 0; seed < 3; seed++) assert.deepEqual(feed(machine(), cut(octets, seeded(seed))), whole);
  return whole.slice(1);
}

const AFTER = ["request GET /tail 1.1 length=0 | Host: a", "end"];

function accepted(body: string, ...lines: string[]): void {
  assert.deepEqual(chunked(body), [...lines, ...AFTER], JSON.stringify(body));
}

function refused(body: string, code = "WIRE_BAD_CHUNK", status = 400, limits: Partial<WireLimits> = {}): void {
  assert.equal(chunked(body, limits).at(-1), `error ${code} ${status}`, JSON.stringify(body.slice(0, 200)));
}

test("chunks are joined, in sizes of any case and with leading zeros", () => {
  accepted("0\r\n\r\n", "end");
  accepted("5\r\nhello\r\n0\r\n\r\n", "data hello", "end");
  accepted(
    "1\r\na\r\n1\r\nb\r\nA\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
    "data ab01234567890123456789",
    "end",
  );
  accepted("0000000000005\r\nhello\r\n0\r\n\r\n", "data hello", "end");
  accepted("5\r\n\r\n0\r\n\r\n0\r\n\r\n", "data \\r\\n0\\r\\n", "end");
});

test("a chunk size is hexadecimal digits, at least one and at most thirteen", () => {
  for (const size of [
    "",
    " 5",
    "+5",
    "-5",
    "0x5",
    "g",
    "5g",
    "5 5",
    "5.",
    "\x35\xa0",
    "00000000000005",
    "FFFFFFFFFFFFFF",
    "10000000000000000",
  ]) {
    refused(`${size}\r\nhello\r\n0\r\n\r\n`);
  }
});

test("a chunk line that ends in a bare LF or CR is refused", () => {
  for (const body of [
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\r\nhello\r\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "0\n\r\n",
    "0\n\n",
  ]) {
    refused(body);
  }
});

test("the data of a chunk has the size that was said", () => {
  refused("5\r\nhell\r\n0\r\n\r\n");
  refused("5\r\nhello!\r\n0\r\n\r\n");
  refused("5\r\nhello\n0\r\n\r\n");
  refused("5\r\nhello\rX0\r\n\r\n");
  refused("5\r\nhello0\r\n\r\n");
  refused("5\r\nhello\r\n\r\n0\r\n\r\n");
});

test("extensions that follow the grammar are read and dropped", () => {
  for (const extension of [
    ";a",
    ";a=b",
    ";a=b;c=d",
    ';a="b"',
    ';a=""',
    ';a="b;\\"c\\\\ \t=,"',
    " ; a = b",
    "\t;\ta",
    ";a ;b",
    ';a="\xff"',
    ';a="b" ;c',
    ";a=b ;c",
  ]) {
    accepted(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`, "data hello", "end");
  }
});

test("extensions that break the grammar are refused", () => {
  for (const extension of [
    ";",
    "; ",
    " ",
    ";a ",
    ";a=",
    ";a= ",
    ";=b",
    ";a=b ",
    ';a="b',
    ';a="b" ',
    ';a="b"c',
    ";a b",
    ";a=b c",
    ';a=b"c"',
    ";;a",
    ";a;",
    ";a=b=c",
    ";a\0",
    ';a="\0"',
    ';a="\\\0"',
    ";\xe4",
    ";a=\xe4",
    ",a",
    "a;b;",
    ";a=(",
    ';a="\r\n"',
    ';a="\\\r\n"',
  ]) {
    refused(`5${extension}\r\nhello\r\n0\r\n\r\n`);
  }
});

test("extensions are bounded, of one line and of a whole body", () => {
  const name = (length: number): string => `;${"a".repeat(length - 1)}`;
  accepted(`5${name(4095)}\r\nhello\r\n0\r\n\r\n`, "data hello", "end");
  refused(`5${name(4096)}\r\nhello\r\n0\r\n\r\n`);
  accepted(`${`1${name(4095)}\r\nx\r\n`.repeat(4)}0\r\n\r\n`, "data xxxx", "end");
  refused(`${`1${name(4095)}\r\nx\r\n`.repeat(4)}0;a\r\n\r\n`);
  refused(`${`1${name(100)}\r\nx\r\n`.repeat(200)}0\r\n\r\n`);
});

test("trailers are read apart from the head", () => {
  accepted("0\r\nDigest: x\r\nDigest: y\r\n\r\n", "end | Digest: x | Digest: y");
  accepted(
    "1\r\na\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: gzip\r\nHost: evil\r\n\r\n",
    "data a",
    "end | Content-Length: 99 | Transfer-Encoding: gzip | Host: evil",
  );
});

test("trailers that break the grammar are refused", () => {
  for (const trailer of ["Digest", "Digest : x", ": x", "Dig est: x", "D: \0", "D: \x7f"])
    refused(`0\r\n${trailer}\r\n\r\n`, "WIRE_BAD_TRAILER");
  refused("0\r\nD: x\n\r\n", "WIRE_BAD_LINE_END");
  refused("0\r\n\n", "WIRE_BAD_LINE_END");
  refused("0\r\n\rX", "WIRE_BAD_LINE_END");
  refused("0\r\nD: x\r\n y\r\n\r\n", "WIRE_FOLDED_FIELD");
  refused("0\r\n D: x\r\n\r\n", "WIRE_FOLDED_FIELD");
});

test("trailers have the limits of a head", () => {
  const limits = { fields: 3, fieldBytes: 50, headBytes: 100 };
  const trailers = (count: number, length = 1): string => `0\r\n${`T: ${"v".repeat(length)}\r\n`.repeat(count)}\r\n`;
  assert.equal(chunked(trailers(3), limits)[0], "end | T: v | T: v | T: v");
  refused(trailers(4), "WIRE_TOO_MANY_FIELDS", 431, limits);
  assert.match(chunked(trailers(1, 47), limits)[0] ?? "", /^end/);
  refused(trailers(1, 48), "WIRE_HEAD_TOO_LARGE", 431, limits);
  refused(trailers(3, 40), "WIRE_HEAD_TOO_LARGE", 431, limits);
});

test("a chunked body over streamBytes is refused with 413 as soon as a size says so", () => {
  const limits = { streamBytes: 6 };
  assert.equal(chunked("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", limits)[0], "data abcdef");
  assert.deepEqual(chunked("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", limits), [
    "data abc",
    "error WIRE_BODY_TOO_LARGE 413",
  ]);
  refused("FFFFFFFFFFFFF\r\n", "WIRE_BODY_TOO_LARGE", 413, limits);
});

test("a FIN in the middle of a body is told, wherever it comes", () => {
  const body = '5;a="b"\r\nhello\r\n0\r\nDigest: x\r\n\r\n';
  for (let at = 0; at < body.length; at++) {
    const lines = feed(new H1Machine("server"), [HEAD + body.slice(0, at), null]);
    assert.equal(lines.at(-1), "error WIRE_UNFINISHED 400", `after ${at}`);
  }
  const lengths = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  for (let at = 0; at < 5; at++) {
    assert.equal(
      feed(new H1Machine("server"), [lengths + "hello".slice(0, at), null]).at(-1),
      "error WIRE_UNFINISHED 400",
    );
  }
  assert.deepEqual(feed(new H1Machine("server"), [HEAD + body, null]).slice(1), [
    "data hello",
    "end | Digest: x",
    "closed",
  ]);
});
