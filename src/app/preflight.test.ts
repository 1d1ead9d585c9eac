// OPTIONS that the table answers in place of a route: what stands around the route sees it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import type { Middleware } from "../message/handler.ts";
import { withFields } from "../message/reply.ts";
import { cors } from "../middleware/cors.ts";
import { mux } from "../route/mux.ts";
import { type App, portico } from "./app.ts";
import type { AppOptions } from "./app-options.ts";

const ORIGIN = "https://a.example";
const A = cors({ origins: [ORIGIN], credentials: true });

async function preflight(app: App, url: string, method: string): Promise<readonly unknown[]> {
  const headers = { Origin: ORIGIN, "Access-Control-Request-Method": method };
  const { status, headers: said } = await app.inject({ url, method: "OPTIONS", headers });
  return [status, said.get("access-control-allow-origin"), said.get("access-control-allow-methods")];
}

const GRANTED = [204, ORIGIN, "GET, HEAD, POST, PUT, PATCH, DELETE"];

test("CORS of a route, of a group and of a group around it answers the preflight of the route [HS-39]", async () => {
  const app = portico();
  app.put("/route", () => "x", A);
  const group = app.group("/group", A);
  group.put("/x/{id:integer}", () => "x");
  group.group("/inner").delete("/y", () => "y");
  app
    .group("/late")
    .put("/z", () => "z")
    .use(A);
  const mounted = portico();
  mounted.group("/deep").put("/x", () => "x", A);
  app.mount("/mounted", mounted);
  app.group("/tables", A).mount(
    "/t",
    mux().on("PUT /x", () => ({}) as never),
  );
  app.put(["/one", "/two"], () => "x", A);
  for (const [path, method] of [
    ["/route", "PUT"],
    ["/group/x/7", "PUT"],
    ["/group/inner/y", "DELETE"],
    ["/late/z", "PUT"],
    ["/mounted/deep/x", "PUT"],
    ["/tables/t/x", "PUT"],
    ["/two", "PUT"],
  ] as const) {
    assert.deepEqual(await preflight(app, path, method), GRANTED, path);
  }
  const put = await app.inject({ url: "/route", method: "PUT", headers: { Origin: ORIGIN } });
  assert.deepEqual([put.status, put.headers.get("access-control-allow-origin")], [200, ORIGIN]);
});

test("a browser can PUT to a route with CORS of its own, and not to the one beside it [HS-39]", async () => {
  await using app = portico();
  app.put("/open", async ({ body }) => `put ${await body.text()}`, cors({ origins: "*" })).put("/closed", () => "x");
  await app.listen();
  const asks = { Origin: ORIGIN, "Access-Control-Request-Method": "PUT" };
  for (const [path, granted] of [
    ["open", "*"],
    ["closed", null],
  ] as const) {
    const { status, headers } = await fetch(`${app.url}${path}`, { method: "OPTIONS", headers: asks });
    assert.deepEqual([status, headers.get("access-control-allow-origin")], [204, granted], path);
  }
});

test("of several routes of a path it is the one that the preflight asks for; without such a one, the first", async () => {
  const seen: string[] = [];
  const named = (name: string): Middleware => {
    return (next) => async (request) => {
      seen.push(name);
      return withFields(await next(request), (fields) => fields.set("X-By", name));
    };
  };
  const app = portico()
    .get("/a", () => "", named("get"))
    .put("/a", () => "", named("put"))
    .delete("/{other}", () => "", named("delete"));
  const by = async (method: string): Promise<unknown> => {
    const headers = { Origin: ORIGIN, "Access-Control-Request-Method": method };
    const reply = await app.inject({ url: "/a", method: "OPTIONS", headers });
    assert.equal(reply.headers.get("allow"), "DELETE, GET, HEAD, OPTIONS, PUT");
    return reply.headers.get("x-by");
  };
  assert.deepEqual(
    [await by("GET"), await by("HEAD"), await by("PUT"), await by("DELETE")],
    ["get", "get", "put", "delete"],
  );
  assert.deepEqual([await by("PATCH"), await by("not a method")], ["get", "get"]);
  const plain = await app.inject({ url: "/a", method: "OPTIONS" });
  assert.deepEqual([plain.status, plain.headers.get("x-by")], [204, "get"]);
  assert.equal(seen.length, 7);
});

test("what stands around a route sees its params with OPTIONS too, may refuse it, and is asked once", async () => {
  const asked: unknown[] = [];
  const guard: Middleware = (next) => (request) => {
    asked.push([request.method, { ...request.params }]);
    if (request.params["team"] === "red") throw new HttpError(401);
    return next(request);
  };
  const app = portico();
  app.group("/teams/{team}", guard).put("/members/{rest...}", () => assert.fail("no handler answers OPTIONS"));
  const allowed = await app.inject({ url: "/teams/blue/members/a/b", method: "OPTIONS" });
  assert.deepEqual([allowed.status, allowed.headers.get("allow")], [204, "OPTIONS, PUT"]);
  assert.equal((await app.inject({ url: "/teams/red/members/a", method: "OPTIONS" })).status, 401);
  assert.deepEqual(asked, [
    ["OPTIONS", { team: "blue", rest: "a/b" }],
    ["OPTIONS", { team: "red", rest: "a" }],
  ]);
  assert.equal((await app.inject({ url: "/teams/blue/other", method: "OPTIONS" })).status, 404);
});

test("a handler for OPTIONS, and one for every method, answer by themselves", async () => {
  const app = portico()
    .put("/own", () => "put")
    .options("/own", () => "mine", A)
    .all("/all", ({ method }) => method, A);
  assert.deepEqual(await preflight(app, "/own", "PUT"), GRANTED);
  assert.equal(await (await app.inject({ url: "/own", method: "OPTIONS" })).body.text(), "mine");
  assert.deepEqual(await preflight(app, "/all", "PUT"), GRANTED);
  assert.equal(await (await app.inject({ url: "/all", method: "OPTIONS" })).body.text(), "OPTIONS");
});

test("the redirect to the other slash stands inside of what is around the route: a page of another origin can follow it", async () => {
  const options: AppOptions = { slash: "redirect" };
  const app = portico(options)
    .get("/tea/", () => "tea", A)
    .get("/cups", () => "cups", A)
    .get("/bare/", () => "bare");
  const moved = async (url: string): Promise<unknown> => {
    const { status, headers } = await app.inject({ url, headers: { Origin: ORIGIN } });
    return [status, headers.get("location"), headers.get("access-control-allow-origin")];
  };
  assert.deepEqual(await moved("/tea?x=1"), [307, "/tea/?x=1", ORIGIN]);
  assert.deepEqual(await moved("/cups/"), [307, "/cups", ORIGIN]);
  assert.deepEqual(await moved("/bare"), [307, "/bare/", undefined]);
});
