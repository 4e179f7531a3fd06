import { lua, manifest as generated } from './lua.generated.js';
import type { SettleStatus } from './status.js';

/** One of the scripts, as Redis runs it. */
export interface Script {
  readonly verb: Verb;
  /** Whether `batch` can run it with others. */
  readonly batched: boolean;
  readonly sha1: string;
  readonly lua: string;
}

export type Verb = keyof typeof lua;
export type Argument = string | Buffer;
export type PublishVerb = 'PUBLISH' | 'SPUBLISH';

/** The published scripts by verb. */
export const scripts: { readonly [V in Verb]: Script } = {
  create: { verb: 'create', batched: true, ...lua.create },
  settle: { verb: 'settle', batched: true, ...lua.settle },
  renew: { verb: 'renew', batched: false, ...lua.renew },
  release: { verb: 'release', batched: false, ...lua.release },
  read: { verb: 'read', batched: true, ...lua.read },
  delete: { verb: 'delete', batched: false, ...lua.delete },
  batch: { verb: 'batch', batched: false, ...lua.batch },
  acquire: { verb: 'acquire', batched: false, ...lua.acquire },
  free: { verb: 'free', batched: false, ...lua.free },
  generation: { verb: 'generation', batched: false, ...lua.generation },
};

/** A key, argument, option or verdict, and what it means. */
export interface ManifestEntry {
  readonly name: string;
  readonly text: string;
}

/** What `lua/manifest.json` says of one script; `lua/manifest.schema.json` describes each property. */
export interface ManifestScript {
  readonly file: string;
  readonly function: string;
  readonly sha1: string;
  readonly readonly: boolean;
  readonly retrySafe: boolean;
  readonly purpose: string;
  readonly keys: readonly ManifestEntry[];
  readonly arguments: readonly ManifestEntry[];
  readonly options: readonly ManifestEntry[];
  readonly verdicts: readonly ManifestEntry[];
  readonly invariant: string;
}

/** `lua/manifest.json`: what a client in another language, or a generator of one, needs to know of the scripts. */
export interface Manifest {
  readonly version: 1;
  readonly record: { readonly v: '1' };
  readonly scripts: { readonly [V in Verb]: ManifestScript };
}

export const manifest: Manifest = generated;

export interface CreateOptions {
  readonly retention?: string | undefined;
  readonly owner?: string | undefined;
  readonly leaseMs?: number | undefined;
  readonly maxAttempts?: number | undefined;
  readonly conflict?: 'join' | 'supersede' | undefined;
  readonly reuse?: string | undefined;
  readonly minFreshMs?: number | undefined;
  readonly rejectFence?: number | undefined;
  readonly origin?: number | undefined;
  readonly replyLimit?: number | undefined;
}

export interface SettleOptions {
  readonly fence?: number | undefined;
  readonly freshUntil?: number | undefined;
  readonly retentionMs?: number | undefined;
  readonly replace?: 1 | undefined;
  readonly replyLimit?: number | undefined;
}

export interface ReleaseOptions {
  readonly unbegun?: 1 | undefined;
}

export interface DeleteOptions {
  readonly fence?: number | undefined;
  readonly statuses?: string | undefined;
  readonly replyLimit?: number | undefined;
}

export interface AcquireOptions {
  readonly expectedGeneration?: number | undefined;
  readonly advanceGeneration?: 1 | undefined;
}

export function createArguments(
  publish: PublishVerb,
  request: string,
  timeoutMs: number,
  metadata: Argument,
  options: CreateOptions,
): Argument[] {
  return withOptions([publish, request, String(timeoutMs), metadata], options);
}

export function settleArguments(
  publish: PublishVerb,
  request: string,
  status: SettleStatus,
  payload: Argument,
  inlineBytes: number,
  options: SettleOptions,
): Argument[] {
  return withOptions([publish, request, status, payload, String(inlineBytes)], options);
}

export function renewArguments(
  publish: PublishVerb,
  fence: number,
  owner: string,
  leaseMs: number,
): Argument[] {
  return [publish, String(fence), owner, String(leaseMs)];
}

export function releaseArguments(
  publish: PublishVerb,
  request: string,
  fence: number,
  owner: string,
  options: ReleaseOptions,
): Argument[] {
  return withOptions([publish, request, String(fence), owner], options);
}

export function readArguments(
  publish: PublishVerb,
  options: { readonly replyLimit?: number | undefined },
): Argument[] {
  return withOptions([publish], options);
}

export function deleteArguments(publish: PublishVerb, request: string, options: DeleteOptions): Argument[] {
  return withOptions([publish, request], options);
}

export function acquireArguments(
  publish: PublishVerb,
  owner: string,
  leaseMs: number,
  options: AcquireOptions,
): Argument[] {
  return withOptions([publish, owner, String(leaseMs)], options);
}

export function freeArguments(publish: PublishVerb, owner: string): Argument[] {
  return [publish, owner];
}

// What no script that goes in a batch has a space in: the first two behind `publish`.
const WORDS = 2;

/** Adds one call, whose `values` begin with the publish verb, to the arguments of a `batch`. */
export function pushCall(batch: Argument[], { verb }: Script, values: readonly Argument[]): void {
  const first = Math.min(1 + WORDS, values.length);
  let call = `${verb} ${String(values.length - first)}`;
  for (let at = 1; at < first; at++) call += ` ${String(values[at])}`;
  batch.push(call);
  for (let at = first; at < values.length; at++) batch.push(values[at] as Argument);
}

function withOptions(list: Argument[], options: object): Argument[] {
  for (const name in options) {
    const value = (options as Record<string, string | number | undefined>)[name];
    if (value !== undefined) list.push(name, String(value));
  }
  return list;
}
