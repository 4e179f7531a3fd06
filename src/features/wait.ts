import type { CreatePlan } from '../broker/verbs.js';
import type { Settings } from '../broker/settings.js';
import type { CreateVerdict, Reply } from '../contract/replies.js';
import type { FlowName } from '../errors.js';
import type { Core } from '../waiters/core.js';
import { superseded } from '../waiters/ending.js';
import { follow, LISTENING_REPLY_LIMIT, type FollowOptions } from '../waiters/follow.js';
import { outcomeOf } from '../waiters/outcome.js';

/** Waits for a flow that stands: one round trip, then silence until it ends. */
export async function wait(
  core: Core,
  settings: Settings,
  flow: FlowName,
  options: FollowOptions,
): Promise<unknown> {
  options.signal?.throwIfAborted();
  const following = follow(core.waiters, flow, options, (line) =>
    core.verbs.read(flow, line, LISTENING_REPLY_LIMIT),
  );
  following.bound.catch(() => undefined); // its failure is the ending
  return outcomeOf(flow, await following.ending, settings.payloads);
}

/** What open gives: the flow is durable and waited for; how it ends comes later. */
export interface Opened {
  readonly reply: Reply<CreateVerdict>;
  readonly outcome: Promise<unknown>;
}

/** Creates and waits in one round trip. */
export async function open(
  core: Core,
  settings: Settings,
  flow: FlowName,
  plan: CreatePlan,
  options: FollowOptions,
): Promise<Opened> {
  options.signal?.throwIfAborted();
  const limited = { ...plan, options: { ...plan.options, replyLimit: LISTENING_REPLY_LIMIT } };
  const following = follow(core.waiters, flow, options, async (line) => {
    const reply = await core.verbs.create(flow, limited, line);
    if (reply.verdict === 'superseded') throw superseded(flow); // meanwhile, while this create was being repeated
    return reply;
  });
  const outcome = following.ending.then((ending) => outcomeOf(flow, ending, settings.payloads));
  outcome.catch(() => undefined); // whoever never awaits the outcome must not crash for it
  return { reply: await following.bound, outcome };
}
