// Calls every function of the thread bindings and says what they return.
import {
  Barrier, Broadcast, Channel, Condition, detach, exitThread, giveWay, join, killThread, localWord, Mutex, Once, park, Received, Select,
  self, Semaphore, setLocalWord, setName, sleepFor, spawn, ThreadLocal, unpark, WaitGroup,
} from "../../engine/guest/assemblyscript/threads";
export { __bobbin_thread } from "../../engine/guest/assemblyscript/threads";

@external("env", "log")
declare function log(value: i32): void;

const MS: i64 = 1_000_000;

class Pair {
  constructor(public left: i32, public right: i32) {}
}

const counter = new ThreadLocal<i32>(7);
const mutex = new Mutex();
const recursive = new Mutex(true);
const condition = new Condition();
const semaphore = new Semaphore(1);
const barrier = new Barrier(2);
const group = new WaitGroup();
const once = new Once();
const numbers = new Channel<i64>(1);
const floats = new Channel<f64>();
const singles = new Channel<f32>(1);
const pairs = new Channel<Pair>(1);
const news = new Broadcast<i32>(2);
let ready: bool = false;

function add(pair: Pair): i32 {
  return pair.left + pair.right;
}

function leave(value: u8): i32 {
  exitThread(<i32>value + 1);
  return 0;
}

function locals(argument: i32): i32 {
  const before = counter.value;
  counter.value += argument;
  setLocalWord(argument);
  giveWay();
  return before * 1000 + counter.value * 10 + localWord();
}

function sleeper(argument: i32): i32 {
  return park() == 0 ? sleepFor(MS) : -1;
}

function waiter(argument: i32): i32 {
  mutex.lock();
  while (!ready) condition.wait(mutex);
  mutex.unlock();
  const last = barrier.wait();
  group.done();
  return last;
}

function holder(argument: i32): i32 {
  log(mutex.tryLock());
  log(mutex.lock(MS));
  log(mutex.unlock());
  return semaphore.acquire(MS);
}

function first(): void {
  log(3000);
}

function sender(argument: i32): i32 {
  floats.send(2.5);
  pairs.send(new Pair(argument, argument + 1));
  numbers.send(i64.MIN_VALUE);
  return numbers.close();
}

function threads(): void {
  const result = new Received<i32>();
  log(self());
  const adder = spawn(add, new Pair(40, 2));
  log(setName(adder, "ädder"));
  log(join(adder, result));
  log(result.value);
  log(join(adder));
  log(join(self()));
  log(join(spawn<u8>(leave, 255), result));
  log(result.value);
  const one = spawn(locals, 1);
  const two = spawn(locals, 2);
  log(join(one, result));
  log(result.value);
  log(join(two, result));
  log(result.value);
  log(counter.value);
  log(counter.error);
  log(localWord());
  const idle = spawn(sleeper, 0);
  log(killThread(idle, 0));
  log(park(0));
  log(unpark(idle));
  log(join(idle, result));
  log(result.value);
  log(detach(spawn(locals, 0)));
  log(sleepFor(-1));
}

function primitives(): void {
  const result = new Received<i32>();
  group.add(2);
  const one = spawn(waiter, 0);
  const two = spawn(waiter, 0);
  giveWay();
  mutex.lock();
  ready = true;
  log(condition.signal());
  log(condition.broadcast());
  log(mutex.unlock());
  log(group.wait());
  join(one, result);
  let last = result.value;
  join(two, result);
  log(last + result.value);
  mutex.lock();
  log(mutex.lock());
  log(condition.wait(mutex, MS));
  log(semaphore.acquire());
  const other = spawn(holder, 0);
  log(join(other, result));
  log(result.value);
  log(mutex.destroy());
  log(mutex.unlock());
  log(mutex.destroy());
  log(mutex.lock());
  log(semaphore.acquire(0));
  log(semaphore.release());
  log(semaphore.acquire(0));
  log(recursive.lock());
  log(recursive.lock());
  log(recursive.unlock());
  log(recursive.unlock());
  log(group.done());
  log(once.run(first));
  log(once.run(first));
  log(new Semaphore(-1).handle);
}

function channels(): void {
  const number = new Received<i64>();
  const float = new Received<f64>();
  const single = new Received<f32>();
  const pair = new Received<Pair>();
  const value = new Received<i32>();
  const thread = spawn(sender, 20);
  log(floats.receive(float));
  log(<i32>(float.value * 2));
  log(pairs.receive(pair));
  log(pair.value.left * 100 + pair.value.right);
  log(numbers.receive(number));
  log(number.value == i64.MIN_VALUE ? 1 : 0);
  log(numbers.receive(number));
  log(numbers.send(1));
  log(numbers.close());
  log(join(thread, value));
  log(value.value);
  log(floats.receive(float, 0));
  log(floats.receive(float, MS));
  singles.send(-0.5);
  log(singles.receive(single));
  log(<i32>(single.value * 4));
  const choice = new Select(2);
  const take = choice.receive(pairs);
  const give = choice.send<f32>(singles, 1.5);
  log(take * 10 + give);
  log(choice.send<f32>(singles, 0));
  log(choice.wait());
  log(choice.wait(0));
  log(choice.wait(MS));
  pairs.send(new Pair(8, 9));
  log(choice.wait());
  log(choice.result(take));
  log(choice.value<Pair>(take).right);
  singles.receive(single);
  choice.setValue<f32>(give, 3.5);
  choice.wait();
  singles.receive(single);
  log(<i32>(single.value * 2));
  choice.clear();
  choice.receive(numbers);
  log(choice.wait());
  log(choice.result(0));
}

function broadcasts(): void {
  const value = new Received<i32>();
  log(news.send(1));
  const left = news.subscribe();
  const right = news.subscribe();
  log(news.send(5));
  log(news.send(6));
  log(news.send(7, 0));
  log(news.send(7, MS));
  log(left.receive(value));
  log(right.receive(value));
  log(value.value);
  log(news.close());
  log(left.receive(value));
  log(value.value);
  log(left.receive(value));
  log(news.send(1));
}

/** Makes objects, to be interrupted by others that do so too; how many are not what they were made as. */
function allocator(seed: i32): i32 {
  const made = new Array<Pair>();
  for (let index = 0; index < 100; index++) made.push(new Pair(seed, index));
  let spoilt = 0;
  for (let index = 0; index < 100; index++) {
    if (made[index].left != seed || made[index].right != index) spoilt++;
  }
  return spoilt;
}

function allocations(): void {
  const result = new Received<i32>();
  const workers = new StaticArray<i32>(10);
  for (let index = 0; index < workers.length; index++) workers[index] = spawn(allocator, index);
  let spoilt = 0;
  for (let index = 0; index < workers.length; index++) {
    join(workers[index], result);
    spoilt += result.value;
  }
  log(spoilt);
}

threads();
primitives();
channels();
broadcasts();
allocations();
