import { FlowStateNotFoundError } from '../../../src/adapters/librechat.js';
import { setup } from '../../helpers/setup.js';
import { latch } from '../../helpers/until.js';
import { pair, rejection, RETAINED, TYPE } from './bed.js';

const bed = setup();

/** A handler that says when it began, and ends when it is told how. */
function held<T>() {
  const began = latch();
  const end = latch<() => T>();
  let runs = 0;
  const handler = async (): Promise<T> => {
    runs++;
    began.open();
    return (await end.opened)();
  };
  return { began: began.opened, end, handler, runs: () => runs };
}

const never = async (): Promise<never> => {
  throw new Error('this handler must not run');
};

describe('createFlowWithHandler', () => {
  it('runs one handler for all callers, here and elsewhere', async () => {
    const { here, there, id, waiting } = pair(bed);
    const work = held<string>();
    const first = here.createFlowWithHandler(id, TYPE, work.handler);
    await work.began;
    const others = Array.from({ length: 20 }, (_none, at) =>
      (at % 2 ? here : there).createFlowWithHandler(id, TYPE, never),
    );
    await waiting(1);
    work.end.open(() => 'tokens');
    expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set(['tokens']));
    expect(work.runs()).toBe(1);
    expect(await there.getFlowState(id, TYPE)).toMatchObject({
      status: 'COMPLETED',
      result: 'tokens',
      metadata: {},
    });
  });

  it('joins a pending flow that somebody else is to complete', async () => {
    const { here, there, id, waiting } = pair(bed);
    await here.initFlow(id, TYPE);
    const joining = there.createFlowWithHandler(id, TYPE, never);
    await waiting(1);
    await here.completeFlow(id, TYPE, 'done');
    expect(await joining).toBe('done');
  });

  const soon = Date.now() + 600_000;
  it.each([
    ['has no expires_at', () => ({ token: 1 })],
    ['expires later, in ms', () => ({ expires_at: soon })],
    ['expires later, in seconds', () => ({ expires_at: Math.floor(soon / 1000) })],
    ['has an expires_at that is NaN', () => ({ expires_at: NaN })],
    ['has an expires_at that is no number', () => ({ expires_at: '1' })],
    ['is no object', () => 'token'],
    ['is null', () => null],
    ['is undefined', () => undefined],
  ])('serves a result at once that %s', async (_what, result) => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, result());
    const served = await there.createFlowWithHandler(id, TYPE, never);
    const told = JSON.stringify(result()) as string | undefined;
    expect(served).toEqual(told === undefined ? undefined : JSON.parse(told));
  });

  it.each([
    ['ms', () => Date.now() - 1000],
    ['seconds', () => Math.floor(Date.now() / 1000) - 5],
    ['a negative number', () => -5],
  ])('replaces a result whose expires_at has passed, in %s', async (_what, expires_at) => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, { expires_at: expires_at() });
    expect(await there.createFlowWithHandler(id, TYPE, async () => ({ fresh: true }))).toEqual({
      fresh: true,
    });
    expect(await there.createFlow(id, TYPE)).toEqual({ fresh: true });
  });

  it('rejects its own caller with what the handler threw, and the others with name and message', async () => {
    const { here, there, id, waiting } = pair(bed);
    const work = held<never>();
    const first = rejection(here.createFlowWithHandler(id, TYPE, work.handler));
    await work.began;
    const other = rejection(there.createFlowWithHandler(id, TYPE, never));
    await waiting(1);
    const thrown = new RangeError('invalid_grant');
    work.end.open(() => {
      throw thrown;
    });
    expect(await first).toBe(thrown);
    expect(await other).toMatchObject({ name: 'RangeError', message: 'invalid_grant' });
  });

  it('replaces a failure of a type that is not retained, at once', async () => {
    const { here, there, id } = pair(bed);
    await expect(
      here.createFlowWithHandler(id, TYPE, async () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(await there.getFlowState(id, TYPE)).toMatchObject({ status: 'FAILED', error: 'no' });
    expect(await there.createFlowWithHandler(id, TYPE, async () => 'yes')).toBe('yes');
  });

  it('rejects with a failure of a retained type, and runs nothing', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, RETAINED);
    await here.failFlow(id, RETAINED, 'denied');
    await expect(there.createFlowWithHandler(id, RETAINED, never)).rejects.toThrow(/^denied$/);
  });

  it.each([
    ['returned', () => 'of the handler'],
    [
      'threw',
      () => {
        throw new Error('of the handler');
      },
    ],
  ])('gives a result that was stored while the handler ran, which then %s', async (_what, end) => {
    const { here, there, id } = pair(bed);
    const work = held<string>();
    const first = here.createFlowWithHandler(id, TYPE, work.handler);
    await work.began;
    expect(await there.completeFlow(id, TYPE, 'of the callback')).toBe(true);
    work.end.open(end);
    expect(await first).toBe('of the callback');
    expect(await there.getFlowState(id, TYPE)).toMatchObject({
      status: 'COMPLETED',
      result: 'of the callback',
    });
  });

  it.each([
    ['an abort', (leave: AbortController) => leave.signal],
    ['a local timeout', () => AbortSignal.timeout(20)],
  ])('lets %s of any caller be seen by that caller alone, and the handler go on', async (_what, begin) => {
    const { here, there, id, waiting } = pair(bed);
    const work = held<string>();
    const leave = new AbortController();
    const leaving = here.createFlowWithHandler(id, TYPE, work.handler, begin(leave));
    await work.began;
    const other = there.createFlowWithHandler(id, TYPE, never);
    await waiting(1);
    leave.abort();
    await expect(leaving).rejects.toThrow(/^mcp_get_tokens flow aborted$/);
    work.end.open(() => 'tokens');
    expect(await other).toBe('tokens');
    expect(work.runs()).toBe(1);
  });

  it('gives the caller whose handler ran what it came to when the flow was deleted, and tells the others', async () => {
    const { here, there, id, waiting } = pair(bed);
    const work = held<string>();
    const first = here.createFlowWithHandler(id, TYPE, work.handler);
    await work.began;
    const other = rejection(there.createFlowWithHandler(id, TYPE, never));
    await waiting(1);
    await there.deleteFlow(id, TYPE);
    expect(await other).toBeInstanceOf(FlowStateNotFoundError);
    work.end.open(() => 'tokens');
    expect(await first).toBe('tokens');
    expect(await there.getFlowState(id, TYPE)).toBeUndefined();
  });

  it('waits for the flow that initFlow put in the place of its own', async () => {
    const { here, there, id, waiting } = pair(bed);
    const work = held<string>();
    const first = here.createFlowWithHandler(id, TYPE, work.handler);
    await work.began;
    await there.initFlow(id, TYPE, { state: 'new' });
    work.end.open(() => 'of the old');
    await waiting(1);
    await there.completeFlow(id, TYPE, 'of the new');
    expect(await first).toBe('of the new');
  });

  it('runs nothing for a signal that was aborted before', async () => {
    const { here, id } = pair(bed);
    await expect(here.createFlowWithHandler(id, TYPE, never, AbortSignal.abort())).rejects.toThrow(
      /flow aborted$/,
    );
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
  });
});
