import type { Palette, Rgb } from './raster.ts';

/** The colours of the page, as its style sheet has them. */
export interface Theme {
  readonly palette: Palette;
  readonly background: string;
  readonly text: string;
  readonly dim: string;
  readonly line: string;
  readonly mark: string;
  readonly ready: string;
  readonly font: string;
}

function rgb(text: string): Rgb {
  const value = Number.parseInt(text.replace('#', ''), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Reads them where the page's colour scheme is set. */
export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const text = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const colour = (name: string): Rgb => rgb(text(name));
  return {
    palette: {
      none: colour('canvas'),
      sleep: colour('sleep'),
      wait: colour('wait'),
      channel: colour('channel'),
      mutex: colour('mutex'),
      stopped: colour('stopped'),
      ready: colour('ready'),
      run: colour('run'),
    },
    background: text('canvas'),
    text: text('text'),
    dim: text('dim'),
    line: text('line'),
    mark: text('mark'),
    ready: text('ready'),
    font: text('font'),
  };
}
