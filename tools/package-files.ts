// What is in the package: how large each kind of it is, and whether the links of its pages lead to something that is in it too.
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { gzipSync } from "node:zlib";

/** A kind of file, and what all of that kind may have together, packed. */
interface Bound {
  readonly name: string;
  readonly bytes: number;
  readonly holds: (path: string) => boolean;
}

const isCode = (path: string): boolean => /^dist\/.*\.(?:js|d\.ts)$/.test(path);
const isMap = (path: string): boolean => path.endsWith(".map");

/** Code and declarations are what a program carries; maps and pages are for people, and cost nothing where nobody looks. */
export const BOUNDS: readonly Bound[] = [
  { name: "code and declarations", bytes: 500_000, holds: isCode },
  { name: "source maps", bytes: 200_000, holds: isMap },
  { name: "pages and examples", bytes: 200_000, holds: (path) => !isCode(path) && !isMap(path) },
];

/** What is wrong with the size of one kind. `read` gives the bytes of a path of the package. */
export function checkBound({ name, bytes, holds }: Bound, paths: readonly string[], read: Read): readonly string[] {
  const files = paths.filter(holds).sort();
  const packed = gzipSync(Buffer.concat(files.map(read)), { level: 9 }).length;
  if (files.length === 0) return [`There are no ${name} in the package.`];
  if (packed < bytes) return [];
  return [`${name}: ${packed} bytes packed, more than ${bytes}; see what is in them with \`npm pack --dry-run\`.`];
}

export type Read = (path: string) => Buffer;

const LINK = /\]\(([^)\s]+)\)/g;

/** Links of the pages that lead out of the package. Those into src do: it is in the repository, which they name. */
export function checkLinks(paths: readonly string[], read: Read): readonly string[] {
  const there = new Set(paths.flatMap((path) => [path, ...foldersOf(path)]));
  return paths
    .filter((path) => path === "README.md" || (path.startsWith("docs/") && path.endsWith(".md")))
    .flatMap((page) =>
      [...read(page).toString("utf8").matchAll(LINK)]
        .map(([, link = ""]) => link)
        .filter((link) => !/^(?:[a-z]+:|#)/.test(link))
        .filter((link) => {
          const target = posix.join(posix.dirname(page), link.replace(/\/?(?:#.*)?$/, ""));
          return !there.has(target) && !target.startsWith("src/");
        })
        .map((link) => `${page}: ${link} leads to nothing in the package.`),
    );
}

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, count) => parts.slice(0, count).join("/"));
}

/** Reads from a folder. */
export function reading(folder: string): Read {
  return (path) => readFileSync(posix.join(folder, path));
}
