// docs/states.md from the tables of an exchange: what each role may say in each state, and what the pair of states makes of
// one of them. The tables are the truth; this only lays them out.

type Row = Readonly<Record<string, string | undefined>>;

/** What each role may say, by state; a row that is empty is a state in which it may say nothing. */
export type Tables = Readonly<Record<string, Readonly<Record<string, Row>>>>;

/** The changed role and its new state, by the client's state and the server's. */
export type Joint = Readonly<
  Record<string, Readonly<Record<string, readonly [role: string, to: string] | undefined>> | undefined>
>;

const EVENTS = ["request", "informational", "response", "data", "end", "closed"];

/** @throws if a table names an event that has no column: a step that nobody finds on the page. */
export function statesPage(tables: Tables, joint: Joint): string {
  const lines = [
    "# States",
    "",
    "<!-- Printed from src/wire/h1/state.ts by `npm run print`: change the tables, not this page. -->",
    "",
    "One request and one response are a cycle. Each of the two parties has a state, which says what it may send and what",
    "may be received from it. An empty cell is refused: what a peer sends there is a `RemoteError`, what a caller sends a",
    "`LocalError` (`USE_STATE`).",
  ];
  for (const [role, table] of Object.entries(tables)) {
    const stray = Object.values(table)
      .flatMap((row) => Object.keys(row))
      .find((event) => !EVENTS.includes(event));
    if (stray !== undefined) throw new Error(`${stray} has no column in tools/states-page.ts`);
    lines.push("", `## What the ${role} may say`, "", ...grid(["state", ...EVENTS], stepsOf(table)));
  }
  lines.push(
    "",
    "The row of the server has `request` because it is the client's event that puts the server in a position to answer.",
    "",
    "## What the pair of states makes of one of them",
    "",
    ...grid(["client", "server", "then the", "is"], pairsOf(joint)),
    "",
    "Three more changes depend on flags. `done` becomes `might-switch` for a client that proposed another protocol, and",
    "goes back to `done` where the server answers in HTTP. Where the connection does not stay alive, `done` becomes",
    "`must-close`, on either side. And the server becomes `switched` with 101, or with 2xx to CONNECT.",
    "",
    "When both are `done`, both begin again from `idle`.",
  );
  return `${lines.join("\n")}\n`;
}

function stepsOf(table: Readonly<Record<string, Row>>): string[][] {
  return Object.entries(table).map(([state, row]) => [state, ...EVENTS.map((event) => row[event] ?? "")]);
}

function pairsOf(joint: Joint): string[][] {
  return Object.entries(joint).flatMap(([client, row]) =>
    Object.entries(row ?? {}).flatMap(([server, change]) =>
      change === undefined ? [] : [[client, server, ...change]],
    ),
  );
}

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
