// Calls every function of the bindings and says what they return.
import {
  alarm, alternateStack, bit, block, getpid, handle, handleInfo, ignore, kill, pause, pending, raise, restoreDefault, SA_RESETHAND,
  sigqueue, SIGALRM, SIGUSR1, SIGUSR2, SIGWINCH, sleep, suspend, timer, unblock,
} from "../../engine/guest/assemblyscript/signal";
export { __bobbin_signal } from "../../engine/guest/assemblyscript/signal";

@external("env", "log")
declare function log(value: i32): void;

function seen(signo: i32): void {
  log(1000 + signo);
}

function informed(signo: i32, info: usize, context: usize): void {
  log(info == 0 || context == 0 ? -1 : 2000 + load<i32>(info));
}

export function _start(): void {
  log(handle(SIGUSR1, seen));
  log(raise(SIGUSR1));
  log(block(bit(SIGUSR1) | bit(SIGUSR2)));
  log(kill(getpid(), SIGUSR1));
  log(<i32>pending());
  log(unblock(bit(SIGUSR1)));
  log(<i32>pending());
  log(handle(SIGUSR2, seen));
  kill(getpid(), SIGUSR2);
  log(suspend(bit(SIGUSR1)));
  log(handle(SIGALRM, seen, SA_RESETHAND));
  log(timer(20_000));
  log(pause());
  log(handle(SIGALRM, seen));
  log(timer(20_000, 30_000));
  log(sleep(10_000));
  log(pause());
  log(timer(0));
  log(alarm(1000));
  log(alarm(0) > 990 ? 1 : 0);
  log(sleep(5));
  log(ignore(SIGWINCH));
  log(raise(SIGWINCH));
  log(restoreDefault(SIGWINCH));
  log(handle(9, seen));
  log(handleInfo(SIGUSR1, informed));
  log(raise(SIGUSR1));
  log(alternateStack(memory.data(4096), 4096));
  log(raise(SIGUSR1));
  log(sigqueue(getpid(), 99, 5));
}
