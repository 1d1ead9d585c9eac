// You will see the numbers to 100,000, written step by step and only as fast as you read them.
import { createServer, imperative } from "portico";

const server = createServer(
  imperative(async (_request, response) => {
    response.start(200, { "Content-Type": "text/plain" });
    for (let n = 1; n <= 100_000; n++) {
      if (!response.write(`${n}\n`)) await response.drained();
    }
    response.end();
  }),
);

await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
