/** Whether the innermost call of a Suspending import that is being made can wait; false: none is. */
let canWait = false;

export const innermostCanWait = (): boolean => canWait;

/** @returns what was said of the innermost before, to be set again */
export function setInnermost(can: boolean): boolean {
  const before = canWait;
  canWait = can;
  return before;
}
