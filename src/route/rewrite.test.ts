import assert from "node:assert/strict";
import { test } from "node:test";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { derive } from "../message/request.ts";
import { loopback } from "../testing/loopback.ts";
import { mux } from "./mux.ts";
import { mountedPath } from "./params.ts";
import { original, restart, restartable, rewrite, withTrailingSlash } from "./rewrite.ts";

const where: Handler = (request) => text(`${request.path} ${request.query.get("x")} ${original(request).target}`);

async function ask(handler: Handler, target: string, body = ""): Promise<string> {
  await using bench = loopback(handler);
  const head = `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
  const answer = await bench.connect().exchange(head + body);
  return answer.status === 200 ? answer.body : `${answer.status} ${answer.headers.get("location")}`;
}

test("a path without a slash or a dot is sent to the one with a slash, its query kept [EL-23]", async () => {
  const handler = withTrailingSlash(where);
  const cases = {
    "/a": "302 /a/",
    "/a?x=1": "302 /a/?x=1",
    "//evil.org/a": "302 /evil.org/a/",
    "/a/": "/a/ null /a/",
    "/a.html": "/a.html null /a.html",
    "/": "/ null /",
    "/a.b/c": "302 /a.b/c/",
  };
  for (const [target, expected] of Object.entries(cases)) assert.equal(await ask(handler, target), expected, target);
});

test("a target is rewritten before it is looked up, and what came stays readable [CH-41]", async () => {
  const routes = mux().on("/new", where).on("/x", where);
  const change = rewrite((target) => {
    if (target === "/throw") throw new Error("no");
    return target === "/odd" ? "/a\r\nb" : target.replace("/old", "/new");
  });
  const handler = change(routes.handler);
  assert.equal(await ask(handler, "/old?x=1"), "/new 1 /old?x=1");
  assert.equal(await ask(handler, "/x"), "/x null /x");
  assert.deepEqual([await ask(handler, "/throw"), await ask(handler, "/odd")], ["500 undefined", "500 undefined"]);
});

test("a request is started again within, with its body, and not without end [CH-58]", async () => {
  let loops = 0;
  const routes = mux()
    .on("/a/{rest...}", (request) => restart(request, { target: "/b?x=2", method: "PUT" }))
    .on("PUT /b", async (request) => text(`${request.method} ${await request.body.text()} ${original(request).target}`))
    .on("/loop", (request) => {
      loops++;
      return restart(request, {});
    });
  const handler = restartable(routes.handler, 5);
  assert.equal(await ask(handler, "/a/x", "tea"), "PUT tea /a/x");
  assert.equal(await ask(handler, "/loop"), "508 undefined");
  assert.equal(loops, 6);
  assert.equal(await ask(routes.handler, "/loop"), "500 undefined");
});

test("a restart begins where restartable() stands: outside the mount that it comes from, and without its params", async () => {
  const shown: Handler = (request) => text(`${mountedPath(request)} ${JSON.stringify(request.params)}`);
  const inner = mux()
    .on("/away/{id}", (request) => restart(request, { target: "/t/m/here" }))
    .on("/out/{id}", (request) => restart(request, { target: "/t/top/1", params: { own: "1" } }))
    .on("/here", shown);
  const middle = mux().on("/m/{more...}", inner.handler).on("/top/{n}", shown);
  const outer = mux().on("/{tenant}/{rest...}", restartable(middle.handler));
  assert.equal(await ask(outer.handler, "/t/m/away/7"), '/here {"tenant":"t","rest":"m/away/7","more":"here"}');
  assert.equal(await ask(outer.handler, "/t/m/out/7"), '/top/1 {"own":"1","n":"1"}');
});

test("a target that is rewritten inside a mount stays below it", async () => {
  const inner = rewrite((target) => target.replace("/old", "/new"))(mux().on("/new", where).handler);
  const leaving = rewrite(() => "/mountain/new")(mux().on("/new", where).handler);
  const again = restartable((request) =>
    original(request) === request ? restart(request, { target: "/agains/x" }) : where(request),
  );
  const derived: Handler = (request) => inside.handler(derive(request, { target: "/derivedx" }));
  const inside = mux().on("/x", where);
  const outer = mux()
    .on("/mount/{rest...}", inner)
    .on("/mounts/{rest...}", leaving)
    .on("/again/{rest...}", again)
    .on("/derived/{rest...}", derived);
  assert.equal(await ask(outer.handler, "/mount/old?x=2"), "/mount/new 2 /mount/old?x=2");
  for (const path of ["/mounts/old", "/again/x", "/derived/x"]) {
    assert.equal(await ask(outer.handler, path), "500 undefined", path);
  }
  assert.equal(await ask(rewrite(() => "http://a/new")(outer.handler), "/mount/old"), "500 undefined");
});
