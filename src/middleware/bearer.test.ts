import assert from "node:assert/strict";
import { test } from "node:test";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { type Answer, loopback } from "../testing/index.ts";
import { type BearerOptions, bearer } from "./bearer.ts";
import { principalOf } from "./principal.ts";

async function ask(options: BearerOptions<unknown>, authorization?: string): Promise<Answer> {
  const field = authorization === undefined ? "" : `Authorization: ${authorization}\r\n`;
  await using loop = loopback(stack((request) => text(String(principalOf(request))), bearer(options)));
  return await loop.connect().exchange(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n`);
}

const tokens = { "abc-._~+/123==": "ada", other: "bob" };

test("who has a token is let in", async () => {
  assert.equal((await ask({ tokens }, "Bearer abc-._~+/123==")).body, "ada");
  assert.equal((await ask({ tokens }, "bearer other")).body, "bob");
  assert.equal((await ask({ verify: async (token) => token.length }, "Bearer four")).body, "4");
});

test("who sent none is asked for one; a wrong one, and what is none, is said to be invalid", async () => {
  const none = await ask({ tokens, realm: "api" });
  assert.deepEqual([none.status, none.headers.get("www-authenticate")], [401, 'Bearer realm="api"']);
  for (const authorization of [
    "Bearer wrong",
    "Bearer",
    "Bearer a b",
    "Bearer \u00ff",
    "Basic YTpi",
    "Bearer __proto__",
    `Bearer ${"x".repeat(9000)}`,
  ]) {
    const { status, headers } = await ask({ tokens, realm: "api" }, authorization);
    assert.deepEqual([status, headers.get("www-authenticate")], [401, 'Bearer realm="api", error="invalid_token"']);
  }
  assert.equal((await ask({ tokens }, "Bearer wrong")).headers.get("www-authenticate"), 'Bearer error="invalid_token"');
  assert.equal((await ask({ verify: () => false }, "Bearer wrong")).status, 401);
});

test("options that cannot be are refused when it is made", () => {
  for (const options of [{}, { tokens, verify: () => null }, { tokens: { "a b": "c" } }, { tokens, realm: "\n" }]) {
    assert.throws(() => bearer(options as BearerOptions), { code: "USE_BAD_OPTION" });
  }
});
