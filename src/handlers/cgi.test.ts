// Programs behind CGI/1.1, as one-line scripts of a shell, on a server in memory.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { HttpError } from "../base/errors.ts";
import { reply, text } from "../message/reply.ts";
import { mux } from "../route/mux.ts";
import { restart, restartable } from "../route/rewrite.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { type CgiOptions, cgi } from "./cgi.ts";
import { rawHandler } from "./cgi-raw.ts";
import { processes } from "./process.ts";

const POSIX = { skip: onWindows("has neither sh nor process groups") };
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "printf 'Content-Type: text/plain\\n\\n'";

const script = (code: string, options: CgiOptions = {}) => cgi("sh", { args: ["-c", code], ...options });

/** The variables that a script sees. */
async function variables(bench: Loopback, request: string): Promise<Record<string, string>> {
  const { status, body } = await bench.connect().exchange(request);
  assert.equal(status, 200, body);
  return Object.fromEntries(
    body.split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

test("a script gets the variables of RFC 3875 and writes the answer", POSIX, async () => {
  await using bench = loopback(script(`${OK}; env`));
  const seen = await variables(
    bench,
    "POST /a%20b/c?x=1&y=%20 HTTP/1.1\r\nHost: example.org:81\r\nContent-Type: text/x\r\nContent-Length: 3\r\n" +
      "Accept: text/html\r\nAccept: */*\r\nCookie: a=1\r\nCookie: b=2\r\nUser-Agent: tea/1\r\n\r\nabc",
  );
  const expected = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_SOFTWARE: "Portico",
    SERVER_NAME: "example.org",
    SERVER_PORT: "81",
    REQUEST_METHOD: "POST",
    REQUEST_URI: "/a%20b/c?x=1&y=%20",
    SCRIPT_NAME: "",
    PATH_INFO: "/a b/c",
    QUERY_STRING: "x=1&y=%20",
    CONTENT_LENGTH: "3",
    CONTENT_TYPE: "text/x",
    HTTP_ACCEPT: "text/html, */*",
    HTTP_COOKIE: "a=1; b=2",
    HTTP_USER_AGENT: "tea/1",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(seen[name], value, name);
  assert.ok("REMOTE_ADDR" in seen);
});

const TEXTS: readonly (readonly [what: string, bytes: Buffer, text: string])[] = [
  ["UTF-8", Buffer.from("caf\u00e9 \u{1f375} \u00ff"), "caf\u00e9 \u{1f375} \u00ff"],
  ["ISO 8859-1", Buffer.from("caf\u00e9", "latin1"), "caf\u00e9"],
  ["ASCII", Buffer.from("cafe"), "cafe"],
  ["half a character", Buffer.of(0x61, 0xc3), "a\u00c3"],
];

for (const [what, bytes, value] of TEXTS) {
  test(`a header, a cookie and a type of ${what} reach the script encoded once`, POSIX, async () => {
    await using bench = loopback(script(`${OK}; env`));
    const sent = bytes.toString("latin1");
    const head = `GET / HTTP/1.1\r\nHost: a\r\nX-Tea: ${sent}\r\nX-Tea: b\r\nCookie: n=${sent}\r\nContent-Type: x/${sent}\r\n\r\n`;
    const seen = await variables(bench, head);
    const given = [seen["HTTP_X_TEA"], seen["HTTP_COOKIE"], seen["CONTENT_TYPE"]];
    const expected = [`${value}, b`, `n=${value}`, `x/${value}`].map((text) => Buffer.from(text).toString("latin1"));
    assert.deepEqual(given, expected);
  });
}

test("cookie lines are taken for what each of them is", POSIX, async () => {
  await using bench = loopback(script(`${OK}; env`));
  const seen = await variables(bench, "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=\xc3\xa9\r\nCookie: b=\xe9\r\n\r\n");
  assert.equal(seen["HTTP_COOKIE"], Buffer.from("a=\u00e9; b=\u00e9").toString("latin1"));
});

const WRONG_LENGTHS: readonly (readonly [body: string, declared: number])[] = [
  ["caf\u00e9", 4],
  ["caf\u00e9", 9],
  ["\u8336".repeat(10_000), 10_000],
];

for (const [body, declared] of WRONG_LENGTHS) {
  for (const version of ["1.1", "1.0"]) {
    test(
      `a body of ${Buffer.byteLength(body)} bytes whose script says ${declared} is whole over HTTP/${version}, and logged`,
      POSIX,
      async () => {
        const errors: unknown[] = [];
        const handler = cgi(process.execPath, {
          args: [
            "-e",
            `process.stdout.write("Content-Type: text/plain\\nContent-Length: ${declared}\\n\\n" + ${JSON.stringify(body)})`,
          ],
        });
        await using bench = loopback(handler, { hooks: { error: (error) => void errors.push(error) } });
        const client = bench.connect().send(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
        if (version === "1.0") assert.equal(await client.closed, "fin");
        const answer = await client.answer();
        assert.deepEqual([answer.status, answer.body], [200, Buffer.from(body).toString("latin1")]);
        const [error, ...more] = errors;
        assert.ok(error instanceof HttpError && error.code === "HTTP_PROCESS_FAILED" && more.length === 0);
        assert.match(String((error.cause as Error).message), /its Content-Length is \d+; bytes count, not characters/);
        assert.doesNotMatch(client.received, /counts|characters/);
      },
    );
  }
}

test("a length that is true is sent along, and a download with it", POSIX, async () => {
  const errors: unknown[] = [];
  const download = `printf 'Content-Type: a/b\\nContent-Length: 300000\\n\\n'; head -c 300000 /dev/zero`;
  await using bench = loopback(script(download), { hooks: { error: (error) => void errors.push(error) } });
  const client = bench.connect();
  const { headers, body } = await client.exchange(GET);
  assert.deepEqual([headers.get("content-length"), body.length], ["300000", 300_000]);
  const head = await client.exchange(GET.replace("GET", "HEAD"));
  assert.deepEqual([head.headers.get("content-length"), errors], ["300000", []]);
});

test("a length has no place where there is no body", POSIX, async () => {
  for (const status of [204, 205, 304]) {
    await using bench = loopback(script(`printf 'Status: ${status}\\nContent-Length: 5\\n\\nhello'`));
    const client = bench.connect();
    const { headers, body } = await client.exchange(GET);
    assert.deepEqual([headers.get("content-length"), body], [status === 205 ? "0" : undefined, ""]);
  }
});

test("the host that a script is told is that of the target, whatever Host says", POSIX, async () => {
  await using bench = loopback(script(`${OK}; env`));
  for (const target of ["http://b:81//evil.example/x", "HTTP://b:81/evil.example/x"]) {
    const seen = await variables(bench, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const given = [seen["SERVER_NAME"], seen["SERVER_PORT"], seen["HTTP_HOST"], seen["PATH_INFO"]];
    assert.deepEqual(given, ["b", "81", "b:81", "/evil.example/x"]);
  }
  const seen = await variables(bench, "GET //evil.example/x HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([seen["SERVER_NAME"], seen["HTTP_HOST"], seen["PATH_INFO"]], ["a", "a", "/evil.example/x"]);
  const old = await bench.connect().exchange("GET / HTTP/1.0\r\n\r\n");
  assert.doesNotMatch(old.body, /HTTP_HOST/);
});

test("what could be taken for something else does not get in", POSIX, async () => {
  process.env["PORTICO_SECRET"] = "hunter2";
  try {
    await using bench = loopback(script(`${OK}; env`));
    const seen = await variables(
      bench,
      "GET / HTTP/1.1\r\nHost: a\r\nProxy: http://evil/\r\nX_Real: 1\r\nAuthorization: Basic x\r\nConnection: close\r\n\r\n",
    );
    for (const name of ["HTTP_PROXY", "HTTP_X_REAL", "HTTP_AUTHORIZATION", "HTTP_CONNECTION", "PORTICO_SECRET"]) {
      assert.equal(seen[name], undefined, name);
    }
    await using open = loopback(
      script(`${OK}; env`, { pass: ["Authorization"], user: () => "ann", env: { TEA: "green" } }),
    );
    const passed = await variables(open, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\n\r\n");
    assert.deepEqual([passed["HTTP_AUTHORIZATION"], passed["REMOTE_USER"], passed["TEA"]], ["Basic x", "ann", "green"]);
  } finally {
    delete process.env["PORTICO_SECRET"];
  }
});

test("SCRIPT_NAME is where it is mounted, PATH_INFO what is behind it", POSIX, async () => {
  const handler = script(`${OK}; env`);
  const routes = mux()
    .on("/cgi/show/{rest...}", handler)
    .on("/own/{rest...}", script(`${OK}; env`, { script: "/own/x" }));
  await using bench = loopback(routes.handler);
  const seen = await variables(bench, GET.replace("/", "/cgi/show/a/b"));
  assert.deepEqual([seen["SCRIPT_NAME"], seen["PATH_INFO"]], ["/cgi/show", "/a/b"]);
  const own = await variables(bench, GET.replace("/", "/own/x/y"));
  assert.deepEqual([own["SCRIPT_NAME"], own["PATH_INFO"]], ["/own/x", "/y"]);
  const bare = await variables(bench, GET.replace("/", "/own/x"));
  assert.deepEqual([bare["SCRIPT_NAME"], bare["PATH_INFO"]], ["/own/x", ""]);
  for (const path of ["/cgi/show/a%2Fb", "/cgi/show/%00", "/cgi/show/%ff"]) {
    assert.equal((await bench.connect().exchange(GET.replace("/", path))).status, 404, path);
  }
});

test("the body is standard input; one without a length is gathered first, so far", POSIX, async () => {
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
  const echo = `${OK}; echo $CONTENT_LENGTH; cat`;
  await using bench = loopback(script(echo));
  assert.equal((await bench.connect().exchange(chunked)).body, "6\nabcdef");
  const declared = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  assert.equal((await bench.connect().exchange(declared)).body, "3\nabc");
  assert.equal((await bench.connect().exchange(GET)).body, "\n", "no body, no length");
  await using strict = loopback(script(echo, { spoolBytes: 0 }));
  assert.equal((await strict.connect().exchange(chunked)).status, 411);
  await using small = loopback(script(echo, { spoolBytes: 5 }));
  assert.equal((await small.connect().exchange(chunked)).status, 413);
});

const ANSWERS: readonly (readonly [what: string, output: string, status: number, location?: string])[] = [
  ["a status", "Status: 404 Gone fishing\\n\\nno", 404],
  ["lines that end in CR LF", "Status: 201\\r\\nContent-Type: text/x\\r\\n\\r\\n", 201],
  ["a redirect of the client", "Location: http://b/c\\n\\n", 302, "http://b/c"],
  ["a redirect with a status", "Status: 303\\nLocation: /c\\n\\n", 303, "/c"],
  ["a local redirect", "Location: /c?d\\n\\n", 302, "/c?d"],
  ["nothing", "", 502],
  ["no head", "hello\\n\\n", 502],
  ["no empty line", "Content-Type: text/plain\\n", 502],
  ["no field that CGI asks for", "X-Tea: green\\n\\n", 502],
  ["a status line", "HTTP/1.0 200 OK\\nContent-Type: text/x\\n\\n", 502],
  ["a status that is none", "Status: fine\\n\\n", 502],
  ["an interim status", "Status: 103\\n\\n", 502],
  ["a folded line", "Content-Type: a\\n b: c\\n\\n", 502],
  ["an octet that no field may have", "Content-Type: a\\001b\\n\\n", 502],
  ["a framing of its own", "Content-Type: a\\nTransfer-Encoding: chunked\\n\\n", 502],
  ["a length that is none", "Content-Type: a\\nContent-Length: many\\n\\nhello", 502],
  ["two lengths", "Content-Type: a\\nContent-Length: 5\\nContent-Length: 6\\n\\nhello", 502],
];

for (const [what, output, status, location] of ANSWERS) {
  test(`a script that writes ${what} is answered with ${status}`, POSIX, async () => {
    const errors: unknown[] = [];
    await using bench = loopback(script(`printf '${output}'`), {
      hooks: { error: (error) => void errors.push(error) },
    });
    const client = bench.connect();
    const answer = await client.exchange(GET);
    assert.deepEqual([answer.status, answer.headers.get("location")], [status, location]);
    assert.equal(errors.length, status === 502 ? 1 : 0);
    if (status === 502) assert.doesNotMatch(client.received, /tea|printf|CGI/i);
  });
}

test("the reason phrase of a status is sent, and what concerns the connection is not", POSIX, async () => {
  await using bench = loopback(script("printf 'Status: 404 Gone fishing\\nConnection: close\\nX-A: b\\n\\nno'"));
  const { reason, headers, body } = await bench.connect().exchange(GET);
  assert.deepEqual(
    [reason, headers.get("connection"), headers.get("x-a"), body],
    ["Gone fishing", undefined, "b", "no"],
  );
});

test("a head that is too long is refused, and the script ended", POSIX, async () => {
  await using bench = loopback(script("while true; do echo 'X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'; done"));
  assert.equal((await bench.connect().exchange(GET)).status, 502);
  const pool = processes();
  await using long = loopback(script("yes | tr -d '\\n'", { pool }));
  assert.equal((await long.connect().exchange(GET)).status, 502);
  while (pool.running > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("a script that fails before it writes is 502, and behind its head it is reported", POSIX, async () => {
  const errors: unknown[] = [];
  const hooks = { error: (error: unknown) => void errors.push(error) };
  await using early = loopback(script("echo why >&2; exit 2"), { hooks });
  assert.equal((await early.connect().exchange(GET)).status, 502);
  assert.match(String(((errors[0] as HttpError).cause as Error).message), /exited with 2\. It said: why/);
  await using late = loopback(script(`${OK}; echo half; exit 2`), { hooks });
  assert.equal((await late.connect().exchange(GET)).body, "half\n");
  assert.equal(errors.length, 2);
});

test("the body is sent while the script still writes, and the script ends with its client", POSIX, async () => {
  const pool = processes();
  await using bench = loopback(script(`${OK}; echo begun; sleep 100`, { pool }));
  const client = bench.connect().send(GET);
  await client.until("begun");
  assert.equal(pool.running, 1);
  client.end();
  while (pool.running > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("HEAD has no body, and the script runs to its end", POSIX, async () => {
  const ends: (number | null)[] = [];
  await using bench = loopback(
    script(`${OK}; echo body; sleep 0.05; exit 0`, { onExit: ({ code }) => void ends.push(code) }),
  );
  const { status, headers } = await bench.connect().exchange(GET.replace("GET", "HEAD"));
  assert.deepEqual(
    [status, headers.get("content-type"), headers.get("content-length")],
    [200, "text/plain", undefined],
  );
  while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ends, [0]);
});

test("an answer that has no body does not end the script", POSIX, async () => {
  const ends: unknown[] = [];
  const folder = await mkdtemp(join(tmpdir(), "portico-cgi-"));
  const code = `printf 'Status: 204\\n\\n'; until [ -e '${folder}/go' ]; do sleep 0.01; done; exit 7`;
  await using bench = loopback(script(code, { onExit: (exit) => void ends.push([exit.code, exit.stopped]) }));
  assert.equal((await bench.connect().exchange(GET)).status, 204);
  assert.deepEqual(ends, [], "it still works");
  await writeFile(join(folder, "go"), "");
  while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ends, [[7, null]]);
  await rm(folder, { recursive: true });
});

test("a local redirect can be answered within the server", POSIX, async () => {
  const routes = mux()
    .on(
      "/script",
      script("printf 'Location: /page?x=1\\n\\n'", {
        redirected: (request, target) => restart(request, { target, method: "GET" }),
      }),
    )
    .on("/page", (request) => text(`the page ${request.query.get("x")}`));
  await using bench = loopback(restartable(routes.handler));
  assert.equal((await bench.connect().exchange(GET.replace("/", "/script"))).body, "the page 1");
});

test("options that mean nothing are refused", () => {
  assert.throws(() => cgi("x", { spoolBytes: -1 }), { code: "USE_BAD_OPTION" });
  assert.throws(() => cgi("x", { script: "x/" }), { code: "USE_BAD_OPTION" });
  assert.throws(() => cgi("x", { pool: {} as never }), { code: "USE_BAD_OPTION" });
});

test("a raw handler that writes header lines first gets a status line; with a status line that is sent; others are as ever [CH-18]", async () => {
  const routes = mux()
    .on(
      "/lines",
      rawHandler((_, out) => void out.write("Content-Type: text/html\nX-Tea: green\n\n<p>tea</p>")),
    )
    .on(
      "/raw",
      rawHandler((_, out) => {
        out.write("HTTP/1.0 418 I'm a teapot\r\nContent-Type: text/plain\r\n");
        out.write("\r\nshort and stout");
      }),
    )
    .on("/usual", () => reply(203, { "X-Made": "as usual" }, "usual"));
  await using bench = loopback(routes.handler);
  const client = bench.connect();
  const lines = await client.exchange(GET.replace("/", "/lines"));
  assert.deepEqual([lines.status, lines.headers.get("x-tea"), lines.body], [200, "green", "<p>tea</p>"]);
  const raw = await client.exchange(GET.replace("/", "/raw"));
  assert.deepEqual([raw.status, raw.reason, raw.body], [418, "I'm a teapot", "short and stout"]);
  const usual = await client.exchange(GET.replace("/", "/usual"));
  assert.deepEqual([usual.status, usual.body], [203, "usual"]);
});

test("a raw handler that counts characters is framed by its bytes, and the bug reported", async () => {
  const errors: unknown[] = [];
  const body = "caf\u00e9";
  await using bench = loopback(
    rawHandler((_, out) => void out.write(`HTTP/1.0 200 OK\nContent-Length: ${body.length}\n\n${body}`)),
    { hooks: { error: (error) => void errors.push(error) } },
  );
  const client = bench.connect();
  for (let i = 1; i < 3; i++) {
    const answer = await client.exchange(GET);
    assert.equal(answer.body, Buffer.from(body).toString("latin1"));
    assert.equal(errors.length, i);
  }
  assert.match(String(((errors[0] as HttpError).cause as Error).message), /Content-Length is 4/);
});

test("a status line goes out as it was given: another phrase, none, a code that nobody knows [CH-18]", async () => {
  const lines: readonly (readonly [written: string, sent: string])[] = [
    ["HTTP/1.1 200 Fine", "200 Fine"],
    ["HTTP/1.1 404", "404 "],
    ["HTTP/1.1 200 ", "200 "],
    ["HTTP/1.0 299 Own\tway", "299 Own\tway"],
    ["HTTP/1.1 777 Lucky", "777 Lucky"],
    ["HTTP/1.1 777", "777 "],
    ["HTTP/1.1 200 \u00e9t\u00e9", "200 \xc3\xa9t\xc3\xa9"],
    ["Status: 404 Nothing here", "404 Nothing here"],
    ["Status: 404", "404 Not Found"],
    ["X-Tea: green", "200 OK"],
  ];
  for (const [written, sent] of lines) {
    await using bench = loopback(rawHandler((_, out) => void out.write(`${written}\r\nContent-Length: 1\r\n\r\nx`)));
    const client = bench.connect().send(GET);
    await bench.settled();
    assert.equal(client.received.slice(0, client.received.indexOf("\r\n")), `HTTP/1.1 ${sent}`, written);
  }
});

test("a raw handler may write later, and piece by piece", async () => {
  await using bench = loopback(
    rawHandler(async (request, out) => {
      for (const piece of ["X-A", ": b\n", "\n", "one, "]) out.write(piece);
      await null;
      out.write(await request.body.text());
    }),
  );
  const { headers, body } = await bench
    .connect()
    .exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo");
  assert.deepEqual([headers.get("x-a"), body], ["b", "one, two"]);
});

test("a raw handler that fails is 500, or what it throws; behind its head the connection is cut", async () => {
  const errors: unknown[] = [];
  const failures: Record<string, (out: { write(text: string): unknown }) => unknown> = {
    "/throws": () => {
      throw new HttpError(409);
    },
    "/headless": (out) => out.write("hello"),
    "/late": async (out) => {
      out.write("X: y\n\nbegun");
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error("late");
    },
  };
  await using bench = loopback(
    rawHandler((request, out) => failures[request.path]?.(out)),
    {
      hooks: { error: (error) => void errors.push(error) },
    },
  );
  assert.equal((await bench.connect().exchange(GET.replace("/", "/throws"))).status, 409);
  assert.equal((await bench.connect().exchange(GET.replace("/", "/headless"))).status, 500);
  const late = bench.connect().send(GET.replace("/", "/late"));
  assert.equal(await late.closed, "reset");
  assert.equal(errors.length, 3);
});
