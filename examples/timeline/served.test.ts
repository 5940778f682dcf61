import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPage } from './build.ts';
import { serve } from './serve.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'timeline-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the built page', () => {
  it('has the runtime, and nothing of the transform', async () => {
    const inputs = await buildPage(folder);
    expect(inputs).toContain('engine/scheduler/scheduler.ts');
    expect(inputs.filter((path) => /binaryen|asyncify\/(instrument|validate)|transform/.test(path))).toEqual([]);
    expect(statSync(join(folder, 'page.js')).size).toBeLessThan(300_000);
  });
});

describe('the server', () => {
  const parts = ['/', '/index.html?x#y', '/page.js', '/page.css', '/workshop.wasm'];

  it('serves the files of its folder with their types, to this machine', async () => {
    writeFileSync(join(folder, 'other'), 'x');
    const { url, close } = await serve(folder);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const types = await Promise.all(
      [...parts, '/other'].map(async (path) => {
        const { status, headers } = await fetch(new URL(path, url), { method: 'HEAD' });
        return `${status} ${headers.get('content-type')}`;
      }),
    );
    expect(types).toEqual([
      '200 text/html; charset=utf-8',
      '200 text/html; charset=utf-8',
      '200 text/javascript; charset=utf-8',
      '200 text/css; charset=utf-8',
      '200 application/wasm',
      '200 application/octet-stream',
    ]);
    expect(await (await fetch(new URL('/other', url))).text()).toBe('x');
    await close();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('serves nothing else', async () => {
    const { url, close } = await serve(folder);
    const statuses = await Promise.all(
      ['/no', '/../package.json', '/%2e%2e/package.json', '/..%2fpackage.json', '//etc/passwd', '/etc/passwd'].map(
        async (path) => (await fetch(`${url.slice(0, -1)}${path}`)).status,
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([404]));
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    await close();
  });

  it('says where its port is taken', async () => {
    const { url, close } = await serve(folder);
    await expect(serve(folder, Number(new URL(url).port))).rejects.toThrow('EADDRINUSE');
    await close();
  });
});
