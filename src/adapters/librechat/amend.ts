import type { SettleCallOptions, SettleResult } from '../../api/calls.js';
import type { Flows } from '../../api/flows.js';
import type { FlowMetadata, Stored } from './flow-state.js';

/** Whether this caller may change the flow; what it is told otherwise. */
export type Decide<T, A> = (record: Stored<T> | undefined) => A | undefined;

/**
 * Settles a flow that is already settled, or a flow of which something must hold, by compare-and-set: `decide` looks at the
 * record, and the write counts only if no other came between. Resolves with undefined when written, else with what
 * `decide` said.
 */
export async function amend<T, A>(
  seen: Stored<T> | undefined,
  decide: Decide<T, A>,
  write: (options: SettleCallOptions) => Promise<SettleResult<T, FlowMetadata>>,
): Promise<A | undefined> {
  for (let record = seen; ;) {
    const answer = decide(record);
    if (answer !== undefined || !record) return answer;
    // A pending record keeps its fence when it is settled: only without `replace` is a settlement noticed.
    const replace = record.status === 'PENDING' ? undefined : true;
    const { verdict, record: found } = await write({ fence: record.fence, replace });
    if (verdict === 'applied' || verdict === 'duplicate') return undefined;
    record = found;
  }
}

/** The same for a delete. */
export async function remove<T, A>(
  flows: Flows<T, FlowMetadata>,
  id: string,
  decide: Decide<T, A>,
): Promise<A | undefined> {
  for (let record = await flows.get(id); ;) {
    const answer = decide(record);
    if (answer !== undefined || !record) return answer;
    const deleted = await flows.delete(id, { fence: record.fence });
    if (deleted.verdict === 'deleted') return undefined;
    record = deleted.record;
  }
}
