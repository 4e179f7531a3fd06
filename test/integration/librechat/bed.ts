import { FlowStateManager, type FlowManagerOptions } from '../../../src/adapters/librechat.js';
import type { Broker } from '../../../src/index.js';
import type { Setup } from '../../helpers/setup.js';
import { until } from '../../helpers/until.js';

/** What every test of the adapter calls its flows. */
export const TYPE = 'mcp_get_tokens';
/** A type whose failures are retained by the managers of these tests. */
export const RETAINED = 'mcp_oauth';

export interface Managed<T> {
  readonly manager: FlowStateManager<T>;
  readonly broker: Broker;
}

/** A manager on a broker of its own, as in a process of its own. */
export function managed<T = unknown>(bed: Setup, options: FlowManagerOptions = {}): Managed<T> {
  const broker = bed.broker();
  const manager = new FlowStateManager<T>(broker, { retainedFailureTypes: [RETAINED], ci: true, ...options });
  return { manager, broker };
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error as Error,
  );
}

/** Two managers, as in two processes, and a flow that nobody has touched. */
export function pair<T = unknown>(bed: Setup, options: FlowManagerOptions = {}) {
  const [a, b] = [managed<T>(bed, options), managed<T>(bed, options)];
  const id = bed.id();
  return {
    here: a.manager,
    there: b.manager,
    id,
    /** Resolves when so many calls wait, each of them answered by Redis. */
    async waiting(count: number, type = TYPE): Promise<void> {
      const waiters = (): number => a.broker.stats().waiters + b.broker.stats().waiters;
      const channels = (): number => [a, b].filter(({ broker }) => broker.stats().waiters > 0).length;
      await until(`${String(count)} calls wait`, async () => {
        if (waiters() !== count) return false;
        const [, heard] = (await bed.admin.pubsub('NUMSUB', `flow:{${type}:${id}}`)) as [string, number];
        return heard === channels();
      });
      // What was sent before these is answered before them.
      for (const { manager } of [a, b, a, b]) await manager.getFlowState(id, type);
    },
  };
}
