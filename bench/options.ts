// The command line of the bench: what it accepts, and the settings it becomes. Refuses what it does not know, by a UsageError
// whose message is fit to print.
import { parseArgs } from "node:util";
import { isServerName, type ServerName } from "./workload.ts";

export const USAGE = `npm run bench -- [ROW ...] [options]

  ROW             only these rows (--list names them); without any, every row that has a bar
  --node PATH     a Node binary to run the servers with; may be given several times (default: this one)
  --rounds N      rounds of samples, of which the median counts (default 5)
  --seconds S     length of one sample (default 3)
  --peers A,B     only these servers beside portico: node-http, fastify, hono, floor-data, floor-static
  --out FILE      write the Markdown table to FILE too
  --json          print JSON, with every sample, in place of the table
  --smoke         one round of 0.3 seconds: shows that it runs, measures nothing
  --profile ROW   run one server (portico, or the first of --peers) under --cpu-prof and print where the time goes
  --list          name the rows
  --help          this text`;

export class UsageError extends Error {}

export interface Options {
  readonly task: "bench" | "profile" | "list" | "help";
  readonly rows: readonly string[];
  readonly nodes: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly ServerName[] | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
  readonly smoke: boolean;
}

const ACCEPTED = {
  node: { type: "string", multiple: true },
  rounds: { type: "string" },
  seconds: { type: "string" },
  peers: { type: "string" },
  out: { type: "string" },
  json: { type: "boolean" },
  smoke: { type: "boolean" },
  profile: { type: "string" },
  list: { type: "boolean" },
  help: { type: "boolean" },
} as const;

export function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv);
  const smoke = values.smoke ?? false;
  const task = values.help ? "help" : values.list ? "list" : values.profile === undefined ? "bench" : "profile";
  return {
    task,
    rows: values.profile === undefined ? positionals : [values.profile],
    nodes: values.node ?? [process.execPath],
    rounds: Math.ceil(positive("rounds", values.rounds) ?? (smoke ? 1 : 5)),
    seconds: positive("seconds", values.seconds) ?? (smoke ? 0.3 : 3),
    peers: values.peers === undefined ? undefined : peersNamed(values.peers),
    out: values.out,
    json: values.json ?? false,
    smoke,
  };
}

type Parsed = ReturnType<typeof parseArgs<{ options: typeof ACCEPTED; allowPositionals: true }>>;

function parse(argv: readonly string[]): Parsed {
  try {
    return parseArgs({ args: [...argv], options: ACCEPTED, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && value < 3600)) throw new UsageError(`--${name} takes a number above 0, not ${text}`);
  return value;
}

function peersNamed(list: string): readonly ServerName[] {
  return list.split(",").map((name) => {
    if (!isServerName(name)) throw new UsageError(`No such server: ${name}`);
    return name;
  });
}
