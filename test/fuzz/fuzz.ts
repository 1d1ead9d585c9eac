// The loop: mutated inputs against the laws, from a seed. What breaks one is made as short as it can be.
import { escaped, seeded } from "../../src/testing/index.ts";
import { cutsDoNotMatter, serverAnswersOrCloses, valuesAreReadOrRefused } from "./laws.ts";
import { minimized, mutated } from "./mutate.ts";

/** What was found; undefined where everything held. */
export interface Finding {
  /** The execution that failed, with its own seed: `--seed` of a run that begins with it. */
  readonly seed: number;
  readonly input: string;
  readonly error: unknown;
}

export interface Run {
  readonly executions: number;
  readonly finding: Finding | undefined;
}

// A whole server costs a hundred times what a machine does.
const SERVER_EVERY = 20;

async function broken(seed: number, input: string): Promise<unknown> {
  try {
    cutsDoNotMatter(input, seeded(seed));
    valuesAreReadOrRefused(input);
    if (seed % SERVER_EVERY === 0) await serverAnswersOrCloses(input, seeded(seed));
    return undefined;
  } catch (error) {
    return error ?? new Error("Something empty was thrown.");
  }
}

/** Runs until `enough` says so, given how many executions there were. Each has its own seed, counted up from the first. */
export async function fuzz(seed: number, enough: (executions: number) => boolean): Promise<Run> {
  for (let executions = 0; ; executions++) {
    if (enough(executions)) return { executions, finding: undefined };
    const own = seed + executions;
    const input = mutated(seeded(own));
    if ((await broken(own, input)) === undefined) continue;
    const shortest = await minimized(input, async (shorter) => (await broken(own, shorter)) !== undefined);
    return { executions, finding: { seed: own, input: shortest, error: await broken(own, shortest) } };
  }
}

/** A finding as text. */
export function told({ seed, input, error }: Finding): string {
  return `seed ${seed}, input "${escaped(input)}"\n${error instanceof Error ? error.stack : String(error)}`;
}
