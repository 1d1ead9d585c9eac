import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../test/fixtures/ask.ts";
import { HttpError } from "../base/errors.ts";
import type { Answer } from "../testing/index.ts";
import { problemPage } from "./problem.ts";

async function page(error: unknown, accept?: string): Promise<Answer> {
  const headers = accept === undefined ? {} : { Accept: accept };
  return ask(
    { method: "GET", headers },
    () => {
      throw error;
    },
    { errorPage: problemPage },
  );
}

const WRONG = new HttpError(400, "The form is not filled in.", {
  code: "HTTP_BAD_PARAMETER",
  fields: { "X-Hint": "1" },
  issues: [{ parameter: "age", reason: "is no number" }],
});

test("a client that prefers JSON gets a problem as RFC 9457 writes it", async () => {
  for (const accept of ["application/json", "application/problem+json", "application/json, text/plain;q=0.5"]) {
    const answer = await page(WRONG, accept);
    assert.deepEqual(
      [answer.status, answer.headers.get("content-type"), answer.headers.get("vary"), answer.headers.get("x-hint")],
      [400, "application/problem+json", "Accept", "1"],
    );
    assert.deepEqual(JSON.parse(answer.body), {
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "The form is not filled in.",
      issues: [{ parameter: "age", reason: "is no number" }],
    });
  }
  assert.deepEqual(JSON.parse((await page(new HttpError(404), "application/json")).body), {
    type: "about:blank",
    title: "Not Found",
    status: 404,
  });
  assert.equal(JSON.parse((await page(new HttpError(499, "Odd."), "application/json")).body).title, "Status 499");
});

test("a browser gets a page that is whole in itself, and nothing on it is markup but ours", async () => {
  const evil = "<script>alert(1)</script>\"'&";
  const error = new HttpError(422, evil, { issues: [{ parameter: evil, reason: evil }] });
  const answer = await page(error, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
  assert.equal(answer.status, 422);
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(answer.headers.get("content-security-policy"), "default-src 'none'; style-src 'unsafe-inline'");
  assert.match(answer.body, /<title>422 Unprocessable Content<\/title>/);
  assert.match(answer.body, /color-scheme:light dark/);
  assert.doesNotMatch(answer.body, /<script|src=|href=|url\(|@import/);
  assert.equal(answer.body.split("&lt;script&gt;").length, 4);
});

test("anyone else gets text, with the parameters that were wrong", async () => {
  for (const accept of [undefined, "*/*", "text/plain", "image/png", "", "\u00ff;;,,q=x", "text/plain;q=0"]) {
    const answer = await page(WRONG, accept);
    assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8", accept);
    assert.equal(answer.body, "400 Bad Request\nThe form is not filled in.\nage: is no number\n");
  }
  const named = new HttpError(400, 'The parameter "age" is missing.', {
    issues: [{ parameter: "age", reason: "is missing" }],
  });
  assert.equal((await page(named)).body, '400 Bad Request\nThe parameter "age" is missing.\n');
});

test("of an error that is none of ours nothing is told, in any form", async () => {
  for (const accept of ["application/json", "text/html", "text/plain"]) {
    const answer = await page(new Error("secret /srv/secret"), accept);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.body, /secret| at |detail|stack/);
    assert.match(answer.body, /Internal Server Error/);
  }
});

test("without a request it is text", () => {
  assert.equal(problemPage(400, "", undefined, undefined).body, "400 Bad Request\n");
});
