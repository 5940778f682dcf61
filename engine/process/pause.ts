/** Why a slice is over. `idle`: the computation was taken away and none put in its place. */
export type Pause = 'yielded' | 'blocked' | 'stopped' | 'idle' | 'ended';
