// What the look-up of a route costs, in ns, at 10 routes and at 10,000: from a request whose path is known to the handler with
// its params in place. Run by hand: node dist/bench/micro/route.js

import { Fields } from "../../src/message/fields.ts";
import type { Handler } from "../../src/message/handler.ts";
import { text } from "../../src/message/reply.ts";
import { ReceivedRequest, type Request, type RequestHost } from "../../src/message/request.ts";
import { exact, frozen, mux, prefix, regex } from "../../src/route/index.ts";

const HEADERS = new Fields({ Host: "example.org" });
const HOST = {} as RequestHost;
const ROUNDS = 25;
/** So many paths are asked for in turn, spread over the table. */
const PATHS = 64;

const answer = text("");
const handler: Handler = () => answer;
const reading =
  (name: string): Handler =>
  ({ params }) => {
    if (params[name] === undefined) throw new Error(`No ${name}.`);
    return answer;
  };

/** A family under test: its handler for so many routes, and the path of the i-th. */
interface Case {
  readonly name: string;
  readonly routes: (count: number) => Handler;
  readonly path: (i: number) => string;
  /** A table that is walked from the top, row by row, is asked less often. */
  readonly slow?: "no" | "with its length";
}

const CASES: readonly Case[] = [
  {
    name: "mux, static",
    routes: (n) => tree(n, (i) => `GET /page${i}/about`, handler),
    path: (i) => `/page${i}/about`,
  },
  {
    name: "mux, param",
    routes: (n) => tree(n, (i) => `GET /page${i}/{id}`, reading("id")),
    path: (i) => `/page${i}/${i}`,
  },
  {
    name: "mux, two params",
    routes: (n) => tree(n, (i) => `GET /page${i}/{id}/of/{name}`, reading("name")),
    path: (i) => `/page${i}/${i}/of/tea`,
  },
  {
    name: "mux, typed",
    routes: (n) => tree(n, (i) => `GET /page${i}/{id:integer}`, reading("id")),
    path: (i) => `/page${i}/${i}`,
  },
  {
    name: "mux, rest",
    routes: (n) => tree(n, (i) => `GET /page${i}/{path...}`, reading("path")),
    path: (i) => `/page${i}/a/b`,
  },
  { name: "mux, host", routes: (n) => tree(n, (i) => `example.org/page${i}`, handler), path: (i) => `/page${i}` },
  { name: "exact", routes: (n) => exact(rows(n)).handler, path: (i) => `/page${i}` },
  { name: "frozen", routes: (n) => frozen(rows(n)).handler, path: (i) => `/page${i}` },
  { name: "prefix", routes: (n) => prefix(rows(n)).handler, path: (i) => `/page${i}/a/b` },
  { name: "frozen prefix", routes: (n) => frozen(rows(n), { match: "prefix" }).handler, path: (i) => `/page${i}/a/b` },
  {
    name: "regex",
    routes: (n) =>
      regex(Array.from({ length: n }, (_, i) => [`page${i}/(?<id>[0-9]+)$`, reading("id")] as const)).handler,
    path: (i) => `/page${i}/${i}`,
    slow: "with its length",
  },
];

function rows(count: number): [string, Handler][] {
  return Array.from({ length: count }, (_, i) => [`/page${i}`, handler]);
}

function tree(count: number, pattern: (i: number) => string, answering: Handler): Handler {
  const routes = mux();
  for (let i = 0; i < count; i++) routes.on(pattern(i) as "/", answering);
  return routes.handler;
}

function requests(count: number, paths: readonly string[]): Request[] {
  return Array.from({ length: count }, (_, i) => {
    const target = paths[i % paths.length] as string;
    const request = new ReceivedRequest({ method: "GET", target, version: "1.1", headers: HEADERS }, HOST);
    void request.path; // made before: it is the same work for every router
    return request;
  });
}

/** The fastest of some rounds, in ns a request: what disturbs only ever adds. */
function measure(handle: Handler, paths: readonly string[], batch: number): number {
  let best = Number.POSITIVE_INFINITY;
  let last: unknown;
  for (let round = 0; round < ROUNDS; round++) {
    const asked = requests(batch, paths);
    const started = process.hrtime.bigint();
    for (const request of asked) last = handle(request);
    best = Math.min(best, Number(process.hrtime.bigint() - started) / batch);
  }
  if (last !== answer) throw new Error("The handler was not asked.");
  return best;
}

function nanoseconds({ routes, path, slow = "no" }: Case, count: number): string {
  const step = Math.max(1, Math.floor(count / PATHS));
  const paths = Array.from({ length: Math.min(PATHS, count) }, (_, i) => path(i * step));
  const batch = slow === "with its length" && count > 10 ? 4 * PATHS : 20_000;
  return measure(routes(count), paths, batch).toFixed(0).padStart(10);
}

console.log(`${"ns a look-up".padEnd(18)}${"10 routes".padStart(10)}${"10,000".padStart(10)}`);
console.log(`${"(no router)".padEnd(18)}${measure(handler, ["/"], 20_000).toFixed(0).padStart(10)}`);
for (const each of CASES) console.log(each.name.padEnd(18) + nanoseconds(each, 10) + nanoseconds(each, 10_000));
