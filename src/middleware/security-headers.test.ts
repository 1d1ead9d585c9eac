import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { stack } from "../message/handler.ts";
import { text, upgrade } from "../message/reply.ts";
import { type Answer, loopback } from "../testing/index.ts";
import { type SecurityHeadersOptions, securityHeaders } from "./security-headers.ts";

async function ask(options: SecurityHeadersOptions = {}, path = "/", secure = false): Promise<Answer> {
  const handler = stack((request) => {
    if (request.path === "/gone") throw new HttpError(410);
    if (request.path === "/upgrade") return upgrade("x", (transport) => transport.end());
    return text("x", 200, request.path === "/own" ? { "content-security-policy": "default-src *" } : {});
  }, securityHeaders(options));
  await using loop = loopback(handler);
  const client = loop.connect({ peer: { address: "192.0.2.1", port: 1, secure } });
  return await client.exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`);
}

const NAMES = [
  "Content-Security-Policy",
  "X-Content-Type-Options",
  "X-Frame-Options",
  "Referrer-Policy",
  "Cross-Origin-Opener-Policy",
  "Cross-Origin-Resource-Policy",
];

test("every reply and refusal has them; what a handler says itself is kept, and a switch of protocols has none", async () => {
  for (const path of ["/", "/gone"]) {
    const { headers } = await ask({}, path);
    for (const name of NAMES) assert.notEqual(headers.get(name), undefined, `${path} ${name}`);
    assert.equal(headers.get("Permissions-Policy"), undefined);
  }
  const own = await ask({}, "/own");
  assert.deepEqual(own.headers.all("content-security-policy"), ["default-src *"]);
  const switched = await ask({}, "/upgrade");
  assert.deepEqual([switched.status, switched.headers.has("X-Frame-Options")], [101, false]);
});

test("Strict-Transport-Security goes over TLS alone", async () => {
  assert.equal((await ask({}, "/", false)).headers.has("strict-transport-security"), false);
  assert.equal((await ask({}, "/", true)).headers.get("strict-transport-security"), "max-age=15552000");
  assert.equal(
    (await ask({ strictTransportSecurity: false }, "/", true)).headers.has("strict-transport-security"),
    false,
  );
});

test("each can be another, or none", async () => {
  const { headers } = await ask({ frameOptions: false, referrerPolicy: "same-origin", permissionsPolicy: "camera=()" });
  assert.equal(headers.has("x-frame-options"), false);
  assert.equal(headers.get("referrer-policy"), "same-origin");
  assert.equal(headers.get("permissions-policy"), "camera=()");
});

test("an option that does not exist, and a value that cannot be sent, is refused when it is made", () => {
  assert.throws(() => securityHeaders({ csp: "x" } as never), { code: "USE_BAD_OPTION" });
  assert.throws(() => securityHeaders({ referrerPolicy: "a\r\nX-Evil: 1" }), { code: "USE_BAD_FIELD" });
});
