import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../test/fixtures/ask.ts";
import { LocalError } from "../base/errors.ts";
import { text } from "../message/reply.ts";
import { derive, type Request } from "../message/request.ts";
import { type CookieOptions, clearCookie, cookies, setCookie, withCookie } from "./cookie.ts";

async function read(...lines: readonly string[]): Promise<Record<string, string>> {
  const headers = Object.fromEntries(lines.map((line, i) => [i % 2 === 0 ? "Cookie" : "cookie", line]));
  const answer = await ask({ method: "GET", headers }, (request) => [...cookies(request)]);
  return Object.fromEntries(JSON.parse(answer.body) as [string, string][]);
}

test("cookies are found whatever the blanks around them, and values are decoded [EL-20]", async () => {
  assert.deepEqual(await read("  a = 1 ;b=two%20words;c=x=y;\td=4"), { a: "1", b: "two words", c: "x=y", d: "4" });
});

test("a request without Cookie has none, and a name that is not there is undefined [EL-20]", async () => {
  const answer = await ask({ method: "GET" }, (request) => [cookies(request).size, typeof cookies(request).get("a")]);
  assert.equal(answer.body, '[0,"undefined"]');
});

test("what is no pair is skipped, and a value that cannot be decoded stays as it is", async () => {
  assert.deepEqual(await read("a; =b; = ; ;; c=%zz; d=%ff; e="), { c: "%zz", d: "%ff", e: "" });
});

test("a name is what a browser keeps as one, not a token", async () => {
  const sent = 'cart[0]=1; a b=2; "q"=3; x:y=4; a@b=5; (c)=6; a,b=7; {"j"}=9; a/b?=10';
  assert.deepEqual(await read(sent), {
    "cart[0]": "1",
    "a b": "2",
    '"q"': "3",
    "x:y": "4",
    "a@b": "5",
    "(c)": "6",
    "a,b": "7",
    '{"j"}': "9",
    "a/b?": "10",
  });
});

// RFC 6265bis §4.2.2 and §5.6: what belongs to a value stays there.
test("quotation marks, commas and equals signs are part of a value", async () => {
  assert.deepEqual(await read('a="b c"; d="; e=1,2; f==; g=h=i'), {
    a: '"b c"',
    d: '"',
    e: "1,2",
    f: "=",
    g: "h=i",
  });
});

test("of two cookies with one name the first counts, over all lines", async () => {
  assert.deepEqual(await read("a=1; a=2", "a=3; b=4"), { a: "1", b: "4" });
});

test("names of an object's members are names like any other", async () => {
  const answer = await ask(
    { method: "GET", headers: { Cookie: "__proto__=x; constructor=y; toString=z" } },
    (request) => {
      const found = cookies(request);
      return [
        found.get("__proto__"),
        found.get("constructor"),
        found.get("toString"),
        found.get("hasOwnProperty") ?? null,
      ];
    },
  );
  assert.deepEqual(JSON.parse(answer.body), ["x", "y", "z", null]);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("there are no more than 180, from no more than 32 KiB", async () => {
  const many = Array.from({ length: 500 }, (_, i) => `n${i}=v`).join("; ");
  assert.equal(Object.keys(await read(many)).length, 180);
  const large = ["x".repeat(10_000), "y".repeat(10_000), "z".repeat(10_000), "w".repeat(10_000)];
  const answer = await ask(
    {
      method: "GET",
      headers: Object.fromEntries(
        large.map((value, i) => [["Cookie", "cookie", "COOKIE", "CooKie"][i], `c${i}=${value}`]),
      ),
    },
    (request) => [...cookies(request).keys()],
  );
  assert.deepEqual(JSON.parse(answer.body), ["c0", "c1", "c2"]);
});

test("they are parsed once, and those of a derived request are its own", async () => {
  const same = (request: Request): unknown => {
    const first = cookies(request);
    const other = derive(request, { headers: { Cookie: "a=2" } });
    return [first === cookies(request), cookies(other).get("a"), cookies(request).get("a")];
  };
  assert.equal((await ask({ method: "GET", headers: { Cookie: "a=1" } }, same)).body, '[true,"2","1"]');
});

test("a cookie is set with defaults that are safe, and with all that there is", () => {
  assert.equal(setCookie("id", "a b;c"), "id=a%20b%3Bc; Path=/; HttpOnly; SameSite=Lax");
  assert.equal(
    setCookie("id", "v", {
      domain: "example.org",
      path: "/app",
      maxAge: 60,
      expires: new Date(0),
      httpOnly: false,
      secure: true,
      sameSite: "strict",
      partitioned: true,
      priority: "high",
      encoding: "raw",
    }),
    "id=v; Max-Age=60; Domain=example.org; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; Partitioned; Priority=High; SameSite=Strict",
  );
});

test("what needs TLS says so by itself", () => {
  const cases: [string, CookieOptions][] = [
    ["__Host-a", {}],
    ["__Secure-a", {}],
    ["__SECURE-a", {}],
    ["a", { sameSite: "none" }],
    ["a", { partitioned: true }],
  ];
  for (const [name, options] of cases) {
    assert.match(setCookie(name, "v", options), /; Secure/, name);
    throwsLocal("USE_BAD_OPTION", () => setCookie(name, "v", { ...options, secure: false }));
  }
  assert.doesNotMatch(setCookie("a", "v"), /Secure/);
});

function throwsLocal(code: string, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof LocalError && error.code === code);
}

test("what browsers would drop in silence is refused", () => {
  throwsLocal("USE_BAD_OPTION", () => setCookie("__Host-a", "v", { domain: "example.org" }));
  throwsLocal("USE_BAD_OPTION", () => setCookie("__Host-a", "v", { path: "/app" }));
  throwsLocal("USE_BAD_OPTION", () => setCookie("a", "v", { domain: "" }));
  throwsLocal("USE_BAD_OPTION", () => setCookie("a", "v", { path: "app" }));
  throwsLocal("USE_BAD_OPTION", () => setCookie("a", "v", { maxAge: 1.5 }));
  throwsLocal("USE_BAD_OPTION", () => setCookie("a", "v", { expires: new Date(Number.NaN) }));
  throwsLocal("USE_BAD_FIELD", () => setCookie("a", "v".repeat(5000)));
  throwsLocal("USE_BAD_FIELD", () => setCookie("abc", "v".repeat(4094)));
  assert.equal(setCookie("abc", "v".repeat(4093)).length > 4096, true);
  throwsLocal("USE_BAD_OPTION", () => setCookie("a", "v", { path: `/${"p".repeat(1024)}` }));
  throwsLocal("USE_BAD_OPTION", () => setCookie("a", "v", { domain: `${"d.".repeat(600)}org` }));
  assert.equal(setCookie("a", "v", { path: `/${"p".repeat(1023)}` }).includes("; HttpOnly"), true);
  assert.equal(setCookie("__Secure-a", "v", { domain: "example.org" }).includes("Domain=example.org"), true);
});

test("nothing that is given can add an attribute or a line", () => {
  const evil = ["a=b", "a;b", "a b", "a\r\nX: y", "a\0", "", "é", "a,b"];
  for (const name of evil) throwsLocal("USE_BAD_FIELD", () => setCookie(name, "v"));
  for (const value of ["a;b", "a b", "a\r\nSet-Cookie: x=y", 'a"b', "a,b", "a\\b", "é"]) {
    throwsLocal("USE_BAD_FIELD", () => setCookie("n", value, { encoding: "raw" }));
    assert.doesNotMatch(setCookie("n", value).split("; ")[0] as string, /[;\r\n ,"\\]/);
  }
  throwsLocal("USE_BAD_FIELD", () => setCookie("n", "v", { path: "/; Domain=evil.org" }));
  throwsLocal("USE_BAD_FIELD", () => setCookie("n", "v", { path: "/\r\nX: y" }));
  throwsLocal("USE_BAD_FIELD", () => setCookie("n", "v", { domain: "a; Path=/" }));
  throwsLocal("USE_BAD_FIELD", () => setCookie("n", "v", { priority: "low; Secure" as "low" }));
  throwsLocal("USE_BAD_FIELD", () => setCookie("n", "v", { sameSite: "lax; Secure" as "lax" }));
});

test("a cookie is put on a reply beside others, and the reply itself stays as it was", () => {
  const plain = text("Hello");
  const both = withCookie(withCookie(plain, "a", "1"), "b", "2", { httpOnly: false });
  assert.deepEqual(both.headers.all("set-cookie"), [
    "a=1; Path=/; HttpOnly; SameSite=Lax",
    "b=2; Path=/; SameSite=Lax",
  ]);
  assert.equal(plain.headers.has("set-cookie"), false);
});

test("a cookie is deleted where it was set", () => {
  assert.equal(
    clearCookie("a", { path: "/app" }),
    "a=; Max-Age=0; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax",
  );
});
