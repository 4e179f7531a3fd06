import { shown } from '../peers/bounds.js';
import { markdown } from '../peers/page.js';
import { mastersFor, predict, type Fleet, type Load, type Parts, type Quantity } from './model.js';

/** The parts, and the check of what they predict. */
export interface ScalingResults {
  readonly date: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly small: Fleet;
  readonly large: Fleet;
  readonly parts: Parts;
  readonly predicted: Load;
  readonly measured: Load;
  readonly flows: { readonly expected: number; readonly heard: number };
  readonly cut: { readonly resubscribedMs: number; readonly rereadMs: number };
}

const WITHIN = 0.25;
const REPLICAS: Omit<Fleet, 'masters'> = {
  processes: 100,
  waiters: 1_000_000,
  flows: 20_000,
  rereadMs: 60_000,
};
const BUSY = 0.6; // of a core; what is left is for failovers, and for who else uses it
const MASTERS = [3, 6, 12, 24];

const UNITS: Readonly<Record<Quantity, (value: number) => string>> = {
  'commands, all masters': (value) => `${shown(value)} /s`,
  'bytes on the wire, all masters': (value) => `${shown(value / 1e6)} MB/s`,
  'CPU of a master': (value) => `${shown(value * 100)} %`,
  'CPU of a process': (value) => `${shown(value * 100)} %`,
  'memory of a master': (value) => `${shown(value / 1e6)} MB`,
  'heap of a process': (value) => `${shown(value / 1e6)} MB`,
  'channels of a master': (value) => Math.round(value).toLocaleString('en'),
  'connections of a master': (value) => shown(value),
  'CPU of a master for all to come back after a cut': (value) => `${shown(value)} s`,
  'CPU of a process to come back after a cut': (value) => `${shown(value)} s`,
};
// A core each, the default of maxclients, and the time that waiters should take to be back.
const LIMITS = {
  'CPU of a master': 1,
  'CPU of a process': 1,
  'connections of a master': 10_000,
  'CPU of a master for all to come back after a cut': 5,
} as const;

/** What comes nearest to its limit, or is furthest beyond it. */
export function tightest(load: Load): string {
  const shares = Object.entries(LIMITS).map(
    ([name, limit]) => [name, load[name as Quantity] / limit] as const,
  );
  const [name, share] = shares.reduce((most, one) => (one[1] > most[1] ? one : most));
  return `${name}: ${shown(share * 100)} % of what there is`;
}

const QUANTITIES = Object.keys(UNITS) as Quantity[];

/** Prediction and measurement side by side. */
export function comparison({ predicted, measured }: ScalingResults): string[][] {
  return QUANTITIES.map((name) => {
    const off = predicted[name] / measured[name] - 1;
    const rounded = Math.round(off * 100);
    const percent = `${rounded < 0 ? '−' : rounded > 0 ? '+' : ''}${String(Math.abs(rounded))} %`;
    return [
      name,
      UNITS[name](predicted[name]),
      UNITS[name](measured[name]),
      Math.abs(off) <= WITHIN ? percent : `**${percent}**`,
    ];
  });
}

/** The part of docs/scaling.md that the figures make. */
export function pageOf(results: ScalingResults): string {
  const { parts, small, large, machine, date, flows, cut } = results;
  const fleets = MASTERS.map((masters) => predict(parts, { ...REPLICAS, masters }));
  const needed = mastersFor(parts, REPLICAS, BUSY);
  const us = (value: number): string => `${shown(value)} µs`;
  return [
    `Measured on ${String(machine.cores)} cores of ${machine.cpu}, with Node ${machine.node}, on ${date.slice(0, 10)}, by \`npm run bench:scaling -- --save\`.`,
    `### The parts`,
    `From ${describe(small)}.`,
    markdown({
      columns: ['', 'CPU of Redis', 'CPU of the processes', 'commands', 'bytes'],
      rows: [
        [
          'a flow: opened and waited for here, completed there',
          us(parts.flow.serverCpu),
          us(parts.flow.clientCpu),
          shown(parts.flow.commands),
          shown(parts.flow.bytes),
        ],
        [
          'a re-read of one that is waited for',
          us(parts.reread.serverCpu),
          us(parts.reread.clientCpu),
          shown(parts.reread.commands),
          shown(parts.reread.bytes),
        ],
        [
          'a waiter that comes back after a cut',
          us(parts.restored.serverCpu),
          us(parts.restored.clientCpu),
          '',
          '',
        ],
        [
          'a process beside a master, each second',
          us(parts.pair.serverCpu),
          us(parts.process.clientCpu / small.masters),
          shown(parts.pair.commands),
          shown(parts.pair.bytes),
        ],
        ['a master by itself, each second', us(parts.master.serverCpu), '', '', ''],
      ],
    }),
    `A waiter takes ${shown(parts.waiter.serverMemory)} bytes of Redis with its flow, ${shown(parts.waiter.clientMemory)} bytes of its process's heap, and one channel. A completion is one message to each process that waits. A process has ${shown(parts.connectionsOfPair)} connections to each master.`,
    '### Prediction and measurement',
    `${describe(large)}: predicted from the parts above, and measured. Of ${shown(flows.expected)} flows ${shown(flows.heard)} were heard of. After all connections were cut at once, all channels were subscribed again after ${shown(cut.resubscribedMs / 1_000)} s and all flows read again after ${shown(cut.rereadMs / 1_000)} s, with everything on the same ${String(machine.cores)} cores.`,
    markdown({ columns: ['', 'predicted', 'measured', 'off by'], rows: comparison(results) }),
    '### 100 replicas, 10,000 waiters each, 20,000 flows a second',
    markdown({
      columns: ['', ...MASTERS.map((masters) => `${String(masters)} masters`)],
      rows: [
        ...QUANTITIES.map((name) => [name, ...fleets.map((load) => UNITS[name](load[name]))]),
        ['**saturates first**', ...fleets.map(tightest)],
      ],
    }),
    needed === undefined
      ? 'No number of masters is enough: what each process sends every master by itself is too much.'
      : `With ${String(needed)} masters none is busier than ${shown(BUSY * 100)} % of a core.`,
  ].join('\n\n');
}

function describe({ processes, waiters, flows, masters, rereadMs }: Fleet): string {
  const text = `${String(processes)} processes with ${waiters.toLocaleString('en')} waiters and ${shown(flows)} flows a second on ${masters === 1 ? 'one master' : `${String(masters)} masters`}`;
  return `${text}, with \`rereadMs\` at ${rereadMs.toLocaleString('en')}`;
}
