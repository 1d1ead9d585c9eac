// Chance that can be repeated: the same seed gives the same numbers on every machine.

/** A source of numbers from 0 up to, but not including, `below`. */
export type Chance = (below: number) => number;

/**
 * Integers from a seed (mulberry32: 32 bits of state, which is plenty for choosing tests and useless for secrets).
 *
 * @example
 * const chance = seeded(7);
 * const die = 1 + chance(6);
 */
export function seeded(seed: number): Chance {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
