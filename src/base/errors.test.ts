import assert from "node:assert/strict";
import { test } from "node:test";
import { asError, ERRORS, type ErrorCode, HttpError, LocalError, RemoteError, TransportError } from "./errors.ts";

test("every code has a status and a sentence that ends", () => {
  for (const [code, { status, text }] of Object.entries(ERRORS)) {
    assert.match(code, /^(WIRE|USE|NET|HTTP)_[A-Z_]+$/);
    assert.ok(status >= 400 && status <= 599, code);
    assert.match(text, /^[A-Z].*[.]$/, code);
  }
});

test("an error says its code, its status and what happened, and is of the class of its fault", () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const error = code.startsWith("WIRE")
      ? new RemoteError(code as never)
      : code.startsWith("USE")
        ? new LocalError(code as never)
        : code.startsWith("NET")
          ? new TransportError(code as never)
          : new HttpError(ERRORS[code].status, undefined, { code: code as never });
    assert.deepEqual([error.code, error.status], [code, ERRORS[code].status]);
    assert.ok(error instanceof Error);
    assert.match(error.name, /^(Remote|Local|Transport|Http)Error$/);
    if (!(error instanceof HttpError)) assert.equal(error.message, ERRORS[code].text);
  }
});

test("a detail is added to the sentence, and a cause is kept", () => {
  const cause = new Error("below");
  const error = new TransportError("NET_RESET", "(somewhere)", { cause });
  assert.ok(error.message.startsWith(ERRORS.NET_RESET.text) && error.message.endsWith(" (somewhere)"));
  assert.equal(error.cause, cause);
});

test("an HttpError says what the peer may read, and has a status from 400 to 599", () => {
  assert.deepEqual([new HttpError(404, "No such board.").message, new HttpError(404).message], ["No such board.", ""]);
  for (const status of [200, 399, 600, 404.5, Number.NaN]) {
    assert.throws(
      () => new HttpError(status),
      (error) => error instanceof LocalError && error.code === "USE_BAD_STATUS",
    );
  }
});

test("what was thrown becomes an Error whatever it is, and an Error stays itself", () => {
  const error = new HttpError(404);
  assert.equal(asError(error), error);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const value of [undefined, null, 1, "text", Symbol("s"), Object.create(null), { toString: null }, proxy]) {
    const made = asError(value);
    assert.ok(made instanceof Error);
    assert.ok(made.cause === value);
  }
  assert.equal(asError("text").message, "text");
});
