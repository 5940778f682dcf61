/** A call of a Suspending import that is being made. */
export interface MakingCall {
  readonly canWait: boolean;
}

let innermost: MakingCall | null = null;

export const innermostCall = (): MakingCall | null => innermost;

/** @returns what was innermost before, to be set again */
export function setInnermostCall(call: MakingCall | null): MakingCall | null {
  const before = innermost;
  innermost = call;
  return before;
}
