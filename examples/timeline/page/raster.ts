import { SPAN, type SpanKind, type Timeline } from './timeline.ts';

/** Shades of how much of a pixel's time a task ran, or waited for its turn. */
const LEVELS = 8;

export type Rgb = readonly [red: number, green: number, blue: number];

/** A colour for each kind of span; `none` is the background. */
export type Palette = Readonly<Record<keyof typeof SPAN, Rgb>>;

/** What is in sight: columns of time, and some lines. */
export interface Sight {
  readonly from: number;
  /** Milliseconds a column. */
  readonly step: number;
  readonly columns: number;
  /** Task numbers, from the first line in sight to the last. */
  readonly tasks: readonly number[];
}

const mix = (a: Rgb, b: Rgb, share: number): Rgb => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

/** As ImageData has it on all machines that run browsers: little-endian. */
const packed = ([red, green, blue]: Rgb): number => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** Pixels of the lines: a column of time and a line each. What many short spans share a pixel is shaded by its share of it. */
export class Raster {
  #columns = 0;
  #base = new Uint8Array(0);
  #ready = new Float32Array(0);
  #run = new Float32Array(0);
  readonly #colours = new Uint32Array(8 * LEVELS * LEVELS);
  readonly #lineOf: number[] = [];

  constructor(palette: Palette) {
    for (const kind of Object.values(SPAN)) {
      const name = Object.keys(SPAN)[kind] as keyof typeof SPAN;
      for (let ready = 0; ready < LEVELS; ready++) {
        for (let run = 0; run < LEVELS; run++) {
          const waiting = mix(palette[name], palette.ready, shade(ready, 0.35));
          this.#colours[(kind * LEVELS + ready) * LEVELS + run] = packed(mix(waiting, palette.run, shade(run, 0.85)));
        }
      }
    }
  }

  #resize(columns: number, lines: number): void {
    this.#columns = columns;
    const size = columns * lines;
    if (size > this.#base.length) {
      this.#base = new Uint8Array(size);
      this.#ready = new Float32Array(size);
      this.#run = new Float32Array(size);
    } else {
      this.#base.fill(0, 0, size);
      this.#ready.fill(0, 0, size);
      this.#run.fill(0, 0, size);
    }
  }

  /** @param pixels `columns` times the number of lines, at least */
  draw(timeline: Timeline, { from, step, columns, tasks }: Sight, pixels: Uint32Array): void {
    this.#resize(columns, tasks.length);
    const lineOf = this.#lineOf;
    for (const [line, task] of tasks.entries()) lineOf[task] = line + 1;
    const to = from + step * columns;
    timeline.each(from, to, (task, kind, begin, end) => {
      const line = (lineOf[task] ?? 0) - 1;
      if (line >= 0) this.#span(line, kind, (begin - from) / step, (end - from) / step);
    });
    for (const task of tasks) lineOf[task] = 0;
    const size = columns * tasks.length;
    for (let at = 0; at < size; at++) {
      const ready = level(this.#ready[at] as number);
      const run = level(this.#run[at] as number);
      pixels[at] = this.#colours[((this.#base[at] as number) * LEVELS + ready) * LEVELS + run] as number;
    }
  }

  /** @param from in columns, as `to` */
  #span(line: number, kind: SpanKind, from: number, to: number): void {
    const first = Math.max(Math.floor(from), 0);
    const last = Math.min(Math.ceil(to), this.#columns) - 1;
    const row = line * this.#columns;
    if (kind !== SPAN.run && kind !== SPAN.ready) {
      // What lasted longest of several is not worth a count: the most interesting is shown.
      for (let at = row + first; at <= row + last; at++) {
        if ((this.#base[at] as number) < kind) this.#base[at] = kind;
      }
      return;
    }
    const shares = kind === SPAN.run ? this.#run : this.#ready;
    for (let column = first; column <= last; column++) {
      const share = Math.min(to, column + 1) - Math.max(from, column);
      shares[row + column] = (shares[row + column] as number) + share;
    }
  }
}

/** 0 is none at all. */
const level = (share: number): number => (share <= 0 ? 0 : Math.min(1 + Math.floor(share * (LEVELS - 1)), LEVELS - 1));
/** The least there is can be seen. */
const shade = (level: number, least: number): number =>
  level === 0 ? 0 : least + ((1 - least) * (level - 1)) / (LEVELS - 2);
