import { realpathSync, statSync } from 'node:fs';
import { SandboxError } from '../errors.ts';

/** A folder that a program may use. */
export interface GivenFolder {
  /** Its real path. */
  readonly host: string;
  /** What the program calls it. */
  readonly guest: string;
}

/** @throws SandboxError `no-folder` where the host has no such folder */
export function givenFolder(guest: string, host: string): GivenFolder {
  if (!statSync(host, { throwIfNoEntry: false })?.isDirectory()) {
    throw new SandboxError('no-folder', `${host}: no such folder`);
  }
  return { host: realpathSync(host), guest };
}
