import fc from 'fast-check';
import { Crowd } from '../../../src/waiters/crowd.js';

it('is a set, whoever comes and goes', () => {
  const people = Array.from({ length: 4 }, (_, at) => ({ at }));
  const step = fc.record({ what: fc.constantFrom('add', 'delete', 'has'), who: fc.constantFrom(...people) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const crowd = new Crowd<object>();
      const model = new Set<object>();
      for (const { what, who } of steps) {
        if (what === 'add') {
          crowd.add(who);
          model.add(who);
        } else if (what === 'delete') expect(crowd.delete(who)).toBe(model.delete(who));
        else expect(crowd.has(who)).toBe(model.has(who));
        expect(crowd.size).toBe(model.size);
        expect([...crowd]).toEqual([...model]);
      }
    }),
  );
});

it('lets members leave while it is walked', () => {
  for (const count of [1, 3]) {
    const crowd = new Crowd<object>();
    for (let at = 0; at < count; at++) crowd.add({ at });
    let seen = 0;
    for (const member of crowd) {
      crowd.delete(member);
      seen++;
    }
    expect([seen, crowd.size]).toEqual([count, 0]);
  }
});
