import { TraceRecorder } from '../../../engine/timeline/index.ts';
import { Guest, POLICIES } from './guest.ts';
import { readTheme } from './palette.ts';
import { byId, Figures, makeSignalButtons, print, TaskList } from './panel.ts';
import { SPAN, Timeline } from './timeline.ts';
import { View } from './view.ts';

/** How often the list and the figures change, in milliseconds. */
const UPDATE = 400;
/** For how many times as long as drawing took, nothing is drawn: the program is to have most of the time. */
const SHARE = 2;

const module = await WebAssembly.compileStreaming(fetch('workshop.wasm'));
let timeline = new Timeline();
let recorder = new TraceRecorder();
let view = new View(byId.canvas, timeline, readTheme());
let figures: Figures;
let guest = start();

function start(): Guest {
  const made = POLICIES[byId.policy.value] ?? Object.values(POLICIES)[0];
  if (made === undefined) throw new Error('there is no policy');
  timeline = new Timeline();
  recorder = new TraceRecorder();
  const { span, selected } = view;
  view = new View(byId.canvas, timeline, readTheme());
  view.span = span;
  view.selected = selected;
  const sinks = [timeline.onTrace, recorder.onTrace];
  byId.output.textContent = '';
  setStatus('running');
  follow();
  const begun: Guest = new Guest(module, {
    policy: made(),
    onTrace: (event) => {
      for (const sink of sinks) sink(event);
    },
    onOutput: print,
    onEnd: (how) => {
      if (guest !== begun) return;
      print(`The program ${how}.\n`);
      setStatus(how);
    },
  });
  figures = new Figures(begun.now());
  return begun;
}

function setStatus(text: string): void {
  byId.status.textContent = text;
  byId.status.dataset.running = String(text === 'running');
}

// ---- the view

/** Milliseconds of the scheduler's clock; once the program has ended, the view stands still. */
let ended: number | null = null;

function now(): number {
  if (!guest.hasEnded) {
    ended = null;
    return guest.now();
  }
  ended ??= guest.now();
  return ended;
}

function follow(): void {
  view.end = null;
  byId.pause.textContent = 'Pause';
  byId.pause.setAttribute('aria-pressed', 'false');
}

function hold(): void {
  view.end ??= now();
  byId.pause.textContent = 'Follow';
  byId.pause.setAttribute('aria-pressed', 'true');
}

const pause = (): void => (view.end === null ? hold() : follow());
byId.pause.addEventListener('click', pause);
byId.closer.addEventListener('click', () => view.zoom(0.5));
byId.farther.addEventListener('click', () => view.zoom(2));
byId.higher.addEventListener('click', () => view.lines(1.6));
byId.lower.addEventListener('click', () => view.lines(1 / 1.6));
byId.fit.addEventListener('click', () => view.lines(null));
document.addEventListener('keydown', ({ key, target }) => {
  if (target instanceof HTMLInputElement || target instanceof HTMLButtonElement) return;
  if (key === ' ') pause();
  if (key === '+') view.zoom(0.5);
  if (key === '-') view.zoom(2);
});
byId.canvas.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault();
    if (event.shiftKey) view.scroll(event.deltaY + event.deltaX);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      hold();
      view.pan(-event.deltaX, now());
    } else view.zoom(1.0015 ** event.deltaY, event.offsetX);
  },
  { passive: false },
);
byId.canvas.addEventListener('pointermove', (event) => {
  if (event.buttons === 1) {
    if (event.movementX !== 0) hold();
    view.pan(event.movementX, now());
    view.scroll(-event.movementY);
  }
  showTip(event);
});
byId.canvas.addEventListener('pointerleave', () => {
  byId.tip.hidden = true;
});
byId.canvas.addEventListener('click', (event) => {
  view.selected = view.at(event.offsetX, event.offsetY, now())?.line.task ?? null;
});

function showTip({ offsetX, offsetY }: PointerEvent): void {
  const { tip, canvas } = byId;
  const pointed = view.at(offsetX, offsetY, now());
  tip.hidden = pointed === null;
  if (pointed === null) return;
  const found = timeline.find(pointed.line.task, pointed.time);
  const what = found === null ? '' : ` — ${TEXTS[found.kind] ?? found.label}`;
  const time =
    found === null || found.to === Number.POSITIVE_INFINITY ? '' : `, ${(found.to - found.from).toFixed(1)} ms`;
  tip.textContent = `${pointed.line.name}${what}${time}`;
  tip.style.left = `${Math.min(offsetX + 14, canvas.clientWidth - tip.offsetWidth - 4)}px`;
  tip.style.top = `${Math.min(offsetY + 16, canvas.clientHeight - tip.offsetHeight - 4)}px`;
}

const TEXTS: Readonly<Record<number, string>> = {
  [SPAN.run]: 'running',
  [SPAN.ready]: 'waiting for its turn',
  [SPAN.none]: '',
};

// ---- the rest of the page

const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');

function isDark(): boolean {
  const { scheme } = document.documentElement.dataset;
  return scheme === undefined ? prefersDark.matches : scheme === 'dark';
}

function colour(): void {
  view.theme = readTheme();
  byId.scheme.textContent = isDark() ? 'Light' : 'Dark';
}

makeSignalButtons((signal) => {
  const number = guest.kill(signal);
  if (number === null) return;
  timeline.sent(number, guest.now());
  print(`> ${signal}\n`);
});
for (const name of Object.keys(POLICIES)) byId.policy.append(new Option(name));
const restart = (): void => {
  guest.kill('SIGKILL');
  guest = start();
};
byId.policy.addEventListener('change', restart);
byId.again.addEventListener('click', restart);
byId.scheme.addEventListener('click', () => {
  document.documentElement.dataset.scheme = isDark() ? 'light' : 'dark';
  colour();
});
prefersDark.addEventListener('change', colour);
colour();
byId.save.addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(recorder.toBlob());
  link.download = 'timeline.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

const list = new TaskList((task) => view.show(task));
let updated = 0;
let drawn = 0;
let cost = 0;

function frame(): void {
  requestAnimationFrame(frame);
  const began = performance.now();
  if (began - drawn < cost * SHARE) return;
  const time = now();
  timeline.prune(guest.hasEnded ? 0 : time);
  view.draw(time);
  drawn = performance.now();
  cost = drawn - began;
  if (performance.now() - updated < UPDATE) return;
  updated = performance.now();
  list.update(timeline, view.selected);
  figures.update(timeline, view.frames, guest.now());
}
frame();
