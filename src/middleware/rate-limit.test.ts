import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { type RateLimitOptions, rateLimit } from "./rate-limit.ts";

const get = (fields = ""): string => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

function limited(options: Partial<RateLimitOptions>): { bench: Loopback; clock: FakeClock } {
  const clock = new FakeClock();
  const limit = rateLimit({ limit: 3, window: 3000, clock, ...options });
  return { bench: loopback(stack(() => text("x"), limit)), clock };
}

const peer = (address: string): { peer: { address: string; port: number; secure: boolean } } => ({
  peer: { address, port: 1, secure: false },
});

test("so many at once, then one for each part of the window; replies say what is left and when there is more", async () => {
  const { bench, clock } = limited({});
  await using _bench = bench;
  const client = bench.connect(peer("192.0.2.1"));
  const ask = async (): Promise<unknown[]> => {
    const { status, headers } = await client.exchange(get());
    return [status, headers.get("ratelimit"), headers.get("ratelimit-policy"), headers.get("retry-after")];
  };
  const policy = '"default";q=3;w=3';
  assert.deepEqual(await ask(), [200, '"default";r=2;t=1', policy, undefined]);
  assert.deepEqual(await ask(), [200, '"default";r=1;t=1', policy, undefined]);
  assert.deepEqual(await ask(), [200, '"default";r=0;t=1', policy, undefined]);
  assert.deepEqual(await ask(), [429, '"default";r=0;t=1', policy, "1"]);
  clock.tick(999);
  assert.deepEqual(await ask(), [429, '"default";r=0;t=1', policy, "1"]);
  clock.tick(1);
  assert.deepEqual((await ask())[0], 200, "what was refused cost nothing");
  assert.deepEqual((await ask())[0], 429);
  clock.tick(60_000);
  assert.deepEqual(await ask(), [200, '"default";r=2;t=1', policy, undefined]);
});

test("the fractions of a clock are no second more", async () => {
  const { bench, clock } = limited({ limit: 4, window: 60_000 });
  await using _bench = bench;
  const client = bench.connect();
  clock.tick(100.3); // what is added to it and taken away again is off by its last bit
  assert.equal((await client.exchange(get())).headers.get("ratelimit"), '"default";r=3;t=15');
});

test("who comes when Retry-After says is let in", async () => {
  const { bench, clock } = limited({ limit: 7, window: 60_000 });
  await using _bench = bench;
  const client = bench.connect();
  for (let i = 0; i < 20; i++) {
    const { status, headers } = await client.exchange(get());
    if (status === 200) continue;
    clock.tick(Number(headers.get("retry-after")) * 1000);
    assert.equal((await client.exchange(get())).status, 200);
  }
});

test("no fraction of a window costs a request", async () => {
  for (const limit of [3, 7, 49, 97]) {
    const { bench, clock } = limited({ limit, window: 1000, name: false });
    await using _bench = bench;
    clock.tick(123_456.789);
    const client = bench.connect();
    let answered = 0;
    for (let i = 0; i < limit + 1; i++) answered += (await client.exchange(get())).status === 200 ? 1 : 0;
    assert.equal(answered, limit);
  }
});

test("clients are counted by address, those of IPv6 by their network, and IPv4 is IPv4 however it is written", async () => {
  const same: [string, string, "same" | "different"][] = [
    ["192.0.2.1", "192.0.2.2", "different"],
    ["192.0.2.1", "::ffff:192.0.2.1", "same"],
    ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "same"],
    ["2001:db8:0:1::1", "2001:0db8::1:0:0:0:9", "same"],
    ["2001:db8:0:1::1", "2001:db8:0:2::1", "different"],
    ["fe80::1%eth0", "fe80::2%eth0", "same"],
    ["::1", "::2", "same"],
    ["::ffff:c000:201", "::ffff:c000:202", "different"],
    ["::ffff:c000:201", "0:0:0:0:0:ffff:c000:0201", "same"],
    ["64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", "same"],
  ];
  for (const [one, other, kind] of same) {
    const { bench } = limited({ limit: 1 });
    await using _bench = bench;
    assert.equal((await bench.connect(peer(one)).exchange(get())).status, 200);
    assert.equal((await bench.connect(peer(other)).exchange(get())).status, kind === "same" ? 429 : 200, other);
  }
});

test("a key of one's own, and none for what is not counted; fields can be left out", async () => {
  const { bench } = limited({ limit: 1, key: (request) => request.headers.get("x-key"), name: false });
  await using _bench = bench;
  const client = bench.connect();
  assert.equal((await client.exchange(get("X-Key: a\r\n"))).headers.get("ratelimit"), undefined);
  const refused = await client.exchange(get("X-Key: a\r\n"));
  assert.deepEqual(
    [refused.status, refused.headers.get("ratelimit"), refused.headers.get("retry-after")],
    [429, undefined, "3"],
  );
  assert.equal((await client.exchange(get("X-Key: b\r\n"))).status, 200);
  for (let i = 0; i < 5; i++) assert.equal((await client.exchange(get())).status, 200);
});

test("of many keys so many are known: those that asked last", async () => {
  const clock = new FakeClock();
  const limit = rateLimit({ limit: 1, window: 1e9, keys: 100, clock, name: false, key: ({ target }) => target });
  const handler = limit(() => text("x"));
  const ask = (key: string): string => {
    try {
      handler({ target: key } as never);
      return "in";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const long = "k".repeat(8000);
  for (let i = 0; i < 100_000; i++) ask(`${i}${long}`);
  assert.equal(ask(`99999${long}`), "HTTP_RATE_LIMITED");
  assert.equal(ask(`99900${long}`), "HTTP_RATE_LIMITED");
  assert.equal(ask(`99899${long}`), "in", "forgotten: it is the one that asked longest ago");
});

test("numbers and names that cannot be are refused", () => {
  const good = { limit: 1, window: 1 };
  for (const wrong of [
    { limit: 0 },
    { limit: 1.5 },
    { window: 0 },
    { window: Number.POSITIVE_INFINITY },
    { keys: 0 },
    { name: 'a"' },
    { name: "" },
    { name: "a\r\nb" },
  ]) {
    assert.throws(() => rateLimit({ ...good, ...wrong }), { code: "USE_BAD_OPTION" }, JSON.stringify(wrong));
  }
});
