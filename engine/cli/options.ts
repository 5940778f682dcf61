import { UsageError } from './command.ts';

/** A number from 1 to the largest that an `i32` holds. Throws {@link UsageError}. */
export function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^[0-9]+$/.test(text) || number < 1 || number > 0x7fff_ffff) {
    throw new UsageError(`--${option} is a number from 1 to ${0x7fff_ffff}, not "${text}"`);
  }
  return number;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A time in milliseconds; without a unit they are seconds, and 0 is none, as for timeout(1). Throws {@link UsageError}. */
export function duration(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new UsageError(`--${option} is a time such as 500ms, 2s or 1m, not "${text}"`);
  const milliseconds = Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 1);
  return milliseconds === 0 ? undefined : milliseconds;
}
