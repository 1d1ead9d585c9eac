import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { stack } from "../message/handler.ts";
import { json } from "../message/reply.ts";
import { authority } from "../message/request.ts";
import { loopback } from "../testing/index.ts";
import { clientOf } from "./client.ts";
import { type TrustProxiesOptions, trustProxies } from "./trust-proxies.ts";

interface Seen {
  readonly peer: string;
  readonly hook: string;
  readonly secure: boolean;
  readonly host: string;
  readonly left: string[];
}

const PROXIES = ["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"];

async function seen(
  fields: Record<string, string | string[]>,
  options: TrustProxiesOptions & { from?: string; proxies?: string[]; secure?: boolean } = {},
): Promise<Seen> {
  const { from = "127.0.0.1", proxies = PROXIES, secure = false, ...rest } = options;
  let hook = "";
  const handler = stack(
    (request) =>
      json({
        peer: request.peer.address,
        secure: request.peer.secure,
        host: authority(request).host,
        left: [...request.headers].map(([name]) => name).filter((name) => name !== "Host"),
      }),
    await trustProxies(proxies, rest),
  );
  const reply = (request: Parameters<typeof clientOf>[0]): void => {
    hook = clientOf(request).address;
  };
  await using loop = loopback(handler, { hooks: { reply } });
  const lines = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}\r\n`));
  const client = loop.connect({ peer: { address: from, port: 4711, secure } });
  const { body } = await client.exchange(`GET / HTTP/1.1\r\nHost: inner\r\n${lines.join("")}\r\n`);
  return { ...JSON.parse(body), hook };
}

test("the client is the first from the near end that is no proxy of ours; the hooks know it too", async () => {
  const cases: [string, Record<string, string | string[]>][] = [
    ["203.0.113.9", { "X-Forwarded-For": "203.0.113.9" }],
    ["203.0.113.9", { "X-Forwarded-For": "203.0.113.9, 10.1.2.3" }],
    ["203.0.113.9", { "X-Forwarded-For": ["203.0.113.9", "10.1.2.3"] }],
    ["203.0.113.9", { "X-Forwarded-For": "6.6.6.6, 127.0.0.1, 203.0.113.9, 10.1.2.3" }],
    ["10.9.9.9", { "X-Forwarded-For": "10.9.9.9, 10.1.2.3" }],
    ["203.0.113.9", { "X-Forwarded-For": "203.0.113.9:5555" }],
    ["2001:db8::1", { "X-Forwarded-For": "[2001:db8::1]:5555, 2001:db8:1::7" }],
    ["2001:db8::1", { "X-Forwarded-For": "2001:db8::1" }],
    ["127.0.0.1", { "X-Forwarded-For": "" }],
    ["127.0.0.1", {}],
    ["127.0.0.1", { "X-Forwarded-For": "unknown" }],
    ["10.1.2.3", { "X-Forwarded-For": "203.0.113.9, not an address, 10.1.2.3" }],
  ];
  for (const [wanted, fields] of cases) {
    const { peer, hook } = await seen(fields);
    assert.deepEqual([peer, hook], [wanted, wanted], JSON.stringify(fields));
  }
});

test("nothing that a client writes is believed, and nobody behind gets to see it", async () => {
  const fields = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "127.0.0.1",
    Forwarded: "for=127.0.0.1;proto=https",
    "X-Own": "stays",
  };
  const stranger = await seen(fields, { from: "198.51.100.1", host: true });
  assert.deepEqual(stranger, {
    peer: "198.51.100.1",
    hook: "198.51.100.1",
    secure: false,
    host: "inner",
    left: ["X-Own"],
  });
  const mapped = await seen({ "X-Forwarded-For": "6.6.6.6" }, { from: "::ffff:198.51.100.1" });
  assert.equal(mapped.peer, "::ffff:198.51.100.1");
  assert.equal((await seen({ "X-Forwarded-For": "6.6.6.6" }, { from: "::ffff:10.0.0.1" })).peer, "6.6.6.6");
});

test("whether the client came by TLS is what the proxy says that it came to", async () => {
  const cases: [boolean, Record<string, string>][] = [
    [true, { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https" }],
    [true, { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "HTTPS" }],
    [false, { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http" }],
    [true, { "X-Forwarded-For": "203.0.113.9, 10.1.2.3", "X-Forwarded-Proto": "https, http" }],
    [true, { "X-Forwarded-For": "203.0.113.9, 10.1.2.3", "X-Forwarded-Proto": "https" }],
    // The client wrote the first of each; the proxy appended.
    [false, { "X-Forwarded-For": "6.6.6.6, 203.0.113.9", "X-Forwarded-Proto": "https, http" }],
    [false, { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https, http" }],
    [false, { "X-Forwarded-For": "203.0.113.9" }],
  ];
  for (const [wanted, fields] of cases) {
    assert.equal((await seen(fields)).secure, wanted, JSON.stringify(fields));
  }
});

test("how a client came is believed of a proxy that does not say who the client is", async () => {
  type Case = [secure: boolean, peer: string, fields: Record<string, string>, kind?: "forwarded"];
  const cases: Case[] = [
    [true, "127.0.0.1", { "X-Forwarded-Proto": "https" }],
    [true, "127.0.0.1", { "X-Forwarded-Proto": "wss", "X-Forwarded-For": "" }],
    [true, "127.0.0.1", { "X-Forwarded-Proto": "https", "X-Forwarded-For": "unknown" }],
    [true, "127.0.0.1", { "X-Forwarded-Proto": "https", "X-Forwarded-For": "_hidden" }],
    [true, "127.0.0.1", { "X-Forwarded-Proto": "http, https", "X-Forwarded-For": "6.6.6.6, unknown" }],
    [false, "127.0.0.1", { "X-Forwarded-Proto": "https, http", "X-Forwarded-For": "6.6.6.6, unknown" }],
    [true, "10.1.2.3", { "X-Forwarded-Proto": "https, http", "X-Forwarded-For": "unknown, 10.1.2.3" }],
    // What a stranger said of himself stays unsaid.
    [false, "203.0.113.9", { "X-Forwarded-Proto": "https, http", "X-Forwarded-For": "unknown, 203.0.113.9" }],
    [true, "127.0.0.1", { Forwarded: "proto=https" }, "forwarded"],
    [true, "127.0.0.1", { Forwarded: "for=unknown;proto=https" }, "forwarded"],
    [true, "127.0.0.1", { Forwarded: 'for="_hidden:_p";proto=https' }, "forwarded"],
    [true, "10.1.2.3", { Forwarded: "for=unknown;proto=https, for=10.1.2.3;proto=http" }, "forwarded"],
    [false, "203.0.113.9", { Forwarded: "for=unknown;proto=https, for=203.0.113.9;proto=http" }, "forwarded"],
    [false, "127.0.0.1", { Forwarded: "for=unknown" }, "forwarded"],
  ];
  for (const [secure, peer, fields, kind = "x-forwarded"] of cases) {
    const result = await seen(fields, { fields: kind });
    assert.deepEqual([result.secure, result.peer, result.hook], [secure, peer, peer], JSON.stringify(fields));
    const own = await seen(fields, { fields: kind, from: "198.51.100.1", secure: false });
    assert.deepEqual([own.secure, own.peer], [false, "198.51.100.1"], JSON.stringify(fields));
  }
  const plain = await seen({ "X-Forwarded-Proto": "http" }, { secure: true });
  assert.deepEqual([plain.secure, plain.peer], [false, "127.0.0.1"]);
  const named = { "X-Forwarded-Host": "outer.example", "X-Forwarded-For": "unknown" };
  assert.equal((await seen(named, { host: true })).host, "outer.example");
  assert.equal((await seen({ "X-Forwarded-Host": "outer.example" }, { host: true })).host, "outer.example");
});

test("the host takes the place of Host where the proxies write it, and only where it is one", async () => {
  const named = (host: string): Record<string, string> => ({
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": host,
  });
  assert.equal((await seen(named("outer.example"))).host, "inner");
  assert.equal((await seen(named("outer.example:81"), { host: true })).host, "outer.example");
  for (const host of ["a b", "", "user@evil.example", "evil.example/x"]) {
    assert.equal((await seen(named(host), { host: true })).host, "inner", host);
  }
});

test("a quotation that a client leaves open swallows nothing of what the proxy appends to its line", async () => {
  for (const written of ['"', '127.0.0.1, "', '"127.0.0.1', '"\\', "'", "127.0.0.1;"]) {
    const fields = { "X-Forwarded-For": `${written}, 203.0.113.9`, "X-Forwarded-Proto": `${written}, http` };
    const { peer, secure } = await seen(fields);
    assert.deepEqual([peer, secure], ["203.0.113.9", false], written);
  }
  for (const written of [
    'for="',
    'for=127.0.0.1;x="',
    'for="127.0.0.1',
    'for=127.0.0.1;proto=https;x="\\',
    '"',
    'for=127.0.0.1, x="',
  ]) {
    for (const [wanted, appended] of [
      ["203.0.113.9", "for=203.0.113.9;proto=http"],
      ["203.0.113.9", 'for=203.0.113.9;proto=http;by="_a"'],
      ["2001:db8::1", 'for="[2001:db8::1]";proto=http'],
      ["2001:db8::1", 'for="[2001:db8::1]:80";by="[2001:db8::2]:443"'],
    ] as const) {
      const { peer, secure } = await seen({ Forwarded: `${written}, ${appended}` }, { fields: "forwarded" });
      assert.deepEqual([peer, secure], [wanted, false], `${written}, ${appended}`);
    }
  }
});

test("Forwarded is read where it is said to be written, and X-Forwarded-For then is not", async () => {
  const cases: [string, boolean, string | string[]][] = [
    ["203.0.113.9", true, "for=203.0.113.9;proto=https;host=outer.example"],
    ["2001:db8::1", false, 'For="[2001:db8::1]:4711";Proto=http, for=10.1.2.3;proto=https'],
    ["203.0.113.9", false, ["for=6.6.6.6", "for=203.0.113.9"]],
    ["203.0.113.9", false, 'for="203.0.113.9:80";by="_a;for=6.6.6.6"'],
    ["127.0.0.1", false, 'for="203.0.113.9:80";by="a,b;for=6.6.6.6"'],
    ["127.0.0.1", false, "for=unknown"],
    ["127.0.0.1", false, "for=_hidden"],
    ["10.1.2.3", false, "for=_hidden, for=10.1.2.3"],
    ["127.0.0.1", false, "for=6.6.6.6;for=203.0.113.9"],
    ["127.0.0.1", false, ";;;=,="],
    ["127.0.0.1", false, "for"],
    ["127.0.0.1", false, `for=6.6.6.6;x=${"y".repeat(2000)}`],
  ];
  for (const [wanted, secure, value] of cases) {
    const result = await seen({ Forwarded: value, "X-Forwarded-For": "6.6.6.6" }, { fields: "forwarded" });
    assert.deepEqual([result.peer, result.secure], [wanted, secure], String(value));
  }
  assert.equal((await seen({ Forwarded: "for=203.0.113.9" })).peer, "127.0.0.1");
});

test("named networks and unix sockets are known, and a long chain is not followed for ever", async () => {
  assert.equal((await seen({ "X-Forwarded-For": "1.2.3.4" }, { proxies: ["loopback"] })).peer, "1.2.3.4");
  assert.equal((await seen({ "X-Forwarded-For": "1.2.3.4" }, { proxies: ["unix"], from: "" })).peer, "1.2.3.4");
  assert.equal((await seen({ "X-Forwarded-For": "1.2.3.4" }, { proxies: ["loopback"], from: "" })).peer, "");
  const chain = new Array(1000).fill("10.0.0.1").join(",");
  assert.equal((await seen({ "X-Forwarded-For": `1.2.3.4,${chain}` })).peer, "10.0.0.1");
});

test("what is no proxy is refused when it is made", async () => {
  for (const proxies of [["proxy.example"], ["10.0.0.0/99"], [""], ["1.2.3"]]) {
    await assert.rejects(trustProxies(proxies), { code: "USE_BAD_OPTION" });
  }
  await assert.rejects(trustProxies([], { fields: "both" as never }), { code: "USE_BAD_OPTION" });
});

test("whatever a client writes, the client is an address, and never one that only a stranger named", async () => {
  const word = fc.oneof(
    fc.constantFrom("6.6.6.6", "10.0.0.1", "[2001:db8::9]:1", "for=6.6.6.6", 'for="[::9]"', "proto=https", "host=a"),
    fc.constantFrom(",", ";", '"', "=", "\\", "[", "]", ":", " ", "%", "unknown", "0x7f.1", "1.2.3.4.5"),
    fc.string({ maxLength: 8 }).map((text) => text.replace(/[^\x20-\x7e]/g, "")),
  );
  const value = fc.array(word, { maxLength: 12 }).map((words) => words.join("").trim());
  for (const fields of ["x-forwarded", "forwarded"] as const) {
    const handler = stack(({ peer }) => json(peer), await trustProxies(PROXIES, { fields, host: true }));
    await using loop = loopback(handler);
    const peer = { address: "198.51.100.1", port: 1, secure: false };
    const stranger = loop.connect({ peer });
    const proxy = loop.connect({ peer: { ...peer, address: "10.0.0.9" } });
    await fc.assert(
      fc.asyncProperty(value, value, async (one, other) => {
        const lines = `X-Forwarded-For: ${one}\r\nForwarded: ${one}\r\nX-Forwarded-Host: ${other}\r\nX-Forwarded-Proto: ${other}\r\n`;
        const request = `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
        assert.deepEqual(JSON.parse((await stranger.exchange(request)).body), peer);
        const { status, body } = await proxy.exchange(request);
        assert.equal(status, 200);
        assert.notEqual(isIP(JSON.parse(body).address), 0);
      }),
      { numRuns: 200, seed: 1 },
    );
  }
});
