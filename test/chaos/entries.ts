/** What one process writes down, one JSON line an entry. Moments are nanoseconds of the machine's monotonic clock since the run's zero. */
export type Entry =
  | CallEntry
  | ReturnEntry
  | HandlerEntry
  | ScriptEntry
  | ReplyEntry
  | { readonly kind: 'began'; readonly at: number; readonly pid: number }
  /** The event loop stood still for `ms` before `at`: the process was stopped, or had no core. */
  | { readonly kind: 'stood'; readonly at: number; readonly ms: number }
  | { readonly kind: 'connect'; readonly at: number; readonly connection: number }
  | { readonly kind: 'fatal'; readonly at: number; readonly text: string }
  /** The last line: nothing is under way any more, the broker is closed. */
  | {
      readonly kind: 'ended';
      readonly at: number;
      readonly missedWakes: number;
      readonly reconnects: number;
    };

export type Does = 'create' | 'open' | 'wait' | 'run' | 'complete' | 'fail' | 'cancel' | 'delete' | 'get';

/** A call of the library. The wait that an `open` leaves behind is an operation of its own, `outcome`. */
export interface CallEntry {
  readonly kind: 'call';
  readonly op: number;
  readonly at: number;
  readonly does: Does | 'outcome';
  readonly name: string;
  /** The flow waited for, where the caller knows: of an `outcome` that of its `open`. */
  readonly origin?: number;
  /** Wall-clock ms of the flow's deadline, where the caller knows. */
  readonly deadlineAt?: number;
  readonly waitMs?: number;
  readonly abortMs?: number;
  readonly timeoutMs?: number;
  readonly fence?: number;
  /** What a settlement brings; no two bring the same. */
  readonly value?: string;
}

export interface ReturnEntry {
  readonly kind: 'return';
  readonly op: number;
  readonly at: number;
  readonly verdict?: string;
  readonly status?: string;
  readonly origin?: number;
  readonly fence?: number;
  readonly attempt?: number;
  /** What it was told: a result, or the message of the error that the flow was settled with. */
  readonly value?: string;
  /** The code of the error, `aborted` for the caller's own reason. */
  readonly error?: string;
}

/** A handler of `run`: began, or came to its end with a value. */
export interface HandlerEntry {
  readonly kind: 'handler';
  readonly op: number;
  readonly at: number;
  readonly name: string;
  readonly fence: number;
  readonly attempt: number;
  readonly value?: string;
}

/** A call of one of the contract's scripts, below the library's own logic. */
export interface ScriptEntry {
  readonly kind: 'script';
  readonly call: number;
  readonly at: number;
  readonly verb: string;
  readonly key: string;
  readonly values: readonly string[];
}

export interface ReplyEntry {
  readonly kind: 'reply';
  readonly call: number;
  readonly at: number;
  readonly reply?: readonly string[];
  /** It was refused before it ran. */
  readonly refused?: string;
  /** No answer came: it may have run, or may run yet. */
  readonly unanswered?: string;
}

/** What the nemesis did, and what it saw of it. */
export type Deed =
  /** While this lasted, the server could not be reached as usual. `end` is missing while it lasts. */
  | { readonly deed: 'fault'; readonly fault: string; readonly from: number; end?: number }
  /** An independent connection had to wait so long for an answer: the servers, or the machine, were slow. */
  | { readonly deed: 'slow'; readonly from: number; readonly end: number }
  | Forgot
  | Replaced;

/** A server was started without its data: `runs` are its run ids before and after, `keys` what it had and has. */
export interface Forgot {
  readonly deed: 'forgot';
  readonly from: number;
  readonly end: number;
  readonly runs: readonly [string, string];
  readonly keys: readonly [number, number];
}

/** Another server took a master's place, maybe without its last writes: their ports, and in a Cluster the slots that changed hands. */
export interface Replaced {
  readonly deed: 'replaced';
  readonly from: number;
  readonly end: number;
  readonly ports: readonly [number, number];
  readonly slots?: readonly (readonly [number, number])[];
}

/** What every process of a run must agree on. */
export interface RunConfig {
  readonly seed: number;
  readonly index: number;
  readonly file: string;
  /** The run's zero, of process.hrtime.bigint(). */
  readonly zero: string;
  /** As createBroker takes it. */
  readonly redis: unknown;
  readonly actors: number;
  readonly names: number;
  readonly pauseMs: number;
  readonly seededBug?: string;
}

/** What a process holds while nothing is under way, after a garbage collection. */
export interface Sample {
  readonly at: number;
  /** Bytes. */
  readonly heap: number;
  readonly rss: number;
  /** As process.getActiveResourcesInfo() counts them. */
  readonly resources: number;
  readonly sockets: number;
}

/** What a process is told: to act until then, and to write on in another file; or to come to its end. */
export type Order = { readonly untilNs: number; readonly next?: string } | { readonly end: true };

export const TYPE = 'chaos';
export const PREFIX = 'chaos';

/** Options of the processes' brokers and flows, which the checker must know. */
export const BROKER = { prefix: PREFIX, heartbeatMs: 500, pollMs: 250, commandTimeoutMs: 1_500 } as const;
/** Most flows are over soon; some last long enough that a waiter who missed their end shows. */
export const TIMEOUTS_MS = { short: [200, 1_600], long: [3_000, 4_500] } as const;
export const LONGEST_TIMEOUT_MS = TIMEOUTS_MS.long[1];
export const RETENTION = { completed: 4_000, failed: 1_500, canceled: 1_500, timedOut: 2_500 } as const;
