// A whole run as text: the table of each Node, what failed, and the facts a stranger needs to repeat it; or the same as JSON,
// with every sample.
import type { Row } from "./row.ts";
import { ratioOf, tableOf } from "./table.ts";
import { SERVER_NAMES } from "./workload.ts";

/** All rows on one Node. */
export interface Run {
  readonly version: string;
  readonly rows: readonly Row[];
}

/** Below this part of its core a server waits for requests. CPU time comes in steps of 10 ms: 3 % of the shortest sample. */
const SATURATED = 0.9;

type Facts = readonly (readonly [name: string, value: string])[];

export function asMarkdown(runs: readonly Run[], facts: Facts): string {
  const parts: string[] = [];
  for (const { version, rows } of runs) {
    if (runs.length > 1) parts.push(`Node ${version}`);
    parts.push(tableOf(rows, Number.parseInt(version, 10)));
    const failed = failures(rows);
    const notes = [...failed, ...beside(rows), ...limits(rows)];
    if (notes.length > 0) parts.push(notes.join("\n"));
  }
  parts.push(facts.map(([name, value]) => `- ${name}: ${value}`).join("\n"));
  return parts.join("\n\n");
}

function failures(rows: readonly Row[]): readonly string[] {
  return rows.flatMap((row) =>
    [...row.failures].map(([name, why]) => `- failed: ${row.workload.name}, ${name}: ${why}`),
  );
}

/** Servers of one row alone have no column. */
function beside(rows: readonly Row[]): readonly string[] {
  return rows.flatMap((row) => {
    const said = (["sirv", "nginx"] as const).flatMap((name) => {
      const ratio = ratioOf(row, name);
      const goal = row.workload.targets.find((target) => target.against === name);
      const value = row.measured.get(name)?.value ?? 0;
      return ratio === undefined
        ? []
        : [`${ratio.toFixed(2)} of ${name} (${Math.round(value).toLocaleString("en")}; asked ≥ ${goal?.ratios[0]})`];
    });
    return said.length === 0 ? [] : [`- ${row.workload.name}: ${said.join(", ")}`];
  });
}

/** Where the load, or another process, kept Portico waiting, the ratio in the table is too small: that of CPU time says more. */
function limits(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ workload, measured }) => {
    const ours = measured.get("portico");
    const http = measured.get("node-http");
    if (ours?.busy === undefined || ours.cpu === undefined || http?.cpu === undefined || ours.busy >= SATURATED)
      return [];
    const ratio = (http.cpu / ours.cpu).toFixed(2);
    const busy = Math.round(100 * ours.busy);
    return [`- ${workload.name}: Portico's core was only ${busy} % busy; by CPU time it is ${ratio} of node:http`];
  });
}

export function asJson(runs: readonly Run[], facts: Facts): string {
  const plain = runs.map(({ version, rows }) => ({ node: version, rows: rows.map(plainRow) }));
  return JSON.stringify({ about: Object.fromEntries(facts), runs: plain }, null, 2);
}

function plainRow(row: Row): object {
  const ratios = SERVER_NAMES.filter((name) => name !== "portico").map((name) => [name, ratioOf(row, name)] as const);
  return {
    workload: row.workload.name,
    servers: Object.fromEntries(row.measured),
    ratios: Object.fromEntries(ratios.filter(([, ratio]) => ratio !== undefined)),
    failures: Object.fromEntries(row.failures),
  };
}
