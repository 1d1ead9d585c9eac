// The servers that are made of packages: fastify, Hono and sirv. Nothing else needs those packages, so they are not among those
// of the repository: they have a package.json of their own here, and are installed when they are first measured.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./machine.ts";
import type { ServerName } from "./workload.ts";

const BENCH: string = join(ROOT, "bench");
const PACKAGED: ReadonlySet<ServerName> = new Set<ServerName>(["fastify", "hono", "sirv"]);

/** The compiled program of a server. That of a packaged one stands where its packages are found. */
export function serverFile(name: ServerName): string {
  return join(PACKAGED.has(name) ? join(BENCH, "dist") : join(ROOT, "dist", "bench"), "servers", `${name}.js`);
}

/** Whether there is one that needs packages. */
export function needsPackages(servers: Iterable<ServerName>): boolean {
  return [...servers].some((name) => PACKAGED.has(name));
}

/**
 * Installs the packages, where they are not what the lockfile says, and compiles the servers that need them.
 *
 * @param say is told what takes a while.
 * @throws Error where that is not possible: there is no network, or a server does not fit its package any more.
 */
export function installPackages(say: (line: string) => void): void {
  if (!isInstalled()) {
    say("Installing fastify, hono and sirv in bench (npm ci) …");
    run("npm", ["ci", "--loglevel=error"], "without them: --peers node-http");
  }
  run(
    process.execPath,
    [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-p", BENCH],
    "their servers are in bench/servers",
  );
}

/** The version of a package that is installed, or undefined. */
export function packageVersion(name: string): string | undefined {
  return versionsIn(join("node_modules", ".package-lock.json"))?.get(`node_modules/${name}`);
}

function isInstalled(): boolean {
  const installed = versionsIn(join("node_modules", ".package-lock.json"));
  const locked = versionsIn("package-lock.json");
  if (installed === undefined || locked === undefined) return false;
  return [...locked].every(([path, version]) => installed.get(path) === version);
}

/** What a lockfile says is in which folder. */
function versionsIn(lockfile: string): ReadonlyMap<string, string> | undefined {
  const path = join(BENCH, lockfile);
  if (!existsSync(path)) return undefined;
  const { packages } = JSON.parse(readFileSync(path, "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version: string }>>;
  };
  return new Map(
    Object.entries(packages).flatMap(([folder, { version }]) => (folder === "" ? [] : [[folder, version]])),
  );
}

function run(program: string, args: readonly string[], instead: string): void {
  // The table goes to standard output, and nothing else.
  const { status, error } = spawnSync(program, args, { cwd: BENCH, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  throw new Error(`In bench, ${program} ${args[0]} ended with ${error?.message ?? status}; ${instead}`);
}
