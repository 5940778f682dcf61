import { type GivenFolder, givenFolder, SandboxError } from '../sandbox/index.ts';
import { CommandError, UsageError } from './command.ts';

/**
 * The value of `--dir`: `HOST`, or `HOST::GUEST`.
 *
 * @throws UsageError where a name is empty, CommandError where there is no such folder
 */
export function parseDir(value: string): GivenFolder {
  const at = value.indexOf('::');
  const host = at < 0 ? value : value.slice(0, at);
  const guest = at < 0 ? value : value.slice(at + 2);
  if (host === '' || guest === '') throw new UsageError(`--dir takes HOST or HOST::GUEST, not "${value}"`);
  try {
    return givenFolder(guest, host);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    throw new CommandError(`--dir ${error.message}`);
  }
}
