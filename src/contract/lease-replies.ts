import { FlowRecordError } from '../errors.js';

/** A generation lease as it stands. */
export interface StoredLease {
  readonly generation: number;
  readonly fence: number;
  /** With `owner`: who holds it, and until when. */
  readonly leaseUntil: number | undefined;
  readonly owner: string | undefined;
  /** Whether its holder advanced the generation. */
  readonly advancing: boolean;
}

/** What a script of the generation lease answered: its verdict, the server's time, and the lease. */
export interface LeaseReply<V extends string> {
  readonly verdict: V;
  readonly now: number;
  readonly lease: StoredLease;
}

export type AcquireVerdict = 'acquired' | 'held' | 'stale' | 'over';
export type FreeVerdict = 'freed' | 'superseded' | 'not_found';
export type GenerationVerdict = 'found' | 'not_found';

/** Reads `verdict, head`; see `lua/include/hold.lua`. */
export function parseLeaseReply<V extends string>(reply: unknown): LeaseReply<V> {
  const [verdict, head] = Array.isArray(reply) ? (reply as (Buffer | undefined)[]) : [];
  if (!verdict || !head) throw new FlowRecordError('a script gave a reply that has no verdict and head');
  const [version, now, generation, fence, leaseUntil, owner, advancing] = head.toString('latin1').split(' ');
  if (version !== '1')
    throw new FlowRecordError(`a script gave a reply of the unknown version ${String(version)}`);
  return {
    verdict: verdict.toString('latin1') as V,
    now: Number(now),
    lease: {
      generation: Number(generation),
      fence: Number(fence),
      leaseUntil: leaseUntil === '-' ? undefined : Number(leaseUntil),
      owner: owner === '-' ? undefined : owner,
      advancing: advancing === '1',
    },
  };
}
