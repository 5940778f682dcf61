import { readdirSync, readFileSync } from 'node:fs';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

function entryOf(pid: number | string): Entry | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything.
    const [, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid: Number(pid), parent: Number(parent), group: Number(group), session: Number(session) };
  } catch {
    return null;
  }
}

/**
 * Whether the process group of this process, which those that it spawns are in too, is orphaned (POSIX, 3.258): nobody in its session could
 * have it go on, and SIGTSTP does not stop it.
 */
export function isOrphaned(): boolean {
  if (process.platform !== 'linux') return false;
  const own = entryOf(process.pid);
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return !all.some((pid) => {
    const member = entryOf(pid);
    if (member === null || member.group !== own?.group) return false;
    const parent = entryOf(member.parent);
    return parent !== null && parent.session === own.session && parent.group !== own.group;
  });
}
