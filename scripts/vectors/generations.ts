import { Vector, later, type Value } from './vector';

const LEASE_MS = 30_000;
const OTHER = 'owner-2';
const OWNER = 'owner-1';

/** What stands under a generation lease. */
interface Hold {
  readonly generation: number;
  readonly fence: string;
  readonly leaseUntil?: string;
  readonly owner?: string;
  readonly advancing?: string;
}

export const HOLD_STATES = ['absent', 'free', 'held', 'lapsed'] as const;
type HoldState = (typeof HOLD_STATES)[number];

/** A generation lease in the making: calls, and the replies of two parts that must come back. */
class Lease {
  hold: Hold = { generation: 0, fence: '0' };
  stands = false;
  readonly vector: Vector;
  #times = 0;
  #fences = 0;

  constructor(name: string, state: HoldState = 'absent') {
    this.vector = new Vector(name);
    if (state === 'absent') return;
    this.acquire(OWNER);
    if (state === 'free') this.free(OWNER);
    if (state === 'lapsed') {
      this.vector.redis(['HSET', '<record>', 'leaseUntil', '<t1>']);
      this.hold = { generation: this.hold.generation, fence: this.hold.fence };
    }
  }

  acquire(owner: string, options: readonly string[] = []): this {
    const at = `<t${++this.#times}>`;
    const fence = this.#fences++ ? `<f${this.#fences}>f${this.#fences - 1}>` : '<f1>';
    const advancing = options.includes('advanceGeneration') ? '1' : '0';
    const generation = this.hold.generation + Number(advancing);
    this.hold = { generation, fence, leaseUntil: later(at, LEASE_MS), owner, advancing };
    this.stands = true;
    this.#step('acquire', [owner, String(LEASE_MS), ...options], 'acquired', at);
    this.hold = { ...this.hold, fence: `<f${this.#fences}>` };
    return this;
  }

  free(owner: string): this {
    const at = `<t${++this.#times}>`;
    const told = this.hold.owner ? [`1 RELEASED 1 ${this.hold.fence} ${at} inline\n`] : [];
    this.hold = { generation: this.hold.generation, fence: this.hold.fence };
    return this.#step('free', [owner], 'freed', at, told);
  }

  /** A call that changes nothing. */
  same(verb: string, args: readonly string[], verdict: string): this {
    return this.#step(verb, args, verdict, `<t${++this.#times}>`);
  }

  #step(verb: string, args: readonly string[], verdict: string, at: string, told: Value[] = []): this {
    const { generation, fence, leaseUntil = '-', owner = '-', advancing = '-' } = this.hold;
    const head = ['1', at, String(generation), fence, leaseUntil, owner, advancing].join(' ');
    const step = { call: verb, args: ['<publish>', ...args], reply: [verdict, head] };
    this.vector.plain(told.length > 0 ? { ...step, told } : step);
    return this;
  }
}

/** The generation lease: every cell of its table, every replay, every bad argument, and what is no lease. */
export function generations(): Vector[] {
  const leases = [...HOLD_STATES.flatMap(cells), ...replays()];
  return [...leases.map(({ vector }) => vector), ...refused(), ...foreign()];
}

function cells(state: HoldState): Lease[] {
  const lease = (what: string): Lease => new Lease(`${what}, ${state}`, state);
  const acquire = lease('acquire');
  const advance = lease('acquire that expects the generation and advances it');
  const known = ['expectedGeneration', '0', 'advanceGeneration', '1'];
  const args = [OTHER, String(LEASE_MS)];
  const stale = lease('acquire that expects another generation').same(
    'acquire',
    [...args, 'expectedGeneration', '7'],
    'stale',
  );
  const own = lease('free by its owner');
  const other = lease('free by another').same(
    'free',
    [OTHER],
    state === 'absent' ? 'not_found' : 'superseded',
  );
  const shown = lease('generation').same('generation', [], state === 'absent' ? 'not_found' : 'found');
  if (state === 'held') {
    acquire.same('acquire', args, 'held');
    advance.same('acquire', [...args, ...known], 'held');
  } else {
    acquire.acquire(OTHER);
    advance.acquire(OTHER, known).same('generation', [], 'found');
  }
  if (state === 'absent') own.same('free', [OWNER], 'not_found');
  else if (state === 'free') own.same('free', [OWNER], 'freed');
  else own.free(OWNER);
  return [acquire, advance, stale, own, other, shown];
}

function replays(): Lease[] {
  const args = (owner: string): string[] => [owner, String(LEASE_MS), 'advanceGeneration', '1'];
  const held = new Lease('acquire, replayed, advances once').acquire(OWNER, ['advanceGeneration', '1']);
  held
    .same('acquire', args(OWNER), 'acquired')
    .same('generation', [], 'found')
    .same('generation', [], 'found');
  const over = new Lease('acquire, replayed after it was freed').acquire(OWNER, ['advanceGeneration', '1']);
  over.free(OWNER).same('acquire', args(OWNER), 'over');
  const freed = new Lease('free, replayed').acquire(OWNER).free(OWNER);
  freed.same('free', [OWNER], 'freed').acquire(OTHER).same('free', [OWNER], 'freed');
  return [held, over, freed];
}

const NO_TOKEN = ['', 'x'.repeat(65), '-', '-a', 'two words', 'a\n', 'é'];
const NO_NUMBER = ['', 'x', '-1', '1.5', '1e3', '0x10', ' 1', 'nan', '99999999999999999'];
const BAD: readonly (readonly [verb: string, what: string, lists: readonly (readonly string[])[]])[] = [
  ['acquire', 'owner', NO_TOKEN.map((bad) => [bad, '1000'])],
  ['acquire', 'leaseMs', [...NO_NUMBER, '0', '315360000001'].map((bad) => [OTHER, bad])],
  [
    'acquire',
    'option expectedGeneration',
    NO_NUMBER.map((bad) => [OTHER, '1000', 'expectedGeneration', bad]),
  ],
  [
    'acquire',
    'option advanceGeneration',
    ['', '0', '2'].map((bad) => [OTHER, '1000', 'advanceGeneration', bad]),
  ],
  [
    'acquire',
    'number of arguments',
    [[], [OTHER], [OTHER, '1000', 'colour', 'red'], [OTHER, '1000', 'more']],
  ],
  ['free', 'owner', NO_TOKEN.map((bad) => [bad])],
  ['free', 'number of arguments', [[], [OWNER, 'more']]],
  ['generation', 'number of arguments', [['more']]],
];
const GOOD: Readonly<Record<string, readonly string[]>> = {
  acquire: [OTHER, '1000'],
  free: [OWNER],
  generation: [],
};

function refused(): Vector[] {
  const list = BAD.map(([verb, what, lists]) => {
    const { vector } = new Lease(`${verb} refuses a bad ${what}`, 'held');
    for (const args of lists) vector.refused(verb, ['<publish>', ...args], 'FLOWARG');
    return vector;
  });
  for (const [verb, args] of Object.entries(GOOD)) {
    const { vector } = new Lease(`${verb} refuses a bad publish, and other keys`, 'held');
    for (const publish of ['', 'publish', 'GET']) vector.refused(verb, [publish, ...args], 'FLOWARG');
    for (const keys of [[], ['<record>'], ['<record>', '{other}:timer'], ['<record>', '<timer>', '<timer>']])
      vector.refused(verb, ['<publish>', ...args], 'FLOWARG', keys);
    list.push(vector);
  }
  return list;
}

function foreign(): Vector[] {
  const all = (vector: Vector, code: string): Vector => {
    for (const [verb, args] of Object.entries(GOOD)) vector.refused(verb, ['<publish>', ...args], code);
    return vector;
  };
  const types = [
    ['a string', ['SET', '<record>', 'x']],
    ['a list', ['RPUSH', '<record>', 'x']],
    ['a hash that is no lease', ['HSET', '<record>', 'a', 'b']],
  ] as const;
  const version = new Lease('a lease of another version', 'held').vector.redis([
    'HSET',
    '<record>',
    'v',
    '2',
  ]);
  return [
    ...types.map(([what, command]) =>
      all(new Vector(`${what} under the lease's key`).redis(command), 'FLOWTYPE'),
    ),
    all(version, 'FLOWVERSION'),
  ];
}
