// Scenario 7: requests that are sent elsewhere, by an answer that the client follows, or within, which it does not see.
import assert from "node:assert/strict";
import { Agent, get, type IncomingHttpHeaders } from "node:http";
import { test } from "node:test";
import { LocalError } from "../../src/base/errors.ts";
import { type Handler, stack } from "../../src/message/handler.ts";
import { page, redirect, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import {
  exact,
  mux,
  original,
  redirectTo,
  restart,
  restartable,
  rewrite,
  withTrailingSlash,
} from "../../src/route/index.ts";
import { createServer, type Server } from "../../src/server/index.ts";
import { type Answer, loopback } from "../../src/testing/index.ts";

async function ask(handler: Handler, target: string, method = "GET", body = ""): Promise<Answer> {
  await using bench = loopback(handler);
  const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
  return await bench.connect().exchange(`${method} ${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`);
}

function portOf(server: Server): number {
  const [listener] = server.listeners;
  assert.ok(listener !== undefined);
  return (listener.address as { port: number }).port;
}

test("a redirect has the location as it was given, a status of 3xx and nothing that could begin another field [EL-22]", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const { headers, ...answer } = await ask(() => redirect("/there?a=b#c", status), "/");
    assert.deepEqual([answer.status, headers.get("location")], [status, "/there?a=b#c"]);
  }
  for (const status of [200, 299, 400, 404]) {
    assert.throws(
      () => redirect("/x", status),
      (error) => error instanceof LocalError && error.code === "USE_BAD_STATUS",
    );
  }
  for (const location of ["/x\r\nSet-Cookie: a=b", "/x\ny", "/x\0"]) {
    for (const make of [() => redirect(location, 302), () => redirectTo(location)]) {
      assert.throws(make, (error) => error instanceof LocalError && error.code === "USE_BAD_FIELD", location);
    }
  }
  const { headers: far } = await ask(() => redirect("/caf\u00e9 \u2603"), "/");
  assert.equal(far.get("location"), "/caf%C3%A9%20%E2%98%83");
  const note = '<p>It is <a href="/there">there</a>.</p>';
  const noted = await ask(() => page(note, 302, { Location: "/there" }), "/");
  assert.deepEqual([noted.status, noted.headers.get("location"), noted.body], [302, "/there", note]);
});

test("a redirecting handler answers for now or for good, with a note in plain text, and 307 keeps the method [HS-21]", async () => {
  const routes = mux()
    .on("/now", redirectTo("/form"))
    .on("/good", redirectTo("/form", 301))
    .on("POST /form", async (request) => text(`${request.method} ${await request.body.text()}`));
  const now = await ask(routes.handler, "/now", "POST", "tea");
  const good = await ask(routes.handler, "/good");
  assert.deepEqual(
    [now.status, now.headers.get("location"), now.body],
    [307, "/form", "307 Temporary Redirect: /form\n"],
  );
  assert.deepEqual(
    [good.status, good.headers.get("location"), good.body],
    [301, "/form", "301 Moved Permanently: /form\n"],
  );
  assert.equal(now.headers.get("content-type"), "text/plain; charset=utf-8");
  // A client that follows it with the method that it had, as fetch does.
  const server = createServer(routes.handler);
  await server.listen(0);
  try {
    const followed = await fetch(`http://127.0.0.1:${portOf(server)}/now`, { method: "POST", body: "tea" });
    assert.deepEqual([followed.redirected, await followed.text()], [true, "POST tea"]);
  } finally {
    await server.close({ mode: "abort" });
  }
});

test("a handler returns a page or a redirect, as a parameter says [HS-22]", async () => {
  const handler: Handler = ({ query }) => (query.has("to") ? redirect(`/${query.get("to")}`, 303) : page("<p>Stay"));
  const [stayed, sent] = [await ask(handler, "/"), await ask(handler, "/?to=tea")];
  assert.deepEqual([stayed.status, stayed.body, stayed.headers.get("location")], [200, "<p>Stay", undefined]);
  assert.deepEqual([sent.status, sent.headers.get("location")], [303, "/tea"]);
});

test("a slash is added by a redirect that keeps the query, in the manner of each table [EL-23]", async () => {
  const shown: Handler = ({ path, query }) => text(`${path} ${query}`);
  const lax = mux({ slash: "redirect" }).on("/list/", shown).on("/page", shown);
  const mounted = mux().on("/x/{rest...}", lax.handler);
  const cases: readonly (readonly [Handler, string, string])[] = [
    [withTrailingSlash(shown), "/a?x=1&y", "302 /a/?x=1&y"],
    [withTrailingSlash(shown), "/a/b?", "302 /a/b/?"],
    [withTrailingSlash(shown, 308), "/a", "308 /a/"],
    [withTrailingSlash(shown), "/a.html?x", "/a.html x="],
    [withTrailingSlash(shown), "//evil.org/..", "/ "],
    [lax.handler, "/list?x=%20", "307 /list/?x=%20"],
    [lax.handler, "/page/?x", "307 /page?x"],
    [lax.handler, "//list?x", "307 /list/?x"],
    [lax.handler, "/list/?x", "/list/ x="],
    [mounted.handler, "/x/list?x=1", "307 /x/list/?x=1"],
    [mounted.handler, "/x/page/", "307 /x/page"],
  ];
  for (const [handler, target, expected] of cases) {
    const { status, headers, body } = await ask(handler, target);
    assert.equal(status === 200 ? body : `${status} ${headers.get("location")}`, expected, target);
  }
});

test("a URL is transformed before it is looked up; the one that came stays readable, and a failure is 500 [CH-41]", async () => {
  const told: unknown[] = [];
  const routes = mux().on("/new/{id}", (request) => {
    return text(`${request.target} ${request.path} ${request.query.get("q")} ${original(request).target}`);
  });
  const transformed = stack(
    routes.handler,
    rewrite((url, { method }) => {
      if (url.includes("broken")) throw new Error("secret");
      return url.replace(/^\/(\w+)\/older/, `/old/${method}`);
    }),
    rewrite((url) => (url.startsWith("/old") ? `/new${url.slice(4)}` : url)),
  );
  const bodyOf = async (target: string) => (await ask(transformed, target)).body;
  assert.equal(await bodyOf("/old/7?q=1"), "/new/7?q=1 /new/7 1 /old/7?q=1");
  assert.equal(await bodyOf("/much/older?q=2"), "/new/GET?q=2 /new/GET 2 /much/older?q=2");
  assert.equal(await bodyOf("/new/7"), "/new/7 /new/7 null /new/7");
  const errorPage = (status: number, message: string, request: Request | undefined) => {
    told.push(request === undefined ? undefined : original(request).target);
    return text(`${status} ${message}`, status);
  };
  await using bench = loopback(transformed, { errorPage });
  const answer = await bench.connect().exchange("GET /broken?a HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([answer.status, answer.body, told], [500, "500 ", ["/broken?a"]]);
});

test("a restart is served without the client, with another method and its fields, and ends at the limit [CH-58]", async () => {
  let turns = 0;
  const routes = mux()
    .on("/index", (request) => restart(request, { target: "/pages/home?from=index", headers: { "X-From": "index" } }))
    .on("/pages/{name}", ({ params, query, headers, method }) => {
      return text(`${method} ${params.name} ${query.get("from")} ${headers.get("x-from")}`);
    })
    .on("POST /count/{n:integer}", (request) => {
      turns++;
      return restart(request, { target: `/count/${Number(request.params.n) + 1}` });
    })
    .on("/ping", (request) => restart(request, { target: "/pong" }))
    .on("/pong", (request) => restart(request, { target: "/ping" }));
  await using bench = loopback(restartable(routes.handler, 7));
  const client = bench.connect();
  const home = await client.exchange("GET /index HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([home.status, home.body, bench.server.stats.requests], [200, "GET home index index", 1]);
  const counted = await client.exchange("POST /count/0 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([counted.status, turns], [508, 8]);
  assert.equal((await client.exchange("GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")).status, 508);
  assert.equal((await client.exchange("GET /index HTTP/1.1\r\nHost: a\r\n\r\n")).status, 200);
});

test("ten thousand redirects in one table are followed one after the other over one connection [HS-51]", async () => {
  const COUNT = 10_000;
  const hops = Array.from({ length: COUNT }, (_, i) => [`/r${i}`, redirectTo(`/r${i + 1}`, 301)] as const);
  const table = exact([...hops, [`/r${COUNT}`, () => text("home")]]);
  // A redirect is found by one look-up in a Map, whichever it is.
  const tree = mux();
  for (const [path, handler] of hops) tree.on(path as "/", handler);
  assert.equal(tree.find("GET", "", `/r${COUNT - 1}`), hops.at(-1)?.[1]);
  assert.equal(tree.steps, 0);

  const server = createServer(table.handler);
  await server.listen(0);
  const port = portOf(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const follow = (path: string): Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: string }> =>
    new Promise((resolve, reject) => {
      get({ host: "127.0.0.1", port, path, agent }, (response) => {
        let body = "";
        response.setEncoding("latin1");
        response.on("data", (piece: string) => (body += piece));
        response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
      }).on("error", reject);
    });
  try {
    let path = "/r0";
    let followed = 0;
    for (;;) {
      const { status, headers, body } = await follow(path);
      if (status !== 301) {
        assert.deepEqual([status, body], [200, "home"]);
        break;
      }
      followed++;
      path = headers.location as string;
    }
    assert.deepEqual([followed, server.stats.requests, server.stats.connections], [COUNT, COUNT + 1, 1]);
  } finally {
    agent.destroy();
    await server.close({ mode: "abort" });
  }
});
