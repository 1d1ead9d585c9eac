import assert from "node:assert/strict";
import { test } from "node:test";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { hostAllowList } from "./host-allow-list.ts";

async function statusFor(hosts: readonly string[], head: string, secure = false): Promise<number> {
  await using loop = loopback(
    stack(() => text("x"), hostAllowList(hosts)),
    { leniency: { requireHost: false } },
  );
  const peer = { address: "192.0.2.1", port: 1, secure };
  return (await loop.connect({ peer }).exchange(`${head}\r\n\r\n`)).status;
}

const HOSTS = ["localhost", "Example.org:8080", "[::1]", "[2001:DB8:0:0::1]:81", "secure.example:443", "127.0.0.1"];

test("a listed host is answered, any other is 421: no name that was pointed here by its owner is", async () => {
  const cases: Record<string, 200 | 421> = {
    localhost: 200,
    "localhost:1234": 200,
    "LOCALHOST.": 200,
    "example.org:8080": 200,
    "example.org": 421,
    "example.org:80": 421,
    "www.example.org:8080": 421,
    "[::1]:9999": 200,
    "[0:0:0:0:0:0:0:1]": 200,
    "[2001:db8::1]:81": 200,
    "[2001:db8::1]": 421,
    "[::2]": 421,
    "127.0.0.1": 200,
    "127.0.0.2": 421,
    "evil.example": 421,
    "localhost.evil.example": 421,
    evillocalhost: 421,
    "127.0.0.1.evil.example": 421,
    "[:::]": 421,
  };
  for (const [host, wanted] of Object.entries(cases)) {
    assert.equal(await statusFor(HOSTS, `GET / HTTP/1.1\r\nHost: ${host}`), wanted, host);
  }
});

test("the authority of an absolute target is what counts, and no host at all is none that is listed", async () => {
  assert.equal(await statusFor(HOSTS, "GET http://localhost/ HTTP/1.1\r\nHost: localhost"), 200);
  assert.equal(await statusFor(HOSTS, "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example"), 421);
  assert.equal(await statusFor(HOSTS, "GET / HTTP/1.0"), 421);
  assert.equal(await statusFor(HOSTS, "GET / HTTP/1.1\r\nHost: "), 421);
});

test("the port that goes without saying is that of the connection's kind", async () => {
  assert.equal(await statusFor(HOSTS, "GET / HTTP/1.1\r\nHost: secure.example", true), 200);
  assert.equal(await statusFor(HOSTS, "GET / HTTP/1.1\r\nHost: secure.example", false), 421);
});

test("a list that is empty or has what is no host is refused when it is made", () => {
  for (const hosts of [[], [""], ["http://a"], ["a b"], ["a:"], ["a:99999"], ["::1"], ["a/b"], ["*.a"]]) {
    assert.throws(() => hostAllowList(hosts), { code: "USE_BAD_OPTION" }, String(hosts));
  }
});
