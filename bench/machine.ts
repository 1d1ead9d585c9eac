// The machine as the bench uses it: one core for the server, the other for the load, enough descriptors, and the facts about
// it that belong under a table. Where taskset or the second core is missing, everything runs unpinned and says so.
import { spawnSync } from "node:child_process";
import { cpus, release } from "node:os";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** The core a process is to run on. */
export type Core = "server" | "load";

const CORE_NUMBER: Readonly<Record<Core, string>> = { server: "0", load: "1" };

const cores = cpus().length;

export const pinned: boolean = cores > 1 && spawnSync("taskset", ["-c", "0,1", "true"]).status === 0;

/** The command line that runs `command` on a core, with as many descriptors as this user may have. The pid stays the same. */
export function placed(core: Core, command: readonly string[]): readonly [string, ...string[]] {
  const pin = pinned ? ["taskset", "-c", CORE_NUMBER[core]] : [];
  return ["sh", "-c", 'ulimit -n "$(ulimit -H -n)" 2>/dev/null; exec "$@"', "sh", ...pin, ...command];
}

/** Moves the bench itself away from the server's core. */
export function stepAside(): void {
  if (pinned) spawnSync("taskset", ["-a", "-c", "-p", CORE_NUMBER.load, String(process.pid)]);
}

/** The first line of `wrk --version`, or undefined where there is no wrk. */
export function wrkVersion(): string | undefined {
  const { stdout, error } = spawnSync("wrk", ["--version"], { encoding: "utf8" });
  if (error !== undefined) return undefined;
  return stdout.split("\n")[0]?.replace(/ Copyright.*/, "");
}

export function nodeVersion(binary: string): string {
  const { stdout, error } = spawnSync(binary, ["--version"], { encoding: "utf8" });
  if (error !== undefined) throw new Error(`${binary} does not run: ${error.message}`);
  return stdout.trim().replace(/^v/, "");
}

/** The commit the tree stands on; "+" where it was changed since; "none" outside a repository. */
function commit(): string {
  const head = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" });
  if (head.status !== 0) return "none";
  const changed = spawnSync("git", ["status", "--porcelain"], { cwd: ROOT, encoding: "utf8" });
  return head.stdout.trim() + (changed.stdout.trim() === "" ? "" : "+");
}

/** What a stranger needs to repeat a run, as pairs of a name and a value. `peers` are packages with their versions. */
export function facts(
  nodes: readonly string[],
  argv: readonly string[],
  peers: readonly string[],
): readonly (readonly [string, string])[] {
  return [
    ["date", new Date().toISOString().slice(0, 16)],
    ["command", ["npm run bench", ...(argv.length > 0 ? ["--", ...argv] : [])].join(" ")],
    ["commit", commit()],
    ["Node", nodes.map(nodeVersion).join(", ")],
    ["peers", peers.join(", ") || "none that is a package"],
    ["load", wrkVersion() ?? "no wrk"],
    ["CPU", `${cpus()[0]?.model.trim() ?? "unknown"}, ${cores} cores`],
    ["Linux", release()],
    ["pinning", pinned ? "server on core 0, load on core 1" : "none: taskset or a second core is missing"],
  ];
}
