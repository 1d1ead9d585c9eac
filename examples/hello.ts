// You will see "Hello, <your address>" at the URL that it prints, and a 404 everywhere else.
import { createServer, HttpError, text } from "portico";

const server = createServer(({ path, peer }) => {
  if (path !== "/") throw new HttpError(404, "Only / is here.");
  return text(`Hello, ${peer.address}\n`);
});

await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
