// You will see how to ask a server that has no port: `curl --unix-socket PATH http://localhost/`.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, text } from "portico";

const path = join(await mkdtemp(join(tmpdir(), "portico-")), "hello.sock");
const server = createServer(() => text("Only who may open the socket reads this.\n"), {
  signals: ["SIGINT", "SIGTERM"],
});

await server.listen({ path }, { mode: 0o600 });
console.log(`curl --unix-socket ${path} http://localhost/`);
