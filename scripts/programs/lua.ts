import { loadAsProcess } from './loading.ts';
import { type Program, same } from './program.ts';

/** What is used of wasmoon: Lua's own functions, and an engine. */
interface Functions {
  readonly module: { addFunction(func: (state: number) => void, signature: string): number };
  lua_sethook(state: number, hook: number | null, mask: number, count: number): void;
  lua_error(state: number): number;
  lua_pushnil(state: number): void;
}
interface Engine {
  readonly global: {
    readonly lua: Functions;
    readonly address: number;
    loadString(code: string): void;
    setTop(top: number): void;
    set(name: string, value: unknown): void;
  };
  doStringSync(code: string): unknown;
}
interface Package {
  readonly LuaFactory: new () => { createEngine(): Promise<Engine> };
}

/** lua.h */
const LUA_ERRRUN = 2;
const LUA_MASKCOUNT = 8;
const endless = (code: string): { code: string; says: string } => ({ code, says: `status ${LUA_ERRRUN}` });

export const lua: Program = {
  name: 'Lua (wasmoon)',
  endless: {
    'plain loop': endless('while true do end'),
    'in pcall': endless('while true do pcall(function() while true do end end) end'),
    'errors in pcall': endless('while true do pcall(error, "x") end'),
    'in a callback': endless('table.sort({3, 2, 1}, function(a, b) while true do end end)'),
    'in gsub': endless('string.gsub("abc", ".", function() while true do end end)'),
    'in a coroutine': endless(
      'local c = coroutine.wrap(function() while true do coroutine.yield(1) end end) while true do c() end',
    ),
    'waiting for the clock': endless('local t = os.clock() + 100 while os.clock() < t do end'),
    'calling the host': endless('while true do host() end'),
  },
  async load(packages, polls) {
    const { process, program, transformed } = await loadAsProcess(packages.bytes('wasmoon/dist/glue.wasm'), polls, () =>
      new (packages.load<Package>('wasmoon').LuaFactory)().createEngine(),
    );
    const { global } = program;
    const { lua: functions, address } = global;
    // As lua.c does: whatever Lua does next is an error, until it has come out.
    const hook = functions.module.addFunction((state) => {
      functions.lua_pushnil(state);
      functions.lua_error(state);
    }, 'vii');
    process.onSignal('SIGINT', () => functions.lua_sethook(address, hook, LUA_MASKCOUNT, 1));
    global.set('host', () => {});
    const run = async (code: string): Promise<string> => {
      global.loadString(code);
      try {
        return `status ${await process.call('lua_pcallk', address, 0, 0, 0, 0, 0)}`;
      } finally {
        functions.lua_sethook(address, null, 0, 0);
        global.setTop(0);
      }
    };
    return {
      process,
      transformed,
      run,
      interrupt: () => void process.kill('SIGINT'),
      async check() {
        same(program.doStringSync('local ok, e = pcall(error, {}) return ok'), false);
        same(await run('answer = 40 + 2'), 'status 0');
        same(program.doStringSync('return answer'), 42);
      },
    };
  },
};
