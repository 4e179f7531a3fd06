import { createHash } from 'node:crypto';
import { scripts, type Script } from '../../../src/contract/scripts.js';
import { Subscriptions } from '../../../src/redis/subscriptions.js';
import { Rereads } from '../../../src/waiters/rereads.js';
import { Waiters } from '../../../src/waiters/waiters.js';
import { keysOf } from '../../../src/contract/keys.js';
import { PREFIX } from '../entries.js';

/** Bugs that the checker must find: each takes away, in this process only, one thing that the library's promises rest on. */
const BUGS: Readonly<Record<string, () => void>> = {
  'no-reread': skipTheReread,
  'no-fence-check': dropTheFenceCheck,
  'no-count': unsubscribeWithoutTheCount,
};

export function plant(bug: string): void {
  const seed = BUGS[bug];
  if (!seed) throw new Error(`there is no seeded bug ${bug}; there are ${Object.keys(BUGS).join(', ')}`);
  seed();
}

/** What was said while the connection was down is never asked for. */
function skipTheReread(): void {
  const { request } = Rereads.prototype;
  Rereads.prototype.request = function requested(this: Rereads, watch, cause) {
    if (cause !== 'restored' && cause !== 'poll') request.call(this, watch, cause);
  };
}

/** An owner that lost its fence commits all the same. */
function dropTheFenceCheck(): void {
  const check = 'if fence and record.fence ~= fence then';
  for (const script of [scripts.settle, scripts.batch] as {
    -readonly [Name in keyof Script]: Script[Name];
  }[]) {
    const lua = script.lua.replace(check, 'if false then');
    if (lua === script.lua) throw new Error(`${script.verb} has no fence check to drop`);
    script.lua = lua;
    script.sha1 = createHash('sha1').update(lua).digest('hex');
  }
}

/** Whoever gives up waiting takes the subscription along, whoever else waits for that flow. */
function unsubscribeWithoutTheCount(): void {
  const holders = new Map<string, Subscriptions>();
  const { hold } = Subscriptions.prototype;
  Subscriptions.prototype.hold = function held(this: Subscriptions, channel) {
    holders.set(channel, this);
    hold.call(this, channel);
  };
  const { leave } = Waiters.prototype;
  Waiters.prototype.leave = function left(this: Waiters, flow, waiter) {
    leave.call(this, flow, waiter);
    const { record } = keysOf(PREFIX, flow);
    holders.get(record)?.release(record);
  };
}
