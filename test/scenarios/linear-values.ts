// What content/ makes of header values and of bodies.

import { HttpError } from "../../src/base/errors.ts";
import { accessors } from "../../src/content/accessors.ts";
import { mayBePart, precondition } from "../../src/content/conditional.ts";
import { cookies } from "../../src/content/cookie.ts";
import { readDisposition, safeFilename } from "../../src/content/disposition.ts";
import { isCompressible } from "../../src/content/encoding.ts";
import { parseForm } from "../../src/content/form.ts";
import { readHeaders } from "../../src/content/header-lines.ts";
import { mediaTypes } from "../../src/content/media.ts";
import { readMediaType } from "../../src/content/media-type.ts";
import { parts } from "../../src/content/multipart.ts";
import { encodingFor, language, preferred } from "../../src/content/negotiate.ts";
import { bodyBytes } from "../../src/content/octets.ts";
import { parameters } from "../../src/content/parameters.ts";
import { contentParsers, form, parse } from "../../src/content/parsers.ts";
import { problemPage } from "../../src/content/problem.ts";
import { byteRanges } from "../../src/content/range.ts";
import { parseJsonText } from "../../src/message/bounded-json.ts";
import { Fields } from "../../src/message/fields.ts";
import type { Request } from "../../src/message/request.ts";
import { zstdFrames } from "../../src/message/zstd-frames.ts";
import { BOUNDARY, MULTIPART } from "../fixtures/ask.ts";
import { between, numbered, type Shape, type Shapes, VALUES } from "./linear-shapes.ts";
import { type Row, valueRow, withBody, withHeader } from "./linear-table.ts";

/** What refuses is right as well, if it does not take long. */
function refusing(read: (text: string) => unknown): Row["read"] {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return undefined;
    }
  };
}

const STATE = { etag: '"state"', lastModified: "Tue, 14 Nov 2023 22:13:20 GMT" };
const has = (name: string, value: string): Fields => new Fields([[name, value]]);
const condition = (name: string, method = "GET"): Row["read"] => {
  return (value) => precondition({ method, headers: has(name, value) }, STATE);
};

const TAGS: Shapes = {
  tags: between("", '"a",', '"b"'),
  "tags that differ": numbered((index) => `W/"a${index}"`, ", "),
  "weak marks": between("", "W/", '"a"'),
  "blanks behind a tag": between('"a"', " ", ',"b"'),
  "tags of commas": between("", '",",', ""),
  "words behind tags": between("", '"a"b,', ""),
};
const RANGES: Shapes = {
  ranges: between("bytes=", "0-0,", "1-1"),
  "ranges that differ": (length) => `bytes=${numbered((index) => `${index * 2}-${index * 2}`, ",")(length)}`,
  "empty members of a range": between("bytes=0-0", ",", "1-1"),
  "blanks in a range": between("bytes=0", " ", "-1"),
  "blanks behind a comma of a range": between("bytes=0-0,", " ", "-1"),
  "digits of a range": between("bytes=-", "9", ""),
  hyphens: between("bytes=0", "-", ""),
  "equals signs of a range": between("bytes=", "=", "-1"),
};
const TYPES: Shapes = {
  "blanks in a type": between("text/plain;", " ", "a"),
  "blanks behind a type": between("text/plain", " ", "a"),
  "blanks behind a parameter": between("text/plain; a=b", " ", "c"),
  "blanks around an equals sign": between("text/plain; a", " ", "= b"),
  "a quoted charset": between('text/plain; charset="', "a", '"'),
  "a boundary": between("multipart/form-data; boundary=", "a", ""),
  "blanks in a boundary": between('multipart/form-data; boundary="a', " ", '"'),
  "plus signs": between("application/", "a+", "json"),
};
const COOKIES: Shapes = {
  cookies: between("", "a=b;", "c=d"),
  "cookies that differ": numbered((index) => `a${index}=b`, "; "),
  "names without values": between("", "a;", "b=c"),
  "a value that cannot be decoded": between("a=", "%ff", ""),
  "a value of escapes": between("a=", "%41", ""),
  "blanks in a cookie": between("a=", " ", "b; c=d"),
  "blanks before a name": between("a=b;", " ", "c=d"),
};
const DISPOSITIONS: Shapes = {
  "a name": between('form-data; name="', "a", '"'),
  "backslashes of a name": between('form-data; name="', "\\", '"'),
  "escaped quotation marks of a name": between('form-data; name="', '\\"', '"'),
  "blanks behind the kind": between("form-data", " ", "; name=a"),
  "blanks behind an equals sign of a name": between("form-data; name=", " ", '"a"'),
  "parameters of a part": (length) => `form-data; name=a${numbered((index) => `; a${index}=b`, "")(length)}`,
  "semicolons of a part": between("form-data; name=a", ";", ""),
  "a file name of dots": between('form-data; name=a; filename="', ".", '"'),
  "a file name of slashes": between('form-data; name=a; filename="', "/", '"'),
  "a file name of blanks": between('form-data; name=a; filename="a', " ", 'b"'),
  "a file name of controls": between('form-data; name=a; filename="', "\x81", '"'),
  "a file name in escapes": between("form-data; name=a; filename*=utf-8''", "%41", ""),
  "escaped quotation marks, as browsers write them": between('form-data; name="', "%22", '"'),
};

/** Bodies of a form in which one header of a part has the text, or each of many parts has a piece of it. */
function partWith(name: string): Row["read"] {
  const line = name === "Content-Disposition" ? "" : 'Content-Disposition: form-data; name="a"\r\n';
  const all = withBody(MULTIPART, async (request) => {
    let count = 0;
    for await (const part of parts(request, { parts: 100_000, fields: 100_000 })) count += (await part.bytes()).length;
    return count;
  });
  return (value) => all(`--${BOUNDARY}\r\n${line}${name}: ${value}\r\n\r\n1\r\n--${BOUNDARY}--`);
}

const inMany = (header: Shape, each: number): Shape => {
  const line = `Content-Disposition: form-data; name="a"\r\nContent-Type: ${header(each)}`;
  const part = `--${BOUNDARY}\r\n${line}\r\n\r\n1\r\n`;
  return (length) => `${part.repeat(Math.ceil(length / part.length))}--${BOUNDARY}--`;
};
const FORMS: Shapes = {
  parts: inMany(() => "text/plain", 1),
  "parts with blanks in their types": inMany(TYPES["blanks behind a type"] as Shape, 8000),
  "a preamble": between("", "x\r\n--", `\r\n--${BOUNDARY}--`),
  "an epilogue": between(`--${BOUNDARY}--`, `\r\n--${BOUNDARY}`, ""),
  "what is nearly a boundary": between(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n`,
    `\r\n--${BOUNDARY.slice(0, -1)}`,
    `\r\n--${BOUNDARY}--`,
  ),
  hyphens: between(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n`,
    "\r\n-",
    `\r\n--${BOUNDARY}--`,
  ),
  padding: between(`--${BOUNDARY}`, " ", `\r\n\r\n--${BOUNDARY}--`),
};
const PAIRS: Shapes = {
  pairs: between("", "a=b&", ""),
  "pairs that differ": numbered((index) => `a${index}=b`, "&"),
  "pairs that cannot be decoded": between("", "%zz&", ""),
  "values that cannot be decoded": between("a=", "%ff", ""),
  ampersands: between("", "&", ""),
  "plus signs": between("a=", "+", ""),
};
const DOCUMENTS: Shapes = {
  "nested lists": between("", "[", ""),
  "a list": between("[", "1,", "1]"),
  "members of one name": between("{", '"a":1,', '"b":1}'),
  "members that differ": (length) => `{${numbered((index) => `"a${index}":1`, ",")(length)}}`,
  "dangerous members": between("{", '"__proto__":{},', '"constructor":{"prototype":1}}'),
  backslashes: between('["', "\\\\", '"]'),
  "escaped quotation marks": between('["', '\\"', '"]'),
  "quotation marks": between("[", '"",', '""]'),
  "brackets in a text": between('["', "[{", '"]'),
  "a text without an end": between('["', "a", ""),
  digits: between("", "9", ""),
};

const registry = contentParsers();
export const READERS: readonly Row[] = [
  valueRow("Accept", "preferred()", "content/negotiate.ts", (value) =>
    preferred({ headers: has("Accept", value) }, ["text/plain", "application/problem+json", "text/html"]),
  ),
  valueRow("Accept, of an error", "problemPage()", "content/problem.ts", (value) =>
    problemPage(404, "", { headers: has("Accept", value) } as Request, undefined),
  ),
  valueRow("Accept-Language", "language()", "content/negotiate.ts", (value) =>
    language({ headers: has("Accept-Language", value) }, ["en", "de-AT", "pt-BR"]),
  ),
  valueRow("Accept-Encoding", "encodingFor()", "content/negotiate.ts", (value) =>
    encodingFor({ headers: has("Accept-Encoding", value) }, ["br", "zstd", "gzip"]),
  ),
  valueRow("If-Match", "precondition()", "content/entity-tag.ts", condition("If-Match", "PUT"), { shapes: TAGS }),
  valueRow("If-None-Match", "precondition()", "content/entity-tag.ts", condition("If-None-Match"), { shapes: TAGS }),
  valueRow("If-Modified-Since", "precondition()", "content/conditional.ts", condition("If-Modified-Since")),
  valueRow("If-Unmodified-Since", "precondition()", "content/conditional.ts", condition("If-Unmodified-Since")),
  valueRow("If-Range", "mayBePart()", "content/conditional.ts", (value) => mayBePart(has("If-Range", value), STATE), {
    shapes: TAGS,
  }),
  valueRow("Range", "byteRanges()", "content/range.ts", (value) => byteRanges(has("Range", value), 1000), {
    shapes: RANGES,
    bound: "32 ranges",
  }),
  valueRow("Content-Type", "readMediaType()", "content/media-type.ts", (value) => readMediaType(value), {
    shapes: TYPES,
  }),
  valueRow(
    "Content-Type",
    "parse()",
    "content/parsers.ts",
    withHeader("Content-Type", (request) => parse(request, registry).then(() => "ok"), { method: "POST", body: "x" }),
    { shapes: TYPES },
  ),
  valueRow(
    "Content-Type",
    "form()",
    "content/parsers.ts",
    withHeader("Content-Type", (request) => form(request).then(() => "ok"), { method: "POST", body: "x" }),
    { shapes: TYPES },
  ),
  valueRow(
    "Content-Type",
    "parameters()",
    "content/parameters.ts",
    withHeader("Content-Type", (request) => parameters(request).then(() => "ok"), { method: "POST", body: "x" }),
    { shapes: TYPES },
  ),
  valueRow(
    "Content-Encoding",
    "decodeBody()",
    "message/decoded.ts",
    withHeader("Content-Encoding", (request) => bodyBytes(request).then(() => "ok"), { method: "POST", body: "x" }),
  ),
  valueRow("Content-Type of a reply", "isCompressible()", "content/encoding.ts", (value) => isCompressible(value), {
    shapes: TYPES,
  }),
  valueRow(
    "Cookie",
    "cookies()",
    "content/cookie.ts",
    withHeader("Cookie", (request) => String(cookies(request).size)),
    {
      shapes: COOKIES,
      bound: "32 KiB, 180 cookies",
    },
  ),
  valueRow(
    "Cookie",
    "accessors()",
    "content/accessors.ts",
    withHeader("Cookie", async (request) => String((await accessors(request, { cookie: "a" })).sessionTokens.length)),
    { shapes: COOKIES },
  ),
  {
    place: "header lines of a stream, byte by byte",
    reader: "readHeaders()",
    file: "content/header-lines.ts",
    bound: "8 KiB a line, 64 KiB",
    most: 16_000,
    shapes: {
      "one header": between("X: ", "a", "\n\n"),
      "many headers": between("", "X: a\n", "\n"),
      "folded lines": between("X: a\n", " b\n", "\n"),
      "folds with nothing behind": between("X: a\n", " \n", "\n"),
      "a line that is no header": between("", "a", "\n"),
    },
    read: async (lines) => {
      const bytes = Array.from(Buffer.from(lines, "latin1"), (byte) => Uint8Array.of(byte));
      try {
        await (await readHeaders(bytes)).rest.return?.();
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
      }
    },
  },
  valueRow(
    "Content-Disposition of a part",
    "readDisposition()",
    "content/disposition.ts",
    refusing((value) => readDisposition(value)),
    { shapes: DISPOSITIONS, bound: "headerBytes, 16 KiB" },
  ),
  valueRow("a file's name", "safeFilename()", "content/disposition.ts", (value) => safeFilename(value)),
  valueRow("a file's name", "mediaTypes()", "content/media.ts", mediaTypes()),
  valueRow("Content-Disposition of a part", "parts()", "content/multipart.ts", partWith("Content-Disposition"), {
    shapes: DISPOSITIONS,
    bound: "headerBytes, 16 KiB",
  }),
  valueRow("Content-Type of a part", "parts()", "content/part.ts", partWith("Content-Type"), {
    shapes: TYPES,
    bound: "headerBytes, 16 KiB",
  }),
  valueRow(
    "Content-Transfer-Encoding of a part",
    "parts()",
    "content/multipart.ts",
    partWith("Content-Transfer-Encoding"),
    {
      bound: "headerBytes, 16 KiB",
    },
  ),
  {
    place: "a multipart form",
    reader: "form()",
    file: "content/multipart.ts",
    bound: "totalBytes, 64 MiB; 1,000 parts",
    most: 100_000,
    shapes: FORMS,
    read: withBody(MULTIPART, (request) => form(request).then(() => "ok")),
  },
  {
    place: "an urlencoded form",
    reader: "parseForm()",
    file: "content/form.ts",
    bound: "limits.bodyBytes; 1,000 pairs",
    most: 64_000,
    shapes: { ...PAIRS, ...VALUES },
    read: refusing((body) => parseForm(body, { pairs: 1_000_000 }).get("b")),
  },
  {
    place: "JSON",
    reader: "parseJsonText()",
    file: "message/bounded-json.ts",
    bound: "limits.bodyBytes; 100 deep",
    most: 64_000,
    shapes: DOCUMENTS,
    read: refusing((body) => parseJsonText(body)),
  },
  {
    place: "content in zstd, byte by byte",
    reader: "zstdFrames()",
    file: "message/zstd-frames.ts",
    bound: "limits.bodyBytes; 1,000 frames",
    most: 16_000,
    shapes: {
      frames: between("", "\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00", ""),
      blocks: between("\x28\xb5\x2f\xfd\x00\x00", "\x00\x00\x00", "\x01\x00\x00"),
      "frames to skip": between("", "\x50\x2a\x4d\x18\x00\x00\x00\x00", ""),
    },
    read: async (body) => {
      async function* bytewise(): AsyncGenerator<Uint8Array> {
        for (const byte of Buffer.from(body, "latin1")) yield Uint8Array.of(byte);
      }
      let count = 0;
      try {
        for await (const piece of zstdFrames(bytewise())) count += piece.length;
      } catch {
        // More frames than there may be.
      }
      return count;
    },
  },
];
