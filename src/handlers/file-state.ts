// One state of one file: what the file system says of it, and the validators that are made of that (RFC 9110 §8.8). A file that
// is sent piece by piece is opened only as the one that was looked at: what is another by then is never sent in its stead, and of
// one that grew, what there was. Of a small one, which is read in one go, the state is that of what was read. What has become a
// pipe is neither.
import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import { HttpError } from "../base/errors.ts";
import type { Validators } from "../content/conditional.ts";
import { formatDate } from "../message/date.ts";
import { isAbsence } from "./below.ts";

/** What changes when a file does: also when its time is set back, and when another file is put in its place. */
export type FileState = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs" | "ctimeMs" | "birthtimeMs">;

type Compared = Omit<FileState, "birthtimeMs">;

export function isSameState(a: Compared, b: Compared): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}

/**
 * Whether a file is the same with more behind its end, as a log is. The number of a file that was deleted is given to the next one,
 * which was born later.
 */
function hasGrown(now: FileState, before: FileState): boolean {
  const isSame = now.ino === before.ino && now.dev === before.dev && now.birthtimeMs === before.birthtimeMs;
  return isSame && now.size > before.size;
}

// Times on disk move in steps, of milliseconds here and of two seconds elsewhere: two changes within one step look like one.
const SETTLED_AFTER = 2500;

/** Whether another change would show in the state. @param now milliseconds since 1970. */
export function isSettled(
  { mtimeMs, ctimeMs }: Pick<FileState, "mtimeMs" | "ctimeMs">,
  now: number = Date.now(),
): boolean {
  return Math.max(mtimeMs, ctimeMs) + SETTLED_AFTER < now;
}

// Before there was a Web no file of it was changed. Image builders set 0 or 1 s after 1970, archivers the first days that ZIP can say
// (1979-11-30, 1980-01-01, 1980-02-01), package managers a day in 1984 or 1985.
const FIRST_DATE = Date.UTC(1990, 0);
/** What Bazel sets, for archives and for the files in them. */
const SET_DATES: ReadonlySet<number> = new Set([Date.UTC(2000, 0), Date.UTC(2010, 0)]);

/**
 * Whether the time of a file may say when it changed. One that a tool sets for all files of all releases says nothing: two releases
 * of the same size would pass for one.
 */
export function isDated({ mtimeMs }: Pick<FileState, "mtimeMs">): boolean {
  return mtimeMs >= FIRST_DATE && !SET_DATES.has(mtimeMs);
}

/**
 * What an ETag is made of: "weak", size and time, which cost nothing; "strong", the octets, which are read once for each state
 * of a file; "none", and there is none.
 */
export type TagKind = "weak" | "strong" | "none";

/**
 * The validators of a file. One whose time says nothing has no Last-Modified, and no tag either where there is no digest.
 *
 * @param suffix of the tag, where it is for encoded octets.
 * @param now milliseconds since 1970: a file from the future is said to be of now (RFC 9110 §8.8.2.1).
 */
export function validatorsOf(
  state: Pick<FileState, "size" | "mtimeMs">,
  digest: string | null,
  suffix = "",
  now: number = Date.now(),
): Validators {
  const dated = isDated(state);
  const weak = `${state.size.toString(16)}-${state.mtimeMs.toString(16)}`;
  return {
    etag: digest !== null ? `"${digest}${suffix}"` : dated ? `W/"${weak}${suffix}"` : undefined,
    lastModified: dated ? formatDate(Math.min(state.mtimeMs, now)) : undefined,
  };
}

/** Eighteen octets of it are more than two files will ever share by chance. */
const DIGEST_CHARACTERS = 24;

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, DIGEST_CHARACTERS);
}

/** A file without a date is read for its tag up to this size: more takes longer than to send it again. */
const TAGGED_BYTES = 16_777_216;

/**
 * The digest that the tag of a file is made of; null where it is made of something else, or there is none.
 *
 * @param bytes of the file, where they are here.
 * @throws HttpError as openAs().
 */
export async function tagDigest(
  kind: TagKind,
  path: string,
  state: FileState,
  bytes: Uint8Array | null,
): Promise<string | null> {
  if (kind === "none" || (kind === "weak" && isDated(state))) return null;
  if (bytes !== null) return digestOf(bytes);
  return kind === "weak" && state.size > TAGGED_BYTES ? null : digestOfFile(path, state);
}

/** Digests of so many files are remembered; one is 200 octets. */
const DIGESTS = 4096;
const PIECE = 262_144;
const digests = new Map<string, Promise<string>>();

/**
 * The digest of a file that is too large to be held. It is read once for each state of it, whatever path leads to it, and however
 * many ask at once.
 *
 * @throws HttpError as openAs().
 */
export function digestOfFile(path: string, state: FileState): Promise<string> {
  const { dev, ino, size, ctimeMs } = state; // to set the time sets ctime as well
  const key = `${dev}:${ino}:${size}:${ctimeMs}`;
  const known = digests.get(key);
  if (known !== undefined) return known;
  const keeps = isSettled(state);
  const digest = readDigest(path, state);
  if (digests.size >= DIGESTS) digests.delete(digests.keys().next().value as string);
  digests.set(key, digest);
  const forget = (): void => {
    if (digests.get(key) === digest) digests.delete(key);
  };
  digest.then(() => keeps || forget(), forget);
  return digest;
}

async function readDigest(path: string, state: FileState): Promise<string> {
  const file = await openAs(path, state);
  try {
    const hash = createHash("sha256");
    const piece = Buffer.allocUnsafe(Math.min(PIECE, state.size));
    for (let at = 0; at < state.size; ) {
      const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, state.size - at), at);
      if (bytesRead === 0) throw beingChanged();
      hash.update(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
    return hash.digest("base64url").slice(0, DIGEST_CHARACTERS);
  } finally {
    await file.close();
  }
}

// A pipe that nobody writes to would be waited for; a link that has come meanwhile would be followed. Not every system has these.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/**
 * Opens a resolved path, if it still leads to the file in this state, or to one that has only more behind its end: then what there
 * was is what the octets before that are.
 *
 * @throws HttpError 404 where it has gone meanwhile, 503 where it is another by now.
 */
export async function openAs(path: string, state: FileState): Promise<FileHandle> {
  const file = await openHere(path);
  try {
    const now = await file.stat();
    if (isSameState(now, state) || hasGrown(now, state)) return file;
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
  /** What there was of a file that grew while it was read: it is that of a log, or the beginning of what was put in its place. */
  readonly prefix?: Uint8Array;
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
    if (length > state.size) return { bytes: null, state, prefix: buffer.subarray(0, state.size) };
    return { bytes: length === state.size ? buffer.subarray(0, length) : null, state };
  } finally {
    await file.close();
  }
}

/** A file that is another each time it is looked at. */
export function beingChanged(): HttpError {
  return new HttpError(503, "The file is being changed.", { fields: { "Retry-After": "1" } });
}
