import { nameOf, type History, type ScriptCall } from './history.js';
import type { Settlement } from './settlements.js';

/** Fences only grow, by the order of time in which they were seen; and nothing is committed with one that is not the record's. */
export function fencesHold({ scripts }: History, settlements: ReadonlyMap<string, Settlement>): string[] {
  const found: string[] = [];
  for (const [key, calls] of seenByKey(scripts)) {
    const ended = [...calls].sort((a, b) => a.returned! - b.returned!);
    let [at, highest] = [0, 0];
    for (const call of calls) {
      // What was answered before this was asked is what it must not fall behind.
      for (; at < ended.length && ended[at]!.returned! < call.at; at++)
        highest = Math.max(highest, ended[at]!.record!.fence);
      const { fence } = call.record!;
      if (fence < highest)
        found.push(
          `${nameOf(key)} had fence ${String(highest)} and then ${String(fence)}, seen by ${call.verb}`,
        );
      const given = call.verb === 'settle' ? settlements.get(call.values[1] ?? '') : undefined;
      if (given?.fate === 'applied' && !given.replace && given.fence !== undefined && given.fence < highest)
        found.push(
          `${nameOf(key)}: ${given.request} committed with fence ${String(given.fence)} after it was lost to ${String(highest)}`,
        );
    }
  }
  for (const { name, request, fence, shown, replace, fate } of settlements.values())
    if (fate === 'applied' && !replace && shown !== undefined && fence !== undefined && shown !== fence)
      found.push(`${name}: ${request} committed with fence ${String(fence)} what had fence ${String(shown)}`);
  return found;
}

function seenByKey(scripts: readonly ScriptCall[]): Map<string, ScriptCall[]> {
  const byKey = new Map<string, ScriptCall[]>();
  for (const call of scripts) {
    // A record that a delete shows is gone; one that was refused shows nothing.
    if (!call.record || call.returned === undefined) continue;
    const calls = byKey.get(call.key) ?? [];
    byKey.set(call.key, calls);
    calls.push(call);
  }
  for (const calls of byKey.values()) calls.sort((a, b) => a.at - b.at);
  return byKey;
}
