import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
};

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the files of a folder, as they are now, to this machine only.
 *
 * @param port 0: any that is free
 * @returns rejects where the port is taken
 */
export function serve(folder: string, port = 0): Promise<Served> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of readdirSync(folder)) files.set(`/${name}`, new Uint8Array(readFileSync(join(folder, name))));
  const server = createServer(({ method, url = '/' }, response) => {
    const path = url.replace(/[?#].*$/s, '');
    const name = path === '/' ? '/index.html' : path;
    const bytes = files.get(name);
    if (bytes === undefined || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(bytes === undefined ? 404 : 405).end();
      return;
    }
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store' });
    response.end(method === 'HEAD' ? undefined : bytes);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the server has no port');
      resolve({
        url: `http://127.0.0.1:${address.port}/`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
