// What lies behind the paths that the site answers alone: names in each spelling, files, and middleware that depends on who asks.
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { HttpError } from "../../src/base/errors.ts";
import { snapshot } from "../../src/handlers/snapshot.ts";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import { text } from "../../src/message/reply.ts";
import { basic, cors, requestId, sameOrigin } from "../../src/middleware/index.ts";
import { mux } from "../../src/route/mux.ts";

/** Times in seconds since 1970: one that a tool set, and one on which a file was changed. */
const FILES: Readonly<Record<string, readonly [contents: string, time: number]>> = {
  "a@b,c;d=e.txt": ["marks", 1_700_000_000],
  "[x]^{y}|z.txt": ["brackets", 1_700_000_000],
  "caf\u00e9.txt": ["composed", 1_700_000_000],
  "cafe\u0301.txt": ["decomposed", 1_700_000_000],
  "100%.txt": ["percent", 1_700_000_000],
  "built.txt": ["built", 1],
  ".well-known/security.txt": ["Contact: a", 1_700_000_000],
  ".well-known/.secret": ["secret", 1_700_000_000],
  "sub/.well-known/security.txt": ["secret", 1_700_000_000],
  ".env": ["secret", 1_700_000_000],
};

async function site(): Promise<Handler> {
  const root = await mkdtemp(join(tmpdir(), "portico-conformance-"));
  for (const [name, [contents, time]] of Object.entries(FILES)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
    await utimes(path, time, time);
  }
  const { handler } = await snapshot(root, { compress: false, cacheControl: "" });
  await rm(root, { recursive: true });
  return handler;
}

const own: Handler = () => text("own");
const around = (...middleware: Middleware[]): Handler => stack(own, ...middleware);

/** Answers what has no path of its own in the site. */
export const publishing: Handler = mux({ fallback: () => text("no such path\n", 404) })
  .on("/files/{path...}", await site())
  .on("/names/a@b+c", () => text("by the sign"))
  .on("/names/a%3Ab", () => text("by the escape"))
  .on("/names/caf\u00e9 [1]", () => text("by the letters"))
  .on("/names/{other}", () => text("by the variable"))
  .on("/cors-any", around(cors({ origins: "*", exposed: ["ETag"] })))
  .on("/cors-listed", around(cors({ origins: ["https://a.example"] })))
  .on("/guarded", around(basic({ users: { ada: "secret" } })))
  .on("/numbered", around(requestId({ make: () => "made" })))
  .on("POST /changing", around(sameOrigin()))
  .on("/both", (request) =>
    stack(
      (): never => {
        throw new HttpError(410, undefined, { fields: { Vary: "Cookie" } });
      },
      cors({ origins: ["https://a.example"] }),
      requestId({ make: () => "made" }),
    )(request),
  ).handler;
