// nginx with one process and sendfile, keeping files open as its manual has it for static sites. This process only starts and ends it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { announce, behaviourAsked, portOf } from "./announce.ts";
import { makeSite } from "./site.ts";

const behaviour = behaviourAsked();
if (behaviour !== "static") throw new Error(`nginx has no ${behaviour} in this bench`);
const folder = makeSite();
const port = await freePort();
const config = join(folder, "nginx.conf");
writeFileSync(
  config,
  `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 600s;
  open_file_cache max=100; types { text/plain txt; }
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder};
  scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port}; root ${folder}; }
}
`,
);
const nginx = spawn("nginx", ["-c", config, "-p", folder], { stdio: ["ignore", "ignore", "inherit"] });
nginx.on("error", (error) => {
  process.stderr.write(`Error: nginx did not start: ${error.message}\n`);
  process.exit(1);
});
nginx.on("exit", () => process.exit(1));
process.on("exit", () => nginx.kill());
await answers();
announce(port, nginx.pid);

/** A port that nobody had a moment ago: nginx does not tell which one it took of its own choice. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const free = portOf(server.address());
  server.close();
  await once(server, "close");
  return free;
}

async function answers(): Promise<void> {
  for (let left = 100; left > 0; left--) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("nginx does not answer");
}
