import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';

const bed = setup();

interface Meta {
  readonly verifier: string;
}

function flows(options = {}) {
  return bed.broker().define<{ token: string }, Meta>('login', options);
}

describe('create', () => {
  it('creates, then joins what is pending, and shows the record each time', async () => {
    const logins = flows({ timeoutMs: 60_000 });
    const id = bed.id();
    const created = await logins.create(id, { metadata: { verifier: 'v' } });
    expect(created).toEqual({
      verdict: 'created',
      record: {
        type: 'login',
        id,
        status: 'PENDING',
        fence: expect.any(Number) as number,
        origin: created.record.fence,
        attempt: 0,
        createdAt: expect.any(Number) as number,
        deadlineAt: created.record.createdAt + 60_000,
        metadata: { verifier: 'v' },
      },
    });
    const joined = await logins.create(id, { metadata: { verifier: 'another' } });
    expect(joined).toEqual({ verdict: 'joined', record: created.record });
    expect(await logins.get(id)).toEqual(created.record);
  });

  it('hands back what was completed, and replaces what failed, unless told otherwise', async () => {
    const logins = flows();
    const [done, failed] = [bed.id(), bed.id()];
    await logins.create(done);
    await logins.complete(done, { token: 'x' });
    expect(await logins.create(done)).toMatchObject({
      verdict: 'settled',
      record: { result: { token: 'x' } },
    });
    expect(await logins.create(done, { reuse: [] })).toMatchObject({
      verdict: 'created',
      record: { status: 'PENDING' },
    });
    await logins.create(failed);
    await logins.fail(failed, new Error('no'));
    const again = await logins.create(failed, { reuse: ['FAILED'] });
    expect(again).toMatchObject({ verdict: 'settled', record: { error: { name: 'Error', message: 'no' } } });
    expect((await logins.create(failed)).verdict).toBe('created');
  });

  it('hands back a result only while it is fresh, and never the one with the rejected fence', async () => {
    const soon = Date.now() + 60_000;
    const logins = flows({ freshUntil: () => soon });
    const id = bed.id();
    await logins.create(id);
    await logins.complete(id, { token: 'x' });
    const { record } = await logins.create(id, { minFreshMs: 1_000 });
    expect(record).toMatchObject({ status: 'COMPLETED', freshUntil: soon });
    expect((await logins.create(id, { rejectFence: record.fence + 1 })).verdict).toBe('settled');
    const anew = await logins.create(id, { rejectFence: record.fence });
    expect(anew.verdict).toBe('created');
    expect(anew.record.fence).toBeGreaterThan(record.fence);
    await logins.complete(id, { token: 'y' });
    expect((await logins.create(id, { minFreshMs: 120_000 })).verdict).toBe('created');
  });

  it('supersedes what is pending, with a higher fence', async () => {
    const logins = flows();
    const id = bed.id();
    const { record } = await logins.create(id);
    const { verdict, record: next } = await logins.create(id, { conflict: 'supersede' });
    expect(verdict).toBe('created');
    expect(next.fence).toBeGreaterThan(record.fence);
    expect(next.origin).toBe(next.fence);
  });
});

describe('settling', () => {
  it('completes once; everybody else learns how it ended', async () => {
    const logins = flows();
    const id = bed.id();
    const { record } = await logins.create(id);
    const applied = await logins.complete(id, { token: 'x' }, { fence: record.fence });
    expect(applied).toMatchObject({
      verdict: 'applied',
      record: { status: 'COMPLETED', result: { token: 'x' } },
    });
    expect(applied.record?.settledAt).toBeGreaterThanOrEqual(record.createdAt);
    const expected = { verdict: 'already_settled', record: { status: 'COMPLETED', result: { token: 'x' } } };
    expect(await logins.complete(id, { token: 'y' })).toMatchObject(expected);
    expect(await logins.fail(id, 'no')).toMatchObject(expected);
    expect(await logins.cancel(id)).toMatchObject(expected);
    expect(await logins.get(id)).toEqual({ ...applied.record });
  });

  it('fails and cancels with what the error carries, and never its stack', async () => {
    const logins = flows();
    const [failed, canceled, bare] = [bed.id(), bed.id(), bed.id()];
    for (const id of [failed, canceled, bare]) await logins.create(id);
    const error = Object.assign(new TypeError('bad'), { code: 'E_BAD', data: { at: 1 } });
    expect((await logins.fail(failed, error)).verdict).toBe('applied');
    expect((await logins.cancel(canceled, 'user left')).verdict).toBe('applied');
    await logins.cancel(bare);
    expect((await logins.get(failed))?.error).toEqual({
      name: 'TypeError',
      message: 'bad',
      code: 'E_BAD',
      data: { at: 1 },
    });
    expect((await logins.get(canceled))?.error).toEqual({ name: 'Error', message: 'user left' });
    expect((await logins.get(bare))?.error?.message).toBe('canceled');
  });

  it('says not_found where nothing stands, late past the deadline, superseded for a stale fence', async () => {
    const logins = flows();
    const id = bed.id();
    expect(await logins.complete(id, { token: 'x' })).toEqual({ verdict: 'not_found', record: undefined });
    const { record } = await logins.create(id);
    const stale = await logins.complete(id, { token: 'x' }, { fence: record.fence + 1 });
    expect(stale).toMatchObject({
      verdict: 'superseded',
      record: { status: 'PENDING', fence: record.fence },
    });
    const late = bed.id();
    await logins.create(late, { timeoutMs: 1 });
    await expect(logins.wait(late)).rejects.toThrow();
    expect(await logins.complete(late, { token: 'x' })).toMatchObject({
      verdict: 'late',
      record: { status: 'TIMED_OUT', settledBy: 'timeout' },
    });
  });

  it('replaces a settled result by its fence, once, with a new fence', async () => {
    const logins = flows();
    const id = bed.id();
    await logins.create(id);
    const { record } = await logins.complete(id, { token: 'x' });
    const fence = record!.fence;
    const replaced = await logins.complete(id, { token: 'y' }, { fence, replace: true });
    expect(replaced).toMatchObject({ verdict: 'applied', record: { result: { token: 'y' } } });
    expect(replaced.record?.fence).toBeGreaterThan(fence);
    expect((await logins.complete(id, { token: 'z' }, { fence, replace: true })).verdict).toBe('superseded');
    expect(await logins.wait(id)).toEqual({ token: 'y' });
  });

  it('keeps the record as long as it is told', async () => {
    const logins = flows({ retentionMs: { completed: 111_000, failed: 222_000 } });
    const [done, failed, own] = [bed.id(), bed.id(), bed.id()];
    for (const id of [done, failed, own]) await logins.create(id);
    await logins.complete(done, { token: 'x' });
    await logins.fail(failed, 'no');
    await logins.complete(own, { token: 'x' }, { retentionMs: 333_000 });
    const ttl = async (id: string) => Math.ceil((await bed.admin.pttl(`flow:{login:${id}}`)) / 1_000) * 1_000;
    const ttls = [await ttl(done), await ttl(failed), await ttl(own)];
    for (const [at, most] of [111_000, 222_000, 333_000].entries()) {
      expect(ttls[at]).toBeLessThanOrEqual(most);
      expect(ttls[at]).toBeGreaterThan(most - 20_000);
    }
  });
});

describe('delete', () => {
  it('deletes only what it is told, and says what stood there', async () => {
    const logins = flows();
    const id = bed.id();
    expect(await logins.delete(id)).toEqual({ verdict: 'not_found', record: undefined });
    const { record } = await logins.create(id);
    expect(await logins.delete(id, { fence: record.fence + 1 })).toEqual({ verdict: 'mismatch', record });
    expect((await logins.delete(id, { statuses: ['COMPLETED', 'FAILED'] })).verdict).toBe('mismatch');
    expect((await logins.delete(id, { statuses: [] })).verdict).toBe('mismatch');
    const deleted = await logins.delete(id, { fence: record.fence, statuses: ['PENDING'] });
    expect(deleted).toEqual({ verdict: 'deleted', record });
    expect(await logins.get(id)).toBeUndefined();
    await failureOf(logins.wait(id), 'ERR_FLOW_NOT_FOUND');
  });
});

it('keeps two definitions of one type on the same flows, each with its own options', async () => {
  const broker = bed.broker();
  const one = broker.define<number>('shared', { maxPayloadBytes: 1_000 });
  const other = broker.define<number>('shared', { reuse: [] });
  const id = bed.id();
  const { outcome } = await one.open(id);
  expect((await other.create(id)).verdict).toBe('joined');
  await other.complete(id, 5);
  expect(await outcome).toBe(5);
  expect((await one.create(id)).verdict).toBe('settled');
  expect((await other.create(id)).verdict).toBe('created');
});

it('keeps types, prefixes and databases apart', async () => {
  const here = bed.broker();
  const there = bed.broker({ prefix: 'other' });
  const elsewhere = bed.broker({ redis: `${bed.url}/3` });
  const id = bed.id();
  await here.define('a').create(id);
  for (const flow of [here.define('b'), there.define('a'), elsewhere.define('a')])
    expect(await flow.get(id)).toBeUndefined();
  const { outcome } = await elsewhere.define('a').open(id);
  await here.define('a').complete(id, 1);
  await elsewhere.define('a').complete(id, 2);
  expect(await outcome).toBe(2);
});
