import type { Tokens } from '../oauth-client.js';

/** What the demo can ask of a replica, over IPC. */
export interface Orders {
  /** Refreshes on its own, like any program that knows nothing of the other replicas. */
  readonly refreshAlone: (order: StartingOrder) => Promise<Tokens>;
  /** Refreshes through `run`, so that one replica does it for all. */
  readonly refreshThroughRun: (order: RefreshOrder) => Promise<Refreshed>;
  /** Creates the flow of a login, and says where to send the browser. */
  readonly beginLogin: (redirectUri: string) => Promise<BegunLogin>;
  /** Waits until the login with this state is done, in whatever process. */
  readonly waitForLogin: (state: string) => Promise<Woken>;
  /** Serves the callback that the browser comes back to; its URL. */
  readonly serveCallback: () => Promise<string>;
}

export interface StartingOrder {
  readonly refreshToken: string;
  /** All replicas begin at this instant of `clock()`. */
  readonly startAt: number;
}

export interface RefreshOrder extends StartingOrder {
  readonly user: string;
  /** The fence of tokens that were refused. */
  readonly rejectFence?: number;
  readonly maxAttempts?: number;
  /** The first owner stops here, as if it hung, until it is killed. */
  readonly haltAt?: Moment;
}

export interface Refreshed {
  readonly tokens: Tokens;
  readonly fence: number;
  /** Whether this replica ran the handler; the others were given its result. */
  readonly ran: boolean;
}

export interface BegunLogin {
  readonly state: string;
  readonly url: string;
}

export interface Woken {
  readonly tokens: Tokens;
  readonly wokenAt: number;
  /** How often this replica looked by itself, because wake-ups did not arrive. */
  readonly polls: number;
}

export type Moment = 'before the POST' | 'after the POST' | 'completing';

/** What a replica tells unasked. */
export interface Told {
  readonly moment: Moment;
  readonly attempt: number;
  readonly at: number;
}

export type Tell = (moment: Moment, attempt?: number) => void;

/** To a replica. */
export interface Asked {
  readonly id: number;
  readonly order: keyof Orders;
  readonly input: unknown;
}

/** From a replica. */
export type Said =
  | { readonly ready: true }
  | { readonly told: Told }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };
