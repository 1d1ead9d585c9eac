// npm run bench: measures the rows that were asked for and prints one table, its progress on stderr. Ends with 1 when a server
// failed, with 2 on a wrong command line; a bar that was missed is told, not a failure, for a shared machine may be at fault.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { facts, nodeVersion, stepAside, wrkVersion } from "./machine.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { installPackages, needsPackages, packageVersion } from "./peers.ts";
import { profile } from "./profile.ts";
import { asJson, asMarkdown, type Run } from "./report.ts";
import { measureRow, type Row } from "./row.ts";
import type { Settings } from "./sample.ts";
import { valueText } from "./table.ts";
import type { ServerName, Workload } from "./workload.ts";
import { WORKLOADS } from "./workloads.ts";

function chosen(names: readonly string[]): readonly Workload[] {
  if (names.length === 0) return WORKLOADS;
  return names.map((name) => {
    const workload = WORKLOADS.find((candidate) => candidate.name === name);
    if (workload === undefined) throw new UsageError(`No such row: ${name}. See --list.`);
    return workload;
  });
}

function serversOf(workload: Workload, peers: readonly ServerName[] | undefined): readonly ServerName[] {
  if (peers === undefined) return workload.servers;
  return workload.servers.filter((name) => name === "portico" || peers.includes(name));
}

/** The packages that took part, with their versions. */
function peersMeasured(runs: readonly Run[]): readonly string[] {
  const measured = new Set(runs.flatMap(({ rows }) => rows.flatMap((row) => [...row.measured.keys()])));
  const names = [...measured].flatMap((name) => (name === "hono" ? [name, "@hono/node-server"] : [name]));
  return names.flatMap((name) => {
    const version = packageVersion(name);
    return version === undefined ? [] : [`${name} ${version}`];
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function bench(options: Options, folder: string): Promise<readonly Run[]> {
  const workloads = chosen(options.rows);
  if (workloads.some((workload) => workload.load !== undefined) && wrkVersion() === undefined) {
    throw new UsageError("wrk is missing: apt-get install wrk");
  }
  if (needsPackages(workloads.flatMap((workload) => serversOf(workload, options.peers)))) installPackages(say);
  const runs: Run[] = [];
  for (const node of options.nodes) {
    const version = nodeVersion(node);
    const settings: Settings = { ...options, node, folder };
    const rows: Row[] = [];
    for (const workload of workloads) {
      const servers = serversOf(workload, options.peers);
      const row = await measureRow(workload, servers, settings, (step) =>
        say(`Node ${version}, ${workload.name}: ${step}`),
      );
      rows.push(row);
      for (const [name, measured] of row.measured) say(`  ${name}: ${valueText(workload.measure, measured)}`);
      for (const [name, why] of row.failures) say(`  ${name} failed: ${why}`);
    }
    runs.push({ version, rows });
  }
  return runs;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (options.task === "help") return print(USAGE);
  if (options.task === "list") return print(WORKLOADS.map((workload) => workload.name).join("\n"));
  stepAside();
  const folder = mkdtempSync(join(tmpdir(), "portico-bench-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  // The children see their input close when this process ends, and end too.
  process.once("SIGINT", () => {
    clean();
    process.exit(130);
  });
  try {
    if (options.task === "profile") return await profileRow(options, folder);
    const runs = await bench(options, folder);
    const about = facts(options.nodes, argv, peersMeasured(runs));
    const markdown = asMarkdown(runs, about);
    if (options.out !== undefined) writeFileSync(options.out, `${markdown}\n`);
    print(options.json ? asJson(runs, about) : markdown);
    return runs.some((run) => run.rows.some((row) => row.failures.size > 0)) ? 1 : 0;
  } finally {
    clean();
  }
}

async function profileRow(options: Options, folder: string): Promise<number> {
  const [workload] = chosen(options.rows);
  const [node] = options.nodes;
  if (workload === undefined || node === undefined) throw new UsageError("--profile takes the name of a row");
  const settings: Settings = { ...options, node, folder };
  const server = options.peers?.[0] ?? "portico";
  if (needsPackages([server])) installPackages(say);
  return print(await profile(server, workload, settings));
}

function print(text: string): 0 {
  process.stdout.write(`${text}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error instanceof UsageError ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
