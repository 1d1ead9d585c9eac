// The entry point `portico/wire`: HTTP without I/O. Bytes in, events out; events in, bytes out.
export { END, type EventType, type Machine, type Role, type Signal, type State, type WireEvent } from "./events.ts";
export type { DefaultLine } from "./h1/encode.ts";
export { type Leniency, STRICT, WIRE_LIMITS, type WireLimits } from "./h1/limits.ts";
export { H1Machine, type MachineOptions } from "./h1/machine.ts";
export { JOINT, TABLES } from "./h1/state.ts";
