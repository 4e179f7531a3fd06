import type {
  Broker,
  CreateResult,
  DeleteResult,
  Flows,
  FlowRecord,
  FlowErrorCode,
  FlowStatus,
  OpenResult,
  RunContext,
  RunResult,
  SettleResult,
  TerminalStatus,
} from '../../../src/index.js';

/* eslint-disable @typescript-eslint/no-unused-vars -- the values are only there for their types */

// What is checked here is checked by the compiler (`npm run types`): a wrong inference does not compile, and neither does
// an `@ts-expect-error` that expects nothing. Nothing of it runs.

interface Tokens {
  readonly access: string;
}
interface Meta {
  readonly verifier: string;
}

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function same<A, B>(_same: Same<A, B>): void {}
function unreachable(verdict: never): never {
  throw new Error(String(verdict));
}

async function inference(broker: Broker): Promise<void> {
  const logins = broker.define<Tokens, Meta>('mcp_oauth', {
    freshUntil: (tokens) => {
      same<typeof tokens, Tokens>(true);
      return tokens.access.length;
    },
  });
  same<typeof logins, Flows<Tokens, Meta>>(true);
  const waited = await logins.wait('a');
  const ran = await logins.run('a', () => ({ access: 'x' }));
  const fenced = await logins.runFenced('a', async ({ signal, fence, attempt, coordinated }) => {
    same<
      [typeof signal, typeof fence, typeof attempt, typeof coordinated],
      [AbortSignal, number, number, boolean]
    >(true);
    return { access: 'x' };
  });
  const opened = await logins.open('a', { metadata: { verifier: 'v' } });
  const outcome = await opened.outcome;
  const created = await logins.create('a');
  const got = await logins.get('a');
  const settled = await logins.complete('a', { access: 'x' });
  const deleted = await logins.delete('a');
  same<[typeof waited, typeof ran, typeof outcome], [Tokens, Tokens, Tokens]>(true);
  same<typeof fenced, RunResult<Tokens>>(true);
  same<typeof opened, OpenResult<Tokens, Meta>>(true);
  same<typeof created, CreateResult<Tokens, Meta>>(true);
  same<typeof got, FlowRecord<Tokens, Meta> | undefined>(true);
  same<typeof settled, SettleResult<Tokens, Meta>>(true);
  same<typeof deleted, DeleteResult<Tokens, Meta>>(true);
  same<typeof created.record.metadata, Meta>(true);
  same<typeof created.record.result, Tokens | undefined>(true);
  for await (const record of logins.list({ status: 'PENDING' }))
    same<typeof record, FlowRecord<Tokens, Meta>>(true);

  const untyped = broker.define('any');
  const unknown = await untyped.wait('a');
  same<typeof unknown, unknown>(true);
}

async function refused(broker: Broker): Promise<void> {
  const logins = broker.define<Tokens, Meta>('mcp_oauth');
  // @ts-expect-error a result of another type
  await logins.complete('a', { access: 5 });
  // @ts-expect-error a result is needed
  await logins.complete('a');
  // @ts-expect-error a handler with another result
  await logins.run('a', () => 5);
  // @ts-expect-error metadata of another type
  await logins.create('a', { metadata: { verifier: 5 } });
  // @ts-expect-error an option that nothing reads
  await logins.open('a', { timeout: 5 });
  // @ts-expect-error PENDING is no way to have ended
  await logins.create('a', { reuse: ['PENDING'] });
  // @ts-expect-error an id is a string
  await logins.wait(5);
  // @ts-expect-error no such status
  logins.list({ status: 'DONE' });
  // @ts-expect-error a retention of no way to end
  broker.define('a', { retentionMs: { done: 5 } });
  // @ts-expect-error records are not to be changed
  (await logins.create('a')).record.status = 'COMPLETED';
}

function exhaustive(
  created: CreateResult<Tokens, Meta>,
  settled: SettleResult<Tokens, Meta>,
  deleted: DeleteResult<Tokens, Meta>,
  status: FlowStatus,
): string {
  switch (created.verdict) {
    case 'created':
    case 'joined':
    case 'settled':
      break;
    default:
      unreachable(created.verdict);
  }
  switch (settled.verdict) {
    case 'applied':
    case 'duplicate':
    case 'late':
    case 'already_settled':
    case 'superseded':
      same<typeof settled.record, FlowRecord<Tokens, Meta>>(true);
      break;
    case 'not_found':
      same<typeof settled.record, undefined>(true);
      break;
    default:
      unreachable(settled);
  }
  switch (deleted.verdict) {
    case 'deleted':
      same<typeof deleted.record, FlowRecord<Tokens, Meta> | undefined>(true);
      break;
    case 'mismatch':
      same<typeof deleted.record, FlowRecord<Tokens, Meta>>(true);
      break;
    case 'not_found':
      break;
    default:
      unreachable(deleted);
  }
  switch (status) {
    case 'PENDING':
    case 'COMPLETED':
    case 'FAILED':
    case 'CANCELED':
    case 'TIMED_OUT':
      return status;
    default:
      return unreachable(status);
  }
}

same<Exclude<FlowStatus, 'PENDING'>, TerminalStatus>(true);
same<Extract<FlowErrorCode, `ERR_FLOW_${string}`>, FlowErrorCode>(true);
same<keyof RunContext, 'signal' | 'fence' | 'attempt' | 'coordinated'>(true);

it('compiles: what define is told is inferred by all that it makes, and every verdict can be told apart', () => {
  expect([inference, refused, exhaustive]).toHaveLength(3);
});
