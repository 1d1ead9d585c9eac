// What a row of the bench is: who serves it, what is asked of them, how it is measured, and what it has to reach. The rows
// themselves are in workloads.ts.
import type { Behaviour } from "./servers/content.ts";

export type ServerName =
  | "portico"
  | "node-http"
  | "fastify"
  | "hono"
  | "sirv"
  | "nginx"
  | "floor-data"
  | "floor-static";

export const SERVER_NAMES: readonly ServerName[] = [
  "portico",
  "node-http",
  "fastify",
  "hono",
  "sirv",
  "nginx",
  "floor-data",
  "floor-static",
];

export function isServerName(name: string): name is ServerName {
  return (SERVER_NAMES as readonly string[]).includes(name);
}

/** What a wrong server is told from a right one by: the bytes of a request, and what must come back. */
export interface Probe {
  readonly bytes: string;
  /** How many answers the bytes call for. */
  readonly answers: number;
  readonly type: string;
  /** The whole body, or only its length where it is too long to look at. */
  readonly body: string | { readonly length: number };
}

/** What wrk is given. */
export interface Load {
  readonly path: string;
  /** Further field lines, each sent with every request. */
  readonly fields?: readonly string[];
  /** A Lua script, where the requests are more than one and the same. */
  readonly script?: string;
}

/** A ratio to reach, for Node 20 and 22, 24, and 26. */
export interface Target {
  readonly against: ServerName;
  readonly is: "at least" | "at most";
  readonly ratios: readonly [node20: number, node24: number, node26: number];
}

export type Measure = "requests" | "latency" | "upload" | "download" | "idle" | "start-up";

export interface Workload {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly measure: Measure;
  /** Portico first. */
  readonly servers: readonly ServerName[];
  readonly probe: Probe;
  readonly load?: Load;
  /** Put into the environment of every server of the row. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The bar comes first: against node:http, where that is in the row. */
  readonly targets: readonly Target[];
}

/** The ratio a target asks for on this major version of Node. */
export function ratioFor(target: Target, major: number): number {
  const [node20, node24, node26] = target.ratios;
  if (major >= 26) return node26;
  return major >= 24 ? node24 : node20;
}

/** Whether a ratio reaches it. */
export function reaches(target: Target, ratio: number, major: number): boolean {
  const asked = ratioFor(target, major);
  return target.is === "at least" ? ratio >= asked : ratio <= asked;
}
