// You will see what became of each connection when you press Ctrl-C: a slow answer is finished, an idle connection is not.
import { setTimeout as sleep } from "node:timers/promises";
import { createServer, text } from "portico";

const server = createServer(async (request) => {
  if (request.path === "/slow") await sleep(2000, undefined, { signal: request.signal });
  return text("Done.\n");
});

process.once("SIGINT", async () => {
  const { idle, finished, cut, elapsed } = await server.close({ deadline: 5000 });
  console.log(`idle ${idle}, finished ${finished}, cut ${cut}, after ${Math.round(elapsed)} ms`);
});

await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
