// `portico serve [dir]`: the files of a directory, until somebody asks it to end.
import { stat } from "node:fs/promises";
import { files } from "../../handlers/files.ts";
import { createServer } from "../../server/server.ts";
import { type Command, Complaint } from "../command.ts";
import { ADDRESS_OPTIONS, listenOn, placeOf, printing, untilAsked } from "../listening.ts";
import { paintFor } from "../paint.ts";

export const serve: Command = {
  name: "serve",
  summary: "serve the files of a directory",
  argument: { name: "[dir]", summary: "the directory; where left out, the one you are in" },
  options: [
    ...ADDRESS_OPTIONS,
    { flags: "--listing", summary: "show directories without an index.html as a list; so unless told otherwise" },
    { flags: "--no-listing", summary: "do not" },
    { flags: "--quiet", summary: "no line for each request" },
  ],
  notes: "Ctrl-C finishes what is in hand and ends; a second one ends at once.",
  run: async ({ argument, values }, io) => {
    const folder = argument ?? ".";
    const address = placeOf(values, io.env);
    await mustBeDirectory(folder);
    const handler = files(folder, { listing: values["listing"] !== false });
    const server = createServer(handler, { hooks: printing(io, values) });
    await listenOn(server, address);
    io.stdout.write(`Serving ${folder} on ${paintFor(io.stdout, io.env)("1;36", server.url as string)}\n`);
    return untilAsked(server, io, { subject: folder });
  },
};

async function mustBeDirectory(folder: string): Promise<void> {
  let found: "directory" | "file";
  try {
    found = (await stat(folder)).isDirectory() ? "directory" : "file";
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new Complaint(`${folder}: ${missing ? "there is no such directory" : "it cannot be read"}`, { cause: error });
  }
  if (found === "directory") return;
  const hint = /\.[cm]?[jt]sx?$/.test(folder) ? `; portico run ${folder} serves modules` : "";
  throw new Complaint(`${folder}: it is not a directory${hint}`);
}
