// The page of a directory: each name is escaped for where it stands, and nothing is loaded from elsewhere.
import type { Answer } from "../message/answer.ts";
import { html, type Markup, raw } from "../message/html.ts";
import type { Request } from "../message/request.ts";

/** What lies in a directory. */
export interface Entry {
  readonly name: string;
  readonly kind: "folder" | "file";
  /** Octets; of a folder it says nothing. */
  readonly size: number;
  readonly modified: Date;
}

/** A directory that is to be shown. */
export interface Directory {
  /** Its path as it was asked for, decoded, with a slash at both ends. */
  readonly path: string;
  /** Whether there is something above it that is served too. */
  readonly place: "top" | "below";
  /** Folders first, each kind by name, numbers in their order. */
  readonly entries: readonly Entry[];
  /** How many there are; Infinity where they were too many to be counted. */
  readonly total: number;
}

/** Makes the page of a directory. Names in it are as they are on the disk: escape them (html`` does), and encode them in links. */
export type ListingPage = (directory: Directory, request: Request) => Answer | Promise<Answer>;

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
h1 { margin: 0 0 1.25rem; padding: 0 .6rem; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse }
th { padding: .4rem .6rem; text-align: left; font-weight: 500; font-size: .85rem; color: var(--dim) }
td { padding: .4rem .6rem; border-top: 1px solid var(--line); overflow-wrap: anywhere }
tbody tr:hover { background: var(--hover) }
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
.folder a { font-weight: 600 }
th:nth-child(n + 2), td:nth-child(n + 2) { width: 1%; white-space: nowrap; text-align: right; color: var(--dim);
  font-variant-numeric: tabular-nums; overflow-wrap: normal }
p { padding: 0 .6rem; color: var(--dim) }
@media (max-width: 36rem) { th:nth-child(3), td:nth-child(3) { display: none } }
`);

/** What is said below the table where it is not all. */
function note({ entries, total }: Directory): Markup | false {
  if (total === 0) return html`<p>Nothing is in here.</p>\n`;
  if (entries.length >= total) return false;
  const count = (number: number): string => number.toLocaleString("en");
  const all = Number.isFinite(total) ? `the first ${count(entries.length)} of ${count(total)}` : "some of very many";
  return html`<p>This is not all: these are ${all}.</p>\n`;
}

/** The page that is ours. */
export function listingPage(directory: Directory): Markup {
  const { path: title, place, entries } = directory;
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
${note(directory)}</body>
</html>
`;
}
