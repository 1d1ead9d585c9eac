// One sample of one server that stands already: wrk's requests, or bytes streamed one way. Each knows the CPU time the server
// took for it.
import { Child } from "./child.ts";
import { ROOT } from "./machine.ts";
import { cpuMicros, residentBytes } from "./process-stat.ts";
import type { RunningServer } from "./server.ts";
import { DOWNLOAD_BYTES } from "./servers/content.ts";
import type { Workload } from "./workload.ts";
import { runWrk } from "./wrk.ts";

export interface Settings {
  readonly node: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly smoke: boolean;
  /** A folder that is removed at the end. */
  readonly folder: string;
}

export interface Sample {
  /** In the unit of the row: requests or MB a second, microseconds, octets or milliseconds. */
  readonly value: number;
  /** Latency rows: the median beside the p99 that is the value. */
  readonly p50?: number;
  /** Microseconds of CPU per request, or per MB. */
  readonly cpu?: number | undefined;
  readonly rss?: number | undefined;
  /** The part of the time the server's core was busy: well below 1, the load was the limit. */
  readonly busy?: number | undefined;
}

const CONNECTIONS = 64;
const MB = 1e6;
const UPLOAD_BYTES = 512 * 1024 * 1024;
const SMOKE_UPLOAD_BYTES = 64 * 1024 * 1024;

export async function takeSample(server: RunningServer, workload: Workload, settings: Settings): Promise<Sample> {
  const { pid } = server;
  const before = cpuMicros(pid);
  const { count, perSecond, ...measured } = await load(server, workload, settings);
  const after = cpuMicros(pid);
  const cpu = before === undefined || after === undefined ? undefined : (after - before) / count;
  const busy = cpu === undefined ? undefined : (cpu * perSecond) / 1e6;
  return { ...measured, cpu, busy, rss: residentBytes(pid) };
}

interface Loaded {
  readonly value: number;
  readonly p50?: number;
  /** How many requests, or MB, the CPU time was for. */
  readonly count: number;
  /** Of them. */
  readonly perSecond: number;
}

async function load(server: RunningServer, workload: Workload, settings: Settings): Promise<Loaded> {
  if (workload.load === undefined) return stream(server, workload, settings);
  const report = await runWrk({
    load: workload.load,
    url: `${workload.behaviour === "tls" ? "https" : "http"}://127.0.0.1:${server.port}`,
    seconds: settings.seconds,
    connections: CONNECTIONS,
    folder: settings.folder,
  });
  const { requests: count, perSecond } = report;
  if (workload.measure === "latency") return { value: report.p99, p50: report.p50, count, perSecond };
  return { value: perSecond, count, perSecond };
}

async function stream(server: RunningServer, workload: Workload, settings: Settings): Promise<Loaded> {
  const size = workload.measure === "download" ? DOWNLOAD_BYTES : settings.smoke ? SMOKE_UPLOAD_BYTES : UPLOAD_BYTES;
  const script = `${ROOT}dist/bench/clients/${workload.measure}.js`;
  // The client runs on the bench's own Node whatever the server runs on: it is the measure, not the measured.
  const child = new Child("load", [process.execPath, script, ...[server.port, size, settings.seconds].map(String)]);
  try {
    const { bytes, seconds } = await child.next();
    if (typeof bytes !== "number" || typeof seconds !== "number") throw new Error("The client gave no result");
    const perSecond = bytes / MB / seconds;
    return { value: perSecond, count: bytes / MB, perSecond };
  } finally {
    await child.stop();
  }
}
