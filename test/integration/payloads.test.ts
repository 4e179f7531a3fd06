import type { Redis } from 'ioredis';
import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';

const bed = setup();

/** The messages on a flow's channel, as they were said. */
async function overhear(listener: Redis, channel: string): Promise<string[]> {
  const heard: string[] = [];
  listener.on('message', (_channel: string, message: string) => heard.push(message));
  await listener.subscribe(channel);
  return heard;
}

// JSON puts quotes around a string: two bytes more.
const SIZES: readonly [inlineBytes: number | undefined, bytes: number, where: 'inline' | 'stored'][] = [
  [0, 2, 'stored'],
  [undefined, 8_192, 'inline'],
  [undefined, 8_193, 'stored'],
  [100, 100, 'inline'],
  [100, 101, 'stored'],
  [1_048_576, 200_000, 'inline'],
  [undefined, 65_536, 'stored'],
  [undefined, 65_537, 'stored'],
  [undefined, 1_048_576, 'stored'],
];

it.each(SIZES)('with inlineBytes %p, a result of %p bytes is %s', async (inlineBytes, bytes, where) => {
  const here = bed.broker({ inlineBytes }).define<string>('size');
  const there = bed.broker({ inlineBytes }).define<string>('size');
  const id = bed.id();
  const heard = await overhear(bed.client(), `flow:{size:${id}}`);
  const { outcome } = await here.open(id);
  const result = 'x'.repeat(bytes - 2);
  await there.complete(id, result);
  expect(await outcome).toBe(result);
  expect(heard.at(-1)?.split('\n')[0]?.split(' ').at(-1)).toBe(where);
});

it.each([65_536, 65_537, 1_048_576])('gives %p bytes whole to whoever comes after the end', async (bytes) => {
  const flows = bed.broker().define<string>('after');
  const id = bed.id();
  const result = 'é'.repeat((bytes - 2) / 2);
  await flows.create(id);
  await flows.complete(id, result);
  expect(await flows.wait(id)).toBe(result);
  const { verdict, record, outcome } = await flows.open(id);
  expect(verdict).toBe('settled');
  expect(await outcome).toBe(result);
  expect([undefined, result]).toContain(record.result);
  expect((await flows.get(id))?.result).toBe(result);
  expect(await flows.run(id, () => 'never')).toBe(result);
});

it('carries a large error with its data', async () => {
  const flows = bed.broker().define('error');
  const id = bed.id();
  const { outcome } = await flows.open(id);
  const data = 'd'.repeat(100_000);
  await flows.fail(id, Object.assign(new Error('m'), { data }));
  expect((await failureOf(outcome, 'ERR_FLOW_FAILED')).cause).toMatchObject({ data });
  expect((await failureOf(flows.wait(id), 'ERR_FLOW_FAILED')).cause).toMatchObject({ data });
});

it.each([undefined, null, 0, '', false, [], { a: [{}] }, 'ключ \ud83d\udd11 \u0000'])(
  'carries %j',
  async (value) => {
    const flows = bed.broker().define('any');
    const id = bed.id();
    const { outcome } = await flows.open(id, { metadata: value });
    const { record } = await flows.complete(id, value);
    expect(record).toMatchObject({ status: 'COMPLETED' });
    expect(await outcome).toEqual(value);
    expect(await flows.wait(id)).toEqual(value);
    const stored = await flows.get(id);
    expect(stored?.metadata).toEqual(value);
    expect(stored?.result).toEqual(value);
    expect(await flows.run(id, () => 'never')).toEqual(value);
  },
);

describe('a payload over maxPayloadBytes', () => {
  const limited = () => bed.broker().define<string, string>('limit', { maxPayloadBytes: 1_000 });
  const tooLong = 'x'.repeat(999);

  it('is refused as metadata, and nothing is created', async () => {
    const flows = limited();
    const id = bed.id();
    for (const call of [
      () => flows.create(id, { metadata: tooLong }),
      () => flows.open(id, { metadata: tooLong }),
      () => flows.run(id, () => 'x', { metadata: tooLong }),
    ]) {
      const error = await failureOf(call(), 'ERR_FLOW_PAYLOAD_TOO_LARGE');
      expect(error.message).toBe(
        `metadata of limit "${id}" has 1001 bytes, more than maxPayloadBytes (1000)`,
      );
    }
    expect(await bed.admin.exists(`flow:{limit:${id}}`)).toBe(0);
  });

  it('is refused as result or error, and the flow stays as it was', async () => {
    const flows = limited();
    const id = bed.id();
    const { record } = await flows.create(id, { metadata: 'x'.repeat(998) });
    await failureOf(flows.complete(id, tooLong), 'ERR_FLOW_PAYLOAD_TOO_LARGE');
    await failureOf(flows.fail(id, new Error(tooLong)), 'ERR_FLOW_PAYLOAD_TOO_LARGE');
    await failureOf(flows.cancel(id, tooLong), 'ERR_FLOW_PAYLOAD_TOO_LARGE');
    expect(await flows.get(id)).toEqual(record);
  });
});

it('refuses what the codec cannot carry, with its reason, and the flow stays as it was', async () => {
  const flows = bed.broker().define('lossy');
  const id = bed.id();
  const metadata = await failureOf(flows.create(id, { metadata: new Date(0) }), 'ERR_FLOW_CODEC');
  expect(metadata.message).toContain(`metadata of lossy "${id}" cannot be encoded: JSON cannot carry a Date`);
  const { record } = await flows.create(id);
  const result = await failureOf(flows.complete(id, { at: [new Map()] }), 'ERR_FLOW_CODEC');
  expect(result.cause).toMatchObject({ message: 'JSON cannot carry a Map at at[0]' });
  await failureOf(flows.fail(id, { message: 'm', data: 1n }), 'ERR_FLOW_CODEC');
  expect(await flows.get(id)).toEqual(record);
});
