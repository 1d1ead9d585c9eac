// The requests that are sent: the head of a browser, and the Lua scripts by which wrk sends more than one and the same
// request. Everything a script sends is made before the first sample: wrk's own core must not become the limit.
import type { Probe } from "./workload.ts";

/** What Chrome sends beside Host for a page, with the cookies of an ordinary site: 13 fields, about 700 octets. */
export const BROWSER_FIELDS: readonly string[] = [
  "Connection: keep-alive",
  'sec-ch-ua: "Chromium";v="138", "Google Chrome";v="138", "Not)A;Brand";v="8"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Sec-Fetch-Site: same-origin",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Dest: document",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
  "Cookie: session=f4a1c09be2d84d6c9a51b7e03c6f2a18; theme=dark; _ga=GA1.1.1718049273.1731844021; visit=1",
];

/** How many different requests the varying script sends before it begins again: more than any cache per connection keeps. */
const VARIETY = 4096;

/** A request head as it goes over the wire. */
export function headOf(method: string, path: string, fields: readonly string[] = []): string {
  return `${[`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1", ...fields].join("\r\n")}\r\n\r\n`;
}

export function probeOf(bytes: string, type: string, body: string): Probe {
  return { bytes, answers: 1, type, body };
}

/** The browser's head with another path and another cookie in each request. */
export function varyingScript(): string {
  const before = headOf("GET", "/users/@", BROWSER_FIELDS).replace("visit=1", "visit=@");
  const [start = "", middle = "", end = ""] = before.split("@");
  return `local requests, at = {}, 0
function init()
  for i = 1, ${VARIETY} do
    requests[i] = ${lua(start)} .. (i * 7919 % 1000000) .. ${lua(middle)} .. (i * 104729 % 1000000) .. ${lua(end)}
  end
end
function request()
  at = at % ${VARIETY} + 1
  return requests[at]
end
`;
}

/** Several requests in one write; wrk counts each answer. */
export function pipelineScript(depth: number): string {
  return `local requests = string.rep(${lua(headOf("GET", "/"))}, ${depth})
function request()
  return requests
end
`;
}

/** The same body posted every time. */
export function postScript(body: string): string {
  return `wrk.method = "POST"
wrk.body = ${lua(body)}
wrk.headers["Content-Type"] = "application/json"
`;
}

/** A Lua string: what JSON escapes here (quotes, backslash, CR, LF) Lua reads alike. */
function lua(text: string): string {
  return JSON.stringify(text);
}
