import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { type Answer, loopback } from "../testing/index.ts";
import { type CorsPolicy, cors } from "./cors.ts";

const HOUSE = "https://house.example";

async function ask(policy: CorsPolicy | "always" | false, request: string): Promise<Answer> {
  const handler = stack(({ path }) => {
    if (path === "/gone") throw new HttpError(410, "It is gone.", { fields: { Vary: "Cookie", Allow: "GET" } });
    return text("from the handler", 200, { Vary: "Accept" });
  }, cors(policy));
  await using bench = loopback(handler);
  return await bench.connect().exchange(request);
}

const get = (fields = "", path = "/"): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const from = (origin: string): string => `Origin: ${origin}\r\n`;
const preflight = (origin: string, method = "PUT", more = ""): string =>
  `OPTIONS / HTTP/1.1\r\nHost: a\r\n${from(origin)}Access-Control-Request-Method: ${method}\r\n${more}\r\n`;

/** The fields of the protocol, and Vary. */
function said({ headers }: Answer): Record<string, string> {
  return Object.fromEntries(
    [...headers]
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => name.startsWith("access-control-") || name === "vary"),
  );
}

test("always: every reply may be read by all and Content-Type be set, asked for or not [HS-38]", async () => {
  const both = { "access-control-allow-origin": "*", "access-control-allow-headers": "Content-Type", vary: "Accept" };
  assert.deepEqual(said(await ask("always", get())), both);
  assert.deepEqual(said(await ask("always", get(from(HOUSE)))), both);
  const answer = await ask("always", preflight(HOUSE, "DELETE", "Access-Control-Request-Headers: content-type\r\n"));
  assert.deepEqual([answer.status, answer.body], [204, ""]);
  assert.deepEqual(said(answer), {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Content-Type",
    "access-control-allow-methods": "DELETE",
  });
});

test("off: nothing is said, and a preflight is the handler's [HS-39]", async () => {
  assert.deepEqual(said(await ask(false, get(from(HOUSE)))), { vary: "Accept" });
  assert.equal((await ask(false, preflight(HOUSE))).body, "from the handler");
});

test("a listed origin may read, another may not, and caches are told that it depends [HS-39]", async () => {
  const policy = { origins: [HOUSE, "http://localhost:3000"] };
  assert.deepEqual(said(await ask(policy, get(from(HOUSE)))), {
    "access-control-allow-origin": HOUSE,
    vary: "Accept, Origin",
  });
  for (const other of [
    "https://evil.example",
    "http://house.example",
    "https://house.example:8443",
    "null",
    `${HOUSE}.evil.example`,
  ]) {
    const answer = await ask(policy, get(from(other)));
    assert.deepEqual(said(answer), { vary: "Accept, Origin" }, other);
    assert.equal(answer.body, "from the handler", "who may read is the browser's to enforce");
  }
  assert.deepEqual(said(await ask(policy, get())), { vary: "Accept, Origin" });
});

test("a preflight is answered without the handler, with what is allowed [HS-39]", async () => {
  const policy: CorsPolicy = {
    origins: [HOUSE],
    credentials: true,
    methods: ["PUT"],
    headers: ["Content-Type", "X-Token"],
    exposed: ["ETag"],
    maxAge: 600,
    privateNetwork: true,
  };
  const more = "Access-Control-Request-Headers: x-token\r\nAccess-Control-Request-Private-Network: true\r\n";
  const answer = await ask(policy, preflight(HOUSE, "PUT", more));
  assert.deepEqual([answer.status, answer.body], [204, ""]);
  const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
  assert.deepEqual(said(answer), {
    "access-control-allow-origin": HOUSE,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET, HEAD, POST, PUT",
    "access-control-allow-headers": "Content-Type, X-Token",
    "access-control-max-age": "600",
    "access-control-allow-private-network": "true",
    vary,
  });
  assert.deepEqual(said(await ask(policy, preflight("https://evil.example"))), { vary });
  assert.deepEqual(said(await ask(policy, get(from(HOUSE)))), {
    "access-control-allow-origin": HOUSE,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "ETag",
    vary: "Accept, Origin",
  });
  const plain = `OPTIONS / HTTP/1.1\r\nHost: a\r\n${from(HOUSE)}\r\n`;
  assert.equal(
    (await ask(policy, plain)).body,
    "from the handler",
    "OPTIONS without a method asked for is no preflight",
  );
});

test("all origins: the star without Vary is said to all, so that a reply which was cached for one is good for another", async () => {
  const policy: CorsPolicy = { origins: "*", headers: "any", exposed: ["ETag"] };
  const all = { "access-control-allow-origin": "*", "access-control-expose-headers": "ETag", vary: "Accept" };
  for (const origin of ["", from(HOUSE), from("null"), from("no origin"), from(HOUSE) + from(HOUSE)]) {
    assert.deepEqual(said(await ask(policy, get(origin))), all, origin);
    assert.deepEqual(said(await ask(policy, get(origin, "/gone"))), { ...all, vary: "Cookie" }, origin);
    assert.deepEqual(said(await ask(policy, get(origin).replace("GET", "HEAD"))), all, origin);
  }
  const more = "Access-Control-Request-Headers: x-a, X-B,,bad name\r\nAccess-Control-Request-Headers: x-c\r\n";
  assert.equal(said(await ask(policy, preflight(HOUSE, "PUT", more)))["access-control-allow-headers"], "x-a, X-B, x-c");
});

test("a function decides by origin and request, and only true is yes", async () => {
  const seen: string[] = [];
  const origins = (origin: string, request: { path: string }): boolean => {
    seen.push(`${origin} ${request.path}`);
    return (origin === HOUSE || "truthy") as boolean;
  };
  assert.equal(said(await ask({ origins }, get(from(HOUSE), "/x")))["access-control-allow-origin"], HOUSE);
  assert.equal(said(await ask({ origins }, get(from("https://b"))))["access-control-allow-origin"], undefined);
  assert.deepEqual(seen, [`${HOUSE} /x`, "https://b /"]);
});

test("a function that says yes to all does not let the origin that any page can have read as the user", async () => {
  const nobody = await ask({ origins: () => true, credentials: true }, get(from("null")));
  assert.deepEqual(said(nobody), { vary: "Accept, Origin" });
  const plain = await ask({ origins: () => true }, get(from("null")));
  assert.equal(said(plain)["access-control-allow-origin"], "null");
});

test("what is no origin is nobody's, and nothing of it comes back", async () => {
  const asked: string[] = [];
  const origins = (origin: string): boolean => asked.push(origin) > 0;
  const hostile = [
    "*",
    "https://a, https://b",
    "https://a https://b",
    "https://a/path",
    "https://user@a",
    "javascript:alert(1)",
    `https://${"a".repeat(5000)}/`,
    'https://a"><script>',
    "NULL",
    "",
  ];
  for (const origin of hostile) {
    const answer = await ask({ origins, credentials: true }, get(from(origin)));
    assert.deepEqual(said(answer), { vary: "Accept, Origin" }, origin);
  }
  const twice = await ask({ origins }, get(from(HOUSE) + from(HOUSE)));
  assert.deepEqual(said(twice), { vary: "Accept, Origin" });
  assert.deepEqual(asked, []);
});

test("a refusal that the handler throws may be read too, and keeps its own fields", async () => {
  const answer = await ask({ origins: [HOUSE] }, get(from(HOUSE), "/gone"));
  assert.deepEqual([answer.status, answer.headers.get("allow")], [410, "GET"]);
  assert.deepEqual(said(answer), { "access-control-allow-origin": HOUSE, vary: "Cookie, Origin" });
});

test("one refusal that is thrown again and again gathers nothing of other requests", async () => {
  const constant = new HttpError(404, undefined, { fields: { "X-Own": "1" } });
  const told: unknown[] = [];
  const handler = stack(
    () => {
      throw constant;
    },
    cors({ origins: [HOUSE, "https://b.example"] }),
  );
  await using bench = loopback(handler, { hooks: { error: (error) => told.push(error) } });
  const client = bench.connect();
  for (const origin of [HOUSE, "https://b.example"]) {
    assert.equal(said(await client.exchange(get(from(origin))))["access-control-allow-origin"], origin);
  }
  assert.deepEqual(constant.fields, { "X-Own": "1" });
  assert.ok(told.every((error) => error instanceof HttpError && Object.getPrototypeOf(error) === constant));
});

test("a policy that would let any page read as the user, or that no browser can match, is refused when it is made", () => {
  const wrong: CorsPolicy[] = [
    { origins: "*", credentials: true },
    { origins: ["null"], credentials: true },
    { origins: ["*"] },
    { origins: ["https://*.house.example"] },
    { origins: ["house.example"] },
    { origins: ["https://house.example/"] },
    { origins: ["https://HOUSE.example"] },
    { origins: ["https://house.example:443"] },
    { origins: ["https://a\r\nX-Evil: 1"] },
    { origins: 42 as never },
    { origins: "*", methods: ["PUT, DELETE"] },
    { origins: "*", headers: ["X-A\r\nX-B"] },
    { origins: "*", exposed: ["a b"] },
    { origins: "*", maxAge: 1.5 },
    { origins: "*", maxAge: -1 },
  ];
  for (const policy of wrong) {
    assert.throws(() => cors(policy), { code: "USE_BAD_OPTION" }, JSON.stringify(policy));
  }
  cors({ origins: ["null", "https://a", "http://[::1]:8080", "chrome-extension://abcdef", "tauri://localhost"] });
});
