import { ProcessError } from '../../engine/process/index.ts';
import { loadAsProcess } from './loading.ts';
import { type Program, same } from './program.ts';

interface Statement {
  step(): boolean;
  get(): unknown[];
  reset(): void;
  free(): boolean;
}
interface Database {
  prepare(sql: string): Statement;
  exec(sql: string): { values: unknown[][] }[];
  create_function(name: string, func: (value: number) => number): void;
}
type Package = () => Promise<{ readonly Database: new () => Database }>;

const SQLITE_ROW = 100;
const counting = (next: string): string =>
  `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT ${next} FROM c) SELECT count(*) FROM c`;
const endless = (code: string): { code: string; says: string } => ({ code, says: 'dropped' });

export const sqlite: Program = {
  name: 'SQLite (sql.js)',
  endless: {
    'plain loop': endless(counting('x + 1')),
    'in a subquery': endless(`SELECT * FROM t WHERE a = (${counting('x + t.a')})`),
    'in an insert': endless(`INSERT OR IGNORE INTO t ${counting('x + 1')}`),
    'with a callback': endless(counting('host(x)')),
  },
  async load(packages, polls) {
    const file = 'sql.js/dist/sql-wasm';
    const { process, program, transformed } = await loadAsProcess(packages.bytes(`${file}.wasm`), polls, () =>
      packages.load<Package>('sql.js')(),
    );
    // The exports are minified: the host code says which is which.
    const step = /\b_sqlite3_step=\w+\.([\w$]+)/.exec(packages.text(`${file}.js`))?.[1];
    if (step === undefined) throw new Error('sql.js does not say what sqlite3_step is called');
    const database = new program.Database();
    database.create_function('host', (value) => value + 1);
    database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)');
    const run = async (sql: string): Promise<string> => {
      const statement = database.prepare(sql);
      const address = Object.values(statement).find((value) => typeof value === 'number' && value > SQLITE_ROW);
      try {
        const code = await process.call(step, address);
        return code === SQLITE_ROW ? statement.get().join() : `code ${code}`;
      } catch (error) {
        if (error instanceof ProcessError && error.kind === 'dropped') return 'dropped';
        throw error;
      } finally {
        statement.free();
      }
    };
    return {
      process,
      transformed,
      run,
      interrupt: () => process.drop(),
      async check() {
        same(database.exec('PRAGMA integrity_check')[0]?.values[0]?.[0], 'ok');
        same(await run('SELECT sum(a) FROM t'), '6');
      },
    };
  },
};
