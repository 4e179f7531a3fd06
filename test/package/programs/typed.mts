import { createBroker } from 'flowbroker';
import { FlowStateManager, FlowStateNotFoundError, type FlowState } from 'flowbroker/librechat';

interface Tokens {
  readonly access_token: string;
  readonly expires_at: number;
}

interface Login {
  readonly user: string;
}

type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
const same = <A, B>(_equal: Equal<A, B>): void => undefined;

async function main(): Promise<void> {
  const broker = createBroker({ redis: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:1' });
  const logins = broker.define<Tokens, Login>('logins', {
    timeoutMs: 1_000,
    freshUntil: (tokens) => tokens.expires_at,
  });

  // What follows is compiled, never called: a broker without Redis has nothing to say.
  const typesOnly = async (): Promise<void> => {
    const waited = await logins.wait('id');
    same<typeof waited, Tokens>(true);
    const ran = await logins.run('id', ({ signal, attempt }) => {
      same<typeof signal, AbortSignal>(true);
      same<typeof attempt, number>(true);
      return Promise.resolve({ access_token: 'a', expires_at: 1 });
    });
    same<typeof ran, Tokens>(true);
    const opened = await logins.open('id', { metadata: { user: 'ada' } });
    same<Awaited<typeof opened.outcome>, Tokens>(true);
    const record = await logins.get('id');
    const user: string | undefined = record?.metadata.user;
    const token: string | undefined = record?.result?.access_token;
    // @ts-expect-error metadata is a Login
    await logins.create('id', { metadata: { user: 1 } });
    // @ts-expect-error a result is Tokens
    await logins.complete('id', { access_token: 1 });
    const manager = new FlowStateManager<Tokens>(broker, { retainedFailureTypes: ['logins'], ci: true });
    const joined = await manager.createFlowWithHandler('id', 'logins', async () => ran);
    same<typeof joined, Tokens>(true);
    const state = await manager.getFlowState('id', 'logins');
    same<typeof state, FlowState<Tokens> | null | undefined>(true);
    const hold = await broker.lease('grant').acquire({ advanceGeneration: true });
    const fence: number | undefined = hold?.fence;
    console.log(user, token, fence, FlowStateNotFoundError.name);
  };
  if (typeof typesOnly !== 'function') throw new Error('unreachable');

  await broker.close();
  console.log('typed ok');
}

void main();
