// Tables of routes, handlers, middleware and the app: what they look at of a request.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { App } from "../../src/app/app.ts";
import { cgi } from "../../src/handlers/cgi.ts";
import { type Pieces, readDocument } from "../../src/handlers/cgi-document.ts";
import { files } from "../../src/handlers/files.ts";
import { Lines } from "../../src/handlers/process-lines.ts";
import { t } from "../../src/handlers/readers-types.ts";
import { snapshot } from "../../src/handlers/snapshot.ts";
import { typed } from "../../src/handlers/typed.ts";
import { underRoot } from "../../src/handlers/under-root.ts";
import { stack } from "../../src/message/handler.ts";
import { text } from "../../src/message/reply.ts";
import { accessLog, log } from "../../src/middleware/access-log.ts";
import { allowPeers } from "../../src/middleware/allow-peers.ts";
import { basic } from "../../src/middleware/basic.ts";
import { bearer } from "../../src/middleware/bearer.ts";
import { compress } from "../../src/middleware/compress.ts";
import { cors } from "../../src/middleware/cors.ts";
import { hostAllowList } from "../../src/middleware/host-allow-list.ts";
import { rateLimit } from "../../src/middleware/rate-limit.ts";
import { requestId } from "../../src/middleware/request-id.ts";
import { sameOrigin } from "../../src/middleware/same-origin.ts";
import { trustProxies } from "../../src/middleware/trust-proxies.ts";
import { exact, hosts, mux, prefix, regex, withTrailingSlash } from "../../src/route/index.ts";
import { mountedPath } from "../../src/route/params.ts";
import { comparable } from "../../src/route/spelling.ts";
import { ask } from "../fixtures/ask.ts";
import { between, type Shapes } from "./linear-shapes.ts";
import { behind, nothing, pathRow, type Row, toTarget, valueRow, withBody, withHeader } from "./linear-table.ts";

const folder = mkdtempSync(join(tmpdir(), "portico-linear-"));
writeFileSync(join(folder, "a"), "a");
after(() => rmSync(folder, { recursive: true }));

const tree = mux({ slash: "redirect" });
tree.on("GET /a/{b}/{c:integer}/{d:number}/x", nothing).on("/{e}/{f...}", nothing).on("POST /a/{b}/{c}/{d}", nothing);
tree.on("/deep/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", nothing).on("*.example/{all...}", nothing);
const mounted = mux().on("/{rest...}", (request) => text(mountedPath(request)));
const deepest = prefix({ "/a/a/a/a/a/a/a/a/a/a": nothing, "": nothing });
const rows = regex([["a+$", nothing]], { notFound: nothing });
const sites = hosts([["b//a", nothing]], { notFound: nothing });
const app = new App();
app.redirect("/from/{rest...}", "/to/{rest...}").get("/{rest...}", ({ params }) => params);

const ORIGINS: Shapes = {
  "a host": between("http://", "a", ""),
  "labels of a host": between("http://", "a.", "b"),
  "labels in punycode": between("http://", "xn--a.", "b"),
  "one label in punycode": between("http://xn--", "a", ""),
  "marks above letters": between("http://a", "%CC%81%CC%A3", ""),
  "a scheme": between("a", "+", "://b"),
};
const HOPS: Shapes = {
  hops: between("", "10.0.0.1, ", "192.0.2.7"),
  elements: between("", "for=10.0.0.1;proto=https,", "for=192.0.2.7"),
  "parameters of an element": between("for=10.0.0.1", ";a=b", ""),
  "blanks in an element": between("for=", " ", "a"),
  "escapes in a quotation": between('for="', "\\a", '"'),
  "colons of an address": between("[", ":", "]"),
  "groups of an address": between("", "1:", "1"),
  "the name of an interface": between("fe80::1%", "a", ""),
  "zeros of an address": between("", "0", ".0.0.1"),
};
const CREDENTIALS: Shapes = {
  "a token": between("Bearer ", "a", ""),
  "equals signs of a token": between("Bearer ", "=", "a"),
  "blanks before a token": between("Bearer", " ", "a"),
  "a name and a password": (length) => `Basic ${Buffer.from(`a:${"b".repeat((length * 3) / 4)}`).toString("base64")}`,
  colons: (length) => `Basic ${Buffer.from(":".repeat((length * 3) / 4)).toString("base64")}`,
};
const HEADS: Shapes = {
  "one header": between("X: ", "a", "\n\n"),
  "many headers": between("", "X: a\n", "\n"),
  blanks: between("X: a", " ", "b\r\n\r\n"),
  returns: between("X: a", "\r", "\n\n"),
  "a status line": between("HTTP/1.1 200 ", "a", "\n\n"),
};
const OUTPUT: Shapes = {
  "one line": between("", "a", ""),
  lines: between("", "a\n", ""),
  returns: between("", "\r", ""),
};

/** One byte after the other, as a program may write it. */
async function document(head: string): Promise<void> {
  const bytes = Buffer.from(head, "latin1");
  let at = 0;
  const pieces: Pieces = {
    next: async () => {
      return at < bytes.length ? { done: false, value: bytes.subarray(at, ++at) } : { done: true, value: undefined };
    },
  };
  await readDocument(pieces, "allowed").catch(() => {});
}

const values = typed(
  {
    i: t.integer.optional(),
    n: t.number.optional(),
    d: t.date.optional(),
    j: t.json.optional(),
    o: t.oneOf("a", "b").anyCase().optional(),
    l: t.listOf(t.integer).split(",").max(10).optional(),
    s: t.string.max(10).optional(),
    k: t.integer.leading().optional(),
  },
  () => "ok",
);
const WANTED: Shapes = Object.fromEntries(
  [..."indjolsk"].flatMap((name) => [
    [`digits of ${name}`, between(`/?${name}=`, "9", "")],
    [`commas of ${name}`, between(`/?${name}=`, "1,", "")],
    [`digits and a letter of ${name}`, between(`/?${name}=1.`, "9", "x")],
    [`values of ${name}`, between("/?", `${name}=1&`, "")],
  ]),
);
const inHead = typed(
  { a: t.listOf(t.string).from("header", "x-value").optional(), b: t.string.from("cookie", "b").optional() },
  () => "ok",
);

export const ROUTES: readonly Row[] = [
  pathRow("path", "mux()", "route/tree.ts", toTarget(tree.handler)),
  pathRow("path", "mux().find()", "route/mux.ts", (path) => tree.find("GET", "a.example", path)),
  pathRow("path", "comparable()", "route/spelling.ts", (path) => comparable(path)),
  pathRow("path of a mount", "{rest...}", "route/params.ts", toTarget(mounted.handler)),
  pathRow("path", "exact()", "route/families.ts", toTarget(exact({ "/a": nothing }, { fallback: nothing }).handler)),
  pathRow("path", "prefix()", "route/families.ts", toTarget(deepest.handler)),
  pathRow("path", "regex()", "route/regex.ts", toTarget(rows.handler)),
  pathRow("path", "hosts()", "route/regex.ts", toTarget(sites.handler)),
  pathRow("path", "withTrailingSlash()", "route/rewrite.ts", toTarget(withTrailingSlash(nothing))),
  valueRow("Host", "mux() with hosts", "route/table.ts", (value) => tree.find("GET", value, "/a"), {
    bound: "255 characters",
    shapes: ORIGINS,
  }),
  valueRow("Host", "hosts()", "route/host.ts", (value) => sites.find("GET", value, "/a"), { bound: "255 characters" }),
  pathRow("path", "app.redirect()", "app/group.ts", toTarget(app.handler), {
    shapes: { "slashes of a rest": between("/from/", "a/", ""), "escapes of a rest": between("/from/", "%252F", "") },
  }),
];

export const HANDLERS: readonly Row[] = [
  pathRow("path", "files()", "handlers/files.ts", toTarget(files(folder))),
  pathRow(
    "path",
    "files(), by name",
    "handlers/below.ts",
    toTarget(files(folder, { dotFiles: "serve", symlinks: "follow" })),
  ),
  pathRow("path", "underRoot()", "handlers/under-root.ts", (path) => underRoot(folder, path)),
  pathRow("path", "snapshot()", "handlers/snapshot.ts", async (path) => toTarget((await held()).handler)(path)),
  pathRow("path", "cgi()", "handlers/cgi.ts", toTarget(cgi("/nowhere/at/all"))),
  {
    place: "the head that a CGI program writes, byte by byte",
    reader: "readDocument()",
    file: "handlers/cgi-document.ts",
    bound: "64 KiB, 200 headers",
    most: 16_000,
    shapes: HEADS,
    read: document,
  },
  {
    place: "what a program writes, byte by byte",
    reader: "Lines",
    file: "handlers/process-lines.ts",
    bound: "64 KiB a line",
    most: 16_000,
    shapes: OUTPUT,
    read: (output) => {
      const lines = new Lines();
      let count = 0;
      for (const byte of Buffer.from(output, "latin1")) count += lines.push(Uint8Array.of(byte)).length;
      return count + lines.end().length;
    },
  },
  pathRow("query", "typed()", "handlers/readers-kinds.ts", toTarget(values), { shapes: WANTED }),
  pathRow("query of a date", "parseInstant()", "handlers/readers-date.ts", toTarget(values), {
    shapes: { "digits of a second": between("/?d=2023-11-14T22:13:20.", "9", "Z") },
  }),
  valueRow("a list in a header", "typed()", "handlers/readers-composed.ts", withHeader("X-Value", inHead)),
  valueRow("Cookie", "typed()", "handlers/typed-sources.ts", withHeader("Cookie", inHead), { bound: "32 KiB" }),
  valueRow(
    "Content-Type",
    "typed()",
    "handlers/typed-body.ts",
    withHeader("Content-Type", values, { method: "POST", body: "x" }),
    { shapes: { "plus signs": between("application/", "a+", "json"), blanks: between("application/json", " ", "x") } },
  ),
  {
    place: "names and values that are wrong",
    reader: "typed()",
    file: "handlers/readers-flaw.ts",
    bound: "limits.bodyBytes; 32 of them are told",
    most: 64_000,
    shapes: { "wrong values": between("", "i=x&", ""), "one wrong value": between("i=", "\x81", "") },
    read: withBody("application/x-www-form-urlencoded", values),
  },
];

let made: ReturnType<typeof snapshot> | undefined;
const held = (): ReturnType<typeof snapshot> => (made ??= snapshot(folder));
const withPage = (request: Parameters<typeof nothing>[0]): ReturnType<typeof nothing> =>
  stack(() => text("x".repeat(2000), 200, { ETag: '"a"' }), compress())(request);

export const MIDDLEWARE: readonly Row[] = [
  valueRow("Authorization", "basic()", "middleware/basic.ts", behind(basic({ users: { a: "b" } }), "Authorization"), {
    shapes: CREDENTIALS,
    bound: "4 KiB",
  }),
  valueRow(
    "Authorization",
    "bearer()",
    "middleware/credentials.ts",
    behind(bearer({ tokens: { a: "b" } }), "Authorization"),
    {
      shapes: CREDENTIALS,
      bound: "4 KiB",
    },
  ),
  valueRow(
    "Authorization",
    "bearer() with verify()",
    "middleware/bearer.ts",
    behind(bearer({ verify: () => null }), "Authorization"),
    {
      shapes: CREDENTIALS,
      bound: "4 KiB",
    },
  ),
  valueRow("Origin", "cors()", "middleware/origin.ts", behind(cors({ origins: ["http://a.example"] }), "Origin"), {
    shapes: ORIGINS,
    bound: "512 characters",
  }),
  valueRow("Origin", "sameOrigin()", "middleware/same-origin.ts", behind(sameOrigin(), "Origin", { method: "POST" }), {
    shapes: ORIGINS,
    bound: "512 characters",
  }),
  valueRow("Upgrade", "sameOrigin()", "middleware/same-origin.ts", behind(sameOrigin(), "Upgrade")),
  valueRow(
    "Access-Control-Request-Headers",
    "cors()",
    "middleware/cors.ts",
    behind(cors({ origins: "*", headers: "any" }), "Access-Control-Request-Headers", {
      method: "OPTIONS",
      headers: { Origin: "http://a.example", "Access-Control-Request-Method": "PUT" },
    }),
    { most: 8000 },
  ),
  valueRow(
    "Host",
    "hostAllowList()",
    "middleware/host-allow-list.ts",
    (host) => ask({ method: "GET", target: `http://${host}/` }, stack(nothing, hostAllowList(["a", "[::1]"]))),
    { shapes: ORIGINS, most: 5000, bound: "255 characters" },
  ),
  valueRow(
    "Forwarded",
    "trustProxies()",
    "middleware/forwarded.ts",
    behind(trustProxies(["0.0.0.0/1", "128.0.0.0/1", "unix"], { fields: "forwarded" }), "Forwarded"),
    {
      shapes: HOPS,
      bound: "32 elements of 1,024 characters",
    },
  ),
  ...["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"].map((name) =>
    valueRow(
      name,
      "trustProxies()",
      "middleware/trust-proxies.ts",
      behind(
        trustProxies(["0.0.0.0/1", "128.0.0.0/1", "unix"], { host: true }),
        name,
        name === "X-Forwarded-For" ? {} : { headers: { "X-Forwarded-For": "192.0.2.7" } },
      ),
      {
        shapes: HOPS,
        bound: "32 hops; addresses of 128 characters, hosts of 255",
      },
    ),
  ),
  valueRow(
    "the address of a client",
    "allowPeers(), rateLimit()",
    "middleware/allow-peers.ts",
    async (value) =>
      withHeader(
        "X-Forwarded-For",
        stack(
          nothing,
          await trustProxies(["0.0.0.0/1", "128.0.0.0/1", "unix"]),
          allowPeers(["10.0.0.0/8"]),
          rateLimit({ limit: 1e9, window: 1000 }),
        ),
      )(value),
    {
      shapes: HOPS,
      bound: "128 characters",
    },
  ),
  valueRow(
    "a key that a client chooses",
    "rateLimit()",
    "middleware/rate-limit.ts",
    behind(rateLimit({ limit: 1e9, window: 1000, key: ({ headers }) => headers.get("x-key") }), "X-Key"),
    {
      bound: "128 characters; a digest of more",
    },
  ),
  valueRow("X-Request-Id", "requestId()", "middleware/request-id.ts", behind(requestId(), "X-Request-Id"), {
    bound: "128 characters",
  }),
  valueRow("User-Agent", "log()", "middleware/access-format.ts", behind(log({ target: () => {} }), "User-Agent"), {
    bound: "2,048 characters",
  }),
  valueRow(
    "Referer",
    "accessLog()",
    "middleware/access-format.ts",
    (value) =>
      withHeader("Referer", (request) => {
        accessLog({ target: () => {}, format: "json" })(request, { status: 200, bytes: 0, elapsed: 0 });
        return "ok";
      })(value),
    { bound: "2,048 characters" },
  ),
  valueRow("If-None-Match", "compress()", "middleware/compress.ts", withHeader("If-None-Match", withPage)),
  valueRow("Accept-Encoding", "compress()", "middleware/compress.ts", withHeader("Accept-Encoding", withPage)),
  pathRow("URL of a web Request", "app.fetch()", "app/fetch.ts", (target) =>
    app.fetch(new globalThis.Request(`http://a${target.startsWith("/") ? "" : "/"}${target}`)),
  ),
  pathRow("URL of a request", "app.inject()", "app/inject.ts", (target) => app.inject(target)),
];
