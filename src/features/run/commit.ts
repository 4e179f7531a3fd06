import { errorInfoOf } from '../../contract/error-info.js';
import type { Reply, SettleVerdict } from '../../contract/replies.js';
import type { SettlePlan } from '../../broker/verbs.js';
import type { Settings } from '../../broker/settings.js';
import { describeFlow, FlowInvalidArgumentError, FlowUnavailableError, type FlowName } from '../../errors.js';
import type { Core } from '../../waiters/core.js';

const PAUSE_MS = 100;
const SHORT_MESSAGE = 1_000;

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

/** An error that cannot be encoded whole goes without its data, so that waiters learn of the failure at least. */
export function encodeFailure(settings: Settings, flow: FlowName, fence: number, thrown: unknown): Encoded {
  const info = errorInfoOf(thrown);
  const encode = (value: unknown): string | Buffer => settings.payloads.encode(flow, 'error', value);
  let payload: string | Buffer;
  try {
    payload = encode(info);
  } catch {
    const { name, message, code } = info;
    const short = { name: name.slice(0, SHORT_MESSAGE), message: message.slice(0, SHORT_MESSAGE) };
    payload = encode(code === undefined ? short : { ...short, code: code.slice(0, SHORT_MESSAGE) });
  }
  return { plan: { status: 'FAILED', payload, options: { fence } }, refused: undefined };
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
