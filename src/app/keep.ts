// State that outlives the module that made it: `portico run` loads a module anew when it changes, and what stands here stays.

// On the global object, because a program may have two copies of Portico and has one state.
const SHELF = Symbol.for("portico.keep");

function shelf(): Map<string, unknown> {
  const holder = globalThis as { [SHELF]?: Map<string, unknown> };
  holder[SHELF] ??= new Map();
  return holder[SHELF];
}

/**
 * Gives what is kept under a name, and makes it the first time. A module that is loaded anew finds what it had; without
 * `portico run` it is made once a process.
 *
 * @param name one for the whole program: `"board.messages"`.
 * @param init makes it; what it throws is thrown, and nothing is kept. A promise is kept as such.
 *
 * @example
 * const visits = keep("visits", () => new Map<string, number>());
 */
export function keep<T>(name: string, init: () => T): T {
  const kept = shelf();
  if (!kept.has(name)) kept.set(name, init());
  return kept.get(name) as T;
}

/** Lets go of what is kept under a name. @returns whether there was anything. */
export function forget(name: string): boolean {
  return shelf().delete(name);
}
