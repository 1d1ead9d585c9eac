// One row: its servers, all up at once, sampled in turn. A server that does not start, answers wrongly or fails under load
// leaves the row with a reason; the others go on.
import { freshRounds, takeFreshSample } from "./fresh.ts";
import { type Sample, type Settings, takeSample } from "./sample.ts";
import { check, type RunningServer, startServer } from "./server.ts";
import { median, medianOf } from "./statistics.ts";
import type { ServerName, Workload } from "./workload.ts";

export interface Measured {
  readonly samples: readonly Sample[];
  readonly value: number;
  readonly p50: number | undefined;
  readonly cpu: number | undefined;
  readonly rss: number | undefined;
  readonly busy: number | undefined;
}

export interface Row {
  readonly workload: Workload;
  readonly measured: ReadonlyMap<ServerName, Measured>;
  readonly failures: ReadonlyMap<ServerName, string>;
}

/** Called before each sample. */
export type Progress = (step: string) => void;

export async function measureRow(
  workload: Workload,
  servers: readonly ServerName[],
  settings: Settings,
  progress: Progress,
): Promise<Row> {
  const field = new Field(servers);
  if (workload.measure === "idle" || workload.measure === "start-up") {
    const rounds = freshRounds(workload, settings);
    await field.rounds(rounds, progress, (name) => takeFreshSample(name, workload, settings));
  } else {
    await standing(field, workload, settings, progress);
  }
  return { workload, measured: field.medians(), failures: field.failures };
}

async function standing(field: Field, workload: Workload, settings: Settings, progress: Progress): Promise<void> {
  const up = new Map<ServerName, RunningServer>();
  try {
    await field.each(async (name) => {
      const server = await startServer(name, workload, settings.node);
      up.set(name, server);
      await check(server, workload);
    });
    const sample = (name: ServerName): Promise<Sample> => takeSample(up.get(name)!, workload, settings);
    await field.each(async (name) => {
      progress(`warm-up ${name}`);
      await sample(name);
    });
    await field.rounds(settings.rounds, progress, sample);
  } finally {
    await Promise.all([...up.values()].map((server) => server.child.stop()));
  }
}

/** The servers still in the race, and what is known of each. */
class Field {
  readonly failures: Map<ServerName, string> = new Map();
  readonly #samples: Map<ServerName, Sample[]> = new Map();

  constructor(servers: readonly ServerName[]) {
    for (const name of servers) this.#samples.set(name, []);
  }

  /** In turn; who throws is out. */
  async each(act: (name: ServerName) => Promise<void>): Promise<void> {
    for (const name of [...this.#samples.keys()]) {
      try {
        await act(name);
      } catch (error) {
        this.#samples.delete(name);
        this.failures.set(name, error instanceof Error ? error.message : String(error));
      }
    }
  }

  async rounds(count: number, progress: Progress, take: (name: ServerName) => Promise<Sample>): Promise<void> {
    for (let round = 1; round <= count; round++) {
      await this.each(async (name) => {
        progress(`round ${round} of ${count}, ${name}`);
        this.#samples.get(name)?.push(await take(name));
      });
    }
  }

  medians(): ReadonlyMap<ServerName, Measured> {
    return new Map([...this.#samples].map(([name, samples]) => [name, summary(samples)]));
  }
}

/** The medians of each number a sample has. */
export function summary(samples: readonly Sample[]): Measured {
  return {
    samples,
    value: median(samples.map((sample) => sample.value)),
    p50: medianOf(samples.map((sample) => sample.p50)),
    cpu: medianOf(samples.map((sample) => sample.cpu)),
    rss: medianOf(samples.map((sample) => sample.rss)),
    busy: medianOf(samples.map((sample) => sample.busy)),
  };
}
