import { inflateSync } from 'node:zlib';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** The colour of a pixel, as `#rrggbb`. */
  at(x: number, y: number): string;
}

const SIGNATURE = '89504e470d0a1a0a';

/** Reads a PNG of 8-bit RGB or RGBA without interlacing, as browsers write them (Portable Network Graphics, third edition). */
export function readPng(bytes: Uint8Array): Picture {
  const data = Buffer.from(bytes);
  if (data.subarray(0, 8).toString('hex') !== SIGNATURE) throw new Error('not a PNG');
  const parts: Buffer[] = [];
  let header: Buffer | null = null;
  for (let at = 8; at < data.length; ) {
    const length = data.readUInt32BE(at);
    const type = data.toString('latin1', at + 4, at + 8);
    const body = data.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') parts.push(body);
    at += 12 + length;
  }
  if (header === null) throw new Error('a PNG without a header');
  const [width, height, depth, colour, interlaced] = [
    header.readUInt32BE(0),
    header.readUInt32BE(4),
    header[8],
    header[9],
    header[12],
  ];
  if (depth !== 8 || (colour !== 2 && colour !== 6) || interlaced !== 0) throw new Error('not such a PNG');
  const size = colour === 6 ? 4 : 3;
  const pixels = unfilter(inflateSync(Buffer.concat(parts)), width * size, height, size);
  return {
    width,
    height,
    at(x, y) {
      const at = (y * width + x) * size;
      return `#${pixels.subarray(at, at + 3).toString('hex')}`;
    },
  };
}

/** "Filter types for filter method 0". */
function unfilter(data: Buffer, stride: number, height: number, size: number): Buffer {
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= size ? (out[at - size] as number) : 0;
      const up = y > 0 ? (out[at - stride] as number) : 0;
      const corner = x >= size && y > 0 ? (out[at - stride - size] as number) : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0];
      if (predicted === undefined) throw new Error(`unknown filter ${filter}`);
      out[at] = ((data[y * (stride + 1) + 1 + x] as number) + predicted) & 255;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

const channels = (colour: string): number[] => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/** How many of the pixels have about this colour: no channel is off by more than 40. */
export function near(counts: ReadonlyMap<string, number>, wanted: string): number {
  const goal = channels(wanted);
  let sum = 0;
  for (const [colour, count] of counts) {
    if (channels(colour).every((value, at) => Math.abs(value - (goal[at] as number)) <= 40)) sum += count;
  }
  return sum;
}

/** How many pixels of a part of the picture have each colour. */
export function colours(picture: Picture, left = 0, top = 0, right = picture.width, bottom = picture.height) {
  const counts = new Map<string, number>();
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const colour = picture.at(x, y);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
  }
  return counts;
}
