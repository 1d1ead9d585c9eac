// An AbortSignal as an option. What is none throws only where somebody listens to it, which is behind the start of what it was to end.
import { LocalError } from "./errors.ts";

/** @throws LocalError USE_BAD_OPTION where it is there and is no AbortSignal. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new LocalError("USE_BAD_OPTION", "signal is an AbortSignal.");
}
