// New inputs from old ones: cut, doubled, swapped, joined, and with octets and tokens put in.
import type { Chance } from "../../src/testing/index.ts";
import { CORPUS, TOKENS } from "./corpus.ts";

type Mutation = (input: string, chance: Chance) => string;

function pick<T>(list: readonly T[], chance: Chance): T {
  return list[chance(list.length)] as T;
}

function splice(input: string, at: number, removed: number, added: string): string {
  return input.slice(0, at) + added + input.slice(at + removed);
}

const MUTATIONS: readonly Mutation[] = [
  (input, chance) => splice(input, chance(input.length + 1), 1, String.fromCharCode(chance(256))),
  (input, chance) => splice(input, chance(input.length + 1), 0, String.fromCharCode(chance(256))),
  (input, chance) => splice(input, chance(input.length + 1), 1 + chance(8), ""),
  (input, chance) => splice(input, chance(input.length + 1), 0, pick(TOKENS, chance)),
  (input, chance) => splice(input, chance(input.length + 1), chance(8), pick(TOKENS, chance)),
  (input, chance) => {
    const at = chance(input.length + 1);
    return splice(input, chance(input.length + 1), 0, input.slice(at, at + 1 + chance(40)));
  },
  (input, chance) => input + pick(CORPUS, chance),
  (input, chance) => pick(CORPUS, chance) + input,
  (input, chance) => input.slice(0, chance(input.length + 1)) + pick(CORPUS, chance).slice(chance(20)),
  (input, chance) => {
    const lines = input.split("\r\n");
    lines.splice(chance(lines.length), 0, pick(lines, chance));
    return lines.join("\r\n");
  },
  (input, chance) => {
    const lines = input.split("\r\n");
    const [one, two] = [chance(lines.length), chance(lines.length)];
    [lines[one], lines[two]] = [lines[two] as string, lines[one] as string];
    return lines.join("\r\n");
  },
];

/** A mutated input out of the corpus. */
export function mutated(chance: Chance): string {
  let input = pick(CORPUS, chance);
  for (let left = 1 + chance(4); left > 0; left--) input = pick(MUTATIONS, chance)(input, chance);
  return input.slice(0, 4096);
}

/** The shortest input that is found to fail still, by leaving out ever smaller pieces. */
export async function minimized(input: string, fails: (shorter: string) => Promise<boolean>): Promise<string> {
  let smallest = input;
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const shorter = splice(smallest, at, size, "");
      if (await fails(shorter)) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}
