// docs/errors.md from the table of codes: a heading per group, because the prefix says whose fault it was, and a heading
// per code, because that is what people search for and link to.

/** What the page shows of a code. */
export interface ErrorRow {
  readonly status: number;
  readonly text: string;
}

/** The groups in the order of the page; a code with another prefix is refused. */
const GROUPS = [
  { prefix: "WIRE", class: "RemoteError", title: "The peer broke the protocol" },
  { prefix: "USE", class: "LocalError", title: "The caller broke a rule of the interface" },
  { prefix: "NET", class: "TransportError", title: "What lies between the two failed" },
  { prefix: "HTTP", class: "HttpError", title: "A refusal that a handler or the server means" },
] as const;

/** @throws if a code has a prefix that no group has: a code that nobody finds on the page. */
export function errorsPage(table: Readonly<Record<string, ErrorRow>>): string {
  const codes = Object.keys(table);
  const stray = codes.find((code) => !GROUPS.some((group) => code.startsWith(`${group.prefix}_`)));
  if (stray !== undefined) throw new Error(`${stray} belongs to no group of tools/errors-page.ts`);
  const lines = [
    "# Errors",
    "",
    "<!-- Printed from src/base/errors.ts by `npm run print`: change the table, not this page. -->",
    "",
    "Every error that Portico raises has a `code`. Codes are stable for ever; the wording is not. The class says whose",
    "fault it was, and the status is what a server answers with when the error reaches it. A peer is told that status and",
    "nothing else, except by an `HttpError`, whose message is meant for it.",
  ];
  for (const group of GROUPS) {
    lines.push("", `## ${group.title}: \`${group.class}\`, \`${group.prefix}_*\``);
    for (const code of codes.filter((code) => code.startsWith(`${group.prefix}_`))) {
      const row = table[code];
      if (row !== undefined) lines.push("", `### ${code}`, "", `Status ${row.status}. ${row.text}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
