// You will see the SHA-256 of whatever you send (`curl -T file URL`), of any size: it is hashed as it arrives, and not kept.
import { createHash } from "node:crypto";
import { createServer, json, text } from "portico";

const server = createServer(async (request) => {
  if (request.method !== "PUT") return text("Send something with PUT.\n", 405, { Allow: "PUT" });
  const hash = createHash("sha256");
  let bytes = 0;
  await request.body.forEach((piece) => {
    hash.update(piece);
    bytes += piece.length;
  });
  return json({ bytes, sha256: hash.digest("hex") });
});

await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
