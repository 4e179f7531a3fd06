import { nameOf, optionOf, type History, type ScriptCall } from './history.js';
import { isRepeatable } from './repeats.js';

/** One settlement: all calls with the same request, since a request that was not answered is sent again. */
export interface Settlement {
  readonly name: string;
  readonly request: string;
  readonly status: string;
  readonly value: string;
  readonly fence: number | undefined;
  readonly replace: boolean;
  /** When it was first sent, and when the first answer came that said it was applied. */
  readonly from: number;
  appliedAt: number | undefined;
  /** `unknown`: no answer, or none that settles it. */
  fate: 'applied' | 'refused' | 'unknown';
  origin: number | undefined;
  /** The fence of the record that it was applied to. */
  shown: number | undefined;
  /** Whether it can have run more than once. */
  repeatable: boolean;
  readonly retentionMs: number | undefined;
}

const SETTLE_OPTIONS = 5;

export function settlementsOf(history: History): Map<string, Settlement> {
  const byRequest = new Map<string, Settlement>();
  for (const call of history.scripts) {
    if (call.verb !== 'settle' || call.refused !== undefined) continue;
    const [, request = ''] = call.values;
    const settlement = byRequest.get(request) ?? begun(call, request);
    byRequest.set(request, settlement);
    const applied = call.verdict === 'applied' || call.verdict === 'duplicate';
    if (applied) {
      settlement.fate = 'applied';
      settlement.appliedAt = Math.min(settlement.appliedAt ?? Infinity, call.returned ?? Infinity);
      // A request that ran again may be shown the flow in its flow's place, which remembers it.
      if (call.record && (call.verdict === 'applied' || call.record.settledBy === request)) {
        settlement.origin = call.record.origin;
        settlement.shown = call.record.fence;
      }
    } else if (call.verdict === undefined && settlement.fate === 'refused') settlement.fate = 'unknown';
    if (isRepeatable(call, history)) settlement.repeatable = true;
  }
  return byRequest;
}

function begun(call: ScriptCall, request: string): Settlement {
  const [, , status = '', payload = ''] = call.values;
  const fence = optionOf(call, 'fence', SETTLE_OPTIONS);
  const retentionMs = optionOf(call, 'retentionMs', SETTLE_OPTIONS);
  return {
    ...{ name: nameOf(call.key), request, status, value: valueIn(payload), from: call.at },
    ...{
      fence: fence === undefined ? undefined : Number(fence),
      replace: optionOf(call, 'replace', 5) === '1',
    },
    ...{ fate: 'refused', appliedAt: undefined, origin: undefined, shown: undefined, repeatable: false },
    retentionMs: retentionMs === undefined ? undefined : Number(retentionMs),
  };
}

/** A result is a string as JSON; an error is an object whose message it is. */
export function valueIn(payload: string): string {
  const value = JSON.parse(payload) as string | { message: string };
  return typeof value === 'string' ? value : value.message;
}
