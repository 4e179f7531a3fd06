import type { Flows } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { editRecord, readRecord } from '../helpers/record.js';
import { setup } from '../helpers/setup.js';

const bed = setup();

const flows = () => bed.broker().define<string>('f', { timeoutMs: 600_000 });

type Call = (flow: Flows<string>, id: string) => Promise<unknown>;
const CALLS: readonly [string, Call][] = [
  ['create', (flow, id) => flow.create(id)],
  ['create, superseding', (flow, id) => flow.create(id, { conflict: 'supersede' })],
  ['open', (flow, id) => flow.open(id)],
  ['wait', (flow, id) => flow.wait(id)],
  ['complete', (flow, id) => flow.complete(id, 'x')],
  ['fail', (flow, id) => flow.fail(id, 'x')],
  ['cancel', (flow, id) => flow.cancel(id)],
  ['run', (flow, id) => flow.run(id, () => 'x')],
  ['get', (flow, id) => flow.get(id)],
  ['delete', (flow, id) => flow.delete(id)],
];

async function expectRefusedByAll(flow: Flows<string>, id: string): Promise<void> {
  for (const [verb, call] of CALLS) {
    const error = await failureOf(call(flow, id), 'ERR_FLOW_RECORD');
    expect({ verb, flow: error.flow }).toEqual({ verb, flow: { type: 'f', id } });
  }
}

const OTHER_TYPES: readonly [string, (key: string) => Promise<unknown>][] = [
  ['a string', (key) => bed.admin.set(key, 'x')],
  ['an empty string', (key) => bed.admin.set(key, '')],
  ['bytes that are no text', (key) => bed.admin.set(key, Buffer.from([0, 255, 10, 1]))],
  ['a number', (key) => bed.admin.set(key, '1')],
  ['a list', (key) => bed.admin.rpush(key, 'x')],
  ['a set', (key) => bed.admin.sadd(key, 'x')],
  ['a stream', (key) => bed.admin.xadd(key, '*', 'a', 'b')],
  ['a hash', (key) => bed.admin.hset(key, 'a', 'b')],
];

it.each(OTHER_TYPES)(
  'refuses %s under a flow’s key, whatever is asked, and leaves it alone',
  async (_what, put) => {
    const flow = flows();
    const id = bed.id();
    const key = `flow:{f:${id}}`;
    await put(key);
    const before = await bed.admin.dump(key);
    await expectRefusedByAll(flow, id);
    expect(await bed.admin.dump(key)).toEqual(before);
  },
);

const BROKEN: readonly [string, Record<string, string | undefined>][] = [
  ['of an unknown version', { v: '2' }],
  ['without a version', { v: undefined }],
  ['without a status', { status: undefined }],
  ['with an unknown status', { status: 'PAUSED' }],
  ['without a fence', { fence: undefined }],
  ['with a fence that is no number', { fence: 'x' }],
  ['without an origin', { origin: undefined }],
  ['with a negative deadline', { deadlineAt: '-1' }],
  ['without a deadline', { deadlineAt: undefined }],
  ['with a fraction for createdAt', { createdAt: '1.5' }],
  ['with an attempt beyond all bounds', { attempt: '99999999999999999' }],
  ['with a lease that is no number', { leaseUntil: 'nan', owner: 'x' }],
];

it.each(BROKEN)('refuses a record %s, whatever is asked', async (_what, change) => {
  const flow = flows();
  const id = bed.id();
  await flow.create(id);
  const key = `flow:{f:${id}}`;
  await editRecord(bed.admin, key, change);
  await expectRefusedByAll(flow, id);
});

const CUT: readonly [string, (text: string) => string][] = [
  ['that ends with its first line', (text) => text.slice(0, text.indexOf('\n'))],
  ['that ends before its metadata does', (text) => text.replace(/^1 \d+/, '1 9999')],
  ['whose metadata goes on behind its length', (text) => text.replace(/^1 \d+/, '1 0')],
  ['whose length of metadata is no number', (text) => text.replace(/^1 \d+/, '1 x')],
  ['that has a word too few', (text) => text.replace(/ \S+\n/, '\n')],
  ['that has a word too many', (text) => text.replace('\n', ' more\n')],
];

it.each(CUT)('refuses a record %s, whatever is asked', async (_what, change) => {
  const flow = bed.broker().define<string, string>('f', { timeoutMs: 600_000 });
  const id = bed.id();
  await flow.create(id, { metadata: 'of the flow' });
  const key = `flow:{f:${id}}`;
  const [before, broken] = [await bed.admin.get(key), change((await bed.admin.get(key))!)];
  expect(broken).not.toBe(before);
  await bed.admin.set(key, broken);
  await expectRefusedByAll(flow, id);
  expect(await bed.admin.get(key)).toBe(broken);
});

it('ends the waits of a flow whose record somebody breaks, instead of leaving them', async () => {
  const broker = bed.broker({ rereadMs: 100 });
  const flow = broker.define<string>('f', { timeoutMs: 600_000 });
  const id = bed.id();
  const { outcome } = await flow.open(id);
  await editRecord(bed.admin, `flow:{f:${id}}`, { v: 9 });
  await failureOf(outcome, 'ERR_FLOW_RECORD');
  expect(broker.stats().waiters).toBe(0);
});

it('ends the waits of a flow whose record vanishes: evicted, or lost by the server', async () => {
  const flow = bed.broker({ rereadMs: 100 }).define<string>('f', { timeoutMs: 600_000 });
  const { outcome } = await flow.open('gone');
  await bed.admin.del('flow:{f:gone}');
  await failureOf(outcome, 'ERR_FLOW_DELETED');
});

it('leaves what stands under the timer’s key alone where no timers are kept', async () => {
  const flow = bed.broker({ notifications: 'off' }).define<string>('f', { timeoutMs: 600_000 });
  const [id, other] = [bed.id(), bed.id()];
  const timers = [`flow:{f:${id}}:timer`, `flow:{f:${other}}:timer`];
  for (const timer of timers) await bed.admin.rpush(timer, 'x');
  const { outcome } = await flow.open(id);
  expect((await flow.complete(id, 'x')).verdict).toBe('applied');
  expect(await outcome).toBe('x');
  expect((await flow.delete(id)).verdict).toBe('deleted');
  expect(await flow.run(other, () => 'y')).toBe('y');
  for (const timer of timers) expect(await bed.admin.lrange(timer, 0, -1)).toEqual(['x']);
});

it('hangs on nothing when something else stands under the timer’s key where timers are kept', async () => {
  const flow = bed.broker({ notifications: 'configure' }).define<string>('f', { timeoutMs: 600_000 });
  const id = bed.id();
  await bed.admin.rpush(`flow:{f:${id}}:timer`, 'x');
  for (const call of [() => flow.create(id), () => flow.open(id), () => flow.run(id, () => 'x')])
    await failureOf(call(), 'ERR_FLOW_RECORD');
  expect(await bed.admin.exists(`flow:{f:${id}}`)).toBe(0);
  await bed.admin.del(`flow:{f:${id}}:timer`);
  await flow.create(id);
  expect((await readRecord(bed.admin, `flow:{f:${id}}`))?.['timer']).toBe('1');
  expect(await bed.admin.del(`flow:{f:${id}}:timer`)).toBe(1);
  await bed.admin.rpush(`flow:{f:${id}}:timer`, 'x');
  expect((await flow.complete(id, 'x')).verdict).toBe('applied');
});

it('takes noise on a flow’s channel for a reason to look, and nothing else', async () => {
  const broker = bed.broker();
  const flow = broker.define<string>('f', { timeoutMs: 600_000 });
  const id = bed.id();
  const { outcome } = await flow.open(id);
  for (const noise of ['', 'x', '1 COMPLETED 5 5 5 inline\n"forged"', '2 COMPLETED x', '\n\n', 'expired'])
    await bed.admin.publish(`flow:{f:${id}}`, noise);
  expect(broker.stats().waiters).toBe(1);
  await flow.complete(id, 'x');
  expect(await outcome).toBe('x');
});

it('gives ERR_FLOW_CODEC for bytes that its codec cannot read', async () => {
  const flow = flows();
  const id = bed.id();
  await flow.create(id);
  await flow.complete(id, 'x');
  await editRecord(bed.admin, `flow:{f:${id}}`, { result: '{' });
  const calls = [
    () => flow.wait(id),
    () => flow.get(id),
    () => flow.create(id),
    () => flow.run(id, () => 'y'),
  ];
  for (const call of calls) {
    const error = await failureOf(call(), 'ERR_FLOW_CODEC');
    expect(error.message).toMatch(/^result of f "id-\d+" cannot be decoded/);
  }
});
