import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Entry, faults } from '../../engine/timeline/timeline.test-data.ts';
import { buildPage } from './build.ts';
import { findChromium } from './chromium.ts';
import { colours, near, type Picture, readPng } from './png.test-data.ts';
import { type Served, serve } from './serve.ts';

/** Set to have the picture of docs/timeline.md made anew. */
const { BOBBIN_SCREENSHOT: wanted } = process.env;
const picturePath = resolve(import.meta.dirname, '..', '..', 'docs', 'timeline.png');
const SIZE = { width: 1360, height: 820 };
const THREADS = 299;
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const found = await findChromium();

it('is not tested with a browser that does not run', async () => {
  vi.stubEnv('BOBBIN_CHROMIUM', '/no/chromium');
  await expect(findChromium()).rejects.toThrow('BOBBIN_CHROMIUM=/no/chromium: spawnSync /no/chromium ENOENT');
  vi.unstubAllEnvs();
});

const reason = 'reason' in found ? found.reason : null;
if (reason !== null) console.warn(`The page of examples/timeline was not tested: ${reason}`);

it.runIf(process.env.CI === 'true')('continuous integration has a browser', () => {
  expect(reason).toBeNull();
});

describe.skipIf(reason !== null)(`the page in Chromium${reason === null ? '' : `, skipped: ${reason}`}`, () => {
  let folder = '';
  let served: Served;
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    if ('reason' in found) throw new Error(found.reason);
    folder = mkdtempSync(join(tmpdir(), 'timeline-'));
    await buildPage(folder);
    served = await serve(folder);
    browser = await chromium.launch({
      executablePath: found.path,
      env: { ...process.env, ...found.env } as Record<string, string>,
      args: FLAGS,
    });
    page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => errors.push(message.text()));
    page.setDefaultTimeout(20_000);
    await page.goto(served.url);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await served?.close();
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  beforeEach(async () => {
    await page.click('#again');
    await page.waitForFunction(
      (threads) => document.getElementById('figure-threads')?.textContent === threads,
      `${THREADS}`,
    );
  });

  const send = (signal: string): Promise<void> => page.click(`[data-signal=${signal}]`);
  const output = (text: RegExp): Promise<unknown> =>
    page.waitForFunction(
      (source) => new RegExp(source).test(document.getElementById('output')?.textContent ?? ''),
      text.source,
    );
  const status = (text: string): Promise<unknown> =>
    page.waitForFunction((text) => document.getElementById('status')?.textContent === text, text);
  /** Waits until so many tasks are listed in a state, by its colour. */
  const listed = (state: string, least: number, most = Number.MAX_SAFE_INTEGER): Promise<unknown> =>
    page.waitForFunction(
      ([state, least, most]) => {
        const count = document.querySelectorAll(`.dot[data-colour=${state}]`).length;
        return count >= least && count <= most;
      },
      [state, least, most] as const,
    );
  const number = (figure: string): Promise<number> =>
    page.evaluate(
      (id) => Number.parseFloat((document.getElementById(id)?.textContent ?? '').replaceAll(',', '')),
      `figure-${figure}`,
    );
  /** A colour of the page's style. */
  const colour = (name: string): Promise<string> =>
    page.evaluate((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim(), `--${name}`);
  const canvas = async (): Promise<Picture> => readPng(await page.locator('#timeline').screenshot());
  /** Some seconds in which everything happens that can be seen. */
  async function scene(): Promise<void> {
    await page.waitForTimeout(2500);
    for (const signal of ['SIGUSR2', 'SIGUSR1', 'SIGALRM', 'SIGTSTP', 'SIGCONT']) {
      await send(signal);
      await page.waitForTimeout(450);
    }
  }

  it('needs no cross-origin isolation', async () => {
    expect(await page.evaluate(() => [crossOriginIsolated, typeof SharedArrayBuffer])).toEqual([false, 'undefined']);
    await output(/^299 threads at work\n/);
  });

  it('draws a line for each thread, in the colours of what they do', async () => {
    await page.waitForTimeout(3000);
    const picture = await canvas();
    const counts = colours(picture);
    const share = async (...names: string[]): Promise<number> => {
      let sum = 0;
      for (const name of names) sum += counts.get(await colour(name)) ?? 0;
      return sum / (picture.width * picture.height);
    };
    // Workers wait for jobs, or on a busy machine for tools or their turns; the clocks and the makers sleep.
    expect(await share('channel', 'mutex', 'ready')).toBeGreaterThan(0.3);
    expect(await share('sleep')).toBeGreaterThan(0.02);
    expect(near(counts, await colour('run'))).toBeGreaterThan(100);
    expect(await share('canvas')).toBeLessThan(0.6);
    expect(await share('stopped')).toBe(0);
    // From the left end of what is in sight to the right one there is no gap in a worker's line.
    const middle = Math.round(picture.height * 0.5);
    const background = await colour('canvas');
    for (let x = picture.width - 300; x < picture.width - 2; x++) expect(picture.at(x, middle)).not.toBe(background);
  });

  it('stays responsive while the guest computes', async () => {
    await send('SIGUSR1');
    await listed('ready', 10);
    const gaps = page.evaluate(
      () =>
        new Promise<number[]>((resolve) => {
          const gaps: number[] = [];
          const until = performance.now() + 3000;
          let last = performance.now();
          const next = (): void => {
            const time = performance.now();
            gaps.push(time - last);
            last = time;
            if (time < until) requestAnimationFrame(next);
            else resolve(gaps.sort((a, b) => a - b));
          };
          requestAnimationFrame(next);
        }),
    );
    const trips: number[] = [];
    for (let trip = 0; trip < 20; trip++) {
      const began = performance.now();
      expect(await page.evaluate((trip) => trip + 1, trip)).toBe(trip + 1);
      trips.push(performance.now() - began);
      await page.waitForTimeout(50);
    }
    const frames = await gaps;
    expect(frames.length).toBeGreaterThan(15);
    expect(frames[Math.floor(frames.length / 2)]).toBeLessThan(150);
    expect(frames.at(-1)).toBeLessThan(2000);
    expect(trips.sort((a, b) => a - b)[10]).toBeLessThan(250);
    // It did compute meanwhile.
    expect(await number('busy')).toBeGreaterThan(15);
    expect(await number('switches')).toBeGreaterThan(500);
  });

  it('SIGUSR1 begins a rush, and ends it', async () => {
    await send('SIGUSR1');
    await listed('mutex', 40);
    await page.waitForTimeout(1000);
    const [mutex, counts] = [await colour('mutex'), colours(await canvas())];
    expect(counts.get(mutex) ?? 0).toBeGreaterThan(2000);
    await send('SIGUSR1');
    await listed('channel', 200);
  });

  it('SIGUSR2 has a signal sent to each worker', async () => {
    await send('SIGUSR2');
    await output(/\n240 taps on shoulders\n/);
    await page.fill('#filter', 'worker');
    await page.waitForFunction(() => {
      const states = [...document.querySelectorAll('.task .state')];
      return states.length === 240 && states.every(({ textContent }) => textContent?.endsWith('· 1 signal'));
    });
    await page.fill('#filter', '');
    expect(colours(await canvas()).get(await colour('mark')) ?? 0).toBeGreaterThan(400);
  });

  it('SIGALRM has helpers sort numbers', async () => {
    await send('SIGALRM');
    await output(/\n131072 numbers sorted\n/);
    await page.fill('#filter', 'helper');
    await page.waitForFunction(() => document.querySelectorAll('.task').length === 32);
    await page.fill('#filter', '');
  });

  it('SIGHUP, SIGINT print what the program makes of them', async () => {
    await send('SIGHUP');
    await output(/\na break\n/);
    await send('SIGINT');
    await output(/\n\d+ jobs done, 0 taps\n/);
  });

  it.each(['SIGTSTP', 'SIGSTOP'])('%s stops all threads until SIGCONT', async (signal) => {
    await send(signal);
    await listed('stopped', 20);
    await page.waitForFunction(() => document.getElementById('figure-switches')?.textContent === '0');
    await page.waitForTimeout(600);
    expect(colours(await canvas()).get(await colour('stopped')) ?? 0).toBeGreaterThan(500);
    await send('SIGCONT');
    await listed('stopped', 0, 0);
    await page.waitForFunction(() => document.getElementById('figure-switches')?.textContent !== '0');
  });

  it('SIGTERM has it finish', async () => {
    await page.waitForTimeout(500);
    await send('SIGTERM');
    await status('exited with status 0');
    await output(/\n[1-9]\d* jobs done: closed\nThe program exited with status 0\.\n$/);
    // What was drawn stays, and buttons do nothing any more.
    await send('SIGKILL');
    expect(colours(await canvas()).get(await colour('channel')) ?? 0).toBeGreaterThan(1000);
    await status('exited with status 0');
  });

  it.each(['SIGQUIT', 'SIGKILL'])('%s ends it', async (signal) => {
    await send(signal);
    await status(`ended by ${signal}`);
    await page.waitForFunction(() => document.getElementById('figure-threads')?.textContent === '0');
  });

  it('pauses, and zooms', async () => {
    await page.waitForTimeout(1000);
    const shot = (): Promise<Buffer> => page.locator('#timeline').screenshot();
    await page.click('#pause');
    const paused = await shot();
    const switches = page.waitForFunction(() => document.getElementById('figure-switches')?.textContent !== '0');
    await page.waitForTimeout(500);
    expect((await shot()).equals(paused)).toBe(true);
    await switches;
    await page.click('#closer');
    await page.waitForTimeout(300);
    const closer = await shot();
    expect(closer.equals(paused)).toBe(false);
    await page.click('#farther');
    await page.waitForTimeout(300);
    expect((await shot()).equals(paused)).toBe(true);
    await page.click('#pause');
    await page.waitForTimeout(300);
    expect((await shot()).equals(paused)).toBe(false);
  });

  it('says what lies under the mouse, and shows a thread that is chosen', async () => {
    await page.hover('#timeline', { position: { x: 700, y: 400 } });
    await page.waitForFunction(() => /^worker \d+/.test(document.getElementById('tip')?.textContent ?? ''));
    await page.locator('.task', { hasText: /^worker 100/ }).click();
    await page.waitForFunction(() => document.querySelectorAll('.task.selected').length === 1);
  });

  it.each(['Fair', 'Lottery', 'FIFO', 'Round robin'])('runs under the policy %s', async (policy) => {
    await page.selectOption('#policy', policy);
    await output(/^299 threads at work\n/);
    await page.waitForTimeout(300);
    await send('SIGTERM');
    await status('exited with status 0');
  });

  it('saves what Perfetto can open', async () => {
    await page.waitForTimeout(500);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const path = join(folder, 'trace.json');
    await download.saveAs(path);
    const entries = JSON.parse(readFileSync(path, 'utf8')) as Entry[];
    expect(faults(entries)).toEqual([]);
    expect(entries.length).toBeGreaterThan(5000);
    const names = entries.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name);
    expect(names).toContain('worker 240');
  });

  it('is dark where that is preferred, and can be switched', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForTimeout(300);
    const dark = await colour('canvas');
    expect(Number.parseInt(dark.slice(1, 3), 16)).toBeLessThan(60);
    expect(colours(await canvas()).get(dark) ?? 0).toBeGreaterThan(10_000);
    await page.click('#scheme');
    await page.waitForTimeout(300);
    const light = await colour('canvas');
    expect(light).toBe('#ffffff');
    expect(colours(await canvas()).get(light) ?? 0).toBeGreaterThan(10_000);
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('looks as in the documentation', async () => {
    await page.reload();
    await output(/^299 threads at work\n/);
    await scene();
    const shot = await page.screenshot();
    if (wanted !== undefined && wanted !== '') writeFileSync(picturePath, shot);
    const names = ['run', 'ready', 'mutex', 'channel', 'sleep', 'stopped', 'mark', 'canvas', 'page', 'text'];
    for (const bytes of [shot, readFileSync(picturePath)]) {
      const picture = readPng(bytes);
      expect([picture.width, picture.height]).toEqual([SIZE.width, SIZE.height]);
      const counts = colours(picture);
      for (const name of names) expect([name, near(counts, await colour(name)) > 200]).toEqual([name, true]);
    }
  });

  it('has printed no error', () => {
    expect(errors).toEqual([]);
  });
});
