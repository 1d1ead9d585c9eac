// A program that has ended, while something that it has left behind still holds its output: what it wrote is the whole answer.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { gone, numbers, until } from "../../test/fixtures/programs.ts";
import { FakeClock } from "../base/clock.ts";
import type { Handler } from "../message/handler.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { cgi } from "./cgi.ts";
import { type ProcessPool, processes, type SpawnOptions } from "./process.ts";

const POSIX = { skip: onWindows("has neither sh nor process groups") };
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD = "Content-Type: text/plain\\n\\n";

interface Bench extends AsyncDisposable {
  readonly served: Loopback;
  readonly clock: FakeClock;
  readonly pool: ProcessPool;
  readonly errors: unknown[];
}

/** Programs whose time stands still: the one timer that is armed once a program has ended is that of what it has left behind. */
function programs(handler: (pool: ProcessPool) => Handler): Bench {
  const clock = new FakeClock();
  const pool = processes({ clock });
  const errors: unknown[] = [];
  const served = loopback(handler(pool), { hooks: { error: (error) => void errors.push(error) } });
  return { served, clock, pool, errors, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

const shell =
  (script: string, options: SpawnOptions = {}) =>
  (pool: ProcessPool): Handler =>
  (request) =>
    pool.spawn(request, "sh", ["-c", script], options);

/** What stays in the group of the program, and what leaves it; both have its output. */
const HOLDERS = [
  ["in its group", "sleep 100 &"],
  ["in a session of its own", "setsid sleep 100 &"],
] as const;

for (const [where, left] of HOLDERS) {
  test(
    `a program that ends while a child ${where} holds its output has answered, and is not cut off`,
    POSIX,
    async () => {
      await using bench = programs(shell(`${left} echo "done $!"`));
      const client = bench.served.connect().send(GET);
      const pids = numbers((await client.until(/done \d+\n/)).replace(/^[\s\S]*done/, ""));
      await until(() => bench.clock.armed === 1);
      bench.clock.tick(2000);
      await client.until("Exit-Status: 0\r\n\r\n");
      assert.equal(bench.pool.running, 0);
      if (where === "in its group") await gone(pids);
      else for (const pid of pids) process.kill(pid);
      assert.deepEqual(bench.errors, []);
    },
  );

  test(
    `a script that ends while a child ${where} holds its output is whole, also where its time is up`,
    POSIX,
    async () => {
      for (const milliseconds of [2000, 60_000]) {
        const script = `printf '${HEAD}'; ${left} echo "done $!"`;
        await using bench = programs((pool) => cgi("sh", { args: ["-c", script], pool, grace: milliseconds }));
        const client = bench.served.connect().send(GET);
        const pids = numbers((await client.until(/done \d+\n/)).replace(/^[\s\S]*done/, ""));
        await until(() => bench.clock.armed === 2);
        bench.clock.tick(milliseconds);
        await client.until("\r\n0\r\n");
        await until(() => bench.pool.running === 0);
        if (where === "in its group") await gone(pids);
        else for (const pid of pids) process.kill(pid);
        assert.deepEqual(bench.errors, []);
      }
    },
  );
}

test("the exit status of such a program is told, and a failure reported", POSIX, async () => {
  await using bench = programs(shell("sleep 100 & echo half; exit 3"));
  const client = bench.served.connect().send(GET);
  await client.until("half\n");
  await until(() => bench.clock.armed === 1);
  bench.clock.tick(2000);
  await client.until("Exit-Status: 3\r\n\r\n");
  assert.equal(bench.errors.length, 1);
});

test("a script that wrote no head is 502 then, and not 504", POSIX, async () => {
  await using bench = programs((pool) => cgi("sh", { args: ["-c", "sleep 100 & echo no head"], pool }));
  const client = bench.served.connect().send(GET);
  await until(() => bench.clock.armed === 2);
  bench.clock.tick(2000);
  assert.equal((await client.answer()).status, 502);
});

async function marker(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "portico-run-"));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, "go");
}

test("what a child adds within the grace belongs to the answer", POSIX, async (t) => {
  const go = await marker(t);
  const late = `(until [ -e '${go}' ]; do sleep 0.01; done; echo late) &`;
  await using bench = programs(shell(`${late} echo early`));
  const client = bench.served.connect().send(GET);
  await client.until("early\n");
  await until(() => bench.clock.armed === 1);
  bench.clock.tick(1999);
  await writeFile(go, "");
  await client.until("late\n");
  await client.until("Exit-Status: 0\r\n\r\n");
});

// So much that some of it stays in the pipe of the system when everything behind that is full, and fits in there.
const DEEP = { skip: process.platform !== "linux" && "its pipes hold less" };
test("a reader that is slow loses nothing of it", DEEP, async () => {
  await using bench = programs(shell("sleep 100 & head -c 150000 /dev/zero"));
  const client = bench.served.connect({ highWater: 1000 }).pause();
  client.send(GET);
  await until(() => bench.clock.armed === 1);
  for (let i = 0; i < 5; i++) {
    bench.clock.tick(2000);
    await until(() => bench.clock.armed === 1); // it is held back, and looked at again
  }
  client.resume();
  while (!client.received.endsWith("Exit-Status: 0\r\n\r\n")) {
    await bench.served.settled();
    bench.clock.tick(2000);
  }
  const { body } = await client.answer();
  assert.equal(body.length, 150_000);
});

test("a last line without an end is an event also where the output was not read to its end", POSIX, async () => {
  await using bench = programs(shell("sleep 100 & printf 'one\\ntwo'; printf three >&2", { events: true }));
  const client = bench.served.connect().send(GET);
  await client.until("one");
  await until(() => bench.clock.armed === 1);
  bench.clock.tick(2000);
  const events = await client.until("Exit-Status: 0\r\n\r\n");
  assert.match(events, /event: stdout\ndata: two\n\n/);
  assert.match(events, /event: stderr\ndata: three\n\n/);
});

test("events of a program that wrote nothing and failed do not pass for output", POSIX, async () => {
  await using bench = programs(shell("exit 3", { events: true, begin: "output" }));
  assert.equal((await bench.served.connect().exchange(GET)).status, 502);
});
