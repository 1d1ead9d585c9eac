// Runs wrk and reads its report. Whatever wrk itself calls an error makes the sample one: a server that answers wrongly and
// fast must not win.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { placed } from "./machine.ts";
import type { Load } from "./workload.ts";

export interface WrkReport {
  readonly requests: number;
  readonly perSecond: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface WrkRun {
  readonly load: Load;
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** A folder for the script. */
  readonly folder: string;
}

export async function runWrk(run: WrkRun): Promise<WrkReport> {
  const { load } = run;
  // wrk takes whole seconds; on SIGINT it ends early and reports what it has.
  const whole = Math.ceil(run.seconds);
  const args = ["-t1", `-c${run.connections}`, `-d${whole}s`, "--latency"];
  for (const field of load.fields ?? []) args.push("-H", field);
  if (load.script !== undefined) {
    const file = join(run.folder, "load.lua");
    writeFileSync(file, load.script);
    args.push("-s", file);
  }
  return parseReport(
    await output(["wrk", ...args, run.url + load.path], run.seconds < whole ? run.seconds : undefined),
  );
}

function output(command: readonly string[], stopAfter: number | undefined): Promise<string> {
  const [file, ...args] = placed("load", command);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    const timer = stopAfter === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), stopAfter * 1000);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(text);
      else reject(new Error(`wrk ended with ${String(code)}: ${text.trim()}`));
    });
  });
}

/** Throws on socket errors, timeouts and statuses other than 2xx and 3xx, and where nothing was answered. */
export function parseReport(text: string): WrkReport {
  const bad = /^\s*(Non-2xx or 3xx responses: .*|Socket errors: .*)$/m.exec(text);
  if (bad !== null) throw new Error(bad[1]);
  const requests = Number(/(\d+) requests in /.exec(text)?.[1] ?? 0);
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1] ?? 0);
  if (requests === 0) throw new Error("wrk saw no answer");
  return { requests, perSecond, p50: quantile(text, "50%"), p99: quantile(text, "99%") };
}

function quantile(text: string, name: string): number {
  const found = new RegExp(`^\\s*${name}\\s+([\\d.]+)(us|ms|s)$`, "m").exec(text);
  if (found === null) return Number.NaN;
  return Number(found[1]) * (found[2] === "us" ? 1 : found[2] === "ms" ? 1e3 : 1e6);
}
