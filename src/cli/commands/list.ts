// `portico list`: the servers that the command line has started and that still run.
import type { Command } from "../command.ts";
import { running } from "../control/asking.ts";

export const list: Command = {
  name: "list",
  summary: "list the servers that run",
  options: [{ flags: "--json", summary: "as JSON, for programs" }],
  run: async ({ values }, io) => {
    const all = await running(io.env);
    if (values["json"] === true) {
      io.stdout.write(`${JSON.stringify(all.map(({ pid, port, line }) => line ?? { pid, port }))}\n`);
      return 0;
    }
    if (all.length === 0) {
      io.stdout.write("No server is running\n");
      return 0;
    }
    const rows = all.map(({ pid, port, line }) =>
      line === null
        ? [String(port), String(pid), "", "", "it does not answer"]
        : [
            String(port),
            String(pid),
            age(Date.now() - line.since),
            String(line.requests),
            `${line.url}  ${line.subject}`,
          ],
    );
    io.stdout.write(table([["PORT", "PID", "UP", "REQUESTS", "WHAT"], ...rows]));
    return 0;
  },
};

/** Columns as wide as what stands in them; numbers at the right, the last as it is. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === row.length - 1 ? cell : cell.padStart(widths[column] as number),
      );
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}

/** `12 s`, `5 min`, `3 h`, `9 d`. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
