// Counts primes. SIGUSR1: says how far it is. SIGINT: stops tidily, with exit status 0 all the same.
import { handle, SIGINT, SIGUSR1 } from "../../engine/guest/assemblyscript/signal";
export { __bobbin_signal } from "../../engine/guest/assemblyscript/signal";

@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, parts: usize, count: i32, written: usize): i32;

const LIMIT: u32 = 30_000;

let candidate: u32 = 2;
let count: u32 = 0;
let digest: u32 = 0;
let stopped: bool = false;

// A handler may come while the program itself prints: each has its own.
const ofProgram: usize = memory.data(64);
const ofHandler: usize = memory.data(64);

/** Prints a letter, a number and the end of the line. */
function print(buffer: usize, letter: u8, value: u32): void {
  let at = buffer + 63;
  store<u8>(at, 0x0a);
  do {
    store<u8>(--at, <u8>(0x30 + (value % 10)));
    value /= 10;
  } while (value != 0);
  store<u8>(--at, 0x20);
  store<u8>(--at, letter);
  store<usize>(buffer, at);
  store<usize>(buffer, buffer + 64 - at, 4);
  fd_write(1, buffer, 1, buffer + 8);
}

function isPrime(value: u32): bool {
  for (let divisor: u32 = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor == 0) return false;
  }
  return true;
}

function report(signo: i32): void {
  print(ofHandler, 0x70, candidate); // p
}

function stop(signo: i32): void {
  stopped = true;
}

export function _start(): void {
  handle(SIGUSR1, report);
  handle(SIGINT, stop);
  for (; candidate < LIMIT && !stopped; candidate++) {
    if (!isPrime(candidate)) continue;
    count++;
    digest = digest * 31 + candidate;
  }
  print(ofProgram, stopped ? 0x73 : 0x63, count); // s, c
  print(ofProgram, 0x64, digest); // d
}
