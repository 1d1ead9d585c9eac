// IMF-fixdate in and out (RFC 9110 §5.6.7), and the Date line that every response carries: formatted once a second, because
// doing it for each response costs a sixth of the throughput.
import type { Clock } from "../base/clock.ts";

/** A time as IMF-fixdate. @param milliseconds since 1970. */
export function formatDate(milliseconds: number): string {
  return new Date(milliseconds).toUTCString();
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const IMF = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const RFC_850 = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/**
 * Reads any of the three forms of HTTP-date. Undefined for anything else: an invalid date is to be ignored by whoever reads
 * it (RFC 9110 §13.1.3).
 *
 * @param now what a two-digit year is measured against: more than 50 years ahead means the last century.
 */
export function parseDate(text: string, now: number = Date.now()): number | undefined {
  let parts = IMF.exec(text);
  if (parts !== null) return at(parts[3], parts[2], parts[1], parts.slice(4));
  parts = ASCTIME.exec(text);
  if (parts !== null) return at(parts[6], parts[1], parts[2], parts.slice(3, 6));
  parts = RFC_850.exec(text);
  if (parts === null) return undefined;
  const thisYear = new Date(now).getUTCFullYear();
  let year = Math.floor(thisYear / 100) * 100 + Number(parts[3]);
  if (year > thisYear + 50) year -= 100;
  return at(String(year), parts[2], parts[1], parts.slice(4));
}

function at(year = "", monthName = "", day = "", time: readonly string[]): number | undefined {
  const month = MONTHS.indexOf(monthName);
  const [hour = 0, minute = 0, second = 0] = time.map(Number);
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(Date.UTC(Number(year), month, Number(day), hour, minute, second));
  return date.getUTCDate() === Number(day) || second === 60 ? date.getTime() : undefined;
}

/** A source of the Date line, for one clock. */
export class DateLine {
  readonly #clock: Clock;
  #line = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `Date: …` with its CR LF, of this second. */
  get(): string {
    if (this.#line === "") this.#renew();
    return this.#line;
  }

  // The timer only clears: a server that is idle has none armed.
  #renew(): void {
    const wall = this.#clock.wall();
    this.#line = `Date: ${formatDate(wall)}\r\n`;
    this.#clock.after(1000 - (wall % 1000), () => {
      this.#line = "";
    });
  }
}
