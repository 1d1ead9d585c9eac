// What the kernel says of a running process: the CPU time it took and the memory it holds. Undefined where there is no /proc.
import { readFileSync } from "node:fs";

/** USER_HZ, which Linux shows to programs as 100 whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** User and system time of all its threads, in microseconds, to 10 ms. */
export function cpuMicros(pid: number): number | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in parentheses may hold spaces: count from behind it. proc(5): utime and stime are fields 14 and 15.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

/** Resident set size in octets. */
export function residentBytes(pid: number): number | undefined {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "");
  return line === null ? undefined : Number(line[1]) * 1024;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
