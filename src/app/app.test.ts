import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { clearCookie, cookies, withCookie } from "../content/cookie.ts";
import { form } from "../content/parsers.ts";
import { t } from "../handlers/readers-types.ts";
import { typed } from "../handlers/typed.ts";
import type { Middleware } from "../message/handler.ts";
import { html } from "../message/html.ts";
import { reply, text, withFields } from "../message/reply.ts";
import { mux } from "../route/mux.ts";
import { type App, portico } from "./app.ts";
import { presets } from "./presets.ts";

async function said(app: App, request: Parameters<App["inject"]>[0]): Promise<string> {
  const { status, body } = await app.inject(request);
  return `${status} ${await body.text()}`;
}

/** Says its name before and after what it is around. */
const named = (name: string, said: string[]): Middleware => {
  return (next) => async (request) => {
    said.push(name);
    const reply = await next(request);
    said.push(`/${name}`);
    return withFields(reply, (fields) => fields.add("X-Through", name));
  };
};

test("hello world in three statements", async () => {
  const app = portico();
  app.get("/hello/{name}", ({ params }) => `Hello, ${params.name}`);
  await app.listen();

  assert.equal(await (await fetch(`${app.url}hello/you`)).text(), "Hello, you");
  assert.deepEqual((await app.close()).cut, 0);
});

test("every verb is a route, HEAD and OPTIONS come by themselves, 404, 405 and 501 too", async () => {
  const app = portico()
    .get("/a", () => "get")
    .post("/a", async ({ body }) => `post ${await body.text()}`)
    .put("/a", () => "put")
    .patch("/a", () => "patch")
    .delete("/a", () => undefined)
    .all("/any", ({ method }) => method)
    .on("REPORT /a", () => ["report"]);
  for (const [method, expected] of [
    ["GET", "200 get"],
    ["HEAD", "200 "],
    ["POST", "200 post x"],
    ["PUT", "200 put"],
    ["PATCH", "200 patch"],
    ["DELETE", "204 "],
    ["REPORT", '200 ["report"]'],
  ] as const) {
    assert.equal(await said(app, { url: "/a", method, body: method === "POST" ? "x" : null }), expected);
  }
  assert.equal(await said(app, { url: "/any", method: "PURGE" }), "200 PURGE");
  const options = await app.inject({ url: "/a", method: "OPTIONS" });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get("allow"), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, REPORT");
  const wrong = await app.inject({ url: "/a", method: "TRACE" });
  assert.equal(wrong.status, 501);
  assert.equal((await app.inject("/nowhere")).status, 404);
  assert.equal(
    (
      await portico()
        .post("/a", () => "")
        .inject("/a")
    ).status,
    405,
  );
});

test("what a handler returns is a reply: text, markup, JSON, octets, streams, Reply, Response, nothing", async () => {
  const app = portico()
    .get("/text", () => "é")
    .get("/markup", () => html`<p>${"<"}</p>`)
    .get("/json", () => ({ a: [1, null] }))
    .get("/null", () => null)
    .get("/octets", () => new Uint8Array([104, 105]))
    .get("/generator", async function* () {
      yield "a";
      yield "b";
    })
    .get("/reply", () => text("made", 201))
    .get("/response", () => new globalThis.Response("fetched", { status: 202 }))
    .get("/nothing", async () => {})
    .get("/error", () => new HttpError(409, "No."));
  const answers = await Promise.all(app.routes.map(({ path }) => said(app, path)));
  assert.deepEqual(answers, [
    "200 é",
    "200 <p>&lt;</p>",
    '200 {"a":[1,null]}',
    "200 null",
    "200 hi",
    "200 ab",
    "201 made",
    "202 fetched",
    "204 ",
    "409 409 Conflict\nNo.\n",
  ]);
});

test("an object that a peer sent and a handler echoes is JSON, whatever it imitates", async () => {
  const app = portico().post("/echo", ({ body }) => body.json());
  for (const imitated of [
    '{"status":201,"headers":[],"body":"x"}',
    '{"path":"/etc/passwd","start":0,"end":9}',
    '{"take":1}',
  ]) {
    assert.equal(await said(app, { url: "/echo", method: "POST", body: imitated }), `200 ${imitated}`);
  }
});

test("middleware of the app is around everything, misses too, in the order of use()", async () => {
  const order: string[] = [];
  const app = portico({ middleware: [named("first", order)] }).use(named("second", order), named("third", order));
  app.get("/", () => void order.push("handler"));
  const { headers } = await app.inject("/");
  assert.deepEqual(order.splice(0), ["first", "second", "third", "handler", "/third", "/second", "/first"]);
  assert.deepEqual(headers.all("x-through"), ["third", "second", "first"]);
  assert.equal((await app.inject("/nowhere")).status, 404);
  assert.deepEqual(order.splice(0), ["first", "second", "third"]);
});

test("groups have a prefix with parameters of its own, and middleware that also covers what came before it", async () => {
  const order: string[] = [];
  const app = portico();
  const team = app.group("/teams/{team}", named("team", order));
  team.get("/", ({ params }) => params.team);
  const members = team.group("/members");
  members.get("/{id:integer}", ({ params }) => `${params.team} ${params.id}`, named("route", order));
  team.use(named("late", order));
  assert.equal(await said(app, "/teams/red"), "200 red");
  assert.deepEqual(order.splice(0), ["team", "late", "/late", "/team"]);
  assert.equal(await said(app, "/teams/red/members/7"), "200 red 7");
  assert.deepEqual(order.splice(0), ["team", "late", "route", "/route", "/late", "/team"]);
  assert.equal(members.off("GET /{id:integer}"), true);
  assert.equal((await app.inject("/teams/red/members/7")).status, 404);
});

test("apps, muxes and handlers are mounted below a path, and see what is behind it", async () => {
  const blog = portico()
    .get("/", () => "blog")
    .get("/post/{id}", ({ params, path }) => `${params.id} ${path}`);
  const app = portico()
    .mount("/blog", blog)
    .mount(
      "/mux",
      mux().on("GET /x", () => text("mux")),
    )
    .mount("/raw", (request) => text(`raw ${request.path}`));
  assert.equal(await said(app, "/blog/"), "200 blog");
  assert.equal(await said(app, "/blog"), "200 blog");
  assert.equal(await said(app, "/blog/post/1"), "200 1 /blog/post/1");
  assert.equal(await said(app, "/mux/x"), "200 mux");
  assert.equal(await said(app, "/raw/a/b"), "200 raw /raw/a/b");
  assert.equal(await said(app, "/blogs"), "404 404 Not Found\n");
  blog.get("/{id}", ({ params }) => params);
  assert.equal(await said(app, "/blog/7"), '200 {"id":"7"}');
  assert.equal(await said(portico().mount("/{rest}/x", blog), "/1/x/7"), '200 {"rest":"1","id":"7"}');
  blog.get("/late", () => "late");
  assert.equal(await said(app, "/blog/late"), "200 late");
});

test("a redirect keeps the parameters and the query, and cannot be led elsewhere", async () => {
  const app = portico({ redirectStatus: 302 })
    .redirect("/users/{id}", "/people/{id}", 308)
    .redirect("/old/{path...}", "/new/{path...}")
    .redirect("/fixed", "/there?a=1");
  const there = async (url: string): Promise<string> => {
    const { status, headers } = await app.inject(url);
    return `${status} ${headers.get("location")}`;
  };
  assert.equal(await there("/users/a%2Fb%0d%0aX:%20y?q=1"), "308 /people/a%2Fb%0D%0AX%3A%20y?q=1");
  assert.equal(await there("/old/a%20b/c"), "302 /new/a%20b/c");
  assert.equal(await there("/fixed?b=2"), "302 /there?a=1");
  assert.throws(() => app.redirect("/x", "/y", 200), { code: "USE_BAD_STATUS" });
});

test("a running app is changed: routes come, go and are replaced, and a request in hand finishes on what it began with", async () => {
  const app = portico();
  let go = (): void => {};
  const gone = new Promise<void>((resolve) => (go = resolve));
  let entered = (): void => {};
  const inside = new Promise<void>((resolve) => (entered = resolve));
  app.get("/", async () => {
    entered();
    await gone;
    return "old";
  });
  const first = said(app, "/");
  await inside;
  app.replace("GET /", () => "new");
  assert.equal(await said(app, "/"), "200 new");
  go();
  assert.equal(await first, "200 old");
  assert.throws(() => app.get("/", () => "twice"), { code: "USE_PATTERN_CONFLICT" });
  assert.equal(app.off("GET /"), true);
  assert.equal(await said(app, "/"), "404 404 Not Found\n");
});

test("what no route matches is answered with whatever a route may answer", async () => {
  const app = portico({ fallback: ({ path }) => ({ lost: path }) });
  assert.equal(await said(app, "/a"), '200 {"lost":"/a"}');
});

test("what other routers write is refused with the way it is written here", () => {
  const app = portico();
  assert.throws(() => app.get("/users/:id", () => ""), { code: "USE_BAD_PATTERN", message: /\{id\}/ });
  assert.throws(() => app.get("/files/*", () => ""), { code: "USE_BAD_PATTERN", message: /\{name\.\.\.\}/ });
});

test("what cannot be meant is refused when it is said", () => {
  const app = portico();
  const anything = app as unknown as Record<"get" | "use" | "group", (...values: unknown[]) => unknown>;
  assert.throws(() => anything.get("/", "text"), { code: "USE_BAD_OPTION" });
  assert.throws(() => anything.get("/", () => "", null), { code: "USE_BAD_OPTION" });
  assert.throws(() => anything.get("no-slash", () => ""), { code: "USE_BAD_PATTERN" });
  assert.throws(() => anything.use("text"), { code: "USE_BAD_OPTION" });
  assert.throws(() => anything.group("admin"), { code: "USE_BAD_PATTERN" });
  assert.throws(() => portico({ colour: "red" } as object), { code: "USE_BAD_OPTION" });
  assert.throws(() => portico((() => "") as object), { code: "USE_BAD_OPTION" });
  assert.throws(() => app.mount("/x", {} as never), { code: "USE_BAD_OPTION" });
});

test("the compiler knows the parameters of a pattern", () => {
  const app = portico();
  app.get("/a/{id}/{rest...}", ({ params }) => {
    const id: string = params.id;
    // @ts-expect-error there is no such name in the pattern
    void params.other;
    return id + params.rest;
  });
  app.group("/g/{team}").get("/{id:integer}", ({ params }) => params.team + params.id);
  assert.throws(
    // @ts-expect-error the name stands twice
    () => app.get("/{id}/{id}", () => ""),
    { code: "USE_BAD_PATTERN" },
  );
  assert.throws(
    // @ts-expect-error the name stands twice, with that of the group
    () => app.group("/g/{id}").get("/h/{id}", () => ""),
    { code: "USE_BAD_PATTERN" },
  );
  const built: string = "/{post}";
  app.group("/of/{who}").get(built, ({ params }) => params.who + (params["post"] ?? ""));
});

test("what listen() and inject() do not know is refused, and said", async () => {
  const app = portico() as unknown as Record<
    "listen" | "inject" | "use" | "get",
    (...given: unknown[]) => Promise<unknown>
  >;
  const wrong: [unknown[], RegExp][] = [
    [[0, { tsl: {} }], /There is no option tsl of listen\(\)/],
    [[0, "0.0.0.0"], /\{ host: "0\.0\.0\.0", port \}/],
    [[0, () => {}], /no callback/],
    [[0, null], /an object/],
    [[0, { tls: {} }], /a key and a cert/],
    [[{ port: "4151" }], /port/],
    [[{ port: 0, hots: "::" }], /There is no hots in an address/],
    [[{ host: "192.0.2.1", port: 0 }], /EADDRNOTAVAIL/],
  ];
  for (const [given, message] of wrong) await assert.rejects(app.listen(...given), { message });
  await assert.rejects(app.inject({ url: "/", methd: "POST" }), { code: "USE_BAD_OPTION", message: /methd/ });
  await assert.rejects(app.inject({ url: "/", body: { a: 1 } }), { code: "USE_BAD_BODY" });
  app.get("/", () => "");
  assert.throws(() => app.use(async () => {}), { message: /\(next\) => \(request\) => next\(request\)/ });
});

test("what an app can do is data: methods, paths and the types of what is read [HS-05]", () => {
  const blog = portico()
    .get("/", () => "")
    .get("/{post}", () => "");
  const app = portico();
  app.get("/board/{id:integer}/{rest...}", () => "");
  app.group("/users").post(
    "/{id}",
    typed({ id: t.integer, size: t.integer.default(20), name: t.string.from("form") }, () => ""),
  );
  app.mount("/of/{who}", blog).mount("/raw", () => text(""));
  assert.deepEqual(
    app.routes.map(({ method, path, parameters }) => [
      `${method} ${path}`.trim(),
      ...parameters.map(
        ({ name, source, required, schema }) => `${name}${required ? "" : "?"} ${source}: ${schema.type}`,
      ),
    ]),
    [
      ["GET /board/{id:integer}/{rest...}", "id path: integer", "rest path: string"],
      ["POST /users/{id}", "id path: integer", "size? undefined: integer", "name form: string"],
      ["GET /of/{who}/", "who path: string"],
      ["GET /of/{who}/{post}", "who path: string", "post path: string"],
      ["/raw/{...}"],
    ],
  );
});

test("a typed handler is refused under a pattern that it does not go with", () => {
  const app = portico();
  const byPath = typed({ id: t.integer.from("path") }, () => "");
  assert.throws(() => app.get("/users", byPath), { code: "USE_BAD_PATTERN" });
  assert.throws(
    () =>
      app.get(
        "/{id}",
        typed({ id: t.integer.from("query") }, () => ""),
      ),
    { code: "USE_BAD_PATTERN" },
  );
  assert.deepEqual(app.routes, []);
  app.group("/{id}").get("/x", byPath);
});

test("a promise that a library made itself is waited for", async () => {
  // biome-ignore lint/suspicious/noThenProperty: what query builders return
  const query = { then: (done: (rows: unknown) => void) => void setImmediate(() => done([{ id: 1 }])) };
  const app = portico().get("/", () => query);
  assert.equal(await said(app, "/"), '200 [{"id":1}]');
});

test("an app without a socket answers as one with, down to its framing [EL-53]", async () => {
  const app = portico({ fields: { Server: "tea" } })
    .post("/echo", ({ body, headers }) => reply(200, { "X-Type": headers.get("content-type") ?? "" }, body))
    .get("/trailers", () => reply(200, {}, "x", { trailers: () => null }));
  async function* upload(): AsyncGenerator<string> {
    for (let i = 0; i < 1000; i++) yield "0123456789".repeat(100);
  }
  const echoed = await app.inject({ url: "/echo", method: "POST", headers: { "Content-Type": "x/y" }, body: upload() });
  assert.deepEqual([echoed.headers.get("x-type"), echoed.headers.get("server")], ["x/y", "tea"]);
  assert.equal((await echoed.body.bytes()).length, 1_000_000);
  const head = await app.inject({ url: "/trailers", method: "HEAD" });
  assert.equal(await head.body.text(), "");
});

test("a request without a socket has method, parameters, headers and a store of cookies [EL-53]", async () => {
  const app = portico()
    .get("/q", ({ query }) => [...query])
    .all("/form", async (request) => [request.method, request.headers.get("content-type"), await request.body.text()])
    .get("/cookies", (request) => Object.fromEntries(cookies(request)))
    .post("/login", async (request) => withCookie(text("in"), "id", `of ${(await form(request)).get("user")}; é`))
    .get("/theme", () => withCookie(withCookie(text("set"), "theme", "dark"), "other", "1", { expires: new Date(0) }))
    .post("/logout", () => withFields(text("out"), (fields) => fields.add("Set-Cookie", clearCookie("id"))));
  const params = { a: ["1", "b c"], n: 7, yes: true, "é&": "=" };
  const pairs = [
    ["x", "0"],
    ["a", "1"],
    ["a", "b c"],
    ["n", "7"],
    ["yes", "true"],
    ["é&", "="],
  ];
  assert.deepEqual(await (await app.inject({ url: "/q?x=0", params })).body.json(), pairs);
  assert.deepEqual(await (await app.inject({ url: "/q", params })).body.json(), pairs.slice(1));
  const FORM = "application/x-www-form-urlencoded";
  const sent = "a=1&a=b+c&n=7&yes=true&%C3%A9%26=%3D";
  for (const method of ["POST", "PUT", "PATCH"]) {
    assert.deepEqual(await (await app.inject({ url: "/form", method, params })).body.json(), [method, FORM, sent]);
  }
  const own = await app.inject({ url: "/form", method: "POST", params, body: "x", headers: { "Content-Type": "a/b" } });
  assert.deepEqual(await own.body.json(), ["POST", "a/b", "x"]);
  const removed = await app.inject({ url: "/form?b", method: "DELETE", params: { a: 1 } });
  assert.deepEqual(await removed.body.json(), ["DELETE", null, ""]);

  const store = new Map<string, string>();
  const seen = async (): Promise<unknown> => (await app.inject({ url: "/cookies", cookies: store })).body.json();
  assert.deepEqual(await seen(), {});
  await app.inject({ url: "/login", method: "POST", params: { user: "me" }, cookies: store });
  await app.inject({ url: "/theme", cookies: store });
  assert.deepEqual(
    [...store],
    [
      ["id", "of me; é"],
      ["theme", "dark"],
    ],
  );
  assert.deepEqual(await seen(), { id: "of me; é", theme: "dark" });
  await app.inject({ url: "/logout", method: "POST", cookies: store });
  assert.deepEqual([...store.keys()], ["theme"]);
  const plain = { url: "/cookies", cookies: { a: "1;2" }, headers: { Cookie: "b=3" } };
  assert.deepEqual(await (await app.inject(plain)).body.json(), { b: "3", a: "1;2" });
  await assert.rejects(app.inject({ url: "/", cookies: { "a b": "" } }), { code: "USE_BAD_FIELD" });
  await assert.rejects(app.inject({ url: "/", param: {} } as never), { code: "USE_BAD_OPTION" });
});

test("a request that is taken back, or that is never answered, rejects and holds nothing", async () => {
  const left: string[] = [];
  const app = portico().get("/slow", async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    left.push("left");
  });
  const taken = new AbortController();
  const pending = app.inject({ url: "/slow", signal: taken.signal });
  setImmediate(() => taken.abort(new Error("enough")));
  await assert.rejects(pending, /enough/);
  await assert.rejects(app.inject({ url: "/slow", signal: AbortSignal.abort() }), { name: "AbortError" });
  await app.close({ mode: "abort" });
  assert.deepEqual(left, ["left"]);
});

test("what was taken away or replaced from elsewhere stays so when its group gets middleware", async () => {
  const through: string[] = [];
  const app = portico();
  const group = app.group("/g");
  group.get("/gone", () => "gone").get("/{moved}", () => "old");
  group.get("/kept", () => "kept");
  app.off("GET /g/gone");
  app.mux.replace("GET /g/{other}", () => text("new"));
  group.use(named("late", through));
  assert.equal(await said(app, "/g/gone"), "200 new");
  assert.equal(await said(app, "/g/kept"), "200 kept");
  assert.deepEqual(through, ["late", "/late"]);
});

test("what is no path, no prefix, or no middleware is refused when it is registered", () => {
  const app = portico();
  for (const path of [/x/, ["/a", 1], ["/a", ["/b"]], undefined]) {
    assert.throws(() => app.get(path as unknown as string, () => ""), { code: "USE_BAD_PATTERN" });
    assert.throws(() => app.on(path as unknown as string, () => ""), { code: "USE_BAD_PATTERN" });
  }
  assert.throws(() => app.on("get /a", () => ""), { code: "USE_BAD_PATTERN", message: /GET/ });
  for (const prefix of ["/m/", "m"]) assert.throws(() => app.mount(prefix, portico()), { code: "USE_BAD_PATTERN" });
  const none = (() => undefined) as unknown as Middleware;
  assert.throws(() => app.get("/a", () => "", none), { code: "USE_BAD_OPTION" });
  assert.deepEqual(app.routes, []);
});

test("a redirect says again what was in the path, and puts the query before the fragment", async () => {
  const app = portico()
    .redirect("/old/{rest...}", "/new/{rest...}")
    .redirect("/part", "/whole#part")
    .redirect("/tea", "/té#ß");
  const to = async (path: string): Promise<string | undefined> => (await app.inject(path)).headers.get("location");
  assert.equal(await to("/old/a%2Fb%25%5C/c%20d?x=1"), "/new/a%2Fb%25%5C/c%20d?x=1");
  assert.equal(await to("/part?x=1"), "/whole?x=1#part");
  assert.equal(await to("/tea"), "/t%C3%A9#%C3%9F");
  assert.throws(() => app.redirect("/a", "/b\r\nX: c"), { code: "USE_BAD_FIELD" });
  app.redirect("/b", "/{nobody}");
  assert.equal((await app.inject("/b")).status, 500);
});

test("a path is injected as it stands: dots, doubled slashes and the asterisk reach the engine", async () => {
  const app = portico().get("/{rest...}", ({ target, path, headers }) => [target, path, headers.get("host")]);
  for (const [path, target, canonical] of [
    ["/a/../b", "/a/../b", "/b"],
    ["//a/%2e%2E/c\\d", "//a/%2e%2E/c\\d", "/c%5Cd"],
    ["/é x?q=é#top", "/%C3%A9%20x?q=%C3%A9", "/%C3%A9%20x"],
  ] as const) {
    assert.deepEqual(await (await app.inject(path)).body.json(), [target, canonical, "localhost"]);
  }
  assert.equal((await app.inject({ url: "*", method: "GET" })).status, 400);
});

test("an injected body that fails behind the reply's head fails the reply too", async () => {
  let begun = (): void => {};
  const answered = new Promise<void>((resolve) => (begun = resolve));
  const app = portico().post("/echo", ({ body }) => reply(200, {}, body));
  async function* failing(): AsyncGenerator<string> {
    yield "a";
    await answered;
    throw new Error("no more");
  }
  const { status, body } = await app.inject({ url: "/echo", method: "POST", body: failing() });
  begun();
  assert.equal(status, 200);
  await assert.rejects(body.text(), /no more/);
  assert.equal(app.stats.open, 0);
});

test("an injected stream without an end lets everybody else have a turn, both ways", async () => {
  const app = portico()
    .get("/out", async function* () {
      for (;;) yield "out".repeat(1000);
    })
    .post("/in", async ({ body }) => {
      for await (const _ of body);
    });
  const out = await app.inject("/out");
  let turns = 0;
  const turn = (): unknown => ++turns < 3 && setImmediate(turn);
  turn();
  let pieces = 0;
  for await (const _ of out.body) if (turns === 3 || ++pieces === 100_000) break;
  assert.equal(turns, 3);
  async function* upload(): AsyncGenerator<string> {
    for (let i = 0; i < 100_000; i++) yield "in";
  }
  const stopped = app.inject({ url: "/in", method: "POST", body: upload(), signal: AbortSignal.timeout(1) });
  await assert.rejects(stopped, { name: "TimeoutError" });
});

test("a route is put under each pattern of a list, with every verb and in groups, and taken away by one [CH-30] [CH-32]", async () => {
  const app = portico();
  app.on(["/", "/index.html"], () => "home").get(["/tea", "GET.example/tea"], ({ path }) => path);
  app.redirect(["/old", "/older"], "/tea");
  const group = app.group("/shops/{shop}");
  group.post(["/orders", "/orders/{id:integer}"], ({ params }) => params);
  const both: string[] = [];
  for (const path of ["/", "/index.html", "/tea"]) both.push(await said(app, path));
  assert.deepEqual(both, ["200 home", "200 home", "200 /tea"]);
  assert.equal((await app.inject("/older")).headers.get("location"), "/tea");
  assert.equal(await said(app, { url: "/shops/a/orders/7", method: "POST" }), '200 {"shop":"a","id":"7"}');
  assert.equal(await said(app, { url: "/shops/a/orders", method: "POST" }), '200 {"shop":"a"}');

  const fails = (): unknown => app.get(["/new", "/tea"], () => "no");
  assert.throws(fails, { code: "USE_PATTERN_CONFLICT" });
  assert.equal(await said(app, "/new"), "404 404 Not Found\n"); // all of them or none
  app.replace(["/", "/index.html", "/new"], () => "anew");
  assert.deepEqual([await said(app, "/index.html"), await said(app, "/new")], ["200 anew", "200 anew"]);
  assert.deepEqual([app.off(["/", "/index.html"]), app.off(["/", "/index.html"]), app.off([])], [true, false, false]);
  assert.match(await said(app, "/index.html"), /^404/);
  assert.deepEqual([group.off(["POST /orders", "POST /nowhere"]), app.routes.length], [true, 6]);
});

test("where the app says so, and in House's preset, the last definition of a route holds [HS-03]", async () => {
  for (const options of [presets.house, { taken: "replace" as const }]) {
    const app = portico(options);
    app.get("/hello-world", () => "first").get("/hello-world", () => "second", named("second", []));
    app
      .group("/a")
      .get("/{x}", () => "first")
      .get("/{y}", ({ params }) => params.y);
    app.mount("/m", () => text("first")).mount("/m", () => text("second"));
    assert.match(await said(app, "/hello-world"), /^200 second/);
    assert.match(await said(app, "/a/b"), /^200 b/);
    assert.match(await said(app, "/m/x"), /^200 second/);
    assert.equal(app.routes.length, 3);
    assert.throws(() => app.on("/{y}/b", () => "two that overlap"), { code: "USE_PATTERN_CONFLICT" });
  }
  const strict = portico().get("/a", () => "first");
  assert.throws(() => strict.get("/a", () => "second"), { code: "USE_PATTERN_CONFLICT" });
});
