import assert from "node:assert/strict";
import { test } from "node:test";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { sameOrigin } from "./same-origin.ts";

async function status(head: string, host = "house.example:8080", secure = false): Promise<number> {
  await using loop = loopback(stack(() => text("x"), sameOrigin({ allow: ["https://accounts.example"] })));
  const [line, ...fields] = head.split("\n").slice(0, -1);
  const request = [`${line} HTTP/1.1`, `Host: ${host}`, ...fields, "", ""].join("\r\n");
  const peer = { address: "192.0.2.1", port: 1, secure };
  return (await loop.connect({ peer }).exchange(request)).status;
}

test("what a page of another origin makes a browser send is refused where it would change something", async () => {
  const cases: [number, string][] = [
    [200, "POST /\n"],
    [200, "POST /\nSec-Fetch-Site: same-origin\n"],
    [200, "POST /\nSec-Fetch-Site: none\n"],
    [403, "POST /\nSec-Fetch-Site: cross-site\n"],
    [403, "POST /\nSec-Fetch-Site: same-site\n"],
    [403, "POST /\nSec-Fetch-Site: anything\n"],
    [403, "POST /\nSec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site\n"],
    [403, "DELETE /\nSec-Fetch-Site: cross-site\nOrigin: http://house.example:8080\n"],
    [200, "POST /\nSec-Fetch-Site: cross-site\nOrigin: https://accounts.example\n"],
    [200, "POST /\nOrigin: http://house.example:8080\n"],
    [200, "POST /\nOrigin: https://accounts.example\n"],
    [403, "POST /\nOrigin: http://house.example\n"],
    [403, "POST /\nOrigin: http://house.example:8081\n"],
    [403, "POST /\nOrigin: http://evil.example:8080\n"],
    [403, "POST /\nOrigin: null\n"],
    [403, "POST /\nOrigin: \n"],
    [403, "POST /\nOrigin: http://house.example:8080, http://evil.example\n"],
    [403, "POST /\nOrigin: http://house.example:8080@evil.example\n"],
    [403, "POST /\nOrigin: http://house.example:8080/\n"],
    [403, "POST /\nOrigin: http://house.example:8080\nOrigin: http://evil.example\n"],
    [403, "BREW /\nSec-Fetch-Site: cross-site\n"],
    [200, "GET /\nSec-Fetch-Site: cross-site\nOrigin: http://evil.example\n"],
    [200, "HEAD /\nSec-Fetch-Site: cross-site\n"],
    [200, "OPTIONS /\nSec-Fetch-Site: cross-site\nOrigin: http://evil.example\n"],
  ];
  for (const [wanted, head] of cases) assert.equal(await status(head), wanted, JSON.stringify(head));
});

test("the port that goes without saying is the scheme's", async () => {
  assert.equal(await status("POST /\nOrigin: https://house.example\n", "house.example"), 200);
  assert.equal(await status("POST /\nOrigin: https://house.example\n", "HOUSE.example:443"), 200);
  assert.equal(await status("POST /\nOrigin: http://house.example\n", "house.example:443"), 403);
  assert.equal(await status("POST /\nOrigin: http://[::1]:3000\n", "[::1]:3000"), 200);
  // Over TLS a page that came without it, which anybody on the way may have written, is of another origin.
  assert.equal(await status("POST /\nOrigin: http://house.example\n", "house.example", true), 403);
  assert.equal(await status("POST /\nOrigin: http://house.example:8443\n", "house.example:8443", true), 403);
  assert.equal(await status("POST /\nOrigin: https://house.example\n", "house.example", true), 200);
});

test("a WebSocket is no page's right either, though it begins with GET", async () => {
  const begin = "GET /\nConnection: Upgrade\nUpgrade: WebSocket\n";
  assert.equal(await status(`${begin}Origin: http://evil.example\n`), 403);
  assert.equal(await status(`${begin}Origin: http://house.example:8080\n`), 200);
});

test("an origin that no browser sends, or that any page can have, is refused when it is made", () => {
  for (const origin of ["accounts.example", "https://a/", "null", "*"]) {
    assert.throws(() => sameOrigin({ allow: [origin] }), { code: "USE_BAD_OPTION" }, origin);
  }
});
