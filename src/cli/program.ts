// From what was typed to a command and its exit code: 0, 1 where it could not be done, 2 where it was not understood.
import { Command as Parser } from "commander";
import { type Command, Complaint, type Io, Misuse, type Values } from "./command.ts";
import { COMMANDS } from "./commands.ts";

/**
 * Runs the command line.
 *
 * @param argv what was typed behind `portico`.
 * @param version of the package, for --version.
 * @returns the exit code.
 */
export async function run(argv: readonly string[], version: string, io: Io): Promise<number> {
  let code = 0;
  let ran: Parser | undefined;
  const parser = new Parser("portico")
    .description("Portico, an HTTP server.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand("help [command]", "print the help of a command");
  quieten(parser, io);
  for (const command of COMMANDS) {
    const defined = define(parser, command, io);
    defined.action(async (...typed: readonly unknown[]) => {
      // commander gives the declared argument, the options, and itself.
      const argument = command.argument === undefined ? undefined : (typed[0] as string | undefined);
      ran = defined;
      code = await command.run({ argument, values: typed.at(-2) as Values }, io);
    });
  }
  // Nothing typed on a terminal: ask. Elsewhere nobody would answer.
  const asks = argv.length === 0 && io.stdin?.isTTY === true && io.stdout.isTTY === true;
  try {
    await parser.parseAsync(asks ? ["start"] : helpOf(argv), { from: "user" });
    return code;
  } catch (error) {
    return failed(error, io, seeHelp(ran));
  }
}

/** `help serve` is `serve --help`; that of a command that there is not is the command, which is complained of. */
function helpOf(argv: readonly string[]): readonly string[] {
  const [help, name] = argv;
  if (help !== "help" || name === undefined || name.startsWith("-")) return argv;
  return COMMANDS.some((command) => command.name === name) ? [name, "--help"] : [name];
}

function define(parser: Parser, command: Command, io: Io): Parser {
  const defined = parser.command(command.name).summary(command.summary).description(command.summary);
  if (command.argument !== undefined) defined.argument(command.argument.name, command.argument.summary);
  for (const { flags, summary } of command.options) defined.option(flags, summary);
  if (command.notes !== undefined) defined.addHelpText("after", `\n${command.notes}`);
  return quieten(defined, io).helpOption("-h, --help", "print this").allowExcessArguments(false);
}

/** It neither ends the process nor writes past the Io. */
function quieten(parser: Parser, io: Io): Parser {
  return parser
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // What commander says begins with "error: ".
      outputError: (text, write) => write(`portico: ${oneLine(text)} ${seeHelp(parser)}\n`),
    });
}

function seeHelp(parser: Parser | undefined): string {
  return `(see portico${parser?.parent ? ` ${parser.name()}` : ""} --help)`;
}

function oneLine(text: string): string {
  return text
    .replace(/^error: /, "")
    .trim()
    .replace(/\.?\s*\n\s*/g, " ");
}

function failed(error: unknown, io: Io, hint: string): number {
  if (error instanceof Complaint) {
    io.stderr.write(`portico: ${error.message}${error instanceof Misuse ? ` ${hint}` : ""}\n`);
    return error instanceof Misuse ? 2 : 1;
  }
  const { code, exitCode } = error as { readonly code?: unknown; readonly exitCode?: unknown };
  if (typeof code !== "string" || !code.startsWith("commander.")) throw error;
  // Help and the version, where they were asked for; help that nobody has asked for is 1 to commander.
  return exitCode === 0 ? 0 : 2;
}
