// A directory as a page: only what a request would find is listed, each name is escaped for where it stands, and nothing is
// loaded from elsewhere.
import { readdir } from "node:fs/promises";
import { HttpError } from "../base/errors.ts";
import { html, type Markup, raw } from "../message/html.ts";
import type { Reply } from "../message/reply.ts";
import { type DotFiles, findBelow, isAbsence, namesIn } from "./below.ts";

/** What is to be listed. */
interface Place {
  /** The path of the request, which ends in a slash. */
  readonly path: string;
  /** The directory, resolved. */
  readonly folder: string;
  /** The directory, from the root. */
  readonly at: string;
  readonly root: string;
  readonly dotFiles: DotFiles;
}

interface Entry {
  readonly name: string;
  readonly kind: "folder" | "file";
  readonly size: number;
  readonly modified: Date;
}

/** So many entries are looked at side by side: more would only wait for the four threads that read the disk. */
const BESIDE = 32;

/** The page of a directory. @throws HttpError 404 where it has gone meanwhile. */
export async function listing(place: Place): Promise<Reply> {
  const entries = await entriesOf(place);
  const title = namesIn(place.path, "serve")?.join("/") ?? "";
  return listingPage(`/${title}`, place.path === "/" ? "top" : "below", entries).reply(200, {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
  });
}

async function entriesOf({ folder, at, root, dotFiles }: Place): Promise<Entry[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw isAbsence(error) ? new HttpError(404) : error;
  });
  const entries: Entry[] = [];
  for (let i = 0; i < names.length; i += BESIDE) {
    const some = names.slice(i, i + BESIDE).map((name) => entryOf(root, at, name, dotFiles));
    for (const entry of await Promise.all(some)) if (entry !== null) entries.push(entry);
  }
  const { compare } = new Intl.Collator("en", { numeric: true });
  return entries.sort((a, b) => (a.kind === b.kind ? compare(a.name, b.name) : a.kind === "folder" ? -1 : 1));
}

async function entryOf(root: string, at: string, name: string, dotFiles: DotFiles): Promise<Entry | null> {
  // A name with a backslash, or one that is not UTF-8, cannot be asked for.
  const asked = name.includes("\ufffd") ? null : namesIn(`/${encodeURIComponent(name)}`, dotFiles);
  const found = asked === null ? null : await findBelow(root, [at, ...asked], dotFiles);
  if (found === null) return null;
  const { stats } = found;
  const kind = stats.isDirectory() ? "folder" : stats.isFile() ? "file" : null;
  return kind === null ? null : { name, kind, size: stats.size, modified: stats.mtime };
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Octets as a person reads them: `532 B`, `1.4 MiB`. */
export function readableSize(octets: number): string {
  let size = octets;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

function row({ name, kind, size, modified }: Entry): Markup {
  const slash = kind === "folder" ? "/" : "";
  const time = modified.toISOString();
  return html`<tr class="${kind}"><td><a href="./${encodeURIComponent(name)}${slash}">${name}${slash}</a></td><td>${
    kind === "file" && readableSize(size)
  }</td><td><time datetime="${time}">${time.slice(0, 16).replace("T", " ")}</time></td></tr>
`;
}

const STYLE = raw(`
:root { color-scheme: light dark; --ink: #1d2128; --dim: #6a7280; --line: #e3e6ea; --hover: #f3f5f7; --link: #0b5cad; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --dim: #949ca8; --line: #2b3038; --hover: #1f242b; --link: #7cb8f2; --paper: #15181d }
}
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0 0 1.25rem; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse }
th { padding: .4rem .6rem; text-align: left; font-weight: 500; font-size: .85rem; color: var(--dim) }
td { padding: .4rem .6rem; border-top: 1px solid var(--line); overflow-wrap: anywhere }
tbody tr:hover { background: var(--hover) }
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
.folder a { font-weight: 600 }
th:nth-child(n + 2), td:nth-child(n + 2) { width: 1%; white-space: nowrap; text-align: right; color: var(--dim);
  font-variant-numeric: tabular-nums; overflow-wrap: normal }
p { color: var(--dim) }
@media (max-width: 36rem) { th:nth-child(3), td:nth-child(3) { display: none } }
`);

function listingPage(title: string, place: "top" | "below", entries: readonly Entry[]): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<table>
<thead><tr><th>Name</th><th>Size</th><th>Modified (UTC)</th></tr></thead>
<tbody>
${place === "below" && raw('<tr class="folder"><td><a href="../">../</a></td><td></td><td></td></tr>\n')}${entries.map(row)}</tbody>
</table>
${entries.length === 0 && raw("<p>Nothing is in here.</p>\n")}</body>
</html>
`;
}
