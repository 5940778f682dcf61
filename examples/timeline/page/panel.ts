import { kindOf, type Line, SPAN, type Timeline } from './timeline.ts';

const element = <E extends HTMLElement>(id: string, type: new () => E): E => {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} "${id}"`);
  return found;
};

export const byId = {
  canvas: element('timeline', HTMLCanvasElement),
  signals: element('signals', HTMLDivElement),
  tasks: element('tasks', HTMLDivElement),
  filter: element('filter', HTMLInputElement),
  output: element('output', HTMLPreElement),
  status: element('status', HTMLSpanElement),
  tip: element('tip', HTMLDivElement),
  pause: element('pause', HTMLButtonElement),
  closer: element('closer', HTMLButtonElement),
  farther: element('farther', HTMLButtonElement),
  higher: element('higher', HTMLButtonElement),
  lower: element('lower', HTMLButtonElement),
  fit: element('fit', HTMLButtonElement),
  scheme: element('scheme', HTMLButtonElement),
  save: element('save', HTMLButtonElement),
  again: element('again', HTMLButtonElement),
  policy: element('policy', HTMLSelectElement),
};

/** A signal's button, and what it does to this program. */
const SIGNALS: readonly (readonly [name: string, effect: string])[] = [
  ['SIGUSR1', 'A rush: ten times as many jobs, until the next one'],
  ['SIGUSR2', 'The foreman sends every worker a signal of its own'],
  ['SIGALRM', '32 helpers come, sort numbers, and leave'],
  ['SIGHUP', 'The workers have a break'],
  ['SIGINT', 'Prints how much has been done'],
  ['SIGTSTP', 'Stops all threads, by its default action'],
  ['SIGSTOP', 'Stops all threads; it cannot be caught'],
  ['SIGCONT', 'Has stopped threads go on'],
  ['SIGTERM', 'Closing time: finishes what has been begun, and exits'],
  ['SIGQUIT', 'Ends the program, by its default action'],
  ['SIGKILL', 'Ends the program; it cannot be caught'],
];

export function makeSignalButtons(send: (signal: string) => void): void {
  for (const [name, effect] of SIGNALS) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = name;
    button.title = effect;
    button.dataset.signal = name;
    button.addEventListener('click', () => send(name));
    byId.signals.append(button);
  }
}

export function print(text: string): void {
  const { output } = byId;
  output.textContent = `${output.textContent}${text}`.split('\n').slice(-200).join('\n');
  output.scrollTop = output.scrollHeight;
}

/** How a state is called, and the custom property of its colour. */
export function stateOf(line: Line): readonly [text: string, colour: string] {
  const { row } = line;
  if (row === null) return ['ended', 'line'];
  switch (row.activity) {
    case 'running':
      return ['running', 'run'];
    case 'ready':
    case 'interrupted':
    case 'stopped':
      return ['ready', 'ready'];
    case 'waiting': {
      const kind = kindOf(row.on);
      const name = Object.keys(SPAN)[kind] ?? 'wait';
      return [kind === SPAN.stopped ? 'stopped' : row.on, name];
    }
    default:
      return row.activity satisfies never;
  }
}

/** A task's elements. */
interface Entry {
  readonly root: HTMLElement;
  readonly parts: readonly HTMLElement[];
  task: number;
}

/** The list of tasks. Its elements are used again: only what has changed is set. */
export class TaskList {
  readonly #entries: Entry[] = [];
  readonly #choose: (task: number) => void;

  constructor(choose: (task: number) => void) {
    this.#choose = choose;
  }

  update(timeline: Timeline, selected: number | null): void {
    const wanted = byId.filter.value.trim().toLowerCase();
    const lines = timeline.lines.filter((line) => wanted === '' || matches(line, wanted));
    for (const [at, line] of lines.entries())
      this.#show(this.#entries[at] ?? this.#add(), line, line.task === selected);
    for (const { root } of this.#entries.splice(lines.length)) root.remove();
  }

  #add(): Entry {
    const root = document.createElement('button');
    root.className = 'task';
    const parts = ['dot', 'name', 'state', 'time'].map((name) => {
      const part = document.createElement('span');
      part.className = name;
      root.append(part);
      return part;
    });
    const entry = { root, parts, task: 0 };
    root.addEventListener('click', () => this.#choose(entry.task));
    byId.tasks.append(root);
    this.#entries.push(entry);
    return entry;
  }

  #show(entry: Entry, line: Line, isSelected: boolean): void {
    const [text, colour] = stateOf(line);
    entry.task = line.task;
    const [dot, name, state, time] = entry.parts;
    if (dot !== undefined && dot.dataset.colour !== colour) {
      dot.dataset.colour = colour;
      dot.style.background = `var(--${colour})`;
    }
    set(name, line.name);
    set(state, line.signals > 0 ? `${text} · ${line.signals} signal${line.signals > 1 ? 's' : ''}` : text);
    set(time, `${line.running.toFixed(0)} ms`);
    entry.root.classList.toggle('selected', isSelected);
  }
}

function matches(line: Line, wanted: string): boolean {
  return line.name.toLowerCase().includes(wanted) || stateOf(line)[0].toLowerCase().includes(wanted);
}

function set(target: HTMLElement | undefined, text: string): void {
  if (target !== undefined && target.textContent !== text) target.textContent = text;
}

const FIGURES = ['threads', 'switches', 'busy', 'queue', 'slice', 'frames'] as const;

/** The figures above the signals. */
export class Figures {
  #then: number;
  #switches = 0;
  #busy = 0;
  #frames = 0;

  /** @param now by the scheduler's clock, as in `update` */
  constructor(now: number) {
    this.#then = now;
  }

  update(timeline: Timeline, frames: number, now: number): void {
    const time = now - this.#then;
    const shown: Record<(typeof FIGURES)[number], string> = {
      threads: String(timeline.live),
      switches: Math.round(((timeline.switches - this.#switches) / time) * 1000).toLocaleString('en-US'),
      busy: `${Math.min(Math.round(((timeline.busy - this.#busy) / time) * 100), 100)} %`,
      queue: String(timeline.queued),
      slice: `${timeline.longest.toFixed(1)} ms`,
      frames: String(Math.round(((frames - this.#frames) / time) * 1000)),
    };
    for (const name of FIGURES) set(document.getElementById(`figure-${name}`) ?? undefined, shown[name]);
    this.#then = now;
    this.#switches = timeline.switches;
    this.#busy = timeline.busy;
    this.#frames = frames;
    timeline.longest = 0;
  }
}
