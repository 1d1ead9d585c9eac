// Where the time of one server goes: a row run under --cpu-prof, and its .cpuprofile summed up by function, by the time spent in
// the function itself. Idle time is left out, so that the percentages are of busy time.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./machine.ts";
import { UsageError } from "./options.ts";
import { summary } from "./row.ts";
import { type Settings, takeSample } from "./sample.ts";
import { check, startServer } from "./server.ts";
import { valueText } from "./table.ts";
import type { ServerName, Workload } from "./workload.ts";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Hot {
  readonly name: string;
  readonly percent: number;
}

const SHOWN = 40;
const SAMPLE_MICROS = 200;

export async function profile(name: ServerName, workload: Workload, settings: Settings): Promise<string> {
  if (workload.measure === "idle" || workload.measure === "start-up")
    throw new UsageError(`${workload.name} has no profile`);
  const flags = ["--cpu-prof", `--cpu-prof-dir=${settings.folder}`, `--cpu-prof-interval=${SAMPLE_MICROS}`];
  const server = await startServer(name, workload, settings.node, flags);
  let headline: string;
  try {
    await check(server, workload);
    const value = valueText(workload.measure, summary([await takeSample(server, workload, settings)]));
    headline = `${name}, ${workload.name}: ${value} while profiled, self time of busy time`;
  } finally {
    await server.child.stop();
  }
  const file = readdirSync(settings.folder).find((entry) => entry.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("No profile was written");
  const hot = hottest(JSON.parse(readFileSync(join(settings.folder, file), "utf8")) as CpuProfile);
  return [headline, ...hot.slice(0, SHOWN).map((one) => `${one.percent.toFixed(1).padStart(6)} %  ${one.name}`)].join(
    "\n",
  );
}

/** Functions by self time, the longest first, in percent of the time that was not idle. */
export function hottest({ nodes, samples, timeDeltas }: CpuProfile): readonly Hot[] {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const micros = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, at) => {
    const name = names.get(id) ?? "(unknown)";
    if (name === "(idle)") return;
    const delta = timeDeltas[at] ?? 0;
    busy += delta;
    micros.set(name, (micros.get(name) ?? 0) + delta);
  });
  return [...micros]
    .map(([name, time]) => ({ name, percent: (100 * time) / busy }))
    .sort((a, b) => b.percent - a.percent);
}

function nameOf({ callFrame }: ProfileNode): string {
  const name = callFrame.functionName === "" ? "(anonymous)" : callFrame.functionName;
  if (callFrame.url === "") return name;
  return `${name}  ${callFrame.url.replace(`file://${ROOT}`, "")}:${callFrame.lineNumber + 1}`;
}
