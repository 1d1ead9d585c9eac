// Why a program could not be started, in words for its owner. The system names the program whatever is missing: also where that is the
// working directory, or the interpreter in the first line of a script.
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** What the system said of a program that was not started; where it names the wrong thing, an error that names the right one. */
export function whyNotStarted(program: string, cwd: string | URL = ".", cause: NodeJS.ErrnoException): Error {
  if (cause.syscall === undefined) return cause; // what was wrong with an argument the system was not asked
  const folder = cwd instanceof URL ? fileURLToPath(cwd) : cwd;
  const flaw = flawOfFolder(folder) ?? flawOfProgram(program, folder, cause);
  return flaw === undefined ? cause : Object.assign(new Error(flaw, { cause }), { code: cause.code });
}

function flawOfFolder(folder: string): string | undefined {
  const named = `The working directory ${JSON.stringify(folder)}`;
  try {
    statSync(`${folder}/.`); // as entering it, it takes a directory, and the right to search it
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return `${named} does not exist.`;
    return code === "ENOTDIR" ? `${named} is no directory.` : `${named} cannot be entered: ${code}.`;
  }
}

/** One that is a path is not looked up: where it is there, what is missing is what runs it. */
function flawOfProgram(program: string, folder: string, { code }: NodeJS.ErrnoException): string | undefined {
  if (code !== "ENOENT" || !program.includes("/") || !existsSync(resolve(folder, program))) return undefined;
  return `${program} is there, and what its first line says that runs it is not.`;
}
