import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, test } from "node:test";
import { TransportError } from "../base/errors.ts";
import { autostart } from "./autostart.ts";
import { forget, keep } from "./keep.ts";
import { servers, start, stop } from "./started.ts";

/** By a connection of its own. */
async function get(port: number, path = "/"): Promise<string> {
  const [answer] = (await once(http.get({ port, path, host: "127.0.0.1", agent: false }), "response")) as [
    http.IncomingMessage,
  ];
  let text = "";
  for await (const piece of answer.setEncoding("utf8")) text += piece;
  return text;
}
after(async () => {
  for (const port of servers().keys()) await stop(port);
});

test("servers on two ports answer with their own handler, and each is stopped by its port [EL-05] [EL-07]", async () => {
  const one = await start(() => "one", { port: 0 });
  const two = await start({ handler: () => "two" as never }, { port: 0 });
  assert.deepEqual([one.already, two.already], [false, false]);
  assert.equal(await get(one.port), "one");
  assert.equal(await get(two.port), "two");
  assert.deepEqual(new Set(servers().keys()), new Set([one.port, two.port]));
  assert.equal(await stop(one.port), true);
  await assert.rejects(once(net.connect(one.port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
  assert.equal(await get(two.port), "two");
  assert.equal(await stop(one.port), false);
  assert.equal(await stop(two.port), true);
});

test("a second start on a port leaves the first handler in place, and says so [EL-05]", async () => {
  const first = await start(() => "first", { port: 0 });
  const again = await start(() => "second", { port: first.port, host: "*", ifRunning: "keep" });
  assert.deepEqual(again, { server: first.server, port: first.port, already: true });
  assert.equal(await get(first.port), "first");
  await assert.rejects(
    start(() => "third", { port: first.port }),
    (error: unknown) => error instanceof TransportError && error.code === "NET_ADDRESS_IN_USE",
  );
  await first.server.close();
  assert.equal(servers().has(first.port), false);
  const anew = await start(() => "anew", { port: first.port, ifRunning: "keep" });
  assert.deepEqual([anew.already, await get(anew.port)], [false, "anew"]);
  await stop(anew.port);
});

test("a port is an integer, and port 0 is a free one [HS-01]", async () => {
  for (const port of [1.5, -1, 65_536, "8000", Number.NaN]) {
    await assert.rejects(
      start(() => "", { port: port as number }),
      { code: "USE_BAD_OPTION" },
      String(port),
    );
  }
  const { port, server } = await start(() => "here", { port: 0, host: "localhost" });
  assert.ok(port > 0);
  assert.deepEqual(server.listeners[0]?.address, { host: "127.0.0.1", port });
  await stop(port);
  await assert.rejects(
    start(() => "", { ifRunning: "maybe" as "keep" }),
    { code: "USE_BAD_OPTION" },
  );
});

test("the default server is started once, and again when it has ended", async () => {
  const lines: string[] = [];
  const sources = { env: {}, file: "/nowhere/portico.config.json", report: (line: string) => void lines.push(line) };
  const [first, same] = await Promise.all([autostart({ port: 0 }, sources), autostart({ port: 0 }, sources)]);
  assert.ok(first !== null && first === same);
  await first.close();
  const second = await autostart({ port: 0, table: { "GET /own": () => "own" as never } }, sources);
  assert.ok(second !== null && second !== first);
  assert.equal(await get(Number(new URL(second.url as string).port), "/own"), "own");
  await second.close();
  assert.deepEqual(lines, []);
});

test("what is kept is made once, until it is let go", () => {
  let made = 0;
  const make = (): number => ++made;
  assert.deepEqual([keep("n", make), keep("n", make), keep("other", make)], [1, 1, 2]);
  assert.deepEqual([forget("n"), forget("n"), keep("n", make)], [true, false, 3]);
  assert.throws(() => keep("bad", () => assert.fail("no")));
  assert.equal(
    keep("bad", () => "made"),
    "made",
  );
});
