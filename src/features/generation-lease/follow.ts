import type { LeaseReply } from '../../contract/lease-replies.js';
import type { ReadVerdict, Reply } from '../../contract/replies.js';
import type { LeaseVerbs } from '../../broker/lease-verbs.js';
import type { FlowName } from '../../errors.js';

// What RELEASED messages of leases bear: a lease has no origin of its own, whoever holds it.
const ORIGIN = 1;
const NOTHING = Buffer.alloc(0);

/**
 * A lease as those who wait for it follow it: like a flow that somebody owns, which is theirs to try for as soon as its
 * owner's time is over. It has no deadline.
 */
export function followed<V extends string>({ verdict, now, lease }: LeaseReply<V>): Reply<V> {
  return {
    verdict,
    now,
    record: {
      status: 'PENDING',
      fence: lease.fence,
      origin: ORIGIN,
      attempt: 1,
      createdAt: now,
      deadlineAt: Infinity,
      leaseUntil: lease.leaseUntil ?? now,
      settledAt: undefined,
      freshUntil: undefined,
      owner: lease.owner,
      settledBy: undefined,
      metadata: NOTHING,
      payload: undefined,
    },
  };
}

export async function readFollowed(verbs: LeaseVerbs, name: FlowName): Promise<Reply<ReadVerdict>> {
  return followed(await verbs.generation(name));
}
