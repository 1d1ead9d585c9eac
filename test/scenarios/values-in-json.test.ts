// What a handler puts into an answer of JSON, as people do: parameters, headers, cookies, files, markup, and promises that they
// forgot to await. It is there, or it is an error that says so.
import assert from "node:assert/strict";
import { test } from "node:test";
import { portico } from "../../src/app/app.ts";
import { cookies } from "../../src/content/cookie.ts";
import { parameters } from "../../src/content/parameters.ts";
import { form, parse } from "../../src/content/parsers.ts";
import { t } from "../../src/handlers/readers-types.ts";
import { typed } from "../../src/handlers/typed.ts";
import { html } from "../../src/message/html.ts";
import type { Request } from "../../src/message/request.ts";
import { MULTIPART, multipart } from "../fixtures/ask.ts";
import { strays, turns } from "./strays.ts";

test("a promise inside of an answer was an empty object: it is 500, and the error says what to await", async () => {
  const forgotten: Record<string, (request: Request) => object> = {
    "({ x: body.json() })": ({ body }) => ({ x: body.json() }),
    "[body.text()]": ({ body }) => [body.text()],
    "({ x: { y: parse(request) } })": (request) => ({ x: { y: parse(request) } }),
    "parameters(request)": (request) => ({ x: parameters(request) }),
    "form(request)": (request) => ({ x: form(request) }),
    "what an async function gives": () => ({ x: (async () => 1)() }),
    "a promise that fails": () => ({ x: Promise.reject(new Error("secret")).catch(() => 1) }),
    "the body itself": ({ body }) => ({ x: body }),
    "the request itself": (request) => ({ x: request }),
    "a Map": () => ({ x: new Map([["a", "secret"]]) }),
    "an Error": () => ({ x: new Error("secret") }),
  };
  for (const [name, handler] of Object.entries(forgotten)) {
    const errors: unknown[] = [];
    const app = portico({ hooks: { error: (error) => void errors.push(error) } });
    app.post("/plain", handler).post("/later", async (request) => handler(request));
    app.post(
      "/typed",
      typed({}, (_, request) => handler(request)),
    );
    for (const url of ["/plain", "/later", "/typed"]) {
      const { status, body } = await app.inject({ url, method: "POST", body: '{"a":1}' });
      assert.equal(status, 500, name);
      assert.doesNotMatch(await body.text(), /secret|Promise|answer/, name);
      const told = String(errors.pop());
      assert.match(told, /USE_BAD_BODY|JSON keeps nothing of it/, name);
      assert.match(told, /\(answer\)(\.x|\[0\])/, name);
    }
    await turns();
    assert.deepEqual([strays, errors], [[], []], name);
  }
});

test("parameters, headers, cookies and a query were empty objects inside of an answer: they have their members", async () => {
  const app = portico()
    .get("/{id}", (request) => ({
      params: request.params,
      query: request.query,
      headers: request.headers,
      cookies: cookies(request),
      markup: [html`<p>${request.params.id}</p>`],
    }))
    .get("/query", ({ query }) => query)
    .get("/headers", ({ headers }) => headers)
    .get("/cookies", (request) => cookies(request))
    .get("/parameters", async (request) => parameters(request))
    .post("/form", async (request) => ({ form: await form(request) }))
    .post("/parsed", async (request) => [await parse(request)]);
  const headers = { Cookie: "a=1; __proto__=2", "X-Two": ["1", "2"] };
  const read = async (url: string): Promise<unknown> => (await app.inject({ url, headers })).body.json();
  assert.deepEqual(await read("/7?a=1&a=2&b=%20"), {
    params: { id: "7" },
    query: { a: ["1", "2"], b: " " },
    headers: { host: "localhost", cookie: "a=1; __proto__=2", "x-two": ["1", "2"] },
    cookies: { a: "1" },
    markup: ["<p>7</p>"],
  });
  assert.deepEqual(await read("/query?a=1&a=2"), { a: ["1", "2"] });
  assert.deepEqual(await read("/headers"), { host: "localhost", cookie: "a=1; __proto__=2", "x-two": ["1", "2"] });
  assert.deepEqual(await read("/cookies"), { a: "1" });
  assert.deepEqual(await read("/parameters?a=1&b=2&a=3"), { a: ["1", "3"], b: "2" });
  const sent = multipart([
    { name: "title", content: "Sea" },
    { name: "picture", filename: "a.png", type: "image/png", content: "abc" },
  ]);
  const answer = await app.inject({ url: "/form", method: "POST", headers: { "Content-Type": MULTIPART }, body: sent });
  assert.deepEqual(await answer.body.json(), {
    form: { title: "Sea", picture: { name: "picture", filename: "a.png", type: "image/png", size: 3 } },
  });
  const urlencoded = { "Content-Type": "application/x-www-form-urlencoded" };
  const parsed = await app.inject({ url: "/parsed", method: "POST", headers: urlencoded, body: "a=1&a=2&__proto__=3" });
  assert.equal(await parsed.body.text(), '[{"a":["1","2"],"__proto__":"3"}]');
});

test("a typed handler's values are an answer as they are", async () => {
  const app = portico().get(
    "/",
    typed({ tags: t.listOf(t.string), day: t.date }, (values) => values),
  );
  const { body } = await app.inject("/?tags=a&tags=b&day=2024-02-29");
  assert.deepEqual(await body.json(), { tags: ["a", "b"], day: "2024-02-29T00:00:00.000Z" });
});
