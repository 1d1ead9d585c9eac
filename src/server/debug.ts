// What happens, as lines for people: the option `debug`. Hooks around the hooks of the user, so that nothing of it is in the way
// where it is off.
import type { Clock } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import { quotable } from "../base/printable.ts";
import type { Request } from "../message/request.ts";
import type { Connection, HooksOf } from "./site.ts";

/** Takes a line, without its line end. */
export type DebugSink = (line: string) => void;

const toStderr: DebugSink = (line) => void process.stderr.write(`${line}\n`);

/** The hooks that tell of everything first. @param sink true is standard error. */
export function debugged(hooks: HooksOf<never>, sink: true | DebugSink, clock: Clock): HooksOf<never> {
  const write = sink === true ? toStderr : sink;
  const tell = (what: string): void => write(`${new Date(clock.wall()).toISOString()} ${what}`);
  return {
    ...hooks,
    connection(connection) {
      tell(`connection ${from(connection.peer)}`);
      return hooks.connection?.(connection);
    },
    request(request) {
      tell(`request ${from(request.peer)} ${line(request)}`);
      return hooks.request?.(request);
    },
    reply(request, info) {
      tell(
        `reply ${from(request.peer)} ${line(request)} ${info.status} ${info.bytes} octets ${info.elapsed.toFixed(1)} ms`,
      );
      return hooks.reply?.(request, info);
    },
    error(error, request) {
      const { name, message } = asError(error);
      tell(`error ${request === undefined ? "" : `${line(request)} `}${name}: ${quotable(message)}`);
      return hooks.error?.(error, request);
    },
    close(connection, error) {
      const { received, sent } = connection;
      tell(
        `close ${from(connection.peer)} ${received} octets in, ${sent} out${error === undefined ? "" : ` (${quotable(error.message)})`}`,
      );
      return hooks.close?.(connection, error);
    },
  };
}

function from(peer: Connection["peer"]): string {
  return peer.address === "" ? "-" : `${peer.address}:${peer.port}`;
}

function line(request: Request): string {
  if (request.target === "") return "(not understood)";
  return quotable(`${request.method} ${request.target}`);
}
