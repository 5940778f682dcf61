/** Functions of the host that programs import; `waits`: their calls suspend. */
export const HOST = {
  /** Calls a function of the guest's, by its place in the table. */
  back: { module: 'host', params: 'i32', result: '', waits: false },
  /** The same, and catches what it throws. */
  swallow: { module: 'host', params: 'i32', result: '', waits: false },
  /** The same, some times over. */
  insist: { module: 'host', params: 'i32', result: '', waits: false },
  /** Sorts, and has the guest compare. */
  sort: { module: 'host', params: 'i32', result: '', waits: false },
  /** As emscripten's: calls a function of the guest's, and tells it of a longjmp by `setThrew`. */
  invoke_v: { module: 'env', params: 'i32', result: '', waits: false },
  /** Throws. */
  fail: { module: 'host', params: '', result: '', waits: false },
  /** Takes so many milliseconds, in which its thread does nothing else. */
  slow: { module: 'host', params: 'i32', result: '', waits: false },
  /** Waits so many milliseconds. */
  wait: { module: 'host', params: 'i32', result: 'i32', waits: true },
  /** Waits for what does not come. */
  forever: { module: 'host', params: '', result: 'i32', waits: true },
  /** Calls a function of the guest's, and then waits a millisecond. */
  callThenWait: { module: 'host', params: 'i32', result: 'i32', waits: true },
  /** Waits a millisecond, and then calls a function of the guest's. */
  waitThenCall: { module: 'host', params: 'i32', result: 'i32', waits: true },
  poll_oneoff: { module: 'wasi_snapshot_preview1', params: 'i32 i32 i32 i32', result: 'i32', waits: true },
  sigaction: { module: 'bobbin:signal', params: 'i32 i32 i32', result: 'i32', waits: false },
  sigprocmask: { module: 'bobbin:signal', params: 'i32 i32 i32', result: 'i32', waits: true },
  raise: { module: 'bobbin:signal', params: 'i32', result: 'i32', waits: true },
  pause: { module: 'bobbin:signal', params: '', result: 'i32', waits: true },
  nanosleep: { module: 'bobbin:signal', params: 'i32 i32', result: 'i32', waits: true },
  spawn: { module: 'bobbin:threads', params: 'i32 i32 i32', result: 'i32', waits: false },
  join: { module: 'bobbin:threads', params: 'i32 i32', result: 'i32', waits: true },
  yield: { module: 'bobbin:threads', params: '', result: 'i32', waits: true },
  park: { module: 'bobbin:threads', params: 'i64', result: 'i32', waits: true },
  mutex_new: { module: 'bobbin:threads', params: 'i32', result: 'i32', waits: false },
  mutex_lock: { module: 'bobbin:threads', params: 'i32 i64', result: 'i32', waits: true },
} as const;
export type HostName = keyof typeof HOST;

/** How a function of type `[] -> []` is called. */
export const WAYS_TO_CALL = ['inline', 'call', 'call_indirect', 'call_ref', 'return_call'] as const;
export type WayToCall = (typeof WAYS_TO_CALL)[number];

/** Addresses that programs use for themselves; what they fill and copy lies above. */
export const AREA = {
  sigaction: 16,
  sigset: 40,
  time: 64,
  subscription: 96,
  event: 160,
  events: 192,
  large: 1024,
} as const;
/** What is at this place in the table is called by signals. */
export const HANDLER_TYPES = `(type $h (func (param i32))) (type $th (func (param i32) (result i32)))`;
/** Actions 0 and 1 mean something else than a function. */
const FIRST_SLOT = 2;
export const PAGE = 65_536;
const PLAIN = '(type $v)';

/** The text of one module, as it grows. */
export class ModuleText {
  /** The name that others import its `run` by. */
  readonly name: string;
  readonly #fields: string[] = [];
  readonly #once = new Set<string>();
  readonly #imports: string[] = [];
  readonly #slots: string[] = [];
  readonly #slotOf = new Map<string, number>();
  /** The locals of the functions that are being written, innermost last. */
  readonly #writing: { readonly isPlain: boolean; readonly locals: string[] }[] = [];
  #pages = 1;
  #names = 0;

  constructor(name: string) {
    this.name = name;
  }

  fresh(prefix: string): string {
    return `$${prefix}${this.#names++}`;
  }

  field(text: string): void {
    this.#fields.push(text);
  }

  /** A field that is there once, however often it is asked for. */
  once(text: string): void {
    if (this.#once.has(text)) return;
    this.#once.add(text);
    this.field(text);
  }

  imported(text: string): void {
    if (!this.#imports.includes(text)) this.#imports.push(text);
  }

  /** A function of the host's, by its name in the text. */
  host(name: HostName): string {
    const { module, params, result } = HOST[name];
    const type = `${params && `(param ${params})`} ${result && `(result ${result})`}`;
    this.imported(`(import "${module}" "${name}" (func $host_${name} ${type}))`);
    return `$host_${name}`;
  }

  local(type: string): string {
    const name = this.fresh('v');
    this.#writing.at(-1)?.locals.push(`(local ${name} ${type})`);
    return name;
  }

  /** Adds a function `[] -> []`. @param body writes its instructions, and may ask for locals */
  func(body: () => string): string {
    const name = this.fresh('f');
    this.define(name, PLAIN, body);
    return name;
  }

  /** Adds a function of a name that others may have used already. */
  define(name: string, type: string, body: () => string): void {
    const locals: string[] = [];
    this.#writing.push({ isPlain: type === PLAIN, locals });
    const text = body();
    this.#writing.pop();
    this.field(`(func ${name} ${type} ${locals.join(' ')}\n  ${text})`);
  }

  /** A function's place in the table. */
  slot(func: string): number {
    let slot = this.#slotOf.get(func);
    if (slot === undefined) {
      slot = this.#slots.push(func) - 1 + FIRST_SLOT;
      this.#slotOf.set(func, slot);
    }
    return slot;
  }

  /** The reference of a function, which has to be in a segment to be referred to. */
  ref(func: string): string {
    this.slot(func);
    return `(ref.func ${func})`;
  }

  call(func: string, way: WayToCall): string {
    switch (way) {
      case 'inline':
      case 'call':
        return `(call ${func})`;
      case 'return_call':
        return this.#writing.at(-1)?.isPlain ? `(return_call ${func})` : `(call ${func})`;
      case 'call_indirect':
        return `(call_indirect $fs (type $v) (i32.const ${this.slot(func)}))`;
      case 'call_ref':
        return `(call_ref $v ${this.ref(func)})`;
      default:
        return way satisfies never;
    }
  }

  /** Has the memory be so large at least. */
  memory(bytes: number): void {
    this.#pages = Math.max(this.#pages, Math.ceil(bytes / PAGE));
  }

  /** The type of continuations of functions `[] -> []`. */
  continuation(): string {
    this.once('(type $k (cont $v))');
    return '$k';
  }

  tag(): string {
    this.once('(tag $t)');
    return '$t';
  }

  /** @param main its beginning */
  text(main: string, isStart: boolean): string {
    const table = FIRST_SLOT + this.#slots.length;
    return [
      '(module',
      '(type $v (func))',
      HANDLER_TYPES,
      ...this.#imports,
      `(memory $mem (export "memory") ${this.#pages} ${this.#pages + 64})`,
      `(table $fs (export "__indirect_function_table") ${table} funcref)`,
      this.#slots.length > 0 ? `(elem (table $fs) (i32.const ${FIRST_SLOT}) func ${this.#slots.join(' ')})` : '',
      ...this.#fields,
      '(func (export "enter") (param i32) (call_indirect $fs (type $v) (local.get 0)))',
      '(func (export "setThrew") (param i32 i32))',
      '(func (export "__bobbin_signal") (param i32 i32 i32 i32 i32)',
      '  (call_indirect $fs (type $h) (local.get 1) (local.get 0)))',
      '(func (export "__bobbin_thread") (param i32 i32) (result i32)',
      '  (call_indirect $fs (type $th) (local.get 1) (local.get 0)))',
      isStart ? `(start ${main}) (func (export "_start"))` : `(export "_start" (func ${main}))`,
      ')',
    ]
      .filter((line) => line !== '')
      .join('\n');
  }
}
