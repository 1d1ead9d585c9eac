// All files below a directory, as they would be asked for: for routes that are made of them, and for keeping them in memory.
import { opendir } from "node:fs/promises";
import { LocalError } from "../base/errors.ts";
import { canBeAsked, type Found, findBelow, type Hidden, isAbsence } from "./below.ts";

/** A file that was found on the way. */
export interface Walked {
  /** The names that lead to it from the root. */
  readonly names: readonly string[];
  readonly found: Found;
}

/** Deeper than this lies no file that a URL of usual length could name; and a link in a circle ends. */
const DEEPEST = 64;

/**
 * Walks a directory, in the order of names. A link to a directory that it lies in is not followed again.
 *
 * @param root absolute. @param most files.
 * @throws LocalError USE_BAD_OPTION where there are more files.
 */
export async function* walk(root: string, hidden: Hidden, most: number): AsyncGenerator<Walked, undefined> {
  const top = await findBelow(root, [], hidden);
  if (top?.stats.isDirectory() !== true) return;
  let count = 0;
  for await (const walked of below(root, [], [top.path], hidden)) {
    if (++count > most) {
      throw new LocalError("USE_BAD_OPTION", `There are more than ${most} files below ${JSON.stringify(root)}.`);
    }
    yield walked;
  }
}

/** @param inside the resolved directories that lead here, of which the last is this one. */
async function* below(
  root: string,
  names: readonly string[],
  inside: readonly string[],
  hidden: Hidden,
): AsyncGenerator<Walked, undefined> {
  for (const name of await sortedNames(inside.at(-1) as string)) {
    const found = canBeAsked([...names, name], hidden.dotFiles)
      ? await findBelow(root, [...names, name], hidden)
      : null;
    if (found === null) continue;
    if (found.stats.isFile()) yield { names: [...names, name], found };
    else if (found.stats.isDirectory() && !inside.includes(found.path) && inside.length < DEEPEST) {
      yield* below(root, [...names, name], [...inside, found.path], hidden);
    }
  }
}

async function sortedNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) names.push(name);
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  return names.sort();
}
