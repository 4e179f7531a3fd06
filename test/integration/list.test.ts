import type { FlowRecord } from '../../src/index.js';
import { setup } from '../helpers/setup.js';

const bed = setup();

async function all<R extends FlowRecord>(records: AsyncIterable<R>): Promise<R[]> {
  const found: R[] = [];
  for await (const record of records) found.push(record);
  return found;
}
const idsOf = (records: readonly FlowRecord[]) => records.map(({ id }) => id).sort();

it('gives each flow of its type once, whatever else is in the database', async () => {
  const broker = bed.broker();
  const flows = broker.define<number, { n: number }>('l');
  const ids = Array.from({ length: 1_500 }, (_none, at) => `id-${String(at)}`);
  await Promise.all(ids.map((id, n) => flows.create(id, { metadata: { n } })));
  await broker.define('lx').create('another type');
  await bed.broker({ prefix: 'other' }).define('l').create('another prefix');
  await bed.admin.set('flow:{l:a string}', 'x');
  await bed.admin.set('flow:{l:another version}', '9 x');
  await bed.admin.hset('flow:{l:a hash}', 'a', 'b');
  await bed.admin.set('flow:{l:', 'x');
  await flows.create('deleted');
  await flows.delete('deleted');
  const found = await all(flows.list());
  expect(idsOf(found)).toEqual([...ids].sort());
  expect(found.find(({ id }) => id === 'id-7')).toEqual(await flows.get('id-7'));
});

it('gives only those that stand as asked, and sees a deadline that has passed', async () => {
  const flows = bed.broker().define<string>('s');
  for (const id of ['pending', 'done', 'failed', 'canceled', 'late'])
    await flows.create(id, { timeoutMs: id === 'late' ? 1 : 60_000 });
  await flows.complete('done', 'x');
  await flows.fail('failed', 'x');
  await flows.cancel('canceled');
  await flows.wait('late').catch(() => undefined);
  const STATUSES = {
    PENDING: 'pending',
    COMPLETED: 'done',
    FAILED: 'failed',
    CANCELED: 'canceled',
    TIMED_OUT: 'late',
  } as const;
  for (const [status, id] of Object.entries(STATUSES))
    expect(idsOf(await all(flows.list({ status: status as keyof typeof STATUSES })))).toEqual([id]);
});

it('lists ids with braces, colons, patterns and any Unicode', async () => {
  const flows = bed.broker().define('odd');
  const ids = ['}', '{x}', ':timer', '*', '[a-z]?', '\\', 'ключ 🔑', 'a:b'];
  for (const id of ids) await flows.create(id);
  expect(idsOf(await all(flows.list()))).toEqual([...ids].sort());
});

it('can be left at any time', async () => {
  const flows = bed.broker().define('left');
  for (const id of ['a', 'b', 'c']) await flows.create(id);
  let seen = 0;
  for await (const record of flows.list()) {
    expect(record.status).toBe('PENDING');
    if (++seen === 2) break;
  }
  expect(seen).toBe(2);
});

it('is empty where nothing stands', async () => {
  expect(await all(bed.broker().define('nothing').list())).toEqual([]);
});
