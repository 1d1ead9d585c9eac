// The two samples for which a server is started anew each time: memory per idle connection, and the time from nothing to the
// first answer.
import { Child } from "./child.ts";
import { ROOT } from "./machine.ts";
import type { Sample, Settings } from "./sample.ts";
import { check, collectedBytes, startServer } from "./server.ts";
import type { ServerName, Workload } from "./workload.ts";

const IDLE_CONNECTIONS = 10_000;
const SMOKE_CONNECTIONS = 200;
/** Connections made and dropped first, so that code and lazily made state are not counted as memory of connections. */
const WARM_CONNECTIONS = 200;

export function takeFreshSample(name: ServerName, workload: Workload, settings: Settings): Promise<Sample> {
  return workload.measure === "idle" ? idle(name, workload, settings) : startUp(name, workload, settings);
}

/** How many samples of a server a row takes: start-up is short and noisy, idle long and steady. */
export function freshRounds(workload: Workload, settings: Settings): number {
  if (settings.smoke) return 1;
  return workload.measure === "idle" ? Math.min(settings.rounds, 3) : settings.rounds * 4;
}

/** Octets of resident memory for each idle connection. */
async function idle(name: ServerName, workload: Workload, settings: Settings): Promise<Sample> {
  const count = settings.smoke ? SMOKE_CONNECTIONS : IDLE_CONNECTIONS;
  const server = await startServer(name, workload, settings.node, ["--expose-gc"]);
  try {
    await check(server, workload);
    await holding(server.port, WARM_CONNECTIONS, async () => {});
    const before = await collectedBytes(server);
    const after = await holding(server.port, count, () => collectedBytes(server));
    return { value: (after - before) / count, rss: after };
  } finally {
    await server.child.stop();
  }
}

/** Does something while `count` connections are open, and makes sure that they still are in the end. */
async function holding<T>(port: number, count: number, act: () => Promise<T>): Promise<T> {
  const client = new Child("load", [
    process.execPath,
    `${ROOT}dist/bench/clients/idle.js`,
    String(port),
    String(count),
  ]);
  try {
    await client.next();
    const result = await act();
    client.tell("count");
    const open = await client.nextNumber("open");
    if (open !== count) throw new Error(`Only ${open} of ${count} connections stayed open`);
    return result;
  } finally {
    await client.stop();
  }
}

/** Milliseconds from starting the process to its first answer, which is checked. */
async function startUp(name: ServerName, workload: Workload, settings: Settings): Promise<Sample> {
  const began = performance.now();
  const server = await startServer(name, workload, settings.node);
  try {
    await check(server, workload);
    return { value: performance.now() - began };
  } finally {
    await server.child.stop();
  }
}
