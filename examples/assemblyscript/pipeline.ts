// A sieve of 100 stages, each a thread: a stage keeps the first number that reaches it, which is a prime, and hands on those that
// it does not divide (McIlroy, "Squinting at Power Series", the sieve of Hoare's CSP). Prints the primes, as the threads' results.
import { Channel, join, Received, setName, spawn } from "../../engine/guest/assemblyscript/threads";
export { __bobbin_thread } from "../../engine/guest/assemblyscript/threads";

@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, parts: usize, count: i32, written: usize): i32;

const STAGES: i32 = 100;
const LAST: u32 = 541;
const CAPACITY: i32 = 2;

class Stage {
  constructor(readonly source: Channel<u32>, readonly sink: Channel<u32>) {}
}

function sieve(stage: Stage): i32 {
  const got = new Received<u32>();
  if (stage.source.receive(got) != 1) return 0;
  const prime = got.value;
  while (stage.source.receive(got) == 1) {
    const value = got.value;
    if (value % prime != 0) stage.sink.send(value);
  }
  stage.sink.close();
  return <i32>prime;
}

function print(value: i32): void {
  const text = String.UTF8.encode(value.toString() + "\n");
  const part = new StaticArray<usize>(3);
  part[0] = changetype<usize>(text);
  part[1] = text.byteLength;
  fd_write(1, changetype<usize>(part), 1, changetype<usize>(part) + 8);
}

export function _start(): void {
  const first = new Channel<u32>(CAPACITY);
  let last = first;
  const stages = new StaticArray<i32>(STAGES);
  for (let index = 0; index < STAGES; index++) {
    const next = new Channel<u32>(CAPACITY);
    stages[index] = spawn(sieve, new Stage(last, next));
    setName(stages[index], "stage " + (index + 1).toString());
    last = next;
  }
  for (let value: u32 = 2; value <= LAST; value++) first.send(value);
  first.close();
  const result = new Received<i32>();
  for (let index = 0; index < STAGES; index++) {
    if (join(stages[index], result) != 0) unreachable();
    print(result.value);
  }
  // Nothing gets past the last stage: it has the last prime.
  if (last.receive(new Received<u32>()) != 0) unreachable();
}
