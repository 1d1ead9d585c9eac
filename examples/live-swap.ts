// You will see another answer with each request: the handler replaces itself, and nothing is restarted.
import { createServer, type Handler, text } from "portico";

function version(n: number): Handler {
  return () => {
    server.handler = version(n + 1);
    return text(`This is version ${n}; the next request gets version ${n + 1}.\n`);
  };
}

const server = createServer(version(1));
await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
