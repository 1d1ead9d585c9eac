// The rows of the bench, with the bars and goals of PERFORMANCE.md §2. A bar is against node:http; the other ratios are goals.
import { BROWSER_FIELDS, headOf, pipelineScript, postScript, probeOf, varyingScript } from "./requests.ts";
import { DOWNLOAD_BYTES, HELLO, JSON_TYPE, PAGE, PAGE_NAME, POSTED, TEXT, userOf } from "./servers/content.ts";
import type { Probe, ServerName, Target, Workload } from "./workload.ts";

const DEEP = 16;
const FRAMEWORKS: readonly ServerName[] = ["portico", "node-http", "fastify", "hono"];
const FLOORS: readonly ServerName[] = ["floor-data", "floor-static"];
const ALL: readonly ServerName[] = [...FRAMEWORKS, ...FLOORS];

const HELLO_PROBE: Probe = probeOf(headOf("GET", "/"), TEXT, HELLO);
const UPLOAD_PROBE: Probe = probeOf(`${headOf("POST", "/upload", ["Content-Length: 5"])}12345`, TEXT, "5");
// The floors answer every request for a user with this one, so this is the one to ask for.
const USER_BODY: string = JSON.stringify(userOf("12345"));

/** A bar of the first table, of which Node 26, with its faster node:http, has to show 0.88. */
function bar(ratio: number): Target {
  return { against: "node-http", is: "at least", ratios: [ratio, ratio, Math.round(ratio * 88) / 100] };
}

function atLeast(against: ServerName, ratio: number): Target {
  return { against, is: "at least", ratios: [ratio, ratio, ratio] };
}

function atMost(against: ServerName, ratio: number, node24: number = ratio): Target {
  return { against, is: "at most", ratios: [ratio, node24, node24] };
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: "hello",
    behaviour: "hello",
    measure: "requests",
    servers: ALL,
    probe: HELLO_PROBE,
    load: { path: "/" },
    targets: [bar(2.0), atLeast("fastify", 2.1), atLeast("floor-data", 1.0), atLeast("floor-static", 0.9)],
  },
  {
    name: "browser-heads-identical",
    behaviour: "hello",
    measure: "requests",
    servers: ALL,
    probe: probeOf(headOf("GET", "/", BROWSER_FIELDS), TEXT, HELLO),
    load: { path: "/", fields: BROWSER_FIELDS },
    targets: [bar(2.5), atLeast("fastify", 2.7), atLeast("floor-static", 0.87)],
  },
  {
    name: "browser-heads-varying",
    behaviour: "users",
    measure: "requests",
    servers: ALL,
    probe: probeOf(headOf("GET", "/users/12345", BROWSER_FIELDS), JSON_TYPE, USER_BODY),
    load: { path: "/", script: varyingScript() },
    targets: [bar(2.0), atLeast("fastify", 2.1), atLeast("floor-static", 0.7)],
  },
  {
    name: "pipelined",
    behaviour: "pipelined",
    measure: "requests",
    servers: ALL,
    probe: { ...HELLO_PROBE, bytes: HELLO_PROBE.bytes.repeat(DEEP), answers: DEEP },
    load: { path: "/", script: pipelineScript(DEEP) },
    targets: [bar(8), atLeast("fastify", 8), atLeast("floor-static", 0.5)],
  },
  {
    name: "upload",
    behaviour: "upload",
    measure: "upload",
    servers: ["portico", "node-http", ...FLOORS],
    probe: UPLOAD_PROBE,
    targets: [{ against: "node-http", is: "at least", ratios: [2.0, 2.0, 1.9] }],
  },
  {
    name: "upload-iterated",
    behaviour: "upload-iterated",
    measure: "upload",
    servers: ["portico", "node-http"],
    probe: UPLOAD_PROBE,
    targets: [],
  },
  {
    name: "download",
    behaviour: "download",
    measure: "download",
    servers: ["portico", "node-http"],
    probe: {
      bytes: headOf("GET", "/download"),
      answers: 1,
      type: "application/octet-stream",
      body: { length: DOWNLOAD_BYTES },
    },
    targets: [atLeast("node-http", 0.97)],
  },
  {
    name: "tls",
    behaviour: "tls",
    measure: "requests",
    servers: ALL,
    probe: HELLO_PROBE,
    load: { path: "/" },
    targets: [atLeast("node-http", 1.8), atLeast("fastify", 1.7)],
  },
  {
    name: "idle-memory",
    behaviour: "hello",
    measure: "idle",
    servers: ALL,
    probe: HELLO_PROBE,
    targets: [atMost("node-http", 0.6, 0.4), atMost("fastify", 0.42), atMost("floor-data", 1.7)],
  },
  {
    name: "data-fallback",
    behaviour: "hello",
    measure: "requests",
    servers: ["portico", "node-http", "fastify", "floor-data"],
    probe: HELLO_PROBE,
    load: { path: "/" },
    environment: { PORTICO_READ: "data" },
    targets: [atLeast("node-http", 1.6), atLeast("fastify", 1.6), atLeast("floor-data", 0.8)],
  },
  {
    name: "latency",
    behaviour: "hello",
    measure: "latency",
    servers: ALL,
    probe: HELLO_PROBE,
    load: { path: "/" },
    targets: [atMost("node-http", 0.2), atMost("fastify", 0.2)],
  },
  {
    name: "start-up",
    behaviour: "hello",
    measure: "start-up",
    servers: FRAMEWORKS,
    probe: HELLO_PROBE,
    targets: [atMost("node-http", 1.5), atMost("fastify", 0.5)],
  },
  {
    name: "param-json",
    behaviour: "users",
    measure: "requests",
    servers: ALL,
    probe: probeOf(headOf("GET", "/users/12345"), JSON_TYPE, USER_BODY),
    load: { path: "/users/12345" },
    targets: [bar(1.8), atLeast("fastify", 1.8)],
  },
  {
    name: "post-json",
    behaviour: "echo",
    measure: "requests",
    servers: ALL,
    probe: probeOf(
      headOf("POST", "/echo", ["Content-Type: application/json", `Content-Length: ${POSTED.length}`]) + POSTED,
      JSON_TYPE,
      POSTED,
    ),
    load: { path: "/echo", script: postScript(POSTED) },
    targets: [bar(2.1), atLeast("fastify", 2.3)],
  },
  {
    name: "static-file",
    behaviour: "static",
    measure: "requests",
    servers: ["portico", "fastify", "sirv", "nginx"],
    probe: probeOf(headOf("GET", `/${PAGE_NAME}`), TEXT, PAGE),
    load: { path: `/${PAGE_NAME}` },
    targets: [atLeast("fastify", 2.0), atLeast("sirv", 2.0), atLeast("nginx", 0.5)],
  },
];
