import { isSigno, signalName } from '../../../engine/signals/index.ts';
import type { Theme } from './palette.ts';
import { Raster } from './raster.ts';
import type { Line, Timeline } from './timeline.ts';

const GUTTER = 132;
const AXIS = 24;
/** The names of signals, below the axis. */
const NAMES = 16;
/** Where the lines begin. */
const LINES = AXIS + NAMES;
const QUEUE = 56;
const GAP = 10;
/** Lines at least this high have their own labels. */
const LABELLED = 12;
const LOWEST = 2;
const HIGHEST = 24;
const SHORTEST = 20;
const LONGEST = 15_000;

/** What lies under the mouse. */
export interface Pointed {
  readonly line: Line;
  readonly time: number;
}

/** Draws a timeline on a canvas: lines of tasks above, the run queue below. */
export class View {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #timeline: Timeline;
  #theme: Theme;
  #raster: Raster;
  readonly #buffer = document.createElement('canvas');
  #image: ImageData | null = null;
  /** The time in sight, in milliseconds. */
  span = 4000;
  /** The right end; null: now. */
  end: number | null = null;
  /** Pixels from the top that are scrolled out of sight. */
  #top = 0;
  #lineHeight: number | null = null;
  selected: number | null = null;
  frames = 0;

  constructor(canvas: HTMLCanvasElement, timeline: Timeline, theme: Theme) {
    const context = canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('this browser has no canvas');
    this.#canvas = canvas;
    this.#context = context;
    this.#timeline = timeline;
    this.#theme = theme;
    this.#raster = new Raster(theme.palette);
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    this.#raster = new Raster(theme.palette);
  }

  get #width(): number {
    return this.#canvas.clientWidth;
  }

  get #plot(): number {
    return Math.max(this.#width - GUTTER, 1);
  }

  get #height(): number {
    return this.#canvas.clientHeight;
  }

  /** Of the place for lines. */
  get #room(): number {
    return Math.max(this.#height - LINES - QUEUE - GAP, 1);
  }

  /** Where nobody has chosen, all of them fit. */
  get #high(): number {
    if (this.#lineHeight !== null) return this.#lineHeight;
    const fitting = this.#room / Math.max(this.#timeline.lines.length, 1);
    return Math.min(Math.max(fitting < LOWEST ? fitting : Math.floor(fitting), 1), HIGHEST);
  }

  // ---- what is in sight

  zoom(factor: number, x = this.#width): void {
    const share = Math.min(Math.max((x - GUTTER) / this.#plot, 0), 1);
    const span = Math.min(Math.max(this.span * factor, SHORTEST), LONGEST);
    // What is under the mouse stays there, unless the view follows.
    if (this.end !== null) this.end -= (1 - share) * (this.span - span);
    this.span = span;
  }

  pan(pixels: number, now: number): void {
    const moved = (this.end ?? now) - (pixels / this.#plot) * this.span;
    this.end = Math.min(moved, now);
  }

  scroll(pixels: number): void {
    this.#top += pixels;
  }

  /** Higher lines or lower ones; null: as high as fits. */
  lines(factor: number | null): void {
    if (factor === null) this.#lineHeight = null;
    else this.#lineHeight = Math.min(Math.max(Math.round(this.#high * factor), LOWEST), HIGHEST);
    this.#top = 0;
  }

  /** Scrolls to a task. */
  show(task: number): void {
    this.selected = task;
    const index = this.#timeline.lines.findIndex((line) => line.task === task);
    const y = index * this.#high;
    if (y < this.#top || y + this.#high > this.#top + this.#room) this.#top = y - this.#room / 2;
  }

  at(x: number, y: number, now: number): Pointed | null {
    const line = this.#timeline.lines[Math.floor((y - LINES + this.#top) / this.#high)];
    if (line === undefined || x < 0 || y < LINES || y >= LINES + this.#room) return null;
    return { line, time: this.#from(now) + ((x - GUTTER) / this.#plot) * this.span };
  }

  #from(now: number): number {
    return (this.end ?? now) - this.span;
  }

  // ---- drawing

  draw(now: number): void {
    this.frames++;
    const ratio = window.devicePixelRatio;
    const [width, height] = [Math.round(this.#width * ratio), Math.round(this.#height * ratio)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.#theme.background;
    context.fillRect(0, 0, this.#width, this.#height);
    context.textBaseline = 'middle';
    const { lines } = this.#timeline;
    const high = this.#high;
    this.#top = Math.min(Math.max(this.#top, 0), Math.max(lines.length * high - this.#room, 0));
    const first = Math.floor(this.#top / high);
    const shown = lines.slice(first, first + Math.ceil(this.#room / high) + 1);
    context.save();
    context.beginPath();
    context.rect(0, LINES, this.#width, this.#room);
    context.clip();
    const y = LINES + first * high - this.#top;
    this.#drawLines(shown, y, high, now);
    this.#drawMarks(shown, y, high, now);
    this.#drawLabels(shown, y, high);
    context.restore();
    this.#drawNames(now);
    this.#drawAxis(now);
    this.#drawQueue(now);
  }

  #drawLines(shown: readonly Line[], y: number, high: number, now: number): void {
    const columns = Math.ceil(this.#plot);
    if (shown.length === 0) return;
    const image = this.#imageFor(columns, shown.length);
    const tasks = shown.map(({ task }) => task);
    const sight = { from: this.#from(now), step: this.span / columns, columns, tasks };
    this.#raster.draw(this.#timeline, sight, new Uint32Array(image.data.buffer));
    this.#buffer.getContext('2d')?.putImageData(image, 0, 0);
    const context = this.#context;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#buffer, 0, 0, columns, shown.length, GUTTER, y, columns, shown.length * high);
    context.fillStyle = this.#theme.background;
    if (high >= 5) for (let at = 0; at <= shown.length; at++) context.fillRect(GUTTER, y + at * high - 1, columns, 1);
    const selected = shown.findIndex(({ task }) => task === this.selected);
    if (selected < 0) return;
    context.strokeStyle = this.#theme.text;
    context.strokeRect(0.5, y + selected * high - 0.5, this.#width - 1, high + 1);
  }

  #imageFor(columns: number, lines: number): ImageData {
    if (this.#image === null || this.#image.width !== columns || this.#image.height !== lines) {
      this.#image = new ImageData(columns, lines);
      this.#buffer.width = columns;
      this.#buffer.height = lines;
    }
    return this.#image;
  }

  #drawMarks(shown: readonly Line[], y: number, high: number, now: number): void {
    const context = this.#context;
    const index = new Map(shown.map(({ task }, at) => [task, at]));
    const from = this.#from(now);
    context.fillStyle = this.#theme.mark;
    for (const { time, task } of this.#timeline.marks) {
      const at = index.get(task);
      const x = Math.round(GUTTER + ((time - from) / this.span) * this.#plot);
      if (at === undefined || x < GUTTER - 1 || time > from + this.span) continue;
      const height = Math.max(high, 5);
      const top = y + at * high + (high - height) / 2;
      context.fillRect(x - 1, top, 3, height);
    }
  }

  /** One name for many signals that come together. */
  #drawNames(now: number): void {
    const context = this.#context;
    const from = this.#from(now);
    context.fillStyle = this.#theme.mark;
    context.font = `600 11px ${this.#theme.font}`;
    let free = GUTTER;
    for (const { time, task, signo } of this.#timeline.marks) {
      const x = Math.round(GUTTER + ((time - from) / this.span) * this.#plot);
      if (task === 0 && x >= GUTTER && time <= from + this.span) context.fillRect(x, LINES, 1, this.#room);
      const name = isSigno(signo) ? signalName(signo) : 'cancel';
      const width = context.measureText(name).width;
      const left = Math.min(Math.max(x - 1, GUTTER), this.#width - width);
      if (x < GUTTER - 1 || time > from + this.span || left < free) continue;
      free = left + width + 8;
      context.textAlign = 'left';
      context.fillText(name, left, AXIS + NAMES / 2 + 1);
    }
  }

  /** Where there is no room for each, one for those that are called the same but for their number. */
  #drawLabels(shown: readonly Line[], y: number, high: number): void {
    const context = this.#context;
    context.textAlign = 'right';
    context.font = `11px ${this.#theme.font}`;
    context.fillStyle = this.#theme.text;
    if (high >= LABELLED) {
      for (const [at, { name }] of shown.entries()) {
        context.fillText(short(name), GUTTER - 10, y + (at + 0.5) * high, GUTTER - 14);
      }
      return;
    }
    let free = Number.NEGATIVE_INFINITY;
    for (const { name, from, count } of groups(shown)) {
      const top = y + from * high;
      const bottom = top + count * high;
      const middle = Math.max((Math.max(top, LINES) + Math.min(bottom, LINES + this.#room)) / 2, LINES + 9, free);
      context.fillStyle = this.#theme.line;
      context.fillRect(0, top - 0.5, this.#width, 1);
      context.fillRect(GUTTER - 5, top + 1, 2, Math.max(bottom - top - 2, 1));
      if (middle - bottom > 14) continue;
      context.fillStyle = this.#theme.text;
      context.fillText(count === 1 ? short(name) : `${short(name)} × ${count}`, GUTTER - 12, middle, GUTTER - 16);
      free = middle + 13;
    }
  }

  #drawAxis(now: number): void {
    const context = this.#context;
    const from = this.#from(now);
    context.font = `11px ${this.#theme.font}`;
    context.textAlign = 'center';
    const step = niceStep((this.span / this.#plot) * 110);
    for (let time = Math.ceil(from / step) * step; time <= from + this.span; time += step) {
      const x = GUTTER + ((time - from) / this.span) * this.#plot;
      context.fillStyle = this.#theme.line;
      context.fillRect(Math.round(x), AXIS - 5, 1, 5);
      context.fillStyle = this.#theme.dim;
      const text = step < 1000 ? `${(time / 1000).toFixed(step < 10 ? 3 : 2)} s` : `${Math.round(time / 1000)} s`;
      if (x > GUTTER + 20 && x < this.#width - 20) context.fillText(text, x, AXIS / 2);
    }
    context.fillStyle = this.#theme.line;
    context.fillRect(GUTTER, AXIS - 1, this.#plot, 1);
  }

  #drawQueue(now: number): void {
    const context = this.#context;
    const from = this.#from(now);
    const base = this.#height - 6;
    const top = this.#height - QUEUE;
    const columns = Math.ceil(this.#plot);
    const highest = new Uint16Array(columns);
    const scale = columns / this.span;
    let right = columns;
    const fill = (first: number, end: number, length: number): void => {
      for (let x = first; x < end; x++) highest[x] = Math.max(highest[x] as number, length);
    };
    this.#timeline.eachQueue(from, from + this.span, (millisecond, length, after) => {
      const left = Math.floor((millisecond - from) * scale);
      const next = Math.max(left + 1, Math.ceil((millisecond + 1 - from) * scale));
      fill(Math.max(left, 0), Math.min(next, columns), length);
      fill(Math.max(next, 0), right, after);
      right = Math.min(right, Math.max(left, 0));
    });
    const most = highest.reduce((a, b) => Math.max(a, b), 0);
    const full = niceStep(Math.max(most, 4));
    context.fillStyle = this.#theme.ready;
    for (let x = 0; x < columns; x++) {
      const height = ((highest[x] as number) / full) * (base - top);
      if (height > 0) context.fillRect(GUTTER + x, base - height, 1, height);
    }
    context.fillStyle = this.#theme.line;
    context.fillRect(GUTTER, base, this.#plot, 1);
    context.fillStyle = this.#theme.text;
    context.textAlign = 'right';
    context.font = `11px ${this.#theme.font}`;
    context.fillText('run queue', GUTTER - 12, (top + base) / 2 - 7);
    context.fillStyle = this.#theme.dim;
    context.fillText(`${most} at most`, GUTTER - 12, (top + base) / 2 + 8);
  }
}

/** 1, 2 or 5 times a power of ten, no less. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}

const short = (name: string): string => (name.length > 22 ? `${name.slice(0, 21)}…` : name);

interface Group {
  readonly name: string;
  readonly from: number;
  count: number;
}

function groups(lines: readonly Line[]): Group[] {
  const found: Group[] = [];
  for (const [from, line] of lines.entries()) {
    const name = line.name.replace(/[ -]?\d+$/, '');
    const last = found.at(-1);
    if (last?.name === name) last.count++;
    else found.push({ name, from, count: 1 });
  }
  return found;
}
