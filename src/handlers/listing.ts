// A directory as a list: only what a request would find is in it, so many entries at most. The page is made elsewhere
// (listing-page.ts), or by whoever serves the directory.
import type { Dirent } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { HttpError } from "../base/errors.ts";
import { makerFor } from "../message/answer.ts";
import { Markup } from "../message/html.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { decodeComponent } from "../message/target.ts";
import { mountedPath } from "../route/params.ts";
import { canBeAsked, findBelow, type Hidden, isAbsence, isShown, lookAt } from "./below.ts";
import { type Directory, type Entry, type ListingPage, listingPage } from "./listing-page.ts";

/** What is to be listed. */
export interface Place {
  readonly request: Request;
  /** The directory, resolved. */
  readonly folder: string;
  /** The names that lead to it, from the root. */
  readonly names: readonly string[];
  readonly root: string;
  readonly hidden: Hidden;
  readonly limit: number;
}

/** So many entries are looked at side by side: more would only wait for the four threads that read the disk. */
const BESIDE = 32;
/** Names that are read of one directory: a name takes some 200 octets while it is sorted. */
const READ = 20_000;

/**
 * The page of a directory.
 *
 * @param page null for the one that is ours.
 * @throws HttpError 404 where it has gone meanwhile.
 */
export async function listing(place: Place, page: ListingPage | null, cacheControl: string): Promise<Reply> {
  const { request } = place;
  const directory: Directory = {
    path: decodeComponent(request.path),
    place: mountedPath(request) === "/" ? "top" : "below",
    ...(await entriesOf(place)),
  };
  if (page !== null) {
    const answer = await page(directory, request);
    return answer instanceof Markup ? answer.reply(200, { "Cache-Control": cacheControl }) : makerFor(request)(answer);
  }
  return listingPage(directory).reply(200, {
    "Cache-Control": cacheControl,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
  });
}

async function entriesOf(place: Place): Promise<Pick<Directory, "entries" | "total">> {
  const { list, total } = await namesOf(place);
  const { compare } = new Intl.Collator("en", { numeric: true });
  // By what the directory says of them, before any of them is looked at: a link is neither, and is sorted again below.
  const rank = (entry: Dirent): number => (entry.isDirectory() ? 0 : 1);
  list.sort((a, b) => rank(a) - rank(b) || compare(a.name, b.name));
  const entries: Entry[] = [];
  let unseen = 0;
  for (let i = 0; i < list.length && entries.length < place.limit; i += BESIDE) {
    const some = list.slice(i, i + BESIDE).map((entry) => entryOf(place, entry));
    for (const entry of await Promise.all(some)) {
      if (entry === null) unseen++;
      else if (entries.length < place.limit) entries.push(entry);
    }
  }
  entries.sort((a, b) => (a.kind === b.kind ? compare(a.name, b.name) : a.kind === "folder" ? -1 : 1));
  return { entries, total: total - unseen };
}

async function namesOf({ folder, names, hidden }: Place): Promise<{ list: Dirent[]; total: number }> {
  const list: Dirent[] = [];
  try {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) {
      if (!isShown([...names, entry.name], hidden.dotFiles)) continue;
      if (list.length === READ) return { list, total: Number.POSITIVE_INFINITY };
      list.push(entry);
    }
  } catch (error) {
    throw isAbsence(error) ? new HttpError(404) : error;
  }
  return { list, total: list.length };
}

async function entryOf({ root, folder, names, hidden }: Place, entry: Dirent): Promise<Entry | null> {
  const { name } = entry;
  if (!canBeAsked([...names, name], hidden.dotFiles)) return null;
  // Only a link can lead elsewhere: the directory has been resolved.
  const found = entry.isSymbolicLink()
    ? await findBelow(root, [...names, name], hidden)
    : await lookAt(join(folder, name));
  if (found === null) return null;
  const { stats } = found;
  const kind = stats.isDirectory() ? "folder" : stats.isFile() ? "file" : null;
  return kind === null ? null : { name, kind, size: stats.size, modified: stats.mtime };
}
