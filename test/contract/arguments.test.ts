import { useContract } from './helpers/contract.js';
import { expectRefused } from './helpers/refusals.js';
import { OWNER, reach } from './helpers/states.js';
import { type Argument, VARIANTS, type Verb } from './helpers/variants.js';

const LONG = 'x'.repeat(65);
const NO_TOKEN = ['', LONG, 'a b', 'é', 'a\nb', 'a\0b', '{a}', '-', '-a'];
const NO_REQUEST = [...NO_TOKEN, 'timeout', 'owner_lost'];
const NO_NUMBER = ['', 'x', '-1', '1.5', '1e3', '0x10', ' 1', '1 ', 'nan', 'inf', '99999999999999999'];
const NO_MS = [...NO_NUMBER, '0', '315360000001'];
const NO_BYTES = [...NO_NUMBER, '315360000001'];
const NO_FENCE = [...NO_NUMBER, '0', '01', '9007199254740992'];
const NO_PUBLISH = ['', 'publish', 'GET', 'SSUBSCRIBE'];

interface Shape {
  /** Good values behind the publish verb, and bad ones for each. */
  readonly positional: readonly [name: string, good: Argument, bad: readonly Argument[]][];
  readonly options: readonly [name: string, good: Argument, bad: readonly Argument[]][];
}

const SHAPES: Record<Verb, Shape> = {
  create: {
    positional: [
      ['request', 'me', NO_REQUEST],
      ['timeoutMs', 1000, NO_MS],
      ['metadata', '{}', []],
    ],
    options: [
      ['retention', '1 2 3 4', ['', '1', '1 2 3', '1 2 3 4 5', '0 1 1 1', '1 1 1 -1', 'a b c d', '1  2 3 4', '1 2 3 315360000001']], // prettier-ignore
      ['owner', OWNER, NO_TOKEN],
      ['leaseMs', 1000, NO_MS],
      ['maxAttempts', 3, [...NO_NUMBER, '1000001']],
      ['conflict', 'join', ['', 'SUPERSEDE', 'replace']],
      ['reuse', 'COMPLETED', ['completed', 'PENDING', 'COMPLETED FAILED', 'COMPLETED,x']],
      ['minFreshMs', 1000, NO_BYTES],
      ['rejectFence', 1, NO_FENCE],
      ['origin', 1, NO_FENCE],
      ['timer', 1, ['', '0', 'true', '2']],
      ['replyLimit', 10, NO_BYTES],
    ],
  },
  settle: {
    positional: [
      ['request', 'me', NO_REQUEST],
      ['status', 'COMPLETED', ['', 'completed', 'PENDING', 'TIMED_OUT', 'DONE']],
      ['payload', 'x', []],
      ['inlineBytes', 10, NO_BYTES],
    ],
    options: [
      ['fence', 1, NO_FENCE],
      ['freshUntil', 1000, [...NO_NUMBER, '9007199254740992']],
      ['retentionMs', 1000, NO_MS],
      ['replace', 1, ['', '0', 'true', '2']],
      ['replyLimit', 10, NO_BYTES],
    ],
  },
  renew: {
    positional: [
      ['fence', 1, NO_FENCE],
      ['owner', OWNER, NO_TOKEN],
      ['leaseMs', 1000, NO_MS],
    ],
    options: [],
  },
  release: {
    positional: [
      ['request', 'me', NO_REQUEST],
      ['fence', 1, NO_FENCE],
      ['owner', OWNER, NO_TOKEN],
    ],
    options: [['unbegun', 1, ['', '0', 'true', '2']]],
  },
  read: { positional: [], options: [['replyLimit', 10, NO_BYTES]] },
  delete: {
    positional: [['request', 'me', NO_REQUEST]],
    options: [
      ['fence', 1, NO_FENCE],
      ['statuses', 'PENDING', ['pending', 'PENDING;FAILED', 'ABSENT']],
      ['replyLimit', 10, NO_BYTES],
    ],
  },
};

interface Refusal {
  readonly what: string;
  readonly args: readonly Argument[];
}

function refusals(publish: string, { positional, options }: Shape): Refusal[] {
  const good: Argument[] = [publish, ...positional.map(([, value]) => value)];
  const show = (value: Argument): string => JSON.stringify(String(value).slice(0, 20));
  const list: Refusal[] = good.map((_value, at) => ({
    what: `only ${at} arguments`,
    args: good.slice(0, at),
  }));
  for (const bad of NO_PUBLISH) list.push({ what: `publish ${show(bad)}`, args: [bad, ...good.slice(1)] });
  positional.forEach(([name, , bads], at) => {
    for (const bad of bads) list.push({ what: `${name} ${show(bad)}`, args: good.with(at + 1, bad) });
  });
  // What an option needs beside it, so that only the bad value can be what is refused.
  const beside: Record<string, Argument[]> = {
    owner: ['leaseMs', 1000],
    leaseMs: ['owner', OWNER],
    replace: ['fence', 1],
  };
  for (const [name, value, bads] of options) {
    for (const bad of bads) {
      const args = [...good, ...(beside[name] ?? []), name, bad];
      list.push({ what: `${name} ${show(bad)}`, args });
    }
    list.push({ what: `${name} without a value`, args: [...good, ...(beside[name] ?? []), name] });
    list.push({ what: `${name} twice`, args: [...good, ...(beside[name] ?? []), name, value, name, value] });
  }
  list.push({ what: 'an unknown option', args: [...good, 'colour', 'red'] });
  list.push({ what: 'a lone argument too many', args: [...good, 'more'] });
  return list;
}

const TOGETHER: readonly [string, Verb, readonly Argument[]][] = [
  ['owner without leaseMs', 'create', ['me', 1000, '', 'owner', OWNER]],
  ['leaseMs without owner', 'create', ['me', 1000, '', 'leaseMs', 1000]],
  ['origin with supersede', 'create', ['me', 1000, '', 'origin', 1, 'conflict', 'supersede']],
  ['replace without fence', 'settle', ['me', 'COMPLETED', '', 0, 'replace', 1]],
  ['freshUntil with FAILED', 'settle', ['me', 'FAILED', '', 0, 'freshUntil', 1]],
  ['freshUntil with CANCELED', 'settle', ['me', 'CANCELED', '', 0, 'freshUntil', 1]],
];

describe.each(VARIANTS)('bad arguments, by $name', (variant) => {
  const contract = useContract(variant);

  describe.each(Object.keys(SHAPES) as Verb[])('of %s are refused before anything is written:', (verb) => {
    it.each(refusals(variant.publish, SHAPES[verb]))('$what', async ({ args }) => {
      const flow = await reach(contract, 'owned');
      // Nothing would be left to write if the bad argument were noticed after the deadline.
      await flow.expire();
      await expectRefused(flow, verb, args, 'FLOWARG');
    });

    it('three keys, or none', async () => {
      const flow = await reach(contract, 'owned');
      const good = [variant.publish, ...SHAPES[verb].positional.map(([, value]) => value)];
      for (const keys of [[], [flow.key, flow.timer, flow.timer]])
        await expectRefused(flow, verb, good, 'FLOWARG', keys);
    });

    it('but each option is accepted with a good value', async () => {
      const { positional, options } = SHAPES[verb];
      for (const [name, value] of options) {
        const beside = { owner: ['leaseMs', 1000], leaseMs: ['owner', OWNER], replace: ['fence', 1] }[name];
        const args = [...positional.map(([, good]) => good), ...(beside ?? []), name, value];
        const flow = await reach(contract, 'owned');
        await expect(flow.run(verb, args)).resolves.toHaveProperty('verdict');
      }
    });
  });

  it.each(TOGETHER)('are refused that do not go together: %s', async (_what, verb, args) => {
    const flow = await reach(contract, 'owned, overdue');
    await expectRefused(flow, verb, [variant.publish, ...args], 'FLOWARG');
  });

  it('are shown cut and on one line in the error', async () => {
    const flow = await reach(contract, 'absent');
    const bad = flow.run('create', ['me', `x\r\n${'y'.repeat(1000)}`, '']);
    await expect(bad).rejects.toThrow(/^FLOWARG timeoutMs must be a whole number, got x {2}y{37}$/);
  });
});
