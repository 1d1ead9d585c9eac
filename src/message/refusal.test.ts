import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS, HttpError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import { empty, text } from "../message/reply.ts";
import { plainPage, refusal, statusOf } from "./refusal.ts";

test("an error of ours has the status of its code, anything else is 500", () => {
  assert.equal(statusOf(new HttpError(418)), 418);
  assert.equal(statusOf(new RemoteError("WIRE_TIMEOUT")), 408);
  assert.equal(statusOf(new LocalError("USE_STATE")), 500);
  assert.equal(statusOf(new TransportError("NET_CONNECT")), 502);
  const others: unknown[] = [
    new Error("x"),
    "x",
    0,
    null,
    undefined,
    { status: 200 },
    Object.assign(new Error("x"), { status: 200 }),
  ];
  for (const other of others) assert.equal(statusOf(other), 500);
});

test("of no error but an HttpError a word reaches the peer", () => {
  const errors: unknown[] = [
    new Error("secret"),
    "secret",
    { message: "secret" },
    new RemoteError("WIRE_BAD_FIELD", "secret"),
    new LocalError("USE_BAD_FIELD", "secret"),
    new TransportError("NET_CONNECT", "secret"),
    new HttpError(500, undefined, { cause: new Error("secret") }),
  ];
  for (const error of errors) {
    const { body } = refusal(plainPage, error, undefined);
    assert.doesNotMatch(String(body), /secret|USE_|WIRE_|NET_| at /);
    for (const { text: sentence } of Object.values(ERRORS)) assert.equal(String(body).includes(sentence), false);
  }
  assert.equal(
    refusal(plainPage, new HttpError(404, "No such board."), undefined).body,
    "404 Not Found\nNo such board.\n",
  );
  assert.equal(refusal(plainPage, new HttpError(404), undefined).body, "404 Not Found\n");
  assert.equal(refusal(plainPage, new HttpError(499), undefined).body, "499\n");
});

test("the page is asked with status and message, and one that fails or is none is not used", () => {
  const asked: unknown[] = [];
  const made = empty(204);
  const used = refusal(
    (status, message, request) => {
      asked.push(status, message, request);
      return made;
    },
    new HttpError(409, "Busy."),
    undefined,
  );
  assert.deepEqual([used, ...asked], [made, 409, "Busy.", undefined]);
  const wrong = [
    () => undefined,
    () => null,
    () => "page",
    () => ({ status: 200 }),
    async () => text("x"),
    async () => {
      throw new Error("a rejection that nobody handles would end the test");
    },
  ];
  for (const make of wrong) assert.equal(refusal(make as never, new HttpError(409), undefined).status, 409);
  const thrown = refusal(
    () => {
      throw new Error("x");
    },
    new HttpError(409),
    undefined,
  );
  assert.equal(thrown.status, 409);
});

test("a page that throws, gives what is no Reply, or is async is told of", async () => {
  const bug = new Error("a bug of the page");
  const wrong: [make: () => unknown, told: RegExp][] = [
    [() => "page", /gave string/],
    [() => undefined, /gave undefined/],
    [() => ({ status: 200 }), /gave object/],
    [async () => text("x"), /gave a promise: a page is made at once/],
  ];
  for (const [make, message] of wrong) {
    const told: unknown[] = [];
    assert.equal(refusal(make as never, new HttpError(409), undefined, (failure) => told.push(failure)).status, 409);
    assert.equal(told.length, 1, String(message));
    assert.ok(told[0] instanceof LocalError && told[0].code === "USE_NOT_A_REPLY");
    assert.match(told[0].message, message);
  }
  const thrown: unknown[] = [];
  const throwing = (): never => {
    throw bug;
  };
  assert.equal(refusal(throwing, new HttpError(409), undefined, (failure) => thrown.push(failure)).status, 409);
  assert.deepEqual(thrown, [bug]);
  const later: unknown[] = [];
  await new Promise<void>((resolve) => {
    const rejecting = async (): Promise<never> => throwing();
    refusal(rejecting as never, new HttpError(409), undefined, (failure) => later.push(failure) === 2 && resolve());
  });
  assert.equal(later[1], bug);
});

test("what the page depends on stays in Vary where the refusal has its own", () => {
  const page = () => text("page", 406, { Vary: "Accept", "X-Page": "page" });
  const fields = { vary: "Accept-Encoding, accept", "X-Page": "error" };
  const { headers } = refusal(page, new HttpError(406, undefined, { fields }), undefined);
  assert.deepEqual([headers.get("vary"), headers.get("x-page")], ["Accept, Accept-Encoding", "error"]);
});
