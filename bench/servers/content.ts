// What every server of the bench answers, in one place, so that no peer is asked for less than another: the bodies, their
// content types and their sizes. It imports nothing, because the start-up row counts the time to load it.

/** What a server is asked to be. Several workloads share one: browser heads are answered by "hello" too. */
export type Behaviour =
  | "hello"
  | "pipelined"
  | "users"
  | "echo"
  | "static"
  | "upload"
  | "upload-iterated"
  | "download"
  | "tls";

export const HELLO = "Hello, world!";
export const TEXT = "text/plain; charset=utf-8";
export const JSON_TYPE = "application/json; charset=utf-8";

/** Longer than any row takes: a peer that closes its idle connections under the bench would be measured reconnecting. */
export const IDLE_MS = 65_000;

export const CHUNK_BYTES: number = 64 * 1024;
export const DOWNLOAD_BYTES: number = 64 * 1024 * 1024;

/** A page of 10 KB, and what it is called in the folder that is served. */
export const PAGE_NAME = "page.txt";
export const PAGE: string = "The quick brown fox jumps over the lazy dog, again and again, in a file.\n"
  .repeat(141)
  .slice(0, 10_240);

export interface User {
  readonly id: string;
  readonly name: string;
}

export function userOf(id: string): User {
  return { id, name: `User ${id}` };
}

/** One KB of JSON, as a client would post it: text, numbers, a list and a nested object. */
export const POSTED: string = JSON.stringify({
  name: "Ada Lovelace",
  email: "ada@example.org",
  age: 36,
  active: true,
  tags: ["analyst", "poet", "engine", "notes"],
  address: { street: "12 St James's Square", city: "London", postcode: "SW1Y 4JH" },
  scores: [3.5, 4.25, 8, 1, 99.5],
  note: "The Analytical Engine weaves algebraical patterns. ".repeat(16).slice(0, 788),
});
