/** What stands in a vector for bytes: UTF-8 text in which `<name>` is a bound value, or any bytes in hex. */
export type Value = string | { readonly hex: string };

export type Step = CallStep | RedisStep;

/** A reply, or where a script answers for several: a list of them, and of the errors that some end with. */
export type Expectation = Value | { readonly error: string } | readonly Expectation[];

export interface CallStep {
  readonly call: string;
  readonly keys?: readonly string[];
  readonly args: readonly Value[];
  readonly reply?: readonly Expectation[];
  readonly error?: string;
  readonly told?: readonly Value[];
}

export interface RedisStep {
  readonly redis: readonly Value[];
  readonly gives?: string;
}

export interface VectorFile {
  readonly format: 1;
  readonly title: string;
  readonly vectors: readonly { readonly name: string; readonly steps: readonly Step[] }[];
}

/** The words of a record's first line, in their order. */
// prettier-ignore
const WORDS = [
  'v', 'bytes', 'status', 'fence', 'origin', 'attempt', 'createdAt', 'deadlineAt', 'leaseUntil', 'settledAt', 'freshUntil',
  'owner', 'settledBy', 'createdBy',
];
const EDIT = [
  'local at = 0',
  "local text = string.gsub(redis.call('GET', KEYS[1]), '[^ \\n]+', function(word)",
  'at = at + 1',
  'return at == tonumber(ARGV[1]) and ARGV[2] or word end)',
  "return redis.call('SET', KEYS[1], text, 'KEEPTTL')",
].join(' ');

/** Another word in a record's first line, behind the scripts' back. A word that is empty or has a blank makes it unreadable. */
export function edit(field: string, value: string): readonly string[] {
  const at = WORDS.indexOf(field) + 1;
  if (at === 0) throw new Error(`no word of a record is called ${field}`);
  return ['EVAL', EDIT, '1', '<record>', String(at), value];
}

/** The record as a reply is expected to show it, each field a pattern. */
export interface View {
  readonly status: string;
  readonly fence: string;
  readonly origin: string;
  readonly attempt: string;
  readonly createdAt: string;
  readonly deadlineAt: string;
  readonly leaseUntil?: string;
  readonly settledAt?: string;
  readonly freshUntil?: string;
  readonly owner?: string;
  readonly settledBy?: string;
  readonly metadata: Value;
  readonly payload?: Value;
}

/** What a call is expected to come to. Without `view` the record stands as before; with null it is gone. */
export interface Expected {
  readonly verdict: string;
  readonly view?: View | null;
  /** Shown instead of the record as it then stands; null for a reply without a record. */
  readonly shown?: View | null;
  /** The reply leaves the payload out. */
  readonly bare?: boolean;
  readonly told?: readonly Value[];
}

/** One vector in the making. It keeps in mind what the record must look like, and writes down each call with its reply. */
export class Vector {
  readonly steps: Step[] = [];
  /** What stands; undefined where nothing does. */
  view: View | undefined;
  #overdue = false;
  #times = 0;
  #fences = 0;
  #requests = 0;
  #last: string | undefined;

  constructor(readonly name: string) {}

  /** A request id nobody used before in this vector. */
  request(): string {
    return `r${++this.#requests}`;
  }

  /** A fence that nobody had yet, greater than the last; `name` is how later steps speak of it. */
  newFence(): { readonly first: string; readonly name: string } {
    const name = `f${++this.#fences}`;
    const first = this.#last ? `<${name}>${this.#last}>` : `<${name}>`;
    this.#last = name;
    return { first, name: `<${name}>` };
  }

  /** A call whose reply is known; `expect` gets the name of its instant and what it finds. */
  call(
    verb: string,
    args: readonly Value[],
    expect: (now: string, view: View | undefined) => Expected,
  ): this {
    const at = `t${++this.#times}`;
    const told: Value[] = [];
    if (this.#overdue && this.view) {
      const { deadlineAt } = this.view;
      this.view = { ...this.view, status: 'TIMED_OUT', settledAt: deadlineAt, settledBy: 'timeout' };
      told.push(message('TIMED_OUT', this.view, deadlineAt));
      this.#overdue = false;
    }
    const { verdict, view, shown, bare, told: more = [] } = expect(`<${at}>`, this.view);
    if (view !== undefined) this.view = view ?? undefined;
    const standing = shown === null ? undefined : (shown ?? this.view);
    const reply: Value[] = [verdict, head(`<${at}>`, standing)];
    if (standing) reply.push(standing.metadata);
    if (standing?.payload !== undefined && !bare) reply.push(standing.payload);
    told.push(...more);
    const step = { call: verb, args: ['<publish>', ...args], reply };
    this.steps.push(told.length > 0 ? { ...step, told } : step);
    if (this.view) this.view = settled(this.view);
    return this;
  }

  /** A call that is refused before it writes. `args` are all arguments, the publish verb too. */
  refused(verb: string, args: readonly Value[], error: string, keys?: readonly string[]): this {
    this.steps.push({ call: verb, ...(keys ? { keys } : {}), args, error });
    return this;
  }

  /** A call whose reply and messages are written down as they are. */
  plain(step: CallStep): this {
    this.steps.push(step);
    return this;
  }

  redis(command: readonly Value[], gives?: string): this {
    this.steps.push(gives === undefined ? { redis: command } : { redis: command, gives });
    return this;
  }

  /** As if the lease had ended when the flow was created. */
  lapse(): this {
    const view = this.#standing();
    this.view = { ...view, leaseUntil: view.createdAt };
    return this.redis(edit('leaseUntil', view.createdAt));
  }

  /** As if the deadline had passed when the flow was created. Nobody has looked since. */
  expire(): this {
    const view = this.#standing();
    this.view = { ...view, deadlineAt: view.createdAt };
    this.#overdue = true;
    return this.redis(edit('deadlineAt', view.createdAt));
  }

  #standing(): View {
    if (!this.view) throw new Error(`${this.name}: nothing stands here`);
    return this.view;
  }
}

export function message(event: string, view: View, at: string, payload: Value = '', form = 'inline'): Value {
  const line = `1 ${event} ${plain(view.origin)} ${plain(view.fence)} ${at} ${form}\n`;
  return typeof payload === 'string' ? line + payload : { hex: `${hexOf(line)}${payload.hex}` };
}

// A name is bound, or compared with another, only where it first stands.
function plain(pattern: string): string {
  return pattern.replace(/^<(\w+)>\w+>$/, '<$1>');
}

function settled(view: View): View {
  return { ...view, fence: plain(view.fence), origin: plain(view.origin) };
}

function hexOf(text: string): string {
  if (text.includes('<')) throw new Error('bytes in hex cannot hold a name');
  return Buffer.from(text).toString('hex');
}

function head(now: string, view: View | undefined): string {
  if (!view) return `1 ${now}`;
  const { status, fence, origin, attempt, createdAt, deadlineAt } = view;
  const rare = [view.leaseUntil, view.settledAt, view.freshUntil, view.owner, view.settledBy];
  return [
    '1',
    now,
    status,
    fence,
    origin,
    attempt,
    createdAt,
    deadlineAt,
    ...rare.map((word) => word ?? '-'),
  ].join(' ');
}

/** An instant so many ms after a bound one. */
export function later(instant: string, ms: number): string {
  return `${instant.slice(0, -1)}+${ms}>`;
}
