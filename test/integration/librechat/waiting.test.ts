import { FlowStateNotFoundError } from '../../../src/adapters/librechat.js';
import { setup } from '../../helpers/setup.js';
import { pair, rejection, RETAINED, TYPE } from './bed.js';

const bed = setup();

describe('createFlow', () => {
  it('creates the flow where none stands, and resolves with what another process completes it with', async () => {
    const { here, there, id, waiting } = pair(bed);
    const outcome = here.createFlow(id, TYPE, { state: 's' });
    await waiting(1);
    expect(await there.getFlowState(id, TYPE)).toMatchObject({ status: 'PENDING', metadata: { state: 's' } });
    expect(await there.completeFlow(id, TYPE, { access_token: 'a' })).toBe(true);
    expect(await outcome).toEqual({ access_token: 'a' });
  });

  it('joins what initFlow stored, and leaves its metadata', async () => {
    const { here, there, id, waiting } = pair(bed);
    await here.initFlow(id, TYPE, { state: 'first' });
    const outcome = there.createFlow(id, TYPE, { state: 'second' });
    await waiting(1);
    expect(await here.getFlowState(id, TYPE)).toMatchObject({ metadata: { state: 'first' } });
    await here.completeFlow(id, TYPE, 'done');
    expect(await outcome).toBe('done');
  });

  it('resolves at once with a result that stands', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, 'done');
    expect(await there.createFlow(id, TYPE)).toBe('done');
  });

  it('resolves with undefined, which is a result like any other', async () => {
    const { here, there, id, waiting } = pair(bed);
    const outcome = here.createFlow(id, TYPE);
    await waiting(1);
    await there.completeFlow(id, TYPE, undefined);
    expect(await outcome).toBeUndefined();
    expect(await there.createFlow(id, TYPE)).toBeUndefined();
  });

  it('rejects all who wait with the stored message and name', async () => {
    const { here, there, id, waiting } = pair(bed);
    const all = [here, here, there].map((manager) => rejection(manager.createFlow(id, TYPE)));
    await waiting(3);
    await there.failFlow(id, TYPE, new RangeError('the user said no'));
    for (const error of await Promise.all(all))
      expect(error).toMatchObject({ name: 'RangeError', message: 'the user said no' });
  });

  it('rejects with "<type> flow failed" where no message was stored', async () => {
    const { here, there, id, waiting } = pair(bed);
    const outcome = here.createFlow(id, TYPE);
    await waiting(1);
    await there.failFlow(id, TYPE, '');
    await expect(outcome).rejects.toThrow(/^mcp_get_tokens flow failed$/);
  });

  it('rejects with "<type> flow timed out" after monitorTimeout, and the flow is gone', async () => {
    const { here, there, id } = pair(bed, { monitorTimeout: 150, ttl: 60_000 });
    const all = [here, there].map((manager) => rejection(manager.createFlow(id, TYPE)));
    for (const { message } of await Promise.all(all)) expect(message).toBe('mcp_get_tokens flow timed out');
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
    expect(await here.completeFlow(id, TYPE, 'late')).toBe(false);
    expect(await here.failFlow(id, TYPE, 'late')).toBe(false);
    await expect(here.createFlow(id, TYPE, {}, undefined, false)).rejects.toThrow(
      /^mcp_get_tokens flow not found$/,
    );
  });

  it('leaves a flow of a retained type FAILED after monitorTimeout, for all who ask', async () => {
    const { here, there, id } = pair(bed, { monitorTimeout: 100, ttl: 60_000 });
    await expect(here.createFlow(id, RETAINED)).rejects.toThrow(/^mcp_oauth flow timed out$/);
    const state = await there.getFlowState(id, RETAINED);
    expect(state).toMatchObject({ status: 'FAILED', error: 'mcp_oauth flow timed out', errorName: 'Error' });
    expect(state!.failedAt).toBe(state!.expiresAt);
    await expect(there.createFlow(id, RETAINED)).rejects.toThrow(/^mcp_oauth flow timed out$/);
    await expect(there.createFlowWithHandler(id, RETAINED, async () => 1)).rejects.toThrow(/timed out$/);
  });

  it('rejects with "<type> flow not found" where none stands and none is to be created', async () => {
    const { here, id } = pair(bed);
    await expect(here.createFlow(id, TYPE, {}, undefined, false)).rejects.toThrow(
      /^mcp_get_tokens flow not found$/,
    );
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
  });

  it('joins without creating where one stands', async () => {
    const { here, there, id, waiting } = pair(bed);
    await here.initFlow(id, TYPE);
    const outcome = there.createFlow(id, TYPE, {}, undefined, false);
    await waiting(1);
    await here.completeFlow(id, TYPE, 'done');
    expect(await outcome).toBe('done');
    expect(await there.createFlow(id, TYPE, {}, undefined, false)).toBe('done');
  });

  it('takes an expired result for none: begins anew, or rejects where none is to be created', async () => {
    const { here, there, id, waiting } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, { expires_at: 1 });
    await expect(there.createFlow(id, TYPE, {}, undefined, false)).rejects.toThrow(/flow not found$/);
    const outcome = there.createFlow(id, TYPE);
    await waiting(1);
    await here.completeFlow(id, TYPE, 'fresh');
    expect(await outcome).toBe('fresh');
  });

  it('rejects with FlowStateNotFoundError at once when the flow vanishes', async () => {
    const { here, there, id, waiting } = pair(bed);
    const outcome = here.createFlow(id, TYPE);
    await waiting(1);
    expect(await there.deleteFlow(id, TYPE)).toBe(true);
    const error = await rejection(outcome);
    expect(error).toBeInstanceOf(FlowStateNotFoundError);
    expect(error).toMatchObject({
      name: 'FlowStateNotFoundError',
      message: 'mcp_get_tokens Flow state not found',
    });
  });

  it('follows the flow that initFlow puts in the place of the one waited for', async () => {
    const { here, there, id, waiting } = pair(bed);
    const outcome = here.createFlow(id, TYPE, { state: 'old' });
    await waiting(1);
    await there.initFlow(id, TYPE, { state: 'new' });
    await there.initFlow(id, TYPE, { state: 'newer' });
    await there.completeFlow(id, TYPE, 'of the newer');
    expect(await outcome).toBe('of the newer');
  });

  it('takes its flow down when its creator aborts, and tells who joined it', async () => {
    const { here, there, id, waiting } = pair(bed);
    const leave = new AbortController();
    const creator = here.createFlow(id, TYPE, {}, leave.signal);
    await waiting(1);
    const joiner = rejection(there.createFlow(id, TYPE));
    await waiting(2);
    leave.abort();
    await expect(creator).rejects.toThrow(/^mcp_get_tokens flow aborted$/);
    expect(await there.getFlowState(id, TYPE)).toBeUndefined();
    expect(await joiner).toBeInstanceOf(FlowStateNotFoundError);
  });

  it('leaves the flow alone that took the place of its own, when its creator aborts', async () => {
    const { here, there, id, waiting } = pair(bed);
    const leave = new AbortController();
    const creator = here.createFlow(id, TYPE, {}, leave.signal);
    await waiting(1);
    await there.initFlow(id, TYPE, { state: 'new' });
    await waiting(1);
    leave.abort();
    await expect(creator).rejects.toThrow(/^mcp_get_tokens flow aborted$/);
    expect(await there.getFlowState(id, TYPE)).toMatchObject({
      status: 'PENDING',
      metadata: { state: 'new' },
    });
  });

  it('takes it down too when its creator aborts before it was answered', async () => {
    const { here, there, id } = pair(bed);
    const leave = new AbortController();
    const creator = here.createFlow(id, TYPE, {}, leave.signal);
    leave.abort();
    await expect(creator).rejects.toThrow(/^mcp_get_tokens flow aborted$/);
    expect(await there.getFlowState(id, TYPE)).toBeUndefined();
  });

  it.each([
    ['an abort', (leave: AbortController) => (leave.abort(), leave.signal)],
    ['a local timeout', () => AbortSignal.timeout(20)],
  ])('lets %s of a joiner be seen by that joiner alone', async (_what, begin) => {
    const { here, there, id, waiting } = pair(bed);
    const creator = here.createFlow(id, TYPE);
    await waiting(1);
    const stays = there.createFlow(id, TYPE);
    await waiting(2);
    const leaves = there.createFlow(id, TYPE, {}, begin(new AbortController()));
    await expect(leaves).rejects.toThrow(/^mcp_get_tokens flow aborted$/);
    expect(await there.getFlowState(id, TYPE)).toMatchObject({ status: 'PENDING' });
    await there.completeFlow(id, TYPE, 'done');
    expect(await Promise.all([creator, stays])).toEqual(['done', 'done']);
  });

  it('touches nothing when its signal was aborted before', async () => {
    const { here, id } = pair(bed);
    await expect(here.createFlow(id, TYPE, {}, AbortSignal.abort())).rejects.toThrow(/flow aborted$/);
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
  });
});

describe('a failure', () => {
  it('of a type that is not retained is gone once seen', async () => {
    const { here, there, id, waiting } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.failFlow(id, TYPE, 'no');
    expect(await there.getFlowState(id, TYPE)).toMatchObject({ status: 'FAILED', error: 'no' });
    await expect(there.createFlow(id, TYPE)).rejects.toThrow('no');
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
    expect(await here.isFlowStale(id, TYPE)).toEqual({ isStale: false, age: 0 });
    expect(await here.failFlow(id, TYPE, 'again')).toBe(false);
    expect(await here.completeFlow(id, TYPE, 'late')).toBe(false);
    await expect(here.createFlow(id, TYPE, {}, undefined, false)).rejects.toThrow(/flow not found$/);
    const anew = there.createFlow(id, TYPE);
    await waiting(1);
    await here.completeFlow(id, TYPE, 'done');
    expect(await anew).toBe('done');
  });

  it('of a retained type stays readable', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, RETAINED);
    await here.failFlow(id, RETAINED, new TypeError('denied'));
    for (const manager of [here, there, here]) {
      await expect(manager.createFlow(id, RETAINED)).rejects.toThrow('denied');
      expect(await manager.getFlowState(id, RETAINED)).toMatchObject({
        status: 'FAILED',
        error: 'denied',
        errorName: 'TypeError',
      });
    }
    expect(await bed.admin.pttl(`flow:{${RETAINED}:${id}}`)).toBeGreaterThan(120_000); // of its ttl of 180 s
  });
});
