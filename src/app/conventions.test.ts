import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpError, LocalError } from "../base/errors.ts";
import { withParameters } from "../content/parameters.ts";
import { parse } from "../content/parsers.ts";
import { parkingLot } from "../handlers/park.ts";
import { t } from "../handlers/readers-types.ts";
import { typed } from "../handlers/typed.ts";
import { type Answer, answering } from "../message/answer.ts";
import { type Handler, type Middleware, stack } from "../message/handler.ts";
import { imperative } from "../message/imperative.ts";
import { redirect, text, withFields } from "../message/reply.ts";
import { redirectTo } from "../route/answers.ts";
import { exact } from "../route/families.ts";
import { mux } from "../route/mux.ts";
import { regex } from "../route/regex.ts";
import { restart, restartable } from "../route/rewrite.ts";
import { type App, portico } from "./app.ts";
import type { AppOptions } from "./app-options.ts";
import { presets } from "./presets.ts";

const HTML = "text/html; charset=utf-8";

/** Every way to put a handler into an app. */
const WAYS: Readonly<Record<string, (app: App, handler: Handler) => unknown>> = {
  "a route": (app, handler) => app.get("/x", handler),
  "a route of a group": (app, handler) => app.group("/x").get("/", handler),
  "a route behind middleware": (app, handler) => app.get("/x", stack(handler, passing)),
  "a mounted table": (app, handler) => app.mount("/", mux().on("/x", handler)),
  "a table of another family below a mount": (app, handler) => app.mount("/", exact({ "/x": handler })),
  "a mounted app": (app, handler) => app.mount("/x", portico().get("/", handler)),
  "a mounted app with an option of its own": (app, handler) =>
    app.mount("/x", portico({ malformed: "refuse" }).get("/", handler)),
  "a table in place of the routes": (app, handler) => (app.handler = regex([["x$", handler]]).handler),
  "a function in place of the routes": (app, handler) => (app.handler = handler),
  "a function in place of the routes, and middleware afterwards": (app, handler) => {
    app.handler = handler;
    app.use(passing);
  },
  "middleware that answers by itself": (app, handler) => app.use(() => handler),
};

const passing: Middleware = (next) => (request) => next(request);

/** Every maker of handlers that makes replies of what a function returns. */
const MAKERS: Readonly<Record<string, (answer: () => Answer) => Handler>> = {
  "a function": (answer) => answer as Handler,
  "answering()": (answer) => answering(answer),
  "answering() of a promise": (answer) => answering(async () => answer()),
  "typed()": (answer) => typed({ n: t.integer.default(1) }, () => answer()),
  "typed() that waits": (answer) => typed({ n: t.integer.default(1) }, async () => answer()),
  "withParameters()": (answer) => withParameters(() => answer()),
  "imperative() that returns": (answer) => imperative(() => answer()),
  "a parked request": (answer) => (request) => parkingLot().deferOrDo(request, () => false, answer),
};

async function each(
  options: AppOptions,
  answer: () => Answer,
  check: (app: App, label: string) => Promise<void>,
): Promise<void> {
  for (const [way, put] of Object.entries(WAYS)) {
    for (const [made, make] of Object.entries(MAKERS)) {
      // What is put in as it is must make a Reply of its own: middleware is no handler of the app.
      if (way === "middleware that answers by itself" && made === "a function") continue;
      const app = portico(options);
      put(app, make(answer));
      await check(app, `${made}, ${way}`);
    }
  }
}

test("the type of text holds for whatever an app serves, however it was put in", async () => {
  await each(
    { textType: HTML },
    () => "<p>tea</p>",
    async (app, label) => {
      const { status, headers, body } = await app.inject("/x");
      assert.deepEqual([status, headers.get("content-type"), await body.text()], [200, HTML, "<p>tea</p>"], label);
    },
  );
});

test("a redirect that names no status has that of the app, however it was put in; one that names it keeps it", async () => {
  const names: (number | undefined)[] = [undefined, 303];
  for (const named of names) {
    await each(
      { redirectStatus: 302 },
      () => redirect("/y", named),
      async (app, label) => {
        const { status, headers } = await app.inject("/x");
        assert.deepEqual([status, headers.get("location")], [named ?? 302, "/y"], label);
      },
    );
  }
});

test("in Elnode's preset a redirect is 302 wherever it comes from, with its page [EL-22]", async () => {
  const guard: Middleware = (next) => (request) => (request.path === "/guarded" ? redirect("/y") : next(request));
  const tagged: Middleware = (next) => async (request) =>
    withFields(await next(request), (fields) => fields.set("X-Tag", "1"));
  const app = portico(presets.elnode).use(guard);
  app.get("/returned", () => redirect("/y")).get("/made", redirectTo("/y"));
  app.get("/tagged", () => redirect("/y"), tagged).redirect("/named", "/y", 301);
  app.mount("/below", portico().redirect("/x", "/y"));
  app.mount("/own", portico({ redirectStatus: 308 }).redirect("/x", "/y"));
  const asked = async (path: string): Promise<unknown> => {
    const { status, headers, body } = await app.inject(path);
    assert.match(await body.text(), /^(<h1>redirecting you to |302 Found: )\/y/);
    return [status, headers.get("location")];
  };
  for (const path of ["/guarded", "/returned", "/made", "/tagged", "/below/x"]) {
    assert.deepEqual(await asked(path), [302, "/y"], path);
  }
  assert.deepEqual(
    [await asked("/named"), await asked("/own/x")],
    [
      [301, "/y"],
      [308, "/y"],
    ],
  );
  assert.equal(
    (
      await portico()
        .get("/x", () => redirect("/y"))
        .inject("/x")
    ).status,
    307,
  );
});

test("the middleware and the errors of a preset hold for a table that is put in the place of the routes", async () => {
  const app = portico(presets.house);
  app.handler = exact({ "/tea": answering(() => "<b>tea</b>") }).handler;
  const tea = await app.inject({ url: "/tea", headers: { Origin: "http://a" } });
  assert.deepEqual(
    ["content-type", "cache-control", "access-control-allow-origin"].map((name) => tea.headers.get(name)),
    [HTML, "no-cache, no-store, must-revalidate", "*"],
  );
  const old = await app.inject({ url: "/tea", method: "POST", body: "x".repeat(60_000) });
  assert.equal(old.status, 413);
  const elnode = portico(presets.elnode);
  elnode.handler = () => redirect("/y");
  assert.equal((await elnode.inject("/")).headers.has("content-length"), false);
});

test("what is put in may wrap what the app had: options hold once, and going back is going back", async () => {
  let counted = 0;
  const counting: Middleware = (next) => (request) => {
    counted++;
    return next(request);
  };
  let inner = 0;
  const used: Middleware = (next) => (request) => {
    inner++;
    return next(request);
  };
  const app = portico({ middleware: [counting], textType: HTML }).get("/x", () => "x");
  app.use(used);
  const asked = async (): Promise<unknown> => {
    [counted, inner] = [0, 0];
    const { headers, body } = await app.inject("/x");
    return [await body.text(), headers.get("content-type"), counted, inner];
  };
  const before = app.handler;
  app.handler = stack(before, passing);
  assert.deepEqual(await asked(), ["x", HTML, 1, 1]);
  app.handler = async (request) => before(request);
  assert.deepEqual(await asked(), ["x", HTML, 1, 1]);
  app.handler = () => text("closed");
  app.use(used);
  assert.deepEqual(await asked(), ["closed", "text/plain; charset=utf-8", 1, 1]);
  app.handler = before;
  assert.deepEqual(await asked(), ["x", HTML, 1, 1]);
  assert.throws(() => (app.handler = {} as never), { code: "USE_BAD_OPTION" });
});

test("an app that is mounted has what it says itself, and for the rest what the one says that it is mounted in", async () => {
  const inner = portico({ textType: "text/x-inner" })
    .get("/text", () => "t")
    .get("/to", () => redirect("/y"));
  const plain = portico()
    .get("/text", () => "t")
    .get("/to", () => redirect("/y"));
  const outer = portico({ textType: HTML, redirectStatus: 302 }).mount("/inner", inner).mount("/plain", plain);
  for (const [path, type] of [
    ["/inner", "text/x-inner"],
    ["/plain", HTML],
  ] as const) {
    assert.equal((await outer.inject(`${path}/text`)).headers.get("content-type"), type);
    assert.equal((await outer.inject(`${path}/to`)).status, 302);
  }
  assert.equal((await inner.inject("/to")).status, 307); // by itself it is as it was
  const again = portico({ textType: HTML })
    .use(restartable)
    .get(
      "/page",
      typed({}, () => "page"),
    )
    .mount(
      "/inner",
      portico({ textType: "text/x-inner" }).get("/x", (request) => restart(request, { target: "/page" })),
    );
  assert.equal((await again.inject("/inner/x")).headers.get("content-type"), HTML);
});

test("a call out of turn is reported and does nothing, by the option of a handler, of an app, and in Elnode's preset [EL-08] [EL-10]", async () => {
  const twice = imperative((_request, response) => {
    response.write("too early");
    response.end();
    response.start("200", { "X-First": "1" });
    response.start(404, { "X-Second": "2" });
    response.send(500, {}, "other");
    response.end("one");
    response.write("too late");
  });
  for (const options of [presets.elnode, { outOfTurn: "report" }] as const) {
    const reported: string[] = [];
    const hooks = { error: (error: unknown) => void reported.push((error as LocalError).code) };
    for (const put of Object.values(WAYS)) {
      const app = portico({ ...options, hooks });
      put(app, twice);
      const { status, headers, body } = await app.inject("/x");
      assert.deepEqual([status, headers.get("x-first"), headers.has("x-second")], [200, "1", false]);
      assert.equal(await body.text(), "one");
      const codes = ["USE_NOT_STARTED", "USE_NOT_STARTED", "USE_STARTED", "USE_STARTED", "USE_ENDED"];
      assert.deepEqual(reported.splice(0), codes);
    }
  }
  const alone = imperative((_, response) => response.start(200).start(404).end("one"), { outOfTurn: "report" });
  const errors: unknown[] = [];
  const app = portico({ hooks: { error: (error) => void errors.push(error) } })
    .get("/lax", alone)
    .get("/x", twice);
  assert.equal(await (await app.inject("/lax")).body.text(), "one");
  assert.equal((await app.inject("/x")).status, 500); // modern: write() before start() throws
  assert.deepEqual(
    errors.map((error) => (error as LocalError).code),
    ["USE_STARTED", "USE_NOT_STARTED"],
  );
  assert.throws(() => imperative(() => {}, { outOfTurn: "ignore" as never }), { code: "USE_BAD_OPTION" });
});

test("a strict app refuses what cannot be decoded in path, query and form, whoever reads it; another keeps it [EL-19]", async () => {
  const build = (app: App): App =>
    app
      .get("/seg/{name}", ({ params }) => [params.name])
      .get("/query", ({ query }) => [query.get("a")])
      .get(
        "/typed",
        typed({ a: t.string }, ({ a }) => [a]),
      )
      .post("/form", async (request) => [...((await parse(request)) as Iterable<unknown>)])
      .post(
        "/typed",
        typed({ a: t.string }, ({ a }) => [a]),
      );
  const lax = build(portico());
  const strict = build(portico({ malformed: "refuse" }));
  const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
  for (const [malformed, read] of [
    ["%", "%"],
    ["%zz", "%zz"],
    ["%4", "%4"],
    ["100%+%41", "100% A"],
    ["%ff", "\ufffd"],
  ] as const) {
    const requests = [
      { url: `/seg/${malformed}` },
      { url: `/query?a=${malformed}` },
      { url: `/typed?a=${malformed}` },
      { url: "/form", method: "POST", headers: FORM, body: `a=${malformed}` },
      { url: "/typed", method: "POST", headers: FORM, body: `a=${malformed}` },
    ];
    for (const request of requests) {
      const kept = await lax.inject(request);
      const expected = request.url.startsWith("/seg/") ? read.replace(" ", "+") : read;
      const value = ((await kept.body.json()) as unknown[]).flat().at(-1);
      assert.deepEqual([kept.status, value], [200, expected], `${request.url} ${request.body}`);
      const refused = await strict.inject(request);
      assert.equal(refused.status, 400, `${request.url} ${request.body}`);
      await refused.body.bytes();
    }
  }
  assert.equal((await strict.inject("/seg/caf%C3%A9?a=100%25")).status, 200);
});

test("content of other types is text where the app says so, and in Chicken's preset; else it is refused [CH-20]", async () => {
  const sent = { method: "POST", headers: { "Content-Type": "x/tea" }, body: "green" };
  for (const [options, expected] of [
    [presets.chicken, 200],
    [{ otherContent: "text" }, 200],
    [{}, 415],
    [presets.house, 415],
  ] as const) {
    const app = portico(options)
      .post("/parse", async (request) => [await parse(request)])
      .post(
        "/pairs",
        withParameters(async (request, params) => [...params, await parse(request)]),
      );
    for (const url of ["/parse", "/pairs"]) {
      const reply = await app.inject({ ...sent, url });
      assert.equal(reply.status, expected);
      if (expected === 200) assert.deepEqual(await reply.body.json(), ["green"]);
    }
  }
});

test("an option of the app that cannot be is refused when it is made", () => {
  const wrong: readonly Record<string, unknown>[] = [
    { redirectStatus: 200 },
    { redirectStatus: "302" },
    { outOfTurn: "ignore" },
    { malformed: "strict" },
    { otherContent: "bytes" },
    { taken: "last" },
    { textType: 1 },
    { textType: "a\r\nb" },
  ];
  for (const options of wrong) {
    assert.throws(() => portico(options as AppOptions), /USE_BAD_OPTION|USE_BAD_FIELD|is|not/, JSON.stringify(options));
  }
});

test("a refusal of the app's own is seen by the middleware of its options", async () => {
  const seen: unknown[] = [];
  const watching: Middleware = (next) => (request) => {
    try {
      return next(request);
    } catch (error) {
      seen.push((error as HttpError).status);
      throw error;
    }
  };
  const app = portico({ malformed: "refuse", middleware: [watching] }).get("/", () => "x");
  assert.equal((await app.inject("/?%")).status, 400);
  assert.deepEqual(seen, [400]);
});
