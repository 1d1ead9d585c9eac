import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { type Handler, type Middleware, stack } from "../message/handler.ts";
import type { ErrorPage } from "../message/refusal.ts";
import { page, type Reply, text } from "../message/reply.ts";
import { derive } from "../message/request.ts";
import { loopback } from "../testing/index.ts";
import { cors } from "./cors.ts";
import { errorPages } from "./error-pages.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\r\n";
const secret = new Error("secret");
const refusal = new HttpError(409, "Somebody was quicker.", { fields: { "X-Why": "race" } });

test("what is thrown or rejected is a reply to who stands outside, and the hook gets the very error [CH-39]", async () => {
  const failing: [Handler, unknown, number][] = [
    [
      () => {
        throw secret;
      },
      secret,
      500,
    ],
    [() => Promise.reject(secret), secret, 500],
    [
      () => {
        throw refusal;
      },
      refusal,
      409,
    ],
    [() => Promise.reject(refusal), refusal, 409],
  ];
  for (const [handler, thrown, status] of failing) {
    const told: unknown[] = [];
    const outside: number[] = [];
    const watching: Middleware = (next) => async (request) => {
      const reply = await next(request);
      outside.push(reply.status);
      return reply;
    };
    await using loop = loopback(stack(handler, watching, cors({ origins: "*" }), errorPages()), {
      hooks: { error: (error) => told.push(error) },
    });
    const client = loop.connect();
    const answer = await client.exchange(GET);
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*", "a 500 may be read as well");
    assert.doesNotMatch(answer.body, /secret/);
    assert.equal(told.length, 1);
    assert.equal(told[0], thrown);
    assert.deepEqual(outside, [status]);
    assert.equal((await client.exchange(GET)).status, status, "the connection lives");
  }
});

test("a page of one's own is used, and one that fails gives way", async () => {
  const make = (errorPage: () => Reply): Handler =>
    stack(() => {
      throw refusal;
    }, errorPages(errorPage));
  await using loop = loopback(make(() => page("<p>own</p>", 409)));
  const own = await loop.connect().exchange(GET);
  assert.deepEqual([own.body, own.headers.get("x-why")], ["<p>own</p>", "race"]);
  loop.server.handler = make(() => {
    throw new Error("the page");
  });
  assert.equal((await loop.connect().exchange(GET)).body, "409 Conflict\nSomebody was quicker.\n");
});

test("a reply goes through, now or later; a body that did not come is told of once; one that is too large ends the connection", async () => {
  const told: string[] = [];
  const handler = stack(async ({ method, body }) => text(method === "GET" ? "x" : await body.text()), errorPages());
  await using loop = loopback(handler, {
    limits: { bodyBytes: 3 },
    hooks: { error: (error) => told.push((error as { code: string }).code) },
  });
  assert.equal((await loop.connect().exchange(GET)).body, "x");
  const half = loop.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na").end();
  assert.equal((await half.answer()).status, 400);
  const large = loop.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na");
  const answer = await large.answer();
  assert.deepEqual([answer.status, answer.headers.get("connection")], [413, "close"]);
  assert.deepEqual(told, ["WIRE_UNFINISHED", "HTTP_BODY_TOO_LARGE"]);
  loop.server.handler = errorPages()(() => text("sync"));
  assert.equal((await loop.connect().exchange(GET)).body, "sync");
});

test("what is no reply is the engine's to refuse", async () => {
  const codes: unknown[] = [];
  await using loop = loopback(stack((() => "text") as never, cors({ origins: "*" }), errorPages()), {
    hooks: { error: (error) => codes.push((error as { code: string }).code) },
  });
  assert.equal((await loop.connect().exchange(GET)).status, 500);
  assert.deepEqual(codes, ["USE_NOT_A_REPLY"]);
});

const failing = stack(() => {
  throw refusal;
}, errorPages());
const ownPage: ErrorPage = (status, message) => page(`<p>${message}</p>`, status);

test("without a page of its own it makes the one that the server has", async () => {
  await using plain = loopback(failing);
  assert.equal((await plain.connect().exchange(GET)).body, "409 Conflict\nSomebody was quicker.\n");
  await using own = loopback(failing, { errorPage: ownPage });
  assert.equal((await own.connect().exchange(GET)).body, "<p>Somebody was quicker.</p>");
  const derived: Handler = (request) => failing(derive(request, { body: request.body }));
  await using behind = loopback(derived, { errorPage: ownPage });
  assert.equal((await behind.connect().exchange(GET)).body, "<p>Somebody was quicker.</p>");
});

test("a bug in a page is told to the error hook, whoever asked for the page", async () => {
  const bug = new Error("a bug of the page");
  const pages: [ErrorPage, told: unknown][] = [
    [
      () => {
        throw bug;
      },
      bug,
    ],
    [(() => "<p>text</p>") as never, "USE_NOT_A_REPLY"],
    [(async () => text("later")) as never, "USE_NOT_A_REPLY"],
  ];
  const throwing: Handler = () => {
    throw refusal;
  };
  for (const [errorPage, wanted] of pages) {
    const handlers: [Handler, { errorPage?: ErrorPage }][] = [
      [throwing, { errorPage }],
      [failing, { errorPage }],
      [stack(throwing, errorPages(errorPage)), {}],
    ];
    for (const [handler, options] of handlers) {
      const told: unknown[] = [];
      await using loop = loopback(handler, { ...options, hooks: { error: (error) => told.push(error) } });
      assert.equal((await loop.connect().exchange(GET)).body, "409 Conflict\nSomebody was quicker.\n");
      assert.equal(told.length, 2);
      assert.equal(told[0], refusal);
      assert.equal(typeof wanted === "string" ? (told[1] as { code: string }).code : told[1], wanted);
      assert.equal(loop.server.stats.failures, 1);
    }
  }
});
