// One state of one file: what the file system says of it, and the validators that are made of that (RFC 9110 §8.8). A file that
// is sent piece by piece is opened only as the one that was looked at: what is another by then is never sent in its stead. Of a
// small one, which is read in one go, the state is that of what was read. What has become a pipe is neither.
import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import { HttpError } from "../base/errors.ts";
import type { Validators } from "../content/conditional.ts";
import { formatDate } from "../message/date.ts";
import { isAbsence } from "./below.ts";

/** What changes when a file does: also when its time is set back, and when another file is put in its place. */
export type FileState = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs" | "ctimeMs">;

export function isSameState(a: FileState, b: FileState): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}

// Times on disk move in steps, of milliseconds here and of two seconds elsewhere: two changes within one step look like one.
const SETTLED_AFTER = 2500;

/** Whether another change would show in the state. @param now milliseconds since 1970. */
export function isSettled({ mtimeMs, ctimeMs }: FileState, now: number = Date.now()): boolean {
  return Math.max(mtimeMs, ctimeMs) + SETTLED_AFTER < now;
}

/**
 * What an ETag is made of: "weak", size and time, which cost nothing; "strong", the octets, which are read once for each state
 * of a file; "none", and there is none.
 */
export type TagKind = "weak" | "strong" | "none";

/**
 * @param suffix of the tag, where it is for encoded octets.
 * @param now milliseconds since 1970: a file from the future is said to be of now (RFC 9110 §8.8.2.1).
 */
export function validatorsOf(
  state: Pick<FileState, "size" | "mtimeMs">,
  digest: string | null,
  suffix = "",
  now: number = Date.now(),
): Required<Validators> {
  const tag = digest ?? `${state.size.toString(16)}-${state.mtimeMs.toString(16)}`;
  return {
    etag: `${digest === null ? "W/" : ""}"${tag}${suffix}"`,
    lastModified: formatDate(Math.min(state.mtimeMs, now)),
  };
}

/** Eighteen octets of it are more than two files will ever share by chance. */
const DIGEST_CHARACTERS = 24;

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, DIGEST_CHARACTERS);
}

/** Digests of so many files are remembered; one is 100 octets. */
const DIGESTS = 4096;
const PIECE = 262_144;
const digests = new Map<string, { readonly state: FileState; readonly digest: Promise<string> }>();

/** The digest of a file that is too large to be held, read once for each state of it. @throws HttpError as openAs(). */
export function digestOfFile(path: string, state: FileState): Promise<string> {
  const known = digests.get(path);
  if (known !== undefined && isSameState(known.state, state)) return known.digest;
  const digest = readDigest(path, state);
  if (isSettled(state)) {
    if (digests.size >= DIGESTS) digests.delete(digests.keys().next().value as string);
    digests.set(path, { state, digest });
    digest.catch(() => digests.delete(path));
  }
  return digest;
}

async function readDigest(path: string, state: FileState): Promise<string> {
  const file = await openAs(path, state);
  try {
    const hash = createHash("sha256");
    const piece = Buffer.allocUnsafe(PIECE);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, PIECE, null);
      if (bytesRead === 0) return hash.digest("base64url").slice(0, DIGEST_CHARACTERS);
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

// A pipe that nobody writes to would be waited for; a link that has come meanwhile would be followed. Not every system has these.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/**
 * Opens a resolved path, if it still leads to the file in this state.
 *
 * @throws HttpError 404 where it has gone meanwhile, 503 where it is another by now.
 */
export async function openAs(path: string, state: FileState): Promise<FileHandle> {
  const file = await openHere(path);
  try {
    if (isSameState(await file.stat(), state)) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw beingChanged();
}

async function openHere(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    // ENXIO, EOPNOTSUPP: a socket, or a device without its driver.
    throw isAbsence(error) ? new HttpError(404) : error;
  }
  if (await isAt(path, file)) return file;
  await file.close();
  throw new HttpError(404);
}

// Where an open file lies, Linux tells: between the look and the opening a directory on the way may have become a link that leads
// out of the root.
const OPENED = process.platform === "linux" ? "/proc/self/fd/" : null;

async function isAt(path: string, file: FileHandle): Promise<boolean> {
  if (OPENED === null) return true;
  const actual = await readlink(`${OPENED}${file.fd}`).catch(() => path); // there is no /proc
  // A file system may call it otherwise: by other capitals, or by another form of the same letters. A file that is deleted by now
  // has that behind its name.
  return actual === path || folded(actual) === folded(path) || actual === `${path} (deleted)`;
}

function folded(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

/** The octets of a small file, and the state that they are of; null where they could not be had in one go. */
export interface Read {
  readonly bytes: Uint8Array | null;
  readonly state: FileState;
}

/**
 * Reads a file in one go, unless it is larger than so many octets, or changes while it is read.
 *
 * @throws HttpError 404 where it has gone, or is no file.
 */
export async function readSmall(path: string, most: number): Promise<Read> {
  const file = await openHere(path);
  try {
    const state = await file.stat();
    if (!state.isFile()) throw new HttpError(404);
    if (state.size > most) return { bytes: null, state };
    // One octet more than there should be: a file that grows is seen.
    const buffer = Buffer.allocUnsafeSlow(state.size + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length > state.size) break;
    }
    return { bytes: length === state.size ? buffer.subarray(0, length) : null, state };
  } finally {
    await file.close();
  }
}

/** A file that is another each time it is looked at. */
export function beingChanged(): HttpError {
  return new HttpError(503, "The file is being changed.", { fields: { "Retry-After": "1" } });
}
