// The engine: lines, targets, lengths and chunks, as its machine reads them; and the values that message/ makes of them.

import { RemoteError } from "../../src/base/errors.ts";
import { parseDate } from "../../src/message/date.ts";
import { Fields, titleCased } from "../../src/message/fields.ts";
import { escapeHtml } from "../../src/message/html.ts";
import { redirect } from "../../src/message/reply.ts";
import { canonicalPath, decodeComponent, parseAuthority } from "../../src/message/target.ts";
import { H1Machine, STRICT, WIRE_LIMITS } from "../../src/wire/index.ts";
import { between, type Shapes } from "./linear-shapes.ts";
import { pathRow, type Row, toTarget, valueRow } from "./linear-table.ts";

const OPTIONS = { limits: WIRE_LIMITS, leniency: STRICT };
const FOLDING = { limits: WIRE_LIMITS, leniency: { ...STRICT, obsFold: true } };

/** Gives it all to a machine, so many bytes at a time, and asks for what it made of it. */
function machine(message: string, size: number = message.length, options: typeof OPTIONS = OPTIONS): void {
  const reader = new H1Machine("server", options);
  const bytes = Buffer.from(message, "latin1");
  try {
    for (let at = 0; at < bytes.length; at += size) {
      reader.receive(bytes, at, Math.min(bytes.length, at + size));
      for (let event = reader.next(); typeof event !== "string"; event = reader.next());
    }
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
  }
}

const head = (lines: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n`;
const chunked = (body: string): string => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

const LINES: Shapes = {
  "one value": between("X: ", "a", ""),
  "many lines": between("", "A: b\r\n", "C: d"),
  "blanks behind each value": between("", `A: b${" ".repeat(50)}\r\n`, "C: d"),
  "blanks in one value": between("X: ", " ", "a"),
};
const FOLDS: Shapes = {
  "folds with nothing behind": between("X: a", "\r\n ", "\r\nY: b"),
  "folds behind an empty value": between("X:", "\r\n\t", "\r\nY: b"),
  "folds with a word behind": between("X: a", "\r\n b", "\r\nY: b"),
  "folds and blanks": between("X: a", "  \r\n  ", "\r\nY: b"),
};
const CHUNKS: Shapes = {
  "chunks of one byte": between("", "1\r\na\r\n", "0\r\n\r\n"),
  "an extension": between("5;", "a", "\r\nabcde\r\n0\r\n\r\n"),
  extensions: between("5", ";a", "\r\nabcde\r\n0\r\n\r\n"),
  "extensions with values": between("5", ';a="b\\""', "\r\nabcde\r\n0\r\n\r\n"),
  "blanks before an extension": between("5", " ", ";a\r\nabcde\r\n0\r\n\r\n"),
  "an extension of each chunk": between("", "1;a=b\r\na\r\n", "0\r\n\r\n"),
  "digits of a size": between("", "0", "5\r\nabcde\r\n0\r\n\r\n"),
};
const TRAILERS: Shapes = {
  "many trailers": between("0\r\n", "A: b\r\n", "\r\n"),
  "one trailer": between("0\r\nA: ", "b", "\r\n\r\n"),
  "blanks in a trailer": between("0\r\nA: b", " ", "c\r\n\r\n"),
};
const HOSTS: Shapes = {
  labels: between("", "a.", "b"),
  escapes: between("", "%41", ""),
  "an address": between("[", "1:", "]"),
  "a name in punycode": between("xn--", "a", ""),
  "digits of a port": between("a:", "0", "80"),
};

/** A header that the engine itself reads. */
function framing(name: string, file = "wire/h1/framing.ts"): Row {
  return valueRow(name, "the machine", file, (value) => machine(head(`${name}: ${value}`)), { shapes: HOSTS });
}

export const ENGINE: readonly Row[] = [
  pathRow("request target", "StartLineParser", "wire/h1/start-line.ts", (target) =>
    machine(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
  ),
  pathRow("request target, byte by byte", "StartLineParser", "wire/h1/start-line.ts", (target) =>
    machine(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, 1),
  ),
  pathRow("method", "StartLineParser", "wire/h1/start-line.ts", (method) => machine(`${method} / HTTP/1.1\r\n`)),
  {
    place: "empty lines before a request",
    reader: "StartLineParser",
    file: "wire/h1/start-line.ts",
    bound: "limits.headBytes, 64 KiB",
    most: 64_000,
    shapes: { "empty lines": between("", "\r\n", "") },
    read: (lines) => machine(`${lines}GET / HTTP/1.1\r\nHost: a\r\n\r\n`),
  },
  {
    place: "header lines",
    reader: "HeadParser",
    file: "wire/h1/parse.ts",
    bound: "limits.fieldBytes, limits.fields",
    most: 16_000,
    shapes: LINES,
    read: (lines) => machine(head(lines)),
  },
  {
    place: "header lines, byte by byte",
    reader: "HeadParser",
    file: "wire/h1/parse.ts",
    bound: "limits.fieldBytes, limits.fields",
    most: 16_000,
    shapes: LINES,
    read: (lines) => machine(head(lines), 1),
  },
  {
    place: "folded header lines",
    reader: "HeadParser",
    file: "wire/h1/parse.ts",
    bound: "limits.fieldBytes, 16 KiB",
    most: 16_000,
    shapes: FOLDS,
    read: (lines) => machine(head(lines), 1000, FOLDING),
  },
  framing("Content-Length"),
  framing("Transfer-Encoding"),
  framing("Expect"),
  framing("Connection", "wire/h1/facts.ts"),
  framing("Upgrade", "wire/h1/facts.ts"),
  framing("Host", "wire/h1/facts.ts"),
  {
    place: "chunk sizes and extensions",
    reader: "ChunkedReader",
    file: "wire/h1/decode.ts",
    bound: "4 KiB a line, 16 KiB of extensions",
    most: 16_000,
    shapes: CHUNKS,
    read: (body) => machine(chunked(body)),
  },
  {
    place: "trailers, byte by byte",
    reader: "HeadParser",
    file: "wire/h1/parse.ts",
    bound: "limits.fieldBytes, limits.headBytes",
    most: 16_000,
    shapes: TRAILERS,
    read: (body) => machine(chunked(body), 1),
  },
  pathRow("path", "canonicalPath()", "message/target.ts", (target) => canonicalPath("GET", target)),
  pathRow(
    "query",
    "request.query",
    "message/request.ts",
    toTarget(({ query }) => String(query.get("b"))),
  ),
  pathRow("escapes", "decodeComponent()", "message/target.ts", (target) => decodeComponent(target, "space")),
  valueRow("authority", "parseAuthority()", "message/target.ts", (value) => parseAuthority(value), { shapes: HOSTS }),
  valueRow("HTTP-date", "parseDate()", "message/date.ts", (value) => parseDate(value), {
    shapes: { "a date that goes on": between("Tue, 14 Nov 2023 22:13:20 GMT", " GMT", "") },
  }),
  valueRow("any list", "Fields.list()", "message/token.ts", (value) => new Fields([["A", value]]).list("a")),
  {
    place: "repeated headers",
    reader: "Fields.set(), Fields.delete()",
    file: "message/fields.ts",
    bound: "limits.fields, 256 lines",
    most: 16_000,
    shapes: { "lines of one name": between("", "a,", ""), "lines of two names": between("", "a,bb,", "") },
    read: (values) => {
      const lines = values.split(",").map((value) => [value.length > 1 ? "B" : "A", value] as const);
      new Fields(lines).set("a", "c").delete("b").add("C", "d");
      new Fields(lines).delete("a").delete("c").all("b");
    },
  },
  valueRow("a name that is shown", "titleCased()", "message/fields.ts", (value) => {
    titleCased(new Fields([[value.replace(/[^a-z]/g, "-"), ""]]));
  }),
  valueRow("what is sent back", "redirect()", "message/reply.ts", (value) => redirect(value)),
  valueRow("what is shown on a page", "escapeHtml()", "message/html.ts", (value) => escapeHtml(value)),
];
