// The two faces of a handler give the same octets for the same answer: whatever is asked, however the answer is made, and
// whatever the version of the peer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../src/base/errors.ts";
import type { FieldsInit } from "../../src/message/fields.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { reply } from "../../src/message/reply.ts";
import { inform } from "../../src/message/request.ts";
import { loopback } from "../../src/testing/index.ts";
import { turns } from "./strays.ts";

const REQUESTS: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
];

interface Answer {
  readonly status: number;
  readonly headers: FieldsInit;
  readonly pieces: readonly (string | Uint8Array)[];
}

const ANSWERS: readonly Answer[] = [
  { status: 200, headers: {}, pieces: [] },
  {
    status: 200,
    headers: { "Content-Type": "text/plain", B: ["1", "2"] },
    pieces: ["one", "twö", Uint8Array.of(0, 13, 10, 255)],
  },
  { status: 200, headers: { Connection: "close" }, pieces: ["x"] },
  { status: 200, headers: { "Content-Length": "4" }, pieces: ["ab", "cd"] },
  { status: 404, headers: {}, pieces: ["nothing"] },
  { status: 204, headers: {}, pieces: [] },
  { status: 304, headers: { ETag: '"x"' }, pieces: [] },
  { status: 200, headers: {}, pieces: ["x".repeat(70_000), "y".repeat(200_000)] },
];

/** The octets of the answer, and whether the connection ended. */
async function octetsOf(handler: Handler, request: string): Promise<string> {
  await using bench = loopback(handler);
  const client = bench.connect().send(request);
  await bench.settled();
  return `${client.received}(${client.ending ?? "open"})`;
}

/** Faces that send an answer in pieces. */
const STREAMED: Record<string, (answer: Answer) => Handler> = {
  "a generator":
    ({ status, headers, pieces }) =>
    () =>
      reply(
        status,
        headers,
        (async function* () {
          yield* pieces;
        })(),
      ),
  "a pipe":
    ({ status, headers, pieces }) =>
    () => {
      const pipe = new Pipe();
      for (const piece of pieces) pipe.write(copy(piece));
      pipe.end();
      return reply(status, headers, pipe);
    },
  "start, write, end": ({ status, headers, pieces }) =>
    imperative((_request, response) => {
      response.start(status, headers);
      for (const piece of pieces) response.write(copy(piece));
      response.end();
    }),
  "start, write, end with the last": ({ status, headers, pieces }) =>
    imperative((_request, response) => {
      response.start(String(status), headers);
      for (const piece of pieces.slice(0, -1)) response.write(copy(piece));
      response.end(pieces.length === 0 ? undefined : copy(pieces.at(-1) as string));
    }),
  "start, write, end, each in a turn of its own": ({ status, headers, pieces }) =>
    imperative(async (_request, response) => {
      await turns(1);
      response.start(status, headers);
      for (const piece of pieces) {
        await turns(1);
        response.write(copy(piece));
      }
      await turns(1);
      response.end();
    }),
  "a promise of a generator":
    ({ status, headers, pieces }) =>
    async () => {
      await turns(1);
      return reply(
        status,
        headers,
        (async function* () {
          for (const piece of pieces) {
            await turns(1);
            yield copy(piece);
          }
        })(),
      );
    },
};

/** Faces that send an answer as a whole. */
const WHOLE: Record<string, (answer: Answer) => Handler> = {
  "a reply":
    ({ status, headers, pieces }) =>
    () =>
      reply(status, headers, joined(pieces)),
  "a promise of a reply":
    ({ status, headers, pieces }) =>
    async () => {
      await turns(1);
      return reply(status, headers, joined(pieces));
    },
  send: ({ status, headers, pieces }) =>
    imperative((_request, response) => response.send(status, headers, joined(pieces))),
  "send, later": ({ status, headers, pieces }) =>
    imperative(async (_request, response) => {
      await turns(1);
      response.send(status, headers, joined(pieces));
    }),
};

function copy(piece: string | Uint8Array): string | Uint8Array {
  return typeof piece === "string" ? piece : piece.slice();
}

function joined(pieces: readonly (string | Uint8Array)[]): Uint8Array | null {
  return pieces.length === 0 ? null : Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
}

for (const [kind, faces] of [
  ["in pieces", STREAMED],
  ["as a whole", WHOLE],
] as const) {
  test(`an answer ${kind} is the same octets, whichever face made it`, async () => {
    for (const [index, answer] of ANSWERS.entries()) {
      for (const request of REQUESTS) {
        let first: string | undefined;
        for (const [name, make] of Object.entries(faces)) {
          const octets = await octetsOf(make(answer), request);
          first ??= octets;
          assert.equal(octets, first, `answer ${index} by ${name}, to ${JSON.stringify(request)}`);
        }
        assert.match(first ?? "", new RegExp(`^HTTP/1\\.1 ${answer.status} `));
      }
    }
  });
}

test("a failure before output is the same octets, whichever face it came from", async () => {
  for (const error of [new Error("secret"), new HttpError(409, "Busy."), "text"]) {
    const faces: Handler[] = [
      () => {
        throw error;
      },
      () => Promise.reject(error),
      imperative(() => {
        throw error;
      }),
      imperative(() => Promise.reject(error)),
      imperative(async () => {
        await turns(1);
        throw error;
      }),
    ];
    for (const request of REQUESTS) {
      const answers = await Promise.all(faces.map((face) => octetsOf(face, request)));
      assert.equal(new Set(answers).size, 1, JSON.stringify(answers));
    }
  }
});

test("what comes ahead of the answer is the same octets, whichever face sent it", async () => {
  const headers = { Link: "</a.css>" };
  const faces: Handler[] = [
    (request) => {
      inform(request, 103, headers);
      return reply(200, {}, "x");
    },
    imperative((request, response) => {
      inform(request, 103, headers);
      response.send(200, {}, "x");
    }),
  ];
  for (const request of REQUESTS) {
    const [one, other] = await Promise.all(faces.map((face) => octetsOf(face, request)));
    assert.equal(one, other);
  }
});

test("a body that is read is the same to both faces, with 100 Continue where it is awaited", async () => {
  const faces: Handler[] = [
    async (request) => reply(200, {}, await request.body.text()),
    imperative(async (request, response) => response.send(200, {}, await request.body.text())),
  ];
  for (const request of REQUESTS.slice(5)) {
    const [one, other] = await Promise.all(faces.map((face) => octetsOf(face, request)));
    assert.equal(one, other);
    assert.match(one ?? "", /abc\(open\)$/);
  }
});
