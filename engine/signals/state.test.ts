import { describe, expect, it } from 'vitest';
import {
  DEFAULT_ACTION,
  type Delivery,
  handlerAction,
  IGNORE_ACTION,
  SA,
  SI,
  SIG_HOW,
  SIGCONT,
  SIGINT,
  SIGKILL,
  SIGQUIT,
  SIGRTMIN,
  SIGSTOP,
  SIGTERM,
  SIGTSTP,
  SIGUSR1,
  SIGUSR2,
  SIGWINCH,
  SignalState,
  type Signo,
  SigSet,
} from './index.ts';
import { QUEUE_LIMIT } from './pending.ts';

const send = (state: SignalState, signal: Signo, value = 0n, code: number = SI.USER) =>
  state.send({ signo: signal, code, pid: 1, value });

function drain(state: SignalState): Delivery[] {
  const all: Delivery[] = [];
  for (let next = state.take(); next !== null; next = state.take()) {
    all.push(next);
    if (next.kind === 'terminate') break;
  }
  return all;
}
const handled = (state: SignalState): (readonly [number, bigint])[] =>
  drain(state).map((delivery) => (delivery.kind === 'handler' ? [delivery.info.signo, delivery.info.value] : [0, 0n]));

describe('SignalState', () => {
  it('keeps one of a standard signal, with what came first, and all of a real-time one in order', () => {
    const state = new SignalState();
    for (const signal of [SIGUSR1, SIGRTMIN]) state.sigaction(signal, handlerAction(5));
    for (const value of [1n, 2n, 3n]) {
      send(state, SIGRTMIN, value, SI.QUEUE);
      send(state, SIGUSR1, value, SI.QUEUE);
    }
    expect(handled(state)).toEqual([
      [SIGUSR1, 1n],
      [SIGRTMIN, 1n],
      [SIGRTMIN, 2n],
      [SIGRTMIN, 3n],
    ]);
    expect(state.pending.isEmpty).toBe(true);
  });

  it('keeps what is blocked pending, and shows it', () => {
    const state = new SignalState();
    state.sigaction(SIGUSR1, handlerAction(5));
    state.blocked = SigSet.of(SIGUSR1);
    send(state, SIGUSR1);
    expect([state.deliverable, state.take()]).toEqual([false, null]);
    expect([...state.sigpending()]).toEqual([SIGUSR1]);
    state.sigprocmask(SIG_HOW.unblock, SigSet.of(SIGUSR1));
    expect(state.deliverable).toBe(true);
    expect(state.sigpending().isEmpty).toBe(true);
    expect(handled(state)).toEqual([[SIGUSR1, 0n]]);
  });

  it('changes the mask in the three ways, without SIGKILL and SIGSTOP', () => {
    const state = new SignalState();
    expect(state.sigprocmask(SIG_HOW.block, SigSet.of(SIGINT, SIGKILL)).isEmpty).toBe(true);
    expect([...state.sigprocmask(SIG_HOW.block, SigSet.of(SIGUSR1, SIGSTOP))]).toEqual([SIGINT]);
    expect([...state.sigprocmask(SIG_HOW.unblock, SigSet.of(SIGINT))]).toEqual([SIGINT, SIGUSR1]);
    expect([...state.sigprocmask(SIG_HOW.set, SigSet.full)]).toEqual([SIGUSR1]);
    expect(state.blocked.has(SIGKILL) || state.blocked.has(SIGSTOP)).toBe(false);
    expect([...state.blocked].length).toBe(62);
    expect(() => state.sigprocmask(3, SigSet.empty)).toThrow(/EINVAL/);
  });

  it('drops what is ignored when it is sent, but not what is blocked', () => {
    const state = new SignalState();
    state.sigaction(SIGUSR1, IGNORE_ACTION);
    expect(send(state, SIGUSR1)).toBe('ignored');
    expect(send(state, SIGWINCH)).toBe('ignored');
    state.blocked = SigSet.of(SIGUSR1, SIGWINCH);
    expect(send(state, SIGUSR1)).toBe('pending');
    expect(send(state, SIGWINCH)).toBe('pending');
    state.sigaction(SIGUSR1, handlerAction(2));
    state.blocked = SigSet.empty;
    // The handler came in time; SIGWINCH goes without effect.
    expect(handled(state)).toEqual([[SIGUSR1, 0n]]);
    expect(state.pending.isEmpty).toBe(true);
  });

  it('drops what is pending when it is set to be ignored, blocked or not', () => {
    const state = new SignalState();
    state.blocked = SigSet.of(SIGUSR1, SIGWINCH);
    send(state, SIGUSR1);
    send(state, SIGWINCH);
    state.sigaction(SIGUSR1, IGNORE_ACTION);
    state.sigaction(SIGWINCH, DEFAULT_ACTION);
    expect(state.pending.isEmpty).toBe(true);
  });

  it('stops by default at a stop signal, and goes on at SIGCONT whatever is done about it', () => {
    for (const prepare of [
      (_: SignalState) => {},
      (state: SignalState) => void state.sigaction(SIGCONT, IGNORE_ACTION),
      (state: SignalState) => {
        state.blocked = SigSet.of(SIGCONT);
      },
    ]) {
      const state = new SignalState();
      prepare(state);
      send(state, SIGTSTP);
      expect(drain(state)).toEqual([{ kind: 'stop', signal: SIGTSTP }]);
      expect(state.stopped).toBe(true);
      send(state, SIGCONT);
      expect(state.stopped).toBe(false);
    }
  });

  it('has SIGCONT drop stop signals that wait, and they it', () => {
    const state = new SignalState();
    state.sigaction(SIGCONT, handlerAction(2));
    state.blocked = SigSet.full;
    send(state, SIGTSTP);
    send(state, SIGCONT);
    expect([...state.pending]).toEqual([SIGCONT]);
    send(state, SIGTSTP);
    expect([...state.pending]).toEqual([SIGTSTP]);
  });

  it('delivers nothing while stopped but SIGKILL', () => {
    const state = new SignalState();
    state.sigaction(SIGUSR1, handlerAction(2));
    send(state, SIGSTOP);
    drain(state);
    send(state, SIGUSR1);
    send(state, SIGTERM);
    expect([state.deliverable, state.take()]).toEqual([false, null]);
    send(state, SIGKILL);
    expect(state.take()).toEqual({ kind: 'terminate', signal: SIGKILL });
  });

  it('handles stop signals that have a handler, without stopping', () => {
    const state = new SignalState();
    state.sigaction(SIGTSTP, handlerAction(2));
    send(state, SIGTSTP);
    expect(handled(state)).toEqual([[SIGTSTP, 0n]]);
    expect(state.stopped).toBe(false);
  });

  it('ends by a deadly signal before handlers of lower numbers', () => {
    const state = new SignalState();
    state.sigaction(SIGUSR1, handlerAction(2));
    send(state, SIGUSR1);
    send(state, SIGTERM);
    expect(state.take()).toEqual({ kind: 'terminate', signal: SIGTERM });
    // One that dumps core is delivered in its turn.
    const core = new SignalState();
    core.sigaction(SIGINT, handlerAction(2));
    send(core, SIGQUIT);
    send(core, SIGINT);
    expect(drain(core).map(({ kind }) => kind)).toEqual(['handler', 'terminate']);
  });

  it('applies SA_RESETHAND, SA_NODEFER and the mask when a handler is entered', () => {
    const enter = (flags: number): SignalState => {
      const state = new SignalState();
      state.sigaction(SIGUSR1, handlerAction(2, flags, SigSet.of(SIGUSR2, SIGKILL)));
      state.blocked = SigSet.of(SIGINT);
      send(state, SIGUSR1);
      const delivery = state.take();
      if (delivery?.kind === 'handler') state.enterHandler(delivery);
      return state;
    };
    expect([...enter(0).blocked]).toEqual([SIGINT, SIGUSR1, SIGUSR2]);
    expect([...enter(SA.NODEFER).blocked]).toEqual([SIGINT, SIGUSR2]);
    expect(enter(0).action(SIGUSR1).disposition).toEqual({ kind: 'handler', handler: 2 });
    expect(enter(SA.RESETHAND).action(SIGUSR1)).toMatchObject({
      disposition: { kind: 'default' },
      flags: SA.RESETHAND,
    });
    // On Linux SA_RESETHAND alone does not imply SA_NODEFER.
    expect(enter(SA.RESETHAND).blocked.has(SIGUSR1)).toBe(true);
  });

  it('refuses actions of SIGKILL and SIGSTOP, and unknown flags, and changes nothing', () => {
    const state = new SignalState();
    for (const signal of [SIGKILL, SIGSTOP]) {
      for (const action of [handlerAction(2), IGNORE_ACTION, DEFAULT_ACTION]) {
        expect(() => state.sigaction(signal, action)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
      }
    }
    expect(() => state.sigaction(SIGUSR1, handlerAction(2, 0x100))).toThrow(/0x100/);
    expect(state.action(SIGUSR1)).toEqual(DEFAULT_ACTION);
  });

  it('keeps no more than its limit, and says so', () => {
    const state = new SignalState();
    state.blocked = SigSet.full;
    for (let n = 0; n < QUEUE_LIMIT; n++) expect(send(state, SIGRTMIN, 1n, SI.QUEUE)).toBe('pending');
    expect(send(state, SIGRTMIN, 1n, SI.QUEUE)).toBe('lost');
    // What kill(2) sends gets through without its information.
    expect(send(state, SIGUSR1, 9n)).toBe('pending');
    state.sigaction(SIGUSR1, handlerAction(2));
    state.blocked = SigSet.full.without(SIGUSR1);
    expect(handled(state)).toEqual([[SIGUSR1, 0n]]);
    state.sigaction(SIGRTMIN, IGNORE_ACTION);
    expect(send(state, SIGRTMIN, 1n, SI.QUEUE)).toBe('pending');
  });
});

describe('signals that a thread was woken for', () => {
  it('are for others once it blocks them or ends, and each time this is said once', () => {
    const main = new SignalState();
    const first = new SignalState(main);
    const second = new SignalState(main);
    main.sigprocmask(SIG_HOW.block, SigSet.of(SIGUSR1));
    send(main, SIGUSR1);
    expect(main.recipient(SIGUSR1)).toBe(first);
    expect(main.takeOthers()).toEqual([]);
    first.sigprocmask(SIG_HOW.block, SigSet.of(SIGUSR2));
    expect(main.takeOthers()).toEqual([]);
    first.sigprocmask(SIG_HOW.block, SigSet.of(SIGUSR1));
    expect(first.takeOthers()).toEqual([second]);
    expect(main.takeOthers()).toEqual([]);
    first.sigprocmask(SIG_HOW.unblock, SigSet.of(SIGUSR1));
    expect(main.takeOthers()).toEqual([]);
    first.end();
    expect(main.takeOthers()).toEqual([second]);
    second.end();
    expect(main.takeOthers()).toEqual([]);
  });
});
