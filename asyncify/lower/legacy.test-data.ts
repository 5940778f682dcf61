import fc from 'fast-check';

/** What every program imports. */
export const PRELUDE = `
  (import "m" "a" (tag $a (param i32))) (import "m" "b" (tag $b (param i32 i64))) (import "m" "c" (tag $c))
  (import "m" "log" (func $log (param i32))) (import "m" "log64" (func $log64 (param i64)))
  (import "m" "bit" (func $bit (result i32))) (import "m" "host" (func $host (param i32)))`;

/** A body of `f (param i32) (result i32)`, and what it does with 0, 1, 2... */
export type Case = readonly [title: string, body: string, ...outcomes: string[]];

/** `$some` returns, or throws one of the three tags, as its argument says. */
export const THROW_SOME = `
  (func $some (param i32)
    block block block block local.get 0 br_table 0 1 2 3 end return end
    i32.const 10 throw $a end i32.const 20 i64.const 21 throw $b end throw $c)`;

export const CASES: readonly Case[] = [
  ['no clause', 'try (result i32) local.get 0 call $some i32.const 5 end', '= 5', '! a 10'],
  [
    'clauses in order',
    `try (result i32) local.get 0 call $some i32.const 5
     catch $a catch $b call $log64 catch_all i32.const 30 end`,
    '= 5',
    '= 10',
    '21n = 20',
    '= 30',
  ],
  [
    'unhandled',
    'try (result i32) local.get 0 call $some i32.const 5 catch $b drop end',
    '= 5',
    '! a 10',
    '= 20',
    '! c',
  ],
  [
    'the first of two clauses for a tag',
    'try (result i32) local.get 0 call $some i32.const 5 catch $a catch $a drop i32.const 6 end',
    '= 5',
    '= 10',
  ],
  [
    'operands below, parameters and several results',
    `i32.const 1000 local.get 0 i64.const 3
     try (param i32 i64) (result i64 i32) call $log64 call $some i64.const 7 i32.const 8
     catch $a drop i64.const 9 i32.const 10 catch $b call $log64 call $log i64.const 1 i32.const 2
     catch_all i64.const 11 i32.const 12 end
     call $log drop i32.const 1 i32.add`,
    '3n 8 = 1001',
    '3n 10 = 1001',
    '3n 21n 20 2 = 1001',
    '3n 12 = 1001',
  ],
  [
    'branches to the try from its body and its clauses',
    `try $t (result i32) i32.const 1 local.get 0 br_if $t local.get 0 call $some i32.const 9 throw $a
     catch $a i32.const 1 i32.add br $t unreachable catch_all i32.const 4 br $t end`,
    '= 10',
    '= 1',
  ],
  [
    'branches across trys',
    `block $x (result i32) loop $l (result i32) try (result i32) try (result i32) local.get 0 call $some i32.const 3 br $x
     catch $a call $log i32.const 0 local.set 0 br $l catch_all i32.const 4 br $x end
     catch_all i32.const 5 end end end`,
    '= 3',
    '10 = 3',
    '= 4',
  ],
  [
    'br_table over trys and their clauses',
    `block $x (result i32) try $t (result i32) throw $c catch_all try $u (result i32) throw $c catch_all
     local.get 0 call $log i32.const 40 local.get 0 br_table $u $t $x end
     i32.const 1 i32.add end i32.const 2 i32.add end`,
    '0 = 43',
    '1 = 42',
    '2 = 40',
  ],
  [
    'rethrow',
    'try (result i32) try (result i32) local.get 0 call $some i32.const 5 catch $a call $log rethrow 0 end catch $a i32.const 1 i32.add end',
    '= 5',
    '10 = 11',
    '! b 20 21',
  ],
  [
    'rethrow of the outer exception from inside of a clause',
    `try try local.get 0 call $some catch $a call $log
       try i32.const 66 throw $a catch $a call $log block rethrow 2 end catch_all end
     catch_all rethrow 0 end catch $c end i32.const 8`,
    '= 8',
    '10 66 ! a 10',
    '! b 20 21',
    '= 8',
  ],
  [
    'rethrow of outer and inner exceptions in turn',
    `try i32.const 1 throw $a catch $a call $log
       try i32.const 2 throw $a catch_all
         try try rethrow 2 catch $a call $log rethrow 2 end catch $a call $log end
         try rethrow 2 catch $a call $log end end
     end i32.const 0`,
    '1 2 2 1 = 0',
  ],
  [
    'one catch entered again in a loop',
    `(local i32) loop $l try local.get 0 call $some catch $a drop
       local.get 1 i32.const 1 i32.add local.tee 1 call $log
       try rethrow 1 catch $a call $log local.get 1 i32.const 3 i32.lt_s br_if $l end
     end end local.get 1`,
    '= 0',
    '1 10 2 10 3 10 = 3',
  ],
  [
    'what the host throws',
    `try local.get 0 call $host catch $a call $log rethrow 0 catch_all rethrow 0 end i32.const 0`,
    '! thrown 0',
    '77 ! thrown 1',
    '! thrown 2',
  ],
  ['traps are not caught', 'try unreachable catch_all end i32.const 1', '! trap unreachable'],
  [
    'delegate to the try around',
    'try (result i32) try (result i32) local.get 0 call $some i32.const 1 delegate 0 catch $a end',
    '= 1',
    '= 10',
    '! b 20 21',
  ],
  [
    'delegate past a handler',
    `try $t (result i32) try (result i32) try (result i32) local.get 0 call $some i32.const 1 delegate $t
     catch_all i32.const 2 end catch_all i32.const 3 end`,
    '= 1',
    '= 3',
  ],
  [
    'delegate past a handler, with parameters',
    `local.get 0 try $t (param i32) (result i32) try (param i32) (result i32)
       i64.const 4 try (param i32 i64) (result i32) call $log64 call $some i32.const 1 delegate $t
     catch_all i32.const 2 end catch $b drop catch $a end`,
    '4n = 1',
    '4n = 10',
    '4n = 20',
    '4n ! c',
  ],
  [
    'delegate to a block or loop inside of a handler',
    `try (result i32) block $k (result i32) loop $l (result i32) try (result i32)
       try (result i32) local.get 0 call $some i32.const 1 delegate $l catch_all i32.const 2 end end end
     catch $a catch_all try (result i32) try (result i32) throw $c delegate 0 catch $c i32.const 6 end end`,
    '= 1',
    '= 10',
    '= 6',
  ],
  [
    'delegate out of the function',
    `try (result i32) try (result i32) local.get 0 call $some i32.const 1 delegate 1 catch_all i32.const 2 end`,
    '= 1',
    '! a 10',
  ],
  [
    'delegate out of the function, past nothing',
    'try (result i32) local.get 0 call $some i32.const 1 delegate 0 br 0',
    '= 1',
    '! a 10',
  ],
  [
    'delegate to a try that delegates',
    `try (result i32) try $e (result i32) try $d (result i32) try (result i32)
       try (result i32) local.get 0 call $some i32.const 1 delegate $d
       catch_all i32.const 2 end delegate 1 catch_all i32.const 3 end catch_all i32.const 4 end`,
    '= 1',
    '= 4',
  ],
  [
    'delegate to a try without clauses',
    `try (result i32) try $e (result i32) try (result i32) try (result i32) local.get 0 call $some i32.const 1 delegate $e
       catch_all i32.const 2 end end catch_all i32.const 4 end`,
    '= 1',
    '= 4',
  ],
  [
    'delegate in a clause to its own try',
    `try (result i32) try $t (result i32) throw $c catch_all try (result i32)
       try (result i32) local.get 0 call $some i32.const 1 delegate $t catch_all i32.const 2 end end
     catch $a i32.const 1 i32.add end`,
    '= 1',
    '= 11',
  ],
  [
    'delegate in a clause past handlers around its try',
    `try $o (result i32) try (result i32) try (result i32) throw $c catch_all
       try (result i32) local.get 0 call $some i32.const 1 delegate $o end
     catch_all i32.const 2 end catch $a catch_all i32.const 3 end`,
    '= 1',
    '= 10',
    '= 3',
  ],
  [
    'branches out of a try that delegates',
    `block $x (result i32) try $t (result i32) try (result i32) try $d (result i32)
       i32.const 7 local.get 0 br_if $x drop i32.const 8 br $d delegate $t
     i32.const 1 i32.add catch_all i32.const 2 end catch_all i32.const 3 end end`,
    '= 9',
    '= 7',
  ],
  [
    'code that is not reached',
    `block $x (result i32) try $t (result i32) i32.const 1 br $x
       try (param i32) (result i32 i64) br $t i32.add throw $c catch $a br $x
       catch_all try unreachable i32.add drop delegate $t rethrow 0 i64.add end
       drop try unreachable i32.add drop delegate $x i32.add
     catch $a return i32.add catch_all unreachable br $x end end`,
    '= 1',
  ],
  [
    'if and else arms',
    `try (result i32) local.get 0 if (result i32) try (result i32) local.get 0 call $some i32.const 0 delegate 0
     else try $t (result i32) throw $c catch_all i32.const 3 br $t end end catch $a end`,
    '= 3',
    '= 10',
  ],
];

/** A program as a tree: every construct has a shape, `label` and `clause` count the ones in scope modulo their number. */
type Node =
  | { readonly kind: 'log' | 'throw' | 'host' | 'call' | 'end'; readonly which: number }
  | { readonly kind: 'br' | 'br_if' | 'br_table' | 'rethrow'; readonly label: number }
  | { readonly kind: 'block' | 'loop' | 'if'; readonly shape: number; readonly body: readonly Node[] }
  | {
      readonly kind: 'try';
      readonly shape: number;
      readonly body: readonly Node[];
      readonly clauses: readonly Clause[];
    }
  | { readonly kind: 'delegate'; readonly shape: number; readonly body: readonly Node[]; readonly label: number };
interface Clause {
  /** The index of a tag; from 3 on, and only at the end, `catch_all`. */
  readonly tag: number;
  readonly body: readonly Node[];
}
type ClauseKind = 'catch' | 'none';
interface Scope {
  readonly params: string;
  readonly results: string;
  readonly loop: boolean;
  readonly part: ClauseKind;
}

// One letter a value: what the constructs take and give.
const SHAPES = [
  ['', ''],
  ['', 'i'],
  ['i', ''],
  ['li', 'il'],
] as const;
const PAYLOADS = ['i', 'il', ''] as const;
const TAG_NAMES = ['$a', '$b', '$c'] as const;

const spelled = (types: string): string => [...types].map((type) => (type === 'i' ? 'i32' : 'i64')).join(' ');

class Program {
  readonly #callee: string;
  #constant = 0;

  constructor(callee: string) {
    this.#callee = callee;
  }

  function(body: readonly Node[]): string {
    const scope: Scope = { params: '', results: 'i', loop: false, part: 'none' };
    return `${this.#list(body, [scope])} i32.const 5`;
  }

  #push(types: string): string {
    return [...types].map((type) => `${type === 'i' ? 'i32' : 'i64'}.const ${++this.#constant}`).join(' ');
  }
  #show(types: string): string {
    return [...types]
      .reverse()
      .map((type) => (type === 'i' ? 'call $log' : 'call $log64'))
      .join(' ');
  }
  #list(nodes: readonly Node[], scopes: readonly Scope[]): string {
    return nodes.map((node) => this.#node(node, scopes)).join('\n');
  }
  #branch(label: number, scopes: readonly Scope[]): { scope: Scope; types: string } {
    const scope = scopes.at(-1 - label) as Scope;
    return { scope, types: scope.loop ? scope.params : scope.results };
  }

  #node(node: Node, scopes: readonly Scope[]): string {
    switch (node.kind) {
      case 'log':
        return `i32.const ${node.which} call $log`;
      case 'throw':
        return `${this.#push(PAYLOADS[node.which % 3] as string)} throw ${TAG_NAMES[node.which % 3]}`;
      case 'host':
        return `i32.const ${node.which} call $host`;
      case 'call':
        return `i32.const 0 call ${this.#callee} call $log`;
      case 'end':
        return node.which % 2 === 0 ? 'i32.const 6 return' : 'unreachable';
      case 'br': {
        const label = node.label % scopes.length;
        const { scope, types } = this.#branch(label, scopes);
        return `${scope.loop ? 'call $fuel' : ''} ${this.#push(types)} br ${label}`;
      }
      case 'br_if': {
        const label = node.label % scopes.length;
        const { types } = this.#branch(label, scopes);
        return `${this.#push(types)} call $fuel call $bit br_if ${label} ${this.#show(types)}`;
      }
      case 'br_table': {
        const first = node.label % scopes.length;
        const { types } = this.#branch(first, scopes);
        const labels = scopes.flatMap((_, label) => (this.#branch(label, scopes).types === types ? [label] : []));
        return `${this.#push(types)} call $fuel call $bit br_table ${labels.join(' ')} ${first}`;
      }
      case 'rethrow': {
        const labels = scopes.flatMap((_, label) => (scopes.at(-1 - label)?.part === 'catch' ? [label] : []));
        return labels.length === 0 ? 'nop' : `rethrow ${labels[node.label % labels.length]}`;
      }
      default:
        return this.#construct(node, scopes);
    }
  }

  #construct(node: Extract<Node, { shape: number }>, scopes: readonly Scope[]): string {
    const [params, results] = SHAPES[node.shape % SHAPES.length] as (typeof SHAPES)[number];
    const type = `${params && `(param ${spelled(params)})`} ${results && `(result ${spelled(results)})`}`;
    const arm = (body: readonly Node[], found: string, part: ClauseKind): string => {
      const scope: Scope = { params, results, loop: node.kind === 'loop', part };
      return `${this.#show(found)} ${this.#list(body, [...scopes, scope])} ${this.#push(results)}`;
    };
    const body = arm(node.body, params, 'none');
    const before = `i32.const 999 ${this.#push(params)}`;
    const after = `${this.#show(results)} call $log`;
    switch (node.kind) {
      case 'block':
      case 'loop':
        return `${before} ${node.kind} ${type} ${body} end ${after}`;
      case 'if':
        return `${before} call $bit if ${type} ${body} else ${this.#show(params)} ${this.#push(results)} end ${after}`;
      case 'delegate':
        return `${before} try ${type} ${body} delegate ${node.label % scopes.length} ${after}`;
      case 'try': {
        const clauses = node.clauses.map(({ tag, body: handler }, index) => {
          const all = tag >= 3 && index === node.clauses.length - 1;
          const payload = all ? '' : (PAYLOADS[tag % 3] as string);
          return `${all ? 'catch_all' : `catch ${TAG_NAMES[tag % 3]}`} ${arm(handler, payload, 'catch')}`;
        });
        return `${before} try ${type} ${body} ${clauses.join('\n')} end ${after}`;
      }
      default:
        return node satisfies never;
    }
  }
}

const small = fc.nat(5);
const { nodes } = fc.letrec<{ node: Node; nodes: Node[]; clause: Clause }>((tie) => ({
  nodes: fc.array(tie('node'), { maxLength: 4, depthIdentifier: 'program' }),
  clause: fc.record({ tag: small, body: tie('nodes') }),
  node: fc.oneof(
    { depthIdentifier: 'program', depthSize: 'large', maxDepth: 7 },
    { arbitrary: fc.record({ kind: fc.constantFrom('log', 'throw', 'host', 'call', 'end'), which: small }), weight: 3 },
    { arbitrary: fc.record({ kind: fc.constantFrom('br', 'br_if', 'br_table', 'rethrow'), label: small }), weight: 3 },
    {
      arbitrary: fc.record({ kind: fc.constantFrom('block', 'loop', 'if'), shape: small, body: tie('nodes') }),
      weight: 3,
    },
    {
      arbitrary: fc.record({
        kind: fc.constant('try'),
        shape: small,
        body: tie('nodes'),
        clauses: fc.array(tie('clause'), { maxLength: 3, depthIdentifier: 'program' }),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({ kind: fc.constant('delegate'), shape: small, body: tie('nodes'), label: small }),
      weight: 4,
    },
  ) as fc.Arbitrary<Node>,
}));

/**
 * Bodies with `i32` as their result, for functions of a module that has the tags `$a (i32)`, `$b (i32 i64)`, `$c ()` and the
 * functions `$log (i32)`, `$log64 (i64)`, `$bit () (i32)`, `$host (i32)`, which throws, and `$fuel`, which traps at some time.
 * @param callee a function `(i32) (i32)` that they may call
 */
export function programs(callee: string): fc.Arbitrary<string> {
  return nodes.map((body) => new Program(callee).function(body));
}
