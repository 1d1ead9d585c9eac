// Real programs on a server in memory: what they write and read, how they end, and that nothing of them stays.
import assert from "node:assert/strict";
import { spawn as launch } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { ending, gone, numbers, runs } from "../../test/fixtures/programs.ts";
import { FakeClock } from "../base/clock.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Reply } from "../message/reply.ts";
import { text } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { loopback } from "../testing/index.ts";
import { processes, type SpawnOptions, spawn } from "./process.ts";

// The programs of the tests are those of every POSIX system.
const POSIX = { skip: onWindows("has neither sh nor process groups") };
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\n";

const shell = (script: string, options?: SpawnOptions) => (request: Request) =>
  spawn(request, "sh", ["-c", script], options);

test("what is read from the body and written goes on at once, and the exit status is a trailer", POSIX, async () => {
  await using bench = loopback((request) => spawn(request, "cat", [], { stdin: request.body }));
  const client = bench.connect().send(`${POST}Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n`);
  const head = await client.until("3\r\none\r\n");
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(head, /Content-Type: text\/plain; charset=utf-8\r\n/);
  client.send("3\r\ntwo\r\n");
  await client.until("3\r\ntwo\r\n");
  client.send("0\r\n\r\n");
  assert.equal(await client.until("\r\n\r\n"), "0\r\nExit-Status: 0\r\n\r\n");
});

test("no shell takes part: the arguments arrive as they are", POSIX, async () => {
  const args = ["%s|", "$(id) ; * > x", "", "'\"\n"];
  await using bench = loopback((request) => spawn(request, "printf", args));
  assert.equal((await bench.connect().exchange(GET)).body, "$(id) ; * > x||'\"\n|");
});

test("a program that does not read its input to the end is no failure", POSIX, async () => {
  const errors: unknown[] = [];
  await using bench = loopback((request) => spawn(request, "head", ["-c", "5"], { stdin: request.body }), {
    hooks: { error: (error) => void errors.push(error) },
  });
  const client = bench.connect().send(`${POST}Content-Length: 3000000\r\n\r\n`);
  client.send(Buffer.alloc(3_000_000, "a"));
  const { body, trailers } = await client.answer();
  assert.deepEqual([body, trailers?.get("exit-status")], ["aaaaa", "0"]);
  assert.deepEqual(errors, []);
});

test("text, bytes and iterables can be its input", POSIX, async () => {
  async function* words(): AsyncGenerator<string> {
    yield "a ";
    yield "few";
  }
  const inputs = { "/text": "text", "/bytes": Buffer.from("bytes"), "/words": words() };
  await using bench = loopback((request) =>
    spawn(request, "cat", [], { stdin: inputs[request.path as keyof typeof inputs] }),
  );
  const said: string[] = [];
  for (const path of Object.keys(inputs)) {
    said.push((await bench.connect().exchange(GET.replace("/", path))).body);
  }
  assert.deepEqual(said, ["text", "bytes", "a few"]);
});

test("a client that does not read holds the program back", POSIX, async () => {
  const done: string[] = [];
  await using bench = loopback((request) =>
    spawn(request, "sh", ["-c", "head -c 3000000 /dev/zero; echo written >&2; cat"], {
      stdin: request.body,
      onStderr: () => void done.push(request.path),
    }),
  );
  const held = bench.connect().pause();
  held.send(`${POST.replace("/", "/held")}Transfer-Encoding: chunked\r\n\r\n`);
  await bench.settled();
  // The same, read, has written everything: the other one could have too.
  const read = bench.connect().send(`${POST.replace("/", "/read")}Content-Length: 0\r\n\r\n`);
  await read.until((untaken) => untaken.length > 3_000_000 && untaken.endsWith("Exit-Status: 0\r\n\r\n"));
  assert.deepEqual(done, ["/read"]);
  held.resume().send("0\r\n\r\n");
  await held.until((untaken) => untaken.length > 3_000_000 && untaken.endsWith("Exit-Status: 0\r\n\r\n"));
  assert.deepEqual(done, ["/read", "/held"]);
});

test("standard error goes to a function line by line, and not to the client", POSIX, async () => {
  const lines: string[] = [];
  const script = "printf 'one\\ntwo \\303\\244\\r\\nthree' >&2; echo out";
  await using bench = loopback(shell(script, { onStderr: (line) => void lines.push(line) }));
  assert.equal((await bench.connect().exchange(GET)).body, "out\n");
  assert.deepEqual(lines, ["one", "two ä", "three"]);
});

test("standard error can be merged", POSIX, async () => {
  await using bench = loopback(shell("echo out; echo err >&2", { stderr: "merge" }));
  const { body } = await bench.connect().exchange(GET);
  assert.deepEqual(body.trim().split("\n").sort(), ["err", "out"]);
});

test("lines can be server-sent events, and the exit is the last", POSIX, async () => {
  await using bench = loopback(shell("echo one; echo two >&2; printf 50%%\\\\r100%%; exit 4", { events: true }));
  const { headers, body } = await bench.connect().exchange(GET);
  assert.equal(headers.get("content-type"), "text/event-stream");
  const events = body.split("\n\n").slice(0, -1);
  assert.equal(events.at(-1), 'event: exit\ndata: {"code":4,"signal":null}');
  assert.deepEqual(events.slice(0, -1).sort(), [
    "event: stderr\ndata: two",
    "event: stdout\ndata: 100%",
    "event: stdout\ndata: 50%",
    "event: stdout\ndata: one",
  ]);
});

test("of our environment only what is named goes along", POSIX, async () => {
  process.env["PORTICO_SECRET"] = "hunter2";
  try {
    await using bench = loopback((request) =>
      spawn(
        request,
        "env",
        [],
        request.path === "/all" ? { inherit: ["PORTICO_SECRET"] } : { env: { COLOUR: "blue" } },
      ),
    );
    const few = (await bench.connect().exchange(GET)).body;
    assert.match(few, /^PATH=/m);
    assert.match(few, /^COLOUR=blue$/m);
    assert.doesNotMatch(few, /SECRET/);
    assert.match((await bench.connect().exchange(GET.replace("/", "/all"))).body, /^PORTICO_SECRET=hunter2$/m);
  } finally {
    delete process.env["PORTICO_SECRET"];
  }
});

test("the working directory can be chosen", POSIX, async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "process-")));
  try {
    await using bench = loopback((request) => spawn(request, "pwd", [], { cwd: folder }));
    assert.equal((await bench.connect().exchange(GET)).body, `${folder}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("status and fields of the reply can be chosen", POSIX, async () => {
  const options = { status: 203, headers: { "Content-Type": "text/csv", "X-Made": "now" } };
  await using bench = loopback(shell("echo 1,2", options));
  const { status, headers } = await bench.connect().exchange(GET);
  assert.deepEqual([status, headers.get("content-type"), headers.get("x-made")], [203, "text/csv", "now"]);
});

test(
  "a failure ends the body in order, is reported with what the program said, and the client is not told",
  POSIX,
  async () => {
    const errors: unknown[] = [];
    await using bench = loopback(shell("echo half; echo no ink >&2; exit 3"), {
      hooks: { error: (error) => void errors.push(error) },
    });
    const client = bench.connect();
    const { body, trailers } = await client.exchange(GET);
    assert.deepEqual([body, trailers?.get("exit-status")], ["half\n", "3"]);
    assert.doesNotMatch(client.received, /ink/);
    const [error, ...more] = errors;
    assert.ok(error instanceof HttpError && error.code === "HTTP_PROCESS_FAILED" && more.length === 0);
    assert.equal((error.cause as Error).message, "sh exited with 3. It said: no ink");
  },
);

test("a program that a signal ends says so in the trailer", POSIX, async () => {
  const { onExit, exit } = ending();
  await using bench = loopback(shell("echo x; kill -9 $$", { onExit }));
  const { trailers } = await bench.connect().exchange(GET);
  assert.deepEqual([trailers?.get("exit-signal"), trailers?.has("exit-status")], ["SIGKILL", false]);
  const { code, signal, stopped, bytes } = await exit;
  assert.deepEqual([code, signal, stopped, bytes], [null, "SIGKILL", null, 2]);
});

test("a failure can cut the connection instead, so that the client can tell", POSIX, async () => {
  await using bench = loopback(shell("echo half; exit 3", { failure: "cut" }));
  const client = bench.connect().send(GET);
  await client.until("half");
  assert.equal(await client.closed, "reset");
});

test("a reply that waits for output has the status of a failure", POSIX, async () => {
  const errors: unknown[] = [];
  await using bench = loopback(
    (request) => spawn(request, "sh", ["-c", request.path.slice(1).replace("_", " ")], { begin: "output" }),
    { hooks: { error: (error) => void errors.push(error) } },
  );
  const statuses: number[] = [];
  for (const script of ["exit_3", "exit_0", "echo"]) {
    statuses.push((await bench.connect().exchange(GET.replace("/", `/${script}`))).status);
  }
  assert.deepEqual(statuses, [502, 200, 200]);
  assert.equal(errors.length, 1);
});

test("a program that is not there is 500, and the client learns nothing of it", POSIX, async () => {
  const errors: unknown[] = [];
  await using bench = loopback((request) => spawn(request, "/opt/none/such-program"), {
    hooks: { error: (error) => void errors.push(error) },
  });
  const client = bench.connect();
  assert.equal((await client.exchange(GET)).status, 500);
  assert.doesNotMatch(client.received, /such|ENOENT|spawn/);
  assert.ok(errors[0] instanceof HttpError && (errors[0].cause as NodeJS.ErrnoException).code === "ENOENT");
  assert.equal((await client.exchange(GET)).status, 500, "its place was given back, and the connection goes on");
});

test("arguments that cannot be given are an error of the handler", POSIX, async () => {
  await using bench = loopback((request) => spawn(request, "echo", ["a\0b"]));
  assert.equal((await bench.connect().exchange(GET)).status, 500);
  await using long = loopback((request) => spawn(request, "echo", ["x".repeat(10_000_000)]));
  assert.equal((await long.connect().exchange(GET)).status, 500);
});

const FAMILY = "sleep 100 & echo $$ $!; wait";

for (const [how, leave] of [
  ["a reset", "reset"],
  ["a FIN", "end"],
] as const) {
  test(`a client that leaves by ${how} takes the program and what it started along`, POSIX, async () => {
    const { onExit, exit } = ending();
    await using bench = loopback(shell(FAMILY, { onExit }));
    const client = bench.connect().send(GET);
    const pids = numbers(await client.until(/\d+ \d+\n/).then((head) => head.slice(head.indexOf("\r\n\r\n") + 6)));
    assert.ok(pids.length === 2 && pids.every(runs), String(pids));
    client[leave]();
    assert.equal((await exit).stopped, "left");
    await gone(pids);
  });
}

test("a FIN that comes with the request counts too: nothing is started, or it is ended", POSIX, async () => {
  const pool = processes();
  await using bench = loopback((request) => pool.spawn(request, "sh", ["-c", "sleep 100"]));
  const client = bench.connect().send(GET).end();
  await client.closed;
  while (pool.running > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(bench.server.stats.failures, 0);
});

test("a FIN behind a body that nobody reads is noticed", POSIX, async () => {
  const { onExit, exit } = ending();
  await using bench = loopback(shell("echo begun; sleep 100", { onExit }));
  const client = bench.connect().send(`${POST}Content-Length: 300000\r\n\r\n`).send(Buffer.alloc(300_000));
  await client.until("begun");
  client.end();
  assert.equal((await exit).stopped, "left");
});

test("a server that is closed at once ends its programs", POSIX, async () => {
  const { onExit, exit } = ending();
  await using bench = loopback(shell(FAMILY, { onExit }));
  const client = bench.connect().send(GET);
  const pids = numbers((await client.until(/\d+ \d+\n/)).replace(/^[\s\S]*\r\n\r\n\w+\r\n/, ""));
  await bench.server.close({ mode: "abort" });
  assert.equal((await exit).stopped, "left");
  await gone(pids);
});

test("a signal asks the program to end, and what it writes until then is sent", POSIX, async () => {
  const stop = new AbortController();
  const { onExit, exit } = ending();
  const errors: unknown[] = [];
  const script = "trap 'echo bye; exit 5' TERM; echo begun; while true; do sleep 0.01; done";
  await using bench = loopback(shell(script, { signal: stop.signal, onExit }), {
    hooks: { error: (error) => void errors.push(error) },
  });
  const client = bench.connect().send(GET);
  await client.until("begun\n");
  stop.abort();
  await client.until("bye\n");
  await client.until("Exit-Status: 5\r\n\r\n");
  assert.deepEqual([(await exit).stopped, errors], ["signal", []]);
  const late = await bench.connect().exchange(GET);
  assert.deepEqual([late.status, late.body.includes("sleep")], [200, false], "aborted already: it is ended at once");
});

test("who does not end when asked is made to, after the grace", POSIX, async () => {
  const clock = new FakeClock();
  const { onExit, exit } = ending();
  const pool = processes({ clock });
  await using bench = loopback((request) =>
    pool.spawn(request, "sh", ["-c", `trap '' TERM; ${FAMILY}; while true; do sleep 1; done`], { onExit, grace: 3000 }),
  );
  const client = bench.connect().send(GET);
  const pids = numbers((await client.until(/\d+ \d+\n/)).replace(/^[\s\S]*\r\n\r\n\w+\r\n/, ""));
  client.reset();
  await bench.settled();
  clock.tick(2999);
  assert.ok(pids.every(runs));
  clock.tick(1);
  assert.equal((await exit).signal, "SIGKILL");
  await gone(pids);
});

test("what a program leaves behind when it ends is ended", POSIX, async () => {
  await using bench = loopback(shell("sleep 100 > /dev/null 2>&1 & echo $!"));
  const { body, trailers } = await bench.connect().exchange(GET);
  assert.equal(trailers?.get("exit-status"), "0");
  await gone(numbers(body));
});

test("a program has so much time, and what it takes beyond cuts the reply off", POSIX, async () => {
  const clock = new FakeClock();
  const pool = processes({ clock });
  const ends = [ending(), ending()];
  await using bench = loopback((request) =>
    request.path === "/"
      ? pool.spawn(request, "sh", ["-c", "echo begun; sleep 100"], { time: 5000, onExit: ends[0]?.onExit as never })
      : pool.spawn(request, "sleep", ["100"], { time: 5000, begin: "output", onExit: ends[1]?.onExit as never }),
  );
  const begun = bench.connect().send(GET);
  await begun.until("begun");
  const silent = bench.connect().send(GET.replace("/", "/silent"));
  while (pool.running < 2) await bench.settled();
  clock.tick(5000);
  assert.equal(await begun.closed, "reset");
  assert.equal((await silent.answer()).status, 504);
  for (const { exit } of ends) assert.equal((await exit).stopped, "time");
});

test("a program may write so much", POSIX, async () => {
  const { onExit, exit } = ending();
  await using bench = loopback((request) => spawn(request, "yes", [], { outputBytes: 100_000, onExit }));
  const client = bench.connect().send(GET);
  assert.equal(await client.closed, "reset");
  assert.ok(client.received.length < 110_000);
  assert.equal((await exit).stopped, "output");
});

test("a pool lets so many run and so many wait; the next is 503, and who leaves waits no longer", POSIX, async () => {
  const pool = processes({ limit: 1, queue: 2, retryAfter: 7 });
  await using bench = loopback((request) => pool.spawn(request, "cat", [], { stdin: request.body }));
  const open = `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`;
  const first = bench.connect().send(open);
  await first.until("1\r\nx\r\n");
  const leaver = bench.connect().send(open);
  const second = bench.connect().send(open);
  await bench.settled();
  assert.deepEqual([pool.running, pool.waiting], [1, 2]);
  const { status, headers } = await bench.connect().exchange(GET);
  assert.deepEqual([status, headers.get("retry-after")], [503, "7"]);
  leaver.end();
  await bench.settled();
  assert.deepEqual([pool.running, pool.waiting], [1, 1]);
  first.send("0\r\n\r\n");
  await second.until("1\r\nx\r\n");
  assert.deepEqual([pool.running, pool.waiting], [1, 0]);
  second.send("0\r\n\r\n");
  await second.until("Exit-Status: 0");
});

test("a second program for the same request is refused while the first runs, and not afterwards", POSIX, async () => {
  let refused: unknown;
  await using bench = loopback(async (request): Promise<Reply> => {
    const running = spawn(request, "echo", ["one"]);
    await assert.rejects(spawn(request, "echo", ["two"]), (error) => {
      refused = error;
      return true;
    });
    let output = "";
    for await (const chunk of (await running).body as AsyncIterable<Uint8Array>) output += String(chunk);
    return request.path === "/again" ? spawn(request, "echo", [output, "three"]) : text(output);
  });
  assert.equal((await bench.connect().exchange(GET)).body, "one\n");
  assert.ok(refused instanceof LocalError && refused.code === "USE_STATE");
  assert.equal((await bench.connect().exchange(GET.replace("/", "/again"))).body, "one\n three\n");
});

test("HEAD starts nothing, and HTTP/1.0 gets no trailer", POSIX, async () => {
  const { onExit, exit } = ending();
  await using bench = loopback(shell("echo x", { onExit }));
  const { status, headers } = await bench.connect().exchange(GET.replace("GET", "HEAD"));
  assert.deepEqual([status, headers.get("content-length")], [200, undefined]);
  const old = bench.connect().send("GET / HTTP/1.0\r\n\r\n");
  await old.closed;
  assert.match(old.received, /\r\n\r\nx\n$/);
  assert.equal((await exit).bytes, 2);
});

test("options that mean nothing are refused", async () => {
  for (const options of [{ limit: 0 }, { queue: -1 }, { retryAfter: Number.NaN }]) {
    assert.throws(() => processes(options), { code: "USE_BAD_OPTION" });
  }
  let refused: unknown;
  await using bench = loopback((request) => spawn(request, "echo", [], { time: -1 }), {
    hooks: { error: (error) => void (refused = error) },
  });
  assert.equal((await bench.connect().exchange(GET)).status, 500);
  assert.ok(refused instanceof LocalError && refused.code === "USE_BAD_OPTION");
});

test("what a listener throws is reported, and the program goes on", POSIX, async () => {
  const failure = new Error("the log is full");
  const errors: unknown[] = [];
  const onStderr = (): void => {
    throw failure;
  };
  await using bench = loopback(shell("echo err >&2; sleep 0.05; echo out", { onStderr }), {
    hooks: { error: (error) => void errors.push(error) },
  });
  assert.equal((await bench.connect().exchange(GET)).body, "out\n");
  assert.deepEqual(errors, [failure]);
});

test("a process that exits ends the programs that still run for it", POSIX, async () => {
  const handlers = new URL("./process.js", import.meta.url).href;
  const testing = new URL("../testing/index.js", import.meta.url).href;
  const script = `
    import { loopback } from ${JSON.stringify(testing)};
    import { spawn } from ${JSON.stringify(handlers)};
    const client = loopback((request) => spawn(request, "sh", ["-c", "trap '' TERM; ${FAMILY}"])).connect();
    client.send("GET / HTTP/1.0\\r\\n\\r\\n");
    console.log(await client.until(/\\d+ \\d+\\n/));
    process.exit(0);`;
  const owner = launch(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  owner.stdout.on("data", (chunk) => (output += chunk));
  await once(owner, "close");
  const pids = numbers(output.slice(output.lastIndexOf("\r\n\r\n")));
  assert.equal(pids.length, 2);
  await gone(pids);
});

test("a program whose reply is not the one that is sent is ended", POSIX, async () => {
  const { onExit, exit } = ending();
  let told = (_pids: string): void => {};
  const started = new Promise<string>((resolve) => {
    told = resolve;
  });
  await using bench = loopback(async (request) => {
    await shell("sleep 100 & echo $$ $! >&2; wait", { onStderr: told, onExit })(request);
    await started;
    throw new HttpError(409);
  });
  assert.equal((await bench.connect().exchange(GET)).status, 409);
  await gone(numbers(await started));
  assert.equal((await exit).stopped, "left");
});

test("many programs can share a signal", POSIX, async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error): unknown => warnings.push(warning);
  process.on("warning", warned);
  const stop = new AbortController();
  await using bench = loopback(shell("echo begun; sleep 100", { signal: stop.signal }));
  const clients = Array.from({ length: 12 }, () => bench.connect().send(GET));
  await Promise.all(clients.map((client) => client.until((untaken) => untaken.includes("begun"))));
  stop.abort();
  await Promise.all(clients.map((client) => client.until((untaken) => untaken.includes("Exit-Signal"))));
  process.off("warning", warned);
  assert.deepEqual(warnings, []);
});

test("what a listener's promise rejects with is reported, and ends nothing", POSIX, async () => {
  const reported: string[] = [];
  const told = (name: string) => async () => {
    throw new Error(name);
  };
  const options = { onStderr: told("onStderr"), onExit: told("onExit") };
  await using bench = loopback(shell("echo err >&2; echo out", options), {
    hooks: { error: (error) => reported.push((error as Error).message) },
  });
  assert.equal((await bench.connect().exchange(GET)).body, "out\n");
  await bench.settled();
  assert.deepEqual(reported, ["onStderr", "onExit"]);
});
