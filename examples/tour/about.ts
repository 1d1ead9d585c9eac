// What the first page shows of the server that it came from; and an answer that is announced before it is there.
import { setTimeout as sleep } from "node:timers/promises";
import { type Handler, inform, json, serverOf, text } from "portico";

export const about: Handler = (request) =>
  json({ node: process.version, uptime: Math.floor(process.uptime()), ...serverOf(request).stats });

/** 103 Early Hints goes out at once (RFC 8297): a client may fetch what it will need while the page is being made. */
export const hints: Handler = async (request) => {
  inform(request, 103, { Link: "</style.css>; rel=preload; as=style" });
  await sleep(500, undefined, { signal: request.signal });
  return text("The hint came half a second before this.\n");
};
