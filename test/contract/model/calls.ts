import { type Argument } from '../helpers/variants.js';

export type Settling = 'COMPLETED' | 'FAILED' | 'CANCELED';
export type Status = 'PENDING' | 'TIMED_OUT' | Settling;

export interface Create {
  readonly verb: 'create';
  readonly request: string;
  readonly timeoutMs: number;
  readonly metadata: string;
  readonly lease?: { readonly owner: string; readonly leaseMs: number } | undefined;
  readonly maxAttempts: number;
  readonly retention?: readonly [number, number, number, number] | undefined;
  readonly supersede: boolean;
  readonly reuse?: readonly Status[] | undefined;
  readonly minFreshMs: number;
  readonly rejectFence?: string | undefined;
  readonly origin?: string | undefined;
  readonly timer: boolean;
}

export interface Settle {
  readonly verb: 'settle';
  readonly request: string;
  readonly status: Settling;
  readonly payload: string;
  readonly inlineBytes: number;
  readonly fence?: string | undefined;
  readonly freshUntil?: number | undefined;
  readonly retentionMs?: number | undefined;
  readonly replace: boolean;
  /** Whether it listens on a channel of its own. */
  readonly own: boolean;
}

export interface Renew {
  readonly verb: 'renew';
  readonly fence: string;
  readonly owner: string;
  readonly leaseMs: number;
}

export interface Release {
  readonly verb: 'release';
  readonly request: string;
  readonly fence: string;
  readonly owner: string;
  readonly unbegun: boolean;
}

export interface Read {
  readonly verb: 'read';
}

export interface Delete {
  readonly verb: 'delete';
  readonly request: string;
  readonly fence?: string | undefined;
  readonly statuses?: readonly Status[] | undefined;
}

export type Call = Create | Settle | Renew | Release | Read | Delete;

/** The call as ARGV, behind the publish verb. */
export function argumentsOf(call: Call): Argument[] {
  switch (call.verb) {
    case 'create':
      return [
        ...[call.request, call.timeoutMs, call.metadata],
        ...option('owner', call.lease?.owner),
        ...option('leaseMs', call.lease?.leaseMs),
        ...option('maxAttempts', call.maxAttempts || undefined),
        ...option('retention', call.retention?.join(' ')),
        ...option('conflict', call.supersede ? 'supersede' : undefined),
        ...option('reuse', call.reuse?.join(',')),
        ...option('minFreshMs', call.minFreshMs || undefined),
        ...option('rejectFence', call.rejectFence),
        ...option('origin', call.origin),
        ...option('timer', call.timer ? 1 : undefined),
      ];
    case 'settle':
      return [
        ...[call.request, call.status, call.payload, call.inlineBytes],
        ...option('fence', call.fence),
        ...option('freshUntil', call.freshUntil),
        ...option('retentionMs', call.retentionMs),
        ...option('replace', call.replace ? 1 : undefined),
        ...option('ownChannel', call.own ? 'own' : undefined),
      ];
    case 'renew':
      return [call.fence, call.owner, call.leaseMs];
    case 'release':
      return [call.request, call.fence, call.owner, ...option('unbegun', call.unbegun ? 1 : undefined)];
    case 'read':
      return [];
    case 'delete':
      return [call.request, ...option('fence', call.fence), ...option('statuses', call.statuses?.join(','))];
  }
}

function option(name: string, value: Argument | undefined): Argument[] {
  return value === undefined ? [] : [name, value];
}
