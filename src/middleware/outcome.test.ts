import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { Fields } from "../message/fields.ts";
import type { Handler } from "../message/handler.ts";
import { Reply, text } from "../message/reply.ts";
import { addVary, outcome, withErrorFields } from "./outcome.ts";

const REQUEST = { target: "/" } as never;

test("a reply is handed on now or later, an error is another one, and what is no reply goes by", async () => {
  const boom = new Error("boom");
  const run = (handler: Handler): Reply | Promise<Reply> =>
    outcome(
      handler,
      REQUEST,
      ({ body }) => text(`${body}!`),
      (error) => new Error(`from ${(error as Error).message}`),
    );
  const now = run(() => text("now"));
  assert.equal(Reply.is(now) && now.body, "now!");
  assert.equal((await run(async () => text("later"))).body, "later!");
  assert.throws(
    () =>
      run(() => {
        throw boom;
      }),
    { message: "from boom" },
  );
  await assert.rejects(Promise.resolve(run(() => Promise.reject(boom))), { message: "from boom" });
  assert.equal(await run(() => "no reply" as never), "no reply");
});

test("a refusal with more fields is the same refusal to all who ask", () => {
  class Gone extends HttpError {
    readonly since = 1999;
  }
  const thrown = new Gone(410, "It is gone.", { fields: { Allow: "GET" }, cause: "why" });
  const seen = withErrorFields(thrown, (fields) => void fields.set("X-More", "1"));
  assert.ok(seen instanceof Gone && seen instanceof HttpError && seen instanceof Error);
  assert.deepEqual(
    [seen.status, seen.message, seen.since, seen.cause, seen.code],
    [410, "It is gone.", 1999, "why", "HTTP_REFUSED"],
  );
  assert.deepEqual([seen.fields, thrown.fields], [{ Allow: "GET", "X-More": "1" }, { Allow: "GET" }]);
  assert.equal(seen.stack, thrown.stack);
});

test("any other error, and one whose fields cannot be sent, is left as it is", () => {
  const bad = new HttpError(410, undefined, { fields: { "X-A": "a\r\nb" } });
  for (const error of [new Error("x"), "text", undefined, bad]) {
    assert.equal(
      withErrorFields(error, () => {}),
      error,
    );
  }
});

test("Vary keeps what it has, in one line, and says nothing twice", () => {
  const vary = (before: readonly string[], ...names: string[]): string[] => {
    const fields = new Fields({ Vary: before });
    addVary(fields, names);
    return fields.all("vary");
  };
  assert.deepEqual(vary([], "Origin"), ["Origin"]);
  assert.deepEqual(vary(["Cookie", "accept"], "Accept", "Origin"), ["Cookie, accept, Origin"]);
  assert.deepEqual(vary(["origin"], "Origin"), ["origin"]);
  assert.deepEqual(vary(["*"], "Origin"), ["*"]);
});
