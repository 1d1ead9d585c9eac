// Which hosts a server answers for. A page can give its own name the address of a server in its visitor's network (DNS rebinding),
// and is then of the same origin as that server; but the name is in Host, and that nobody can forge from a page.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Middleware } from "../message/handler.ts";
import { authority } from "../message/request.ts";
import { parseAuthority } from "../message/target.ts";

/**
 * Refuses requests for any other host: 421 (RFC 9110 §15.5.20), those that name none too.
 *
 * @param hosts names and addresses, "example.org", "127.0.0.1", "[::1]": on any port; with one, "localhost:8080", on that alone.
 *   Capitals do not count.
 * @throws LocalError USE_BAD_OPTION where one is no host, or there is none. HttpError 421 HTTP_WRONG_HOST, from the handler that it
 *   makes.
 *
 * @example
 * const handler = stack(answer, hostAllowList(["localhost", "127.0.0.1", "[::1]"]));
 */
export function hostAllowList(hosts: readonly string[]): Middleware {
  const allowed = new Set(hosts.map(checkedHost));
  if (allowed.size === 0) throw new LocalError("USE_BAD_OPTION", "hostAllowList() takes one host or more.");
  return (next) => (request) => {
    const { host, port } = authority(request);
    const name = canonical(host);
    if (!allowed.has(name) && !allowed.has(`${name}:${port ?? (request.peer.secure ? 443 : 80)}`)) {
      throw new HttpError(421, undefined, { code: "HTTP_WRONG_HOST" });
    }
    return next(request);
  };
}

function checkedHost(text: string): string {
  const parsed = parseAuthority(text);
  if (parsed === undefined || parsed.host === "" || text.endsWith(":") || text.includes("*")) {
    throw new LocalError(
      "USE_BAD_OPTION",
      `A host is a name or an address, and may have a port, not ${JSON.stringify(text)}.`,
    );
  }
  const name = canonical(parsed.host);
  return parsed.port === undefined ? name : `${name}:${parsed.port}`;
}

/** In small letters, without the dot of the root at its end; an IPv6 address in its one short form. */
function canonical(host: string): string {
  const name = host.toLowerCase();
  if (name.startsWith("[")) return URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`).hostname : name;
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
