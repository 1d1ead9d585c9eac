// Why a program could not be started, in words for its owner. The system names the program whatever is missing: also where that is the
// working directory, or the interpreter in the first line of a script.
import { access, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What the system said of a program that was not started; where it names the wrong thing, an error that names the right one. Never
 * rejects.
 */
export async function whyNotStarted(
  program: string,
  cwd: string | URL = ".",
  cause: NodeJS.ErrnoException,
): Promise<Error> {
  if (cause.syscall === undefined) return cause; // what was wrong with an argument the system was not asked
  const folder = cwd instanceof URL ? fileURLToPath(cwd) : cwd;
  const flaw = (await flawOfFolder(folder)) ?? (await flawOfProgram(program, folder, cause));
  return flaw === undefined ? cause : Object.assign(new Error(flaw, { cause }), { code: cause.code });
}

/** The same for what spawn() throws at once: of the places that it looks at, only a working directory can be no directory. */
export function whyRefused(cwd: string | URL = ".", cause: NodeJS.ErrnoException): Error {
  if (cause.syscall === undefined || cause.code !== "ENOTDIR") return cause;
  const folder = cwd instanceof URL ? fileURLToPath(cwd) : cwd;
  const flaw = `The working directory ${JSON.stringify(folder)} is no directory.`;
  return Object.assign(new Error(flaw, { cause }), { code: cause.code });
}

async function flawOfFolder(folder: string): Promise<string | undefined> {
  const named = `The working directory ${JSON.stringify(folder)}`;
  try {
    await stat(`${folder}/.`); // as entering it, it takes a directory, and the right to search it
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return `${named} does not exist.`;
    return code === "ENOTDIR" ? `${named} is no directory.` : `${named} cannot be entered: ${code}.`;
  }
}

/** One that is a path is not looked up: where it is there, what is missing is what runs it. */
async function flawOfProgram(
  program: string,
  folder: string,
  { code }: NodeJS.ErrnoException,
): Promise<string | undefined> {
  if (code !== "ENOENT" || !program.includes("/")) return undefined;
  const isThere = await access(resolve(folder, program)).then(
    () => true,
    () => false,
  );
  return isThere ? `${program} is there, and what its first line says that runs it is not.` : undefined;
}
