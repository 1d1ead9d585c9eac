import assert from "node:assert/strict";
import { test } from "node:test";
import { bytewise, cut, feed } from "../../testing/feed.ts";
import { seeded } from "../../testing/random.ts";
import { readFacts } from "./facts.ts";
import { expectsContinue, persists, responseFraming } from "./framing.ts";
import { STRICT, WIRE_LIMITS } from "./limits.ts";
import { H1Machine, type MachineOptions } from "./machine.ts";

const TAIL = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/** What a server makes of a request with these fields, with a second one behind it: whole, bytewise and cut. */
function read(start: string, fields: readonly string[], body = "", options: MachineOptions = {}): string[] {
  const octets = `${start}\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n${body}${TAIL}`;
  const whole = feed(new H1Machine("server", options), [octets]);
  assert.deepEqual(feed(new H1Machine("server", options), bytewise(octets)), whole);
  assert.deepEqual(feed(new H1Machine("server", options), cut(octets, seeded(3))), whole);
  return whole;
}

const post = (...fields: string[]): string[] =>
  read("POST / HTTP/1.1", ["Host: a", ...fields], "5\r\nhello\r\n0\r\n\r\n");

function refused(lines: readonly string[], code: string, status: number, what = ""): void {
  assert.deepEqual(lines, [`error ${code} ${status}`], what);
}

test("a request without length and coding has no body", () => {
  assert.deepEqual(read("POST / HTTP/1.1", ["Host: a"]), [
    "request POST / 1.1 length=0 | Host: a",
    "end",
    "request GET /smuggled 1.1 length=0 | Host: a",
    "end",
  ]);
});

test("Content-Length says where the next request begins", () => {
  for (const length of ["5", "05", "000000000000005"]) {
    const lines = read("POST / HTTP/1.1", ["Host: a", `Content-Length: ${length}`], "hello");
    assert.deepEqual(lines.slice(1), ["data hello", "end", "request GET /smuggled 1.1 length=0 | Host: a", "end"]);
  }
});

test("a second Content-Length that differs is refused", () => {
  refused(post("Content-Length: 5", "Content-Length: 6"), "WIRE_AMBIGUOUS_LENGTH", 400);
  refused(post("Content-Length: 5, 6"), "WIRE_AMBIGUOUS_LENGTH", 400);
  refused(post("Content-Length: 5", "content-length: 05"), "WIRE_AMBIGUOUS_LENGTH", 400);
});

test("a Content-Length that is repeated is refused, although it says the same", () => {
  refused(post("Content-Length: 5", "Content-Length: 5"), "WIRE_AMBIGUOUS_LENGTH", 400);
  for (const value of ["5, 5", "5,5", `5 \t${" ".repeat(1000)},${"\t".repeat(1000)} 5`]) {
    refused(post(`Content-Length: ${value}`), "WIRE_AMBIGUOUS_LENGTH", 400, value);
  }
});

test("a Content-Length that is no decimal number is refused", () => {
  const values = [
    "",
    "+5",
    "-5",
    "-0",
    "5 5",
    "5.0",
    "5e0",
    "0x5",
    "5;",
    "five",
    "\xb2",
    "5\xa0",
    "\xa05",
    "5,",
    ",5",
    "1_0",
    "9007199254740992",
    "18446744073709551621",
    "0000000000000000005",
    "Infinity",
    "NaN",
    `5${" ".repeat(1000)}5`,
    `5${"\t ".repeat(1000)}, 5;`,
  ];
  for (const value of values) refused(post(`Content-Length: ${value}`), "WIRE_BAD_LENGTH", 400, value);
});

test("a Content-Length of fifteen digits is counted exactly", () => {
  const [head] = read("POST / HTTP/1.1", ["Host: a", "Content-Length: 999999999999999"]);
  assert.match(head ?? "", /length=999999999999999 /);
});

test("Content-Length beside Transfer-Encoding is refused, in either order and in any case", () => {
  refused(post("Content-Length: 5", "Transfer-Encoding: chunked"), "WIRE_AMBIGUOUS_LENGTH", 400);
  refused(post("transfer-encoding: chunked", "CONTENT-LENGTH: 5"), "WIRE_AMBIGUOUS_LENGTH", 400);
  refused(post("Transfer-Encoding: chunked", "Content-Length: 0"), "WIRE_AMBIGUOUS_LENGTH", 400);
  refused(post("Transfer-Encoding: chunked", "Content-Length: x"), "WIRE_AMBIGUOUS_LENGTH", 400);
  refused(post("Transfer-Encoding: identity", "Content-Length: 5"), "WIRE_AMBIGUOUS_LENGTH", 400);
});

test("chunked is decoded, in any case and with empty members of the list", () => {
  for (const value of ["chunked", "Chunked", "CHUNKED", " chunked\t", ", chunked", "chunked,"]) {
    assert.deepEqual(post(`Transfer-Encoding: ${value}`).slice(1, 3), ["data hello", "end"], value);
  }
});

test("a coding that is not decoded gives 501, also ahead of chunked: nobody gets to see undecoded octets", () => {
  for (const value of [
    "gzip, chunked",
    "deflate,chunked",
    "x, chunked",
    "xchunked",
    "chunkedx",
    "chunked;q=1",
    '"chunked"',
    "chunked\xa0",
    "\xa0chunked",
    "chunked\x85",
    "chunke\xe4",
    "gzip;q=0.5",
    "unknown",
  ]) {
    const status = value === "gzip" ? 400 : 501;
    refused(post(`Transfer-Encoding: ${value}`), "WIRE_UNKNOWN_CODING", status, value);
  }
  refused(post("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"), "WIRE_UNKNOWN_CODING", 501);
});

test("a Transfer-Encoding that does not end in chunked, or has it twice, is refused", () => {
  for (const value of [
    "",
    ",",
    "identity",
    "gzip",
    "gzip, deflate",
    "chunked, chunked",
    "chunked, gzip",
    "chunked, identity",
    "chunked,gzip,chunked",
    "Chunked, cHUNKED",
  ]) {
    refused(post(`Transfer-Encoding: ${value}`), "WIRE_BAD_CODING", 400, value);
  }
  refused(post("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), "WIRE_BAD_CODING", 400);
  refused(post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "WIRE_BAD_CODING", 400);
});

test("a Transfer-Encoding that others may overlook is refused as a bad field", () => {
  for (const field of [
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: chun\0ked",
    "Transfer\x0b-Encoding: chunked",
    "\x0cTransfer-Encoding: chunked",
  ]) {
    refused(post("Content-Length: 0", field), "WIRE_BAD_FIELD", 400, field);
  }
  refused(post(" Transfer-Encoding: chunked"), "WIRE_FOLDED_FIELD", 400);
  refused(post("X: a\rTransfer-Encoding: chunked"), "WIRE_BAD_LINE_END", 400);
  refused(post("X: a\nTransfer-Encoding: chunked"), "WIRE_BAD_LINE_END", 400);
});

test("a name that only looks like one of the framing fields says nothing", () => {
  const lines = read("GET / HTTP/1.1", [
    "Host: a",
    "Content_Length: 5",
    "Content-Lengthy: 5",
    "Transfer_Encoding: chunked",
    "X-Transfer-Encoding: chunked",
    "Content-Encoding: chunked",
  ]);
  assert.equal(lines.length, 4);
});

test("Transfer-Encoding in HTTP/1.0 is refused", () => {
  refused(read("POST / HTTP/1.0", ["Transfer-Encoding: chunked"]), "WIRE_BAD_CODING", 400);
  refused(read("POST / HTTP/1.0", ["Connection: keep-alive", "Transfer-Encoding: identity"]), "WIRE_BAD_CODING", 400);
});

test("HTTP/1.1 needs one Host, and a valid one", () => {
  refused(read("GET / HTTP/1.1", []), "WIRE_BAD_HOST", 400);
  refused(read("GET http://a/ HTTP/1.1", []), "WIRE_BAD_HOST", 400);
  refused(read("GET / HTTP/1.1", ["Host: a", "Host: a"]), "WIRE_BAD_HOST", 400);
  refused(read("GET / HTTP/1.1", ["Host: a", "HOST: b"]), "WIRE_BAD_HOST", 400);
  for (const host of [
    "a b",
    "a, b:",
    "a/b",
    "http://a",
    "user@a",
    "a:b",
    "a:-1",
    "a:65536",
    "a:0000080",
    "[::1",
    "[]",
    "[g::1]",
    "a%zz",
    "a%2",
    "a?b",
    "a#b",
    "a\\b",
    "\xe4",
    "a:80:80",
    "/a",
    "a\x80",
    "a".repeat(256),
    `${"a.".repeat(128)}:80`,
    `[${"0:".repeat(150)}]`,
  ]) {
    refused(read("GET / HTTP/1.1", [`Host: ${host}`]), "WIRE_BAD_HOST", 400, host);
  }
  for (const host of [
    "a",
    "",
    "a.example:80",
    "A-1_2~.example",
    "127.0.0.1:8080",
    "[::1]",
    "[::1]:80",
    "[::ffff:1.2.3.4]",
    "a:",
    "%41b",
    "a!$&'()*+,;=",
    "a.",
    `${"a".repeat(255)}:80`,
  ]) {
    assert.match(read("GET / HTTP/1.1", [`Host: ${host}`])[0] ?? "", /^request/, host);
  }
});

test("HTTP/1.0 may leave Host out, but not double or malform it", () => {
  assert.match(read("GET / HTTP/1.0", [])[0] ?? "", /^request/);
  refused(read("GET / HTTP/1.0", ["Host: a", "Host: a"]), "WIRE_BAD_HOST", 400);
  refused(read("GET / HTTP/1.0", ["Host: a b"]), "WIRE_BAD_HOST", 400);
});

test("a missing Host is accepted where requireHost is off, a bad one is not", () => {
  const options = { leniency: { ...STRICT, requireHost: false } };
  assert.match(read("GET / HTTP/1.1", [], "", options)[0] ?? "", /^request/);
  refused(read("GET / HTTP/1.1", ["Host: a", "Host: a"], "", options), "WIRE_BAD_HOST", 400);
  refused(read("GET / HTTP/1.1", ["Host: a b"], "", options), "WIRE_BAD_HOST", 400);
});

test("a declared length over streamBytes is refused with 413 before any of it is read", () => {
  const options = { limits: { ...WIRE_LIMITS, streamBytes: 5 } };
  assert.equal(read("POST / HTTP/1.1", ["Host: a", "Content-Length: 5"], "hello", options)[1], "data hello");
  refused(read("POST / HTTP/1.1", ["Host: a", "Content-Length: 6"], "hello!", options), "WIRE_BODY_TOO_LARGE", 413);
});

const facts = (fields: string) => {
  const marks: number[] = [];
  for (const match of fields.matchAll(/([^:|]*):([^|]*)\|?/g)) {
    const [, name = "", value = ""] = match;
    marks.push(
      match.index,
      match.index + name.length,
      match.index + name.length + 1,
      match.index + name.length + 1 + value.length,
    );
  }
  return readFacts(fields, marks);
};

test("an expectation other than 100-continue is refused, in HTTP/1.1 alone", () => {
  assert.equal(expectsContinue(facts("Expect:100-continue"), "1.1"), true);
  assert.equal(expectsContinue(facts("eXPECT:100-Continue"), "1.1"), true);
  assert.equal(expectsContinue(facts("X:100-continue"), "1.1"), false);
  assert.equal(expectsContinue(facts("Expect:100-continue"), "1.0"), false);
  assert.equal(expectsContinue(facts("Expect:tea"), "1.0"), false);
  assert.equal(expectsContinue(facts("Expect:"), "1.1"), false, "an empty list expects nothing");
  for (const value of ["tea", "100-continue, tea", "100-continue;q=1", "100"]) {
    refused(read("POST / HTTP/1.1", ["Host: a", `Expect: ${value}`]), "WIRE_EXPECTATION", 417, value);
  }
});

test("a connection persists as RFC 9112 §9.3 has it", () => {
  const cases: [string, "1.0" | "1.1", boolean][] = [
    ["", "1.1", true],
    ["Connection:close", "1.1", false],
    ["Connection:Close", "1.1", false],
    ["Connection:upgrade, CLOSE", "1.1", false],
    ["Connection:upgrade|Connection:close", "1.1", false],
    ["Connection:closed", "1.1", true],
    ['Connection:"close"', "1.1", true],
    ["Connection:keep-alive", "1.1", true],
    ["", "1.0", false],
    ["Connection:keep-alive", "1.0", true],
    ["Connection:Keep-Alive", "1.0", true],
    ["Connection:x, KEEP-ALIVE", "1.0", true],
    ["Connection:keep-alive, close", "1.0", false],
    ["Keep-Alive:timeout=5", "1.0", false],
  ];
  for (const [fields, version, expected] of cases)
    assert.equal(persists(facts(fields), version), expected, `${fields} ${version}`);
});

test("a response is framed by its request, its status and its fields, in the order of RFC 9112 §6.3", () => {
  const cases: [method: string, status: number, fields: string, expected: unknown][] = [
    ["HEAD", 200, "Content-Length:5", 0],
    ["HEAD", 200, "Transfer-Encoding:chunked", 0],
    ["GET", 204, "Content-Length:5", 0],
    ["GET", 304, "Transfer-Encoding:chunked", 0],
    ["CONNECT", 200, "Content-Length:5", 0],
    ["CONNECT", 299, "Transfer-Encoding:chunked", 0],
    ["CONNECT", 404, "Content-Length:5", 5],
    ["GET", 200, "Transfer-Encoding:chunked", "chunked"],
    ["GET", 200, "Content-Length:5", 5],
    ["GET", 205, "Content-Length:0", 0],
    ["GET", 200, "", "close"],
  ];
  for (const [method, status, fields, expected] of cases) {
    assert.equal(responseFraming(method, status, facts(fields), "1.1"), expected, `${method} ${status} ${fields}`);
  }
});
