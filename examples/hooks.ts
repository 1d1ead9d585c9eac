// You will see a line for each request and each connection, printed by hooks; the handler knows nothing of it.
import { createServer, text } from "portico";

const server = createServer(() => text("Look at the terminal.\n"), {
  hooks: {
    connection: ({ peer }) => console.log(`+ ${peer.address}:${peer.port}`),
    reply: ({ method, target }, { status, bytes, elapsed }) =>
      console.log(`  ${method} ${target} ${status}, ${bytes} octets in ${elapsed.toFixed(1)} ms`),
    close: ({ peer, received, sent }) => console.log(`- ${peer.address}:${peer.port}, ${received} in, ${sent} out`),
  },
});

await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
