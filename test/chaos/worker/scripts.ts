import { Line } from '../../../src/redis/line.js';
import { unpacked } from '../../helpers/unpacked.js';
import type { Recorder } from './recorder.js';

// What a server answers instead of running the script at all.
const BEFORE_IT_RAN =
  /^(FLOW|LOADING|READONLY|OOM|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|NOREPLICAS|MISCONF|NOAUTH|NOPERM)/;

/** Has every call of a script recorded, whichever part of the library makes it. */
export function recordScripts(recorder: Recorder): void {
  const original = Line.prototype.run;
  let calls = 0;
  Line.prototype.run = function run(this: Line, ...given) {
    const [script, keys, values] = given;
    const call = ++calls;
    recorder.write({
      kind: 'script',
      call,
      at: recorder.now(),
      verb: script.verb,
      key: keys[0] ?? '',
      values: values.map(String),
    });
    const pending = original.apply(this, given);
    pending.then(
      (reply) =>
        recorder.write({
          kind: 'reply',
          call,
          at: recorder.now(),
          reply: (Buffer.isBuffer(reply) ? unpacked(reply) : (reply as (Buffer | null)[])).map(String),
        }),
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        const how = BEFORE_IT_RAN.test(text) ? { refused: text } : { unanswered: text.slice(0, 120) };
        recorder.write({ kind: 'reply', call, at: recorder.now(), ...how });
      },
    );
    return pending;
  };
}
