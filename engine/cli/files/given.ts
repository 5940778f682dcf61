import { realpathSync, statSync } from 'node:fs';
import { CommandError, UsageError } from '../command.ts';

/** A folder that a program may use. */
export interface GivenFolder {
  /** Its real path. */
  readonly host: string;
  /** What the program calls it. */
  readonly guest: string;
}

/**
 * The value of `--dir`: `HOST`, or `HOST::GUEST`.
 *
 * @throws UsageError where a name is empty, CommandError where there is no such folder
 */
export function givenFolder(value: string): GivenFolder {
  const at = value.indexOf('::');
  const host = at < 0 ? value : value.slice(0, at);
  const guest = at < 0 ? value : value.slice(at + 2);
  if (host === '' || guest === '') throw new UsageError(`--dir takes HOST or HOST::GUEST, not "${value}"`);
  if (!statSync(host, { throwIfNoEntry: false })?.isDirectory())
    throw new CommandError(`--dir ${host}: no such folder`);
  return { host: realpathSync(host), guest };
}
