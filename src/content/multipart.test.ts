import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { ask, BOUNDARY, MULTIPART, multipart, type Sent, type SentPart, wire } from "../../test/fixtures/ask.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import { text } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { type Answer, loopback, seeded } from "../testing/index.ts";
import { type MultipartLimits, parts } from "./multipart.ts";

const HEADERS = { "Content-Type": MULTIPART };

/** Every part as a list of name, filename, type and content. */
async function all(request: Request, limits?: MultipartLimits): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const part of parts(request, limits)) {
    found.push([part.name, part.filename ?? null, part.type, await part.text()]);
  }
  return found;
}

async function read(body: string | Uint8Array, sent: Sent = {}, limits?: MultipartLimits): Promise<Answer> {
  return ask({ headers: HEADERS, body, ...sent }, (request) => all(request, limits));
}

async function found(given: readonly SentPart[], sent: Sent = {}): Promise<unknown> {
  const answer = await read(multipart(given), sent);
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(Buffer.from(answer.body, "latin1").toString());
}

test("fields and files come in order, in both framings", async () => {
  const given: SentPart[] = [
    { name: "a", content: "1" },
    { name: "f", filename: "x.txt", type: "text/plain; charset=utf-8", content: "Grüße\r\n--no boundary" },
    { name: "a", content: "" },
    { name: "näme", filename: "ü.bin", type: "Application/Octet-Stream", content: "\r\n" },
  ];
  const expected = [
    ["a", null, "text/plain", "1"],
    ["f", "x.txt", "text/plain", "Grüße\r\n--no boundary"],
    ["a", null, "text/plain", ""],
    ["näme", "ü.bin", "application/octet-stream", "\r\n"],
  ];
  assert.deepEqual(await found(given), expected);
  assert.deepEqual(await found(given, { framing: "chunked" }), expected);
});

test("a form is the same form however its octets are cut", async () => {
  const given: SentPart[] = [
    { name: "a", content: "one" },
    { name: "f", filename: "f", content: "\r\n--\r\n------boundary4\r\n" },
    { name: "b", content: "" },
    { name: "g", filename: "g", content: "x".repeat(50) },
  ];
  const expected = JSON.stringify([
    ["a", null, "text/plain", "one"],
    ["f", "f", "text/plain", "\r\n--\r\n------boundary4\r\n"],
    ["b", null, "text/plain", ""],
    ["g", "g", "text/plain", "x".repeat(50)],
  ]);
  const octets = wire({ headers: HEADERS, body: multipart(given) });
  await using bench = loopback(async (request) => text(JSON.stringify(await all(request))));
  for (const size of [1, 2, 3, 5, 7, 11, 64, 100]) {
    const client = bench.connect();
    for (let at = 0; at < octets.length; at += size) {
      client.send(octets.subarray(at, at + size));
      if (at % (size * 16) === 0) await bench.settled();
    }
    assert.equal((await client.answer("POST")).body, expected, `pieces of ${size}`);
  }
});

test("parts of any size follow each other, read, skipped or read in part", async () => {
  const chance = seeded(7);
  const sizes = [0, 1, 100, 16_383, 16_384, 16_385, 65_300, 65_400, 65_536, 100_000, 131_072];
  await using bench = loopback(
    async (request) => {
      const seen: string[] = [];
      for await (const part of parts(request)) {
        const [, how, size] = part.name.split(".");
        if (how === "skip") continue;
        if (how === "half") {
          for await (const chunk of part) {
            seen.push(`${part.name} ${chunk.length <= Number(size)}`);
            break;
          }
          continue;
        }
        const octets = await part.bytes();
        seen.push(`${part.name} ${octets.length} ${octets.every((octet) => octet === 0x2d)}`);
      }
      return text(seen.join("\n"));
    },
    { limits: { streamBytes: Number.POSITIVE_INFINITY } },
  );
  for (let round = 0; round < 40; round++) {
    const given: SentPart[] = [];
    const expected: string[] = [];
    for (let i = 0; i < 1 + (round % 7); i++) {
      const size = sizes[chance(sizes.length)] as number;
      const how = ["read", "read", "skip", "half"][chance(4)] as string;
      const name = `${i}.${how}.${size}`;
      given.push({ name, filename: "f", content: Buffer.alloc(size, "-") });
      if (how === "read") expected.push(`${name} ${size} true`);
      if (how === "half" && size > 0) expected.push(`${name} true`);
    }
    const sent = wire({ headers: HEADERS, body: multipart(given), framing: round % 2 === 0 ? "length" : "chunked" });
    const answer = await bench.connect().send(sent).answer("POST");
    assert.equal(answer.body, expected.join("\n"), JSON.stringify(given.map(({ name }) => name)));
  }
});

test("what stands before the first boundary and behind the last is no part", async () => {
  const form = multipart([{ name: "a", content: "1" }]).toString();
  assert.equal((await read(`preamble\r\n${form}epilogue`)).body, '[["a",null,"text/plain","1"]]');
  assert.equal((await read(`--${BOUNDARY}--\r\n`)).body, "[]");
});

// RFC 2046 §5.1.1, sentence by sentence, as far as it says what a reader of forms does.
const RFC_2046: Readonly<Record<string, readonly [body: string, type?: string]>> = {
  "linear whitespace may stand behind a boundary": [
    `--${BOUNDARY} \t \r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}\t\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--`,
  ],
  "much of it, too": [
    `--${BOUNDARY}${" ".repeat(9000)}\r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--`,
  ],
  "and behind the last one": [
    `--${BOUNDARY}\r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}-- \t\r\nbye`,
  ],
  "anything before the first boundary is ignored": [
    `${"preamble\r\n--no boundary\r\n".repeat(20_000)}\r\n--${BOUNDARY}\r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--`,
  ],
  "an empty line before it is": [
    `\r\n--${BOUNDARY}\r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--`,
  ],
  "anything behind the last is, boundaries and heads too": [
    `--${BOUNDARY}\r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--\r\n${`--${BOUNDARY}\r\nFIELD\r\n\r\n3\r\n`.repeat(5000)}`,
  ],
  "whitespace at the end of the boundary was added on the way": [
    `--${BOUNDARY}\r\nFIELD\r\n\r\n1\r\n--${BOUNDARY}  \r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--`,
    `multipart/form-data; boundary="${BOUNDARY} \t"`,
  ],
  "a boundary has up to 70 characters of a set": [
    `--${"'()+_,-./:=? 09azAZ".padEnd(70, "x")}\r\nFIELD\r\n\r\n1\r\n--${"'()+_,-./:=? 09azAZ".padEnd(70, "x")}\r\nOTHER\r\n\r\n2\r\n--${"'()+_,-./:=? 09azAZ".padEnd(70, "x")}--`,
    `multipart/form-data; boundary="${"'()+_,-./:=? 09azAZ".padEnd(70, "x")}"`,
  ],
  "the simplest one is a hyphen": [
    "---\r\nFIELD\r\n\r\n1\r\n---\r\nOTHER\r\n\r\n2\r\n-----",
    "multipart/form-data; boundary=-",
  ],
  "the header lines of a part may be folded": [
    `--${BOUNDARY}\r\nContent-Disposition:\r\n form-data;\r\n\tname="a"\r\n\r\n1\r\n--${BOUNDARY}\r\nOTHER\r\n\r\n2\r\n--${BOUNDARY}--`,
  ],
};

test("a form is read as RFC 2046 §5.1.1 says that it must be, however it is cut", async () => {
  for (const [rule, [body, type = MULTIPART]] of Object.entries(RFC_2046)) {
    const whole = body
      .replaceAll("FIELD", 'Content-Disposition: form-data; name="a"')
      .replaceAll("OTHER", 'Content-Disposition: form-data; name="b"');
    for (const framing of ["length", "chunked"] as const) {
      const answer = await read(whole, { headers: { "Content-Type": type }, framing });
      const expected = '[["a",null,"text/plain","1"],["b",null,"text/plain","2"]]';
      assert.deepEqual([answer.status, answer.body], [200, expected], `${rule}, ${framing}`);
    }
  }
  const within = `x--${BOUNDARY}\r\n-${BOUNDARY}\n--${BOUNDARY}\r`;
  assert.deepEqual(await found([{ name: "a", content: within }]), [["a", null, "text/plain", within]]);
});

test("what stands before and behind the parts counts into the size of the form", async () => {
  const form = multipart([{ name: "a", content: "1" }]).toString();
  const limits = { totalBytes: form.length + 1000 };
  for (const framing of ["length", "chunked"] as const) {
    assert.equal((await read(form + "x".repeat(1000), { framing }, limits)).status, 200, framing);
    assert.equal((await read(form + "x".repeat(1001), { framing }, limits)).status, 413, framing);
    assert.equal((await read(`${"x".repeat(1001)}\r\n${form}`, { framing }, limits)).status, 413, framing);
  }
});

test("a boundary is no longer than its line: other characters behind it are no padding", async () => {
  for (const rest of ["x", " x", "-", "-x", "\xa0", "\n", "\x0b"]) {
    const body = `--${BOUNDARY}${rest}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--${BOUNDARY}--`;
    assert.equal((await read(Buffer.from(body, "latin1"))).status, 400, JSON.stringify(rest));
  }
});

// RFC 7578 §4.3, §4.4, §4.6, §4.8, §5.2.
test("a form is read as RFC 7578 says: default types and charsets, other headers ignored, repeated names in their order", async () => {
  const lines = (...parts: readonly string[]): Buffer =>
    Buffer.from(`${parts.map((each) => `--${BOUNDARY}\r\n${each}\r\n`).join("")}--${BOUNDARY}--\r\n`, "latin1");
  const read7578 = async (...parts: readonly string[]): Promise<unknown> => {
    const answer = await read(lines(...parts));
    return answer.status === 200 ? JSON.parse(Buffer.from(answer.body, "latin1").toString()) : answer.status;
  };
  const a = 'Content-Disposition: form-data; name="a"';
  const file = 'Content-Disposition: form-data; name="a"; filename="f"';
  assert.deepEqual(await read7578(`${file}\r\n\r\n1`, `${file}\r\n\r\n2`, `${a}\r\n\r\n3`), [
    ["a", "f", "text/plain", "1"],
    ["a", "f", "text/plain", "2"],
    ["a", null, "text/plain", "3"],
  ]);
  assert.deepEqual(await read7578(`Content-Length: 77\r\nX-Other: ;;"\r\n${a}\r\nContent-ID: <a>\r\n\r\n1`), [
    ["a", null, "text/plain", "1"],
  ]);
  for (const coding of ["7bit", "8BIT", "binary", " 8bit\t"]) {
    assert.deepEqual(await read7578(`${a}\r\nContent-Transfer-Encoding: ${coding}\r\n\r\n1`), [
      ["a", null, "text/plain", "1"],
    ]);
  }
  const charset = 'Content-Disposition: form-data; name="_charset_"';
  assert.deepEqual(await read7578(`${charset}\r\n\r\niso-8859-1`, `${a}\r\n\r\n\xe9`), [
    ["_charset_", null, "text/plain", "iso-8859-1"],
    ["a", null, "text/plain", "é"],
  ]);
  const named = `${a}\r\nContent-Type: text/plain; charset=utf-8`;
  assert.deepEqual(await read7578(`${charset}\r\n\r\niso-8859-1`, `${named}\r\n\r\n\xc3\xa9`), [
    ["_charset_", null, "text/plain", "iso-8859-1"],
    ["a", null, "text/plain", "é"],
  ]);
  assert.deepEqual(await read7578(`${charset}\r\n\r\nutf-7`, `${a}\r\n\r\n\xc3\xa9`), [
    ["_charset_", null, "text/plain", "utf-7"],
    ["a", null, "text/plain", "é"],
  ]);
  assert.equal(await read7578(`${a}\r\n\r\n\xe9`, `${charset}\r\n\r\niso-8859-1`), 400);
});

test("the head of a part can be asked for", async () => {
  const body = `--${BOUNDARY}\r\ncontent-disposition: form-data; name=a\r\nX-Note: one\r\nx-note: two\r\n\r\n1\r\n--${BOUNDARY}--`;
  const answer = await ask({ headers: HEADERS, body }, async (request) => {
    for await (const part of parts(request)) return [part.name, part.headers.all("X-Note")];
    return null;
  });
  assert.equal(answer.body, '["a",["one","two"]]');
});

test("a part that nobody reads is skipped, and one that is read in part", async () => {
  const given: SentPart[] = [
    { name: "big", filename: "b", content: Buffer.alloc(300_000, "x") },
    { name: "half", filename: "h", content: Buffer.alloc(300_000, "y") },
    { name: "last", content: "z" },
  ];
  const answer = await ask({ headers: HEADERS, body: multipart(given) }, async (request) => {
    const seen: string[] = [];
    for await (const part of parts(request)) {
      if (part.name === "half") {
        for await (const chunk of part) {
          seen.push(`half ${chunk.length > 0}`);
          break;
        }
      }
      if (part.name === "last") seen.push(await part.text());
    }
    return seen;
  });
  assert.equal(answer.body, '["half true","z"]');
});

test("a part is read once, and not after the next was asked for", async () => {
  const form = multipart([
    { name: "a", content: "1" },
    { name: "b", content: "2" },
  ]);
  const answer = await ask({ headers: HEADERS, body: form }, async (request) => {
    const iterator = parts(request);
    const first = (await iterator.next()).value;
    assert.ok(first !== undefined);
    assert.equal(await first.text(), "1");
    await assert.rejects(first.text(), isUsed);
    const second = (await iterator.next()).value;
    assert.ok(second !== undefined);
    const chunks = second[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).done, true);
    await assert.rejects(chunks.next(), isUsed);
    return "ok";
  });
  assert.equal(answer.body, "ok");
});

function isUsed(error: unknown): boolean {
  return error instanceof LocalError && error.code === "USE_BODY_USED";
}

test("leaving the loop gives up the rest, and the connection goes on", async () => {
  const body = multipart([
    { name: "a", content: "1" },
    { name: "b", filename: "b", content: Buffer.alloc(100_000) },
  ]);
  await using bench = loopback(async (request) => {
    for await (const part of parts(request)) return text(await part.text());
    return text("none");
  });
  const client = bench.connect();
  client.send(wire({ headers: HEADERS, body })).send(wire({ headers: HEADERS, body }));
  assert.equal((await client.answer("POST")).body, "1");
  assert.equal((await client.answer("POST")).body, "1");
});

const part = (head: string, content = "1"): string => `--${BOUNDARY}\r\n${head}\r\n\r\n${content}\r\n`;
const END = `--${BOUNDARY}--\r\n`;
const FIELD = 'Content-Disposition: form-data; name="a"';

test("what is malformed is refused", async () => {
  const bodies: Record<string, string> = {
    "no boundary in it": "a=b&c=d",
    "no end": part(FIELD),
    "an end that is cut": `${part(FIELD)}--${BOUNDARY}-`,
    "no end of a content": `--${BOUNDARY}\r\n${FIELD}\r\n\r\n1234`,
    "no end of a head": `--${BOUNDARY}\r\n${FIELD}`,
    "a head that ends in a boundary": `--${BOUNDARY}\r\n${FIELD}\r\n${END}`,
    "a head without a disposition": part("X-Note: 1") + END,
    "a part without a head": `--${BOUNDARY}\r\n\r\n1\r\n${END}`,
    "a disposition of another kind": part('Content-Disposition: attachment; name="a"') + END,
    "two dispositions": part(`${FIELD}\r\nContent-Disposition: form-data; name="b"`) + END,
    "no name": part("Content-Disposition: form-data") + END,
    "two names": part('Content-Disposition: form-data; name="a"; name="b"') + END,
    "a quote without an end": part('Content-Disposition: form-data; name="a') + END,
    "backslashes without an end": part(`Content-Disposition: form-data; name="${"\\".repeat(5000)}`) + END,
    "a name that is not UTF-8": part('Content-Disposition: form-data; name="\xff"') + END,
    "a line that is no field, before others": part(`${FIELD}\r\nBad\r\nContent-Transfer-Encoding: base64`) + END,
    "a line without a name": part(`${FIELD}\r\n: x`) + END,
    "a folded line first": part(` folded\r\n${FIELD}`) + END,
    "a control in a head": part(`${FIELD}\r\nX-Note: a\x01b`) + END,
    "a coding": part(`${FIELD}\r\nContent-Transfer-Encoding: base64`) + END,
    "the second part": part(FIELD) + part("X: y") + END,
    "bad text": part(FIELD, "\xff") + END,
  };
  for (const [what, body] of Object.entries(bodies)) {
    const answer = await read(Buffer.from(body, "latin1"));
    assert.equal(answer.status, 400, `${what}: ${answer.body}`);
    assert.doesNotMatch(answer.body, /busboy|dicer|node_modules| at /i, what);
  }
});

test("a form without content was one without an end: it has no parts, whatever its type says", async () => {
  for (const type of [undefined, MULTIPART, "multipart/form-data", "text/plain"]) {
    for (const framing of ["length", "chunked"] as const) {
      const headers = type === undefined ? {} : { "Content-Type": type };
      const answer = await ask({ headers, body: "", framing }, async (request) => {
        let count = 0;
        for await (const _ of parts(request)) count++;
        return count;
      });
      assert.equal(answer.body, "0", `${type} ${framing}`);
    }
  }
});

test("whatever a form is turned into, it is read or refused", async () => {
  const chance = seeded(11);
  const whole = multipart([
    { name: "a", content: "one\r\n--two" },
    { name: "f", filename: "f.bin", type: "application/octet-stream", content: Buffer.alloc(300, "-\r\n") },
    { name: "b", content: "" },
  ]);
  const statuses = new Set<number>();
  await using bench = loopback(async (request) => text(JSON.stringify(await all(request))));
  for (let round = 0; round < 600; round++) {
    let body = Buffer.from(whole);
    for (let change = chance(4); change >= 0; change--) {
      const at = chance(body.length + 1);
      const end = Math.min(body.length, at + chance(60));
      const kinds = [
        () => body.subarray(0, at),
        () => Buffer.concat([body.subarray(0, at), body.subarray(end)]),
        () => Buffer.concat([body.subarray(0, end), body.subarray(at)]),
        () => Buffer.concat([body.subarray(0, at), Buffer.from([chance(256)]), body.subarray(at)]),
        () =>
          Buffer.concat([
            body.subarray(0, at),
            Buffer.from(`\r\n--${BOUNDARY}${["", "\r\n", "--"][chance(3)]}`),
            body.subarray(at),
          ]),
      ];
      body = (kinds[chance(kinds.length)] as () => Buffer<ArrayBuffer>)();
    }
    const framing = round % 2 === 0 ? "length" : "chunked";
    const answer = await bench
      .connect()
      .send(wire({ headers: HEADERS, body, framing }))
      .answer("POST");
    assert.ok(
      [200, 400, 413].includes(answer.status),
      `${answer.status} ${answer.body}: ${JSON.stringify(body.toString("latin1"))}`,
    );
    statuses.add(answer.status);
  }
  assert.ok(statuses.has(200) && statuses.has(400));
});

test("text that is not in its charset is refused with the name of the field", async () => {
  let thrown: unknown;
  await ask({ headers: HEADERS, body: Buffer.from(part(FIELD, "\xe9") + END, "latin1") }, async (request) => {
    thrown = await all(request).catch((error: unknown) => error);
    return "";
  });
  assert.ok(thrown instanceof HttpError);
  assert.deepEqual(thrown.issues, [{ parameter: "a", reason: "is not valid text in its charset" }]);
  const latin = part(`${FIELD}\r\nContent-Type: text/plain; charset=ISO-8859-1`, "\xe9") + END;
  const answer = await read(Buffer.from(latin, "latin1"));
  assert.equal(Buffer.from(answer.body, "latin1").toString(), '[["a",null,"text/plain","é"]]');
  assert.equal((await read(part(`${FIELD}\r\nContent-Type: text/plain; charset=utf-7`) + END)).status, 415);
});

test("what is no form is 415, and a form without a boundary 400", async () => {
  const cases: [string, number][] = [
    ["text/plain", 415],
    ["multipart/mixed; boundary=b", 415],
    ["", 415],
    ["multipart/form-data", 400],
    ["multipart/form-data; boundary=", 400],
    ['multipart/form-data; boundary=""', 400],
    [`multipart/form-data; boundary=${"b".repeat(71)}`, 400],
  ];
  for (const [type, status] of cases) {
    const answer = await read("x", { headers: { "Content-Type": type } });
    assert.equal(answer.status, status, type);
    assert.equal(answer.headers.get("accept"), status === 415 ? "multipart/form-data" : undefined);
  }
});

test("a form in a form is the content of a part, and no more", async () => {
  const inner = "--inner\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--inner--";
  assert.deepEqual(await found([{ name: "a", type: "multipart/mixed; boundary=inner", content: inner }]), [
    ["a", null, "multipart/mixed", inner],
  ]);
});

test("everything has a limit, beyond which it is 413", async () => {
  const fields: SentPart[] = [
    { name: "a", content: "12" },
    { name: "b", content: "34" },
  ];
  const files: SentPart[] = fields.map((each) => ({ ...each, filename: "f" }));
  const size = multipart(fields).length;
  const cases: [SentPart[], MultipartLimits, number][] = [
    [fields, { parts: 2, fields: 2, files: 0, fieldBytes: 2, fileBytes: 0, totalBytes: size }, 200],
    [files, { parts: 2, fields: 0, files: 2, fieldBytes: 0, fileBytes: 2 }, 200],
    [fields, { parts: 1 }, 413],
    [fields, { fields: 1 }, 413],
    [fields, { fieldBytes: 1 }, 413],
    [fields, { totalBytes: size - 1 }, 413],
    [fields, { headerBytes: 10 }, 413],
    [files, { files: 1 }, 413],
    [files, { fileBytes: 1 }, 413],
    [Array.from({ length: 1001 }, () => ({ name: "a", content: "" })), {}, 413],
    [Array.from({ length: 101 }, () => ({ name: "a", filename: "f", content: "" })), {}, 413],
    [[{ name: "a".repeat(20_000), content: "" }], {}, 413],
    [[{ name: "a", content: "x".repeat(65_537) }], {}, 413],
  ];
  for (const [given, limits, status] of cases) {
    for (const framing of ["length", "chunked"] as const) {
      const answer = await read(multipart(given), { framing }, limits);
      assert.equal(answer.status, status, `${JSON.stringify(limits)} ${framing} ${answer.body}`);
    }
  }
});

test("a limit of bytes() and text() holds for one part", async () => {
  const body = multipart([{ name: "a", content: "123" }]);
  const ofPart = (limit: number) => async (request: Request) => {
    for await (const each of parts(request)) return await each.text(limit);
    return null;
  };
  assert.equal((await ask({ headers: HEADERS, body }, ofPart(3))).body, "123");
  assert.equal((await ask({ headers: HEADERS, body }, ofPart(2))).status, 413);
});

test("a declared length that is too large is refused before the client is told to go on", async () => {
  await using bench = loopback(async (request) => text(JSON.stringify(await all(request, { totalBytes: 99 }))));
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${MULTIPART}\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n`;
  const answer = await bench.connect().exchange(head);
  assert.deepEqual([answer.status, answer.informational.length], [413, 0]);
});

test("nothing is read before the first part is asked for", async () => {
  await using bench = loopback((request) => {
    parts(request);
    return text(request.body.state);
  });
  const { body } = await bench
    .connect()
    .send(wire({ headers: HEADERS, body: multipart([]) }))
    .answer();
  assert.equal(body, "unread");
});

test("a limit that is none is a bug of the caller", async () => {
  for (const limits of [{ parts: -1 }, { files: Number.NaN }, { size: 1 }] as MultipartLimits[]) {
    let thrown: unknown;
    await ask({ headers: HEADERS, body: multipart([]) }, async (request) => {
      thrown = await all(request, limits).catch((error: unknown) => error);
      return "";
    });
    assert.ok(thrown instanceof LocalError && thrown.code === "USE_BAD_OPTION");
  }
});

test("a form may be compressed, and is bounded by what it becomes", async () => {
  const form = multipart([{ name: "a", filename: "f", content: Buffer.alloc(200_000) }]);
  const headers = { ...HEADERS, "Content-Encoding": "gzip" };
  const body = gzipSync(form);
  const size = (limits: MultipartLimits) => async (request: Request) => {
    for await (const each of parts(request, limits)) return [(await each.bytes()).length];
    return null;
  };
  assert.equal((await ask({ headers, body }, size({}))).body, "[200000]");
  assert.equal((await ask({ headers, body }, size({ totalBytes: 100_000 }))).status, 413);
});

test("a slow reader holds the client back: what waits is bounded", async () => {
  let release = (): void => {};
  const wait = new Promise<void>((resolve) => {
    release = resolve;
  });
  let size = 0;
  await using bench = loopback(async (request) => {
    for await (const each of parts(request)) {
      for await (const chunk of each) {
        size += chunk.length;
        await wait;
      }
    }
    return text(String(size));
  });
  const client = bench.connect({ highWater: 65_536 });
  const content = Buffer.alloc(4_000_000, "x");
  const octets = wire({ headers: HEADERS, body: multipart([{ name: "f", filename: "f", content }]) });
  for (let at = 0; at < octets.length; at += 65_536) client.send(octets.subarray(at, at + 65_536));
  await bench.settled();
  assert.ok(client.pending > 3_000_000, `${client.pending} octets wait with the client`);
  release();
  assert.equal((await client.answer("POST")).body, "4000000");
});
