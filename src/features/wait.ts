import type { Settings } from '../broker/settings.js';
import type { CreatePlan } from '../broker/plans.js';
import type { CreateVerdict, Reply } from '../contract/replies.js';
import type { FlowName } from '../errors.js';
import type { Core } from '../waiters/core.js';
import { outcomeOf } from '../waiters/outcome.js';
import { LISTENING_REPLY_LIMIT, Wait, type WaitOptions } from '../waiters/wait.js';

/** Waits for a flow that stands: one round trip, then silence until it ends. */
export function wait(core: Core, settings: Settings, flow: FlowName, options: WaitOptions): Promise<unknown> {
  options.signal?.throwIfAborted();
  const waiting = new Wait(core.waiters, flow, options, (ending) =>
    outcomeOf(flow, ending, settings.payloads),
  );
  waiting.listen((line) => core.verbs.read(flow, line, LISTENING_REPLY_LIMIT));
  return waiting.outcome;
}

/** What open gives: how the flow stands, and how it will end. */
export interface Opened {
  /** The flow is durable and waited for. */
  readonly reply: Promise<Reply<CreateVerdict>>;
  readonly outcome: Promise<unknown>;
  /** Ends the wait. */
  readonly stop: (error: Error) => void;
}

/** Creates and waits in one round trip. */
export function open(
  core: Core,
  settings: Settings,
  flow: FlowName,
  plan: CreatePlan,
  options: WaitOptions,
): Opened {
  options.signal?.throwIfAborted();
  const waiting = new Wait(core.waiters, flow, options, (ending) =>
    outcomeOf(flow, ending, settings.payloads),
  );
  waiting.unawaited = true; // whoever never awaits it must not crash for it
  const reply = waiting.begin((line) => core.verbs.create(flow, plan, line));
  return {
    reply,
    outcome: waiting.outcome,
    stop: (error) => {
      waiting.stop(error);
    },
  };
}
