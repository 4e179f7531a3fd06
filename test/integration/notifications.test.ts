import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';
import type { FlowDiagnostic } from '../../src/index.js';

const bed = setup();
const FLAG = 'notify-keyspace-events';

async function flags(): Promise<string> {
  return (await bed.admin.config('GET', FLAG))[1] ?? '';
}

beforeEach(() => bed.admin.config('SET', FLAG, ''));

describe.each(['off', 'auto', 'configure'] as const)('with notifications %s', (notifications) => {
  it.each(['', 'Kx', 'KEA'])(
    'and the server’s flags %j, a deadline ends the wait as TIMED_OUT',
    async (set) => {
      await bed.admin.config('SET', FLAG, set);
      const flows = bed.broker({ notifications }).define('n');
      const opened = await Promise.all(
        Array.from({ length: 20 }, () => flows.open(bed.id(), { timeoutMs: 40 })),
      );
      await Promise.all(opened.map(({ outcome }) => failureOf(outcome, 'ERR_FLOW_TIMED_OUT')));
    },
  );
});

it('turns them on where it is told to, and keeps the flags that are set', async () => {
  await bed.admin.config('SET', FLAG, 'Eg');
  const flows = bed.broker({ notifications: 'configure' }).define('n');
  const { outcome } = await flows.open('a');
  await until('they are on', async () => (await flags()).includes('K') && (await flags()).includes('x'));
  for (const flag of 'Eg') expect(await flags()).toContain(flag);
  await flows.complete('a', 1);
  await outcome;
});

it.each(['off', 'auto'] as const)('never touches the server’s settings: %s', async (notifications) => {
  const flows = bed.broker({ notifications }).define('n');
  const { outcome } = await flows.open('a');
  await flows.complete('a', 1);
  await outcome;
  expect(await flags()).toBe('');
});

/** Every re-read that a hint caused. */
function hints(): { readonly seen: string[]; stop(): void } {
  const seen: string[] = [];
  const onReread = (message: unknown): void => {
    const { flow, cause } = message as FlowDiagnostic & { cause?: string };
    if (cause === 'hint') seen.push(flow!.id);
  };
  subscribe('flowbroker:reread', onReread);
  return { seen, stop: () => unsubscribe('flowbroker:reread', onReread) };
}

it('follows the timers of waits that last, and looks when one is said to be over: a hint, not a verdict', async () => {
  await bed.admin.config('SET', FLAG, 'Kx');
  const broker = bed.broker({ notifications: 'auto' });
  const flows = broker.define<string>('hinted', { timeoutMs: 600_000 });
  const subscribed = async (id: string) =>
    (await bed.admin.pubsub('CHANNELS', `__keyspace@0__:flow:{hinted:${id}}:timer`)).length === 1;
  const first = await flows.open('first'); // what is opened before the server's flags are known has no timer
  await until('the server’s flags are known', () => subscribed('first'));
  const { outcome } = await flows.open('a');
  const channel = '__keyspace@0__:flow:{hinted:a}:timer';
  await until('the hint channel is subscribed', () => subscribed('a'));
  const { seen, stop } = hints();
  await bed.admin.pexpire('flow:{hinted:a}:timer', 1);
  await until('the hint led to a look', async () => {
    await bed.admin.exists('flow:{hinted:a}:timer'); // any access makes Redis notice that a key is over
    return seen.length > 0;
  });
  await bed.admin.publish(channel, 'set');
  expect(broker.stats().waiters).toBe(2);
  await flows.complete('a', 'x');
  expect(await outcome).toBe('x');
  stop();
  await until('the hint channel is left', async () => !(await subscribed('a')));
  await flows.complete('first', 'x');
  await first.outcome;
});

it('needs no hints: without any, a flow that is over early by the record is found at its deadline', async () => {
  const flows = bed.broker({ notifications: 'off' }).define<string>('silent', { timeoutMs: 60 });
  const { outcome } = await flows.open('a');
  expect(await bed.admin.exists('flow:{silent:a}:timer')).toBe(0);
  await failureOf(outcome, 'ERR_FLOW_TIMED_OUT');
});

it('wakes by messages while the server refuses the hint channels, and counts none as missed', async () => {
  await bed.admin.config('SET', FLAG, 'Kx');
  await bed.admin.acl('SETUSER', 'narrow', 'on', '>pass', '~*', '+@all', 'resetchannels', '&flow:*');
  const redis = { port: bed.server.port, username: 'narrow', password: 'pass' };
  const broker = bed.broker({ redis, heartbeatMs: 100 });
  const flows = broker.define<string>('acl', { timeoutMs: 600_000 });
  const opened = await Promise.all(Array.from({ length: 10 }, () => flows.open(bed.id())));
  await until('it asked for the hints and was refused', async () => {
    const log = (await bed.admin.call('ACL', 'LOG')) as unknown[];
    return JSON.stringify(log).includes('__keyspace@0__');
  });
  await bed.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until('it is back', () => broker.stats().reconnects > 0 && broker.stats().listening);
  const { polls } = broker.stats();
  const more = await flows.open(bed.id());
  await Promise.all([...opened, more].map(({ record }) => flows.complete(record.id, 'x')));
  await Promise.all([...opened, more].map(({ outcome }) => outcome));
  expect(broker.stats().missedWakes).toBe(0);
  expect(broker.stats().polls - polls).toBeLessThanOrEqual(1);
});
