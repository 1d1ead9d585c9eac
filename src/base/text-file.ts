// Text files of the user's: programs, settings, manifests. Editors on Windows put a byte order mark in front of them, and no
// reader of what follows expects it.
import { readFile } from "node:fs/promises";

/** The text of a file in UTF-8, without a byte order mark. @throws Error as of readFile. */
export async function readTextFile(path: string): Promise<string> {
  return new TextDecoder().decode(await readFile(path));
}
