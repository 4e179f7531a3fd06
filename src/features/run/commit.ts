import { errorInfoOf, type ErrorInfo } from '../../contract/error-info.js';
import type { Reply, SettleVerdict } from '../../contract/replies.js';
import type { SettlePlan } from '../../broker/plans.js';
import type { Settings } from '../../broker/settings.js';
import { describeFlow, FlowInvalidArgumentError, FlowUnavailableError, type FlowName } from '../../errors.js';
import type { Core } from '../../waiters/core.js';

const PAUSE_MS = 100;
const SHORT_MESSAGE = 1_000;
const BARE: ErrorInfo = { name: 'Error', message: '' };

/** What a handler came to, encoded. `refused` is why its value could not be, which fails the flow. */
export interface Encoded {
  readonly plan: Omit<SettlePlan, 'request'>;
  readonly refused: Error | undefined;
}

export function encodeResult(settings: Settings, flow: FlowName, fence: number, value: unknown): Encoded {
  try {
    const freshUntil = freshUntilOf(settings, flow, value);
    const payload = settings.payloads.encode(flow, 'result', value);
    return { plan: { status: 'COMPLETED', payload, options: { fence, freshUntil } }, refused: undefined };
  } catch (error) {
    return { ...encodeFailure(settings, flow, fence, error), refused: error as Error };
  }
}

/** An error that cannot be encoded whole goes without its data, or bare, so that waiters learn of the failure at least. */
export function encodeFailure(settings: Settings, flow: FlowName, fence: number, thrown: unknown): Encoded {
  const { data, ...rest } = errorInfoOf(thrown);
  const name = rest.name.slice(0, SHORT_MESSAGE);
  const short = { ...rest, name, message: rest.message.slice(0, SHORT_MESSAGE) };
  let refused: unknown;
  for (const info of [data === undefined ? rest : { ...rest, data }, short, BARE]) {
    try {
      const payload = settings.payloads.encode(flow, 'error', info);
      return { plan: { status: 'FAILED', payload, options: { fence } }, refused: undefined };
    } catch (error) {
      refused ??= error;
    }
  }
  throw refused;
}

export function freshUntilOf(settings: Settings, flow: FlowName, value: unknown): number | undefined {
  const until: unknown = settings.freshUntil?.(value as never);
  if (until === undefined || until === null) return undefined;
  if (typeof until === 'number' && until >= 0 && until <= Number.MAX_SAFE_INTEGER) return Math.floor(until);
  throw new FlowInvalidArgumentError(
    `freshUntil of ${describeFlow(flow)} must return ms since the epoch or undefined, got ${typeof until === 'number' ? String(until) : typeof until}`,
    { flow },
  );
}

/** Settles, and while Redis is unreachable goes on trying for `patienceMs`, each time as the same request. */
export async function commit(
  core: Core,
  flow: FlowName,
  plan: Encoded['plan'],
  patienceMs: number,
): Promise<Reply<SettleVerdict>> {
  const request = core.verbs.request();
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      return await core.verbs.settle(flow, { ...plan, request });
    } catch (error) {
      if (!(error instanceof FlowUnavailableError) || performance.now() >= until) throw error;
      core.logger?.warn({ flow, code: error.code }, 'the outcome could not be stored yet');
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
