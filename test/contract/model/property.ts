import fc from 'fast-check';
import { beginning, commands } from './commands.js';
import { Run } from './run.js';
import { type ModelServer } from './server.js';

export interface Bounds {
  readonly numRuns: number;
  readonly seed: number;
  /** Stop at the first failure, without looking for a shorter one. */
  readonly endOnFailure?: boolean;
}

/** Rejects if a random history of calls goes otherwise on Redis than in the model. */
export async function checkModel(server: ModelServer, bounds: Bounds): Promise<void> {
  const property = fc.asyncProperty(beginning, commands, async (begin, steps) => {
    const flow = await server.flow();
    try {
      const run = new Run(flow);
      await run.call(begin(run));
      await fc.asyncModelRun(() => ({ model: {}, real: run }), steps);
    } finally {
      await server.forget(flow);
    }
  });
  await fc.assert(property, bounds);
}
