// Dates in texts (RFC 3339 §5.6, and the part of ISO 8601 that it is a profile of). `Date` itself would take "1", what depends on
// the zone of the server, and the 30th of February.

const INSTANT =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2})))?$/;

/**
 * The instant that a text means, to the millisecond; undefined where it is none. A date alone is its beginning in UTC. A time
 * has its zone; a leap second, which `Date` cannot hold, is none.
 */
export function parseInstant(text: string): Date | undefined {
  const found = INSTANT.exec(text);
  if (found === null) return undefined;
  const part = (index: number): number => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return undefined;
  const millisecond = Number((found[7] ?? "").padEnd(3, "0").slice(0, 3));
  const offset = (found[8] === "-" ? -1 : 1) * (part(9) * 60 + part(10));
  const date = new Date(0);
  // Date.UTC() takes the year 50 for 1950.
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute - offset, second, millisecond);
  return date;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
