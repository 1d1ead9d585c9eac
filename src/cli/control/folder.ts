// Where servers that the command line has started can be found: a folder of this user alone, with a socket for each of them,
// named by process and port.
import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../command.ts";

/** A server as its socket names it. */
export interface Found {
  readonly pid: number;
  readonly port: number;
  /** What to connect to. */
  readonly socket: string;
  /** What stands in the folder; on Windows a file that only says that the pipe is there. */
  readonly file: string;
}

const WINDOWS = process.platform === "win32";

/** `$XDG_RUNTIME_DIR/portico`, else a folder in the temporary one that has the user in its name. */
export function runtimeFolder(env: Io["env"]): string {
  const runtime = env["XDG_RUNTIME_DIR"];
  // It may be named and not be there: where the user was changed without a session.
  if (runtime !== undefined && runtime !== "" && existsSync(runtime)) return join(runtime, "portico");
  return join(env["TMPDIR"] || tmpdir(), `portico-${process.getuid?.() ?? env["USERNAME"] ?? "user"}`);
}

/** Makes the folder. @throws Error where it belongs to somebody else, or others may look into it. */
export async function ownFolder(env: Io["env"]): Promise<string> {
  const folder = runtimeFolder(env);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stats = await lstat(folder);
  const ours = process.getuid === undefined || stats.uid === process.getuid();
  if (!stats.isDirectory() || !ours) throw new Error(`${folder} belongs to somebody else`);
  if (!WINDOWS && (stats.mode & 0o077) !== 0) throw new Error(`${folder} is open to others: chmod 700 it`);
  return folder;
}

export function socketFor(folder: string, port: number, pid: number = process.pid): Found {
  const file = join(folder, `${pid}-${port}.sock`);
  return { pid, port, file, socket: WINDOWS ? `\\\\.\\pipe\\portico-${pid}-${port}` : file };
}

/** Says that a pipe is there; a socket of Unix says so itself. */
export async function announce({ file }: Found): Promise<void> {
  if (WINDOWS) await writeFile(file, "");
}

export async function withdraw({ file }: Found): Promise<void> {
  await unlink(file).catch(() => {});
}

/** What stands in the folder, by port; also what a process has left behind that ended in a hurry. */
export async function findAll(env: Io["env"]): Promise<readonly Found[]> {
  let folder: string;
  let names: readonly string[];
  try {
    folder = await ownFolder(env);
    names = await readdir(folder);
  } catch {
    return [];
  }
  const found = names.map((name) => /^(\d+)-(\d+)\.sock$/.exec(name)).filter((match) => match !== null);
  return found
    .map(([, pid, port]) => socketFor(folder, Number(port), Number(pid)))
    .sort((a, b) => a.port - b.port || a.pid - b.pid);
}
