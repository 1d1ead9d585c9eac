// Rows as Markdown: for each what Portico did, how that stands to each other server of the same run, and whether the bar was
// met. Ratios are always Portico's value divided by the other's.
import type { Measured, Row } from "./row.ts";
import { type Measure, ratioFor, reaches, type ServerName, type Target } from "./workload.ts";

const AGAINST: readonly (readonly [ServerName, string])[] = [
  ["node-http", "vs node:http"],
  ["fastify", "vs Fastify"],
  ["hono", "vs Hono"],
  ["floor-data", "vs 'data' floor"],
  ["floor-static", "vs static floor"],
];
const NONE = "–";

export function tableOf(rows: readonly Row[], major: number): string {
  const head = [
    "Workload",
    "Portico",
    ...AGAINST.map(([, title]) => title),
    "best floor vs node:http",
    "CPU µs (node:http)",
    "RSS MB (node:http)",
    "Bar",
  ];
  const lines = [head, head.map((_, at) => (at === 0 ? "---" : "---:")), ...rows.map((row) => cellsOf(row, major))];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cellsOf(row: Row, major: number): string[] {
  const { workload, measured } = row;
  const portico = measured.get("portico");
  const http = measured.get("node-http");
  return [
    workload.name,
    portico === undefined ? NONE : valueText(workload.measure, portico),
    ...AGAINST.map(([name]) => ratioCell(row, name, major)),
    floorCell(row),
    pair(portico?.cpu, http?.cpu, (cpu) => cpu.toFixed(cpu < 100 ? 2 : 0)),
    pair(portico?.rss, http?.rss, (rss) => (rss / 1e6).toFixed(0)),
    barCell(row, major),
  ];
}

/** A value with its unit, as a person reads it. */
export function valueText(measure: Measure, { value, p50 }: Measured): string {
  switch (measure) {
    case "requests":
      return `${Math.round(value).toLocaleString("en")} req/s`;
    case "latency":
      return `p99 ${Math.round(value)} µs, p50 ${Math.round(p50 ?? Number.NaN)} µs`;
    case "upload":
    case "download":
      return `${Math.round(value).toLocaleString("en")} MB/s`;
    case "idle":
      return `${(value / 1024).toFixed(1)} KB`;
    case "start-up":
      return `${value.toFixed(1)} ms`;
  }
}

export function ratioOf(row: Row, against: ServerName): number | undefined {
  const ours = row.measured.get("portico")?.value;
  const theirs = row.measured.get(against)?.value;
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}

/** The ratio, and in parentheses the goal it missed. The bar against node:http has a column of its own. */
function ratioCell(row: Row, against: ServerName, major: number): string {
  const ratio = ratioOf(row, against);
  if (ratio === undefined) return NONE;
  const goal = row.workload.targets.slice(1).find((target) => target.against === against);
  const missed = goal !== undefined && !reaches(goal, ratio, major);
  return missed ? `${ratio.toFixed(2)} (goal ${asked(goal, major)})` : ratio.toFixed(2);
}

/** What a server that parses nothing reaches: beyond it no bar can be met. */
function floorCell(row: Row): string {
  const http = row.measured.get("node-http")?.value;
  const floors = (["floor-data", "floor-static"] as const).flatMap((name) => row.measured.get(name)?.value ?? []);
  if (http === undefined || floors.length === 0) return NONE;
  const small = row.workload.targets[0]?.is === "at most";
  return ((small ? Math.min(...floors) : Math.max(...floors)) / http).toFixed(2);
}

function barCell(row: Row, major: number): string {
  const bar = row.workload.targets[0];
  if (bar === undefined) return NONE;
  const ratio = ratioOf(row, bar.against);
  const verdict = ratio === undefined ? "not measured" : reaches(bar, ratio, major) ? "met" : "**missed**";
  return `${asked(bar, major)} ${verdict}`;
}

function asked(target: Target, major: number): string {
  return `${target.is === "at least" ? "≥" : "≤"} ${ratioFor(target, major)}`;
}

function pair(ours: number | undefined, theirs: number | undefined, text: (value: number) => string): string {
  if (ours === undefined && theirs === undefined) return NONE;
  return `${ours === undefined ? NONE : text(ours)} (${theirs === undefined ? NONE : text(theirs)})`;
}
