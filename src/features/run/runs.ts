import { FlowClosedError, type FlowName } from '../../errors.js';
import { ChurnMap } from '../../redis/churn-map.js';
import type { Core } from '../../waiters/core.js';
import type { CallerLimits, RunResult } from './caller.js';
import { LocalRun } from './local-run.js';
import type { RunHandler, RunPlan } from './plan.js';

/** All runs of one broker: one a flow at a time, shared by its callers. */
export class Runs {
  readonly #core: Core;
  readonly #local = new ChurnMap<LocalRun<unknown>>();
  #closed = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Handlers under way. */
  get handlers(): number {
    let count = 0;
    for (const run of this.#local.values()) if (run.handling) count++;
    return count;
  }

  async run<T>(
    flow: FlowName,
    plan: RunPlan,
    handler: RunHandler<T>,
    limits: CallerLimits,
  ): Promise<RunResult<T>> {
    const key = `${flow.type}:${flow.id}`;
    for (;;) {
      limits.signal?.throwIfAborted();
      if (this.#closed) throw new FlowClosedError('the broker is closed', { flow });
      const standing = this.#local.get(key) as LocalRun<T> | undefined;
      const run = standing && !standing.abandoned ? standing : this.#start(key, flow, plan, handler);
      const result = await run.join(limits);
      if (!result) continue;
      // A run that others began may hand back just what this caller's server refused.
      if (run !== standing || result.fence !== plan.rejectFence) return result;
    }
  }

  /** Takes no more; waits up to `drainMs` for what runs, then stops the handlers and frees their flows. */
  async close(drainMs: number): Promise<void> {
    this.#closed = true;
    const runs = [...this.#local.values()];
    let timer: NodeJS.Timeout | undefined;
    if (drainMs > 0 && runs.length > 0) {
      const drained = Promise.allSettled(runs.map((run) => run.result));
      const late = new Promise((resolve) => (timer = setTimeout(resolve, drainMs)));
      await Promise.race([drained, late]);
      clearTimeout(timer);
    }
    await Promise.all(
      [...this.#local.values()].map((run) => run.close(new FlowClosedError('the broker was closed'))),
    );
  }

  #start<T>(key: string, flow: FlowName, plan: RunPlan, handler: RunHandler<T>): LocalRun<T> {
    const run = new LocalRun<T>(this.#core, flow, plan, handler);
    this.#local.set(key, run as LocalRun<unknown>);
    const forget = (): void => {
      if (this.#local.get(key) === run) this.#local.delete(key);
    };
    run.result.then(forget, forget);
    return run;
  }
}
