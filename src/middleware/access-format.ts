// A request that was answered, as a line: the Common Log Format of NCSA httpd, the same with referrer and browser ("combined"),
// or JSON. All that a peer wrote is escaped and cut.

import { cut, jsonLine, oneLine, quotable } from "../base/printable.ts";
import type { Request } from "../message/request.ts";
import { clientOf } from "./client.ts";
import { principalOf } from "./principal.ts";
import { requestIdOf } from "./request-id.ts";

/** What is known of an answered request. What a peer wrote is as it came: a function that makes a line of it need not escape. */
export interface AccessEntry {
  readonly request: Request;
  /** Milliseconds since 1970, when it was answered. */
  readonly time: number;
  /** The address of the client, as clientOf() has it; empty on a unix socket. */
  readonly peer: string;
  /** The name of the principal, where basic() or bearer() let one in that is a string. */
  readonly user: string | undefined;
  /** What requestId() gave it. */
  readonly id: string | undefined;
  /** 0 where no reply was ever begun: the client had left. */
  readonly status: number;
  /** Octets of the body; undefined where they cannot be known. */
  readonly bytes: number | undefined;
  /** Milliseconds. */
  readonly elapsed: number;
}

/** The form of a line: one of three that are known, or a function that makes it, without its line end. */
export type AccessFormat = "common" | "combined" | "json" | ((entry: AccessEntry) => string);

/** Characters of one value that a peer wrote: a head may have 64 KiB, and a log is read by people. */
const MOST = 2048;

/** What is known by the time that a request has been answered. */
export function entryOf(
  request: Request,
  status: number,
  bytes: number | undefined,
  elapsed: number,
  time: number,
): AccessEntry {
  const principal = principalOf<unknown>(request);
  const user = typeof principal === "string" ? principal : undefined;
  return { request, time, peer: clientOf(request).address, user, id: requestIdOf(request), status, bytes, elapsed };
}

/** The line of an entry, and that of lines which were dropped. */
export function formatter(format: AccessFormat): {
  readonly line: (entry: AccessEntry) => string;
  readonly dropped: (count: number) => string;
} {
  if (format === "json") return { line: json, dropped: (count) => JSON.stringify({ dropped: count }) };
  const dropped = (count: number): string => `- - - (${count} lines were dropped)`;
  if (format === "common") return { line: common, dropped };
  if (format === "combined") return { line: combined, dropped };
  return { line: (entry) => oneLine(format(entry)), dropped };
}

function common({ request, time, peer, user, status, bytes }: AccessEntry): string {
  const { method, target, version } = request;
  const asked = target === "" ? "-" : quotable(cut(`${method} ${target}`, MOST));
  const line = target === "" ? asked : `${asked} HTTP/${version}`;
  // Between blanks, so that a blank in it would move the columns.
  const who = user === undefined || user === "" ? "-" : quotable(cut(user, MOST)).replaceAll(" ", "%20");
  return `${peer === "" ? "-" : peer} - ${who} [${clfTime(time)}] "${line}" ${status === 0 ? "-" : status} ${bytes ?? "-"}`;
}

function combined(entry: AccessEntry): string {
  const { headers } = entry.request;
  return `${common(entry)} "${quoted(headers.get("referer"))}" "${quoted(headers.get("user-agent"))}"`;
}

function quoted(value: string | undefined): string {
  return value === undefined ? "-" : quotable(cut(value, MOST));
}

function json({ request, time, peer, user, id, status, bytes, elapsed }: AccessEntry): string {
  const { method, target, headers } = request;
  return jsonLine({
    time: new Date(time).toISOString(),
    peer,
    user: short(user),
    id: short(id),
    method: short(method),
    target: short(target),
    host: short(headers.get("host")),
    status,
    bytes,
    elapsed: Math.round(elapsed * 1000) / 1000,
    referer: short(headers.get("referer")),
    agent: short(headers.get("user-agent")),
  });
}

function short(value: string | undefined): string | undefined {
  return value === undefined ? undefined : cut(value, MOST);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

let clfSecond = Number.NaN;
let clfText = "";

/** `21/Nov/2026:04:18:35 +0000`. Made once a second: many requests share one. */
function clfTime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== clfSecond) {
    const [day = "", clock = ""] = new Date(second * 1000).toISOString().split("T");
    const [year = "", month = "", date = ""] = day.split("-");
    clfSecond = second;
    clfText = `${date}/${MONTHS[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`;
  }
  return clfText;
}
