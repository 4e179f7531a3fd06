import {
  createArguments,
  pushCall,
  readArguments,
  scripts,
  type Argument,
} from '../../../src/contract/scripts.js';

function pushed(verb: 'create' | 'read', values: Argument[]): Argument[] {
  const batch: Argument[] = ['PUBLISH'];
  pushCall(batch, scripts[verb], values);
  return batch;
}

it('puts the words of a call into one argument of a batch, and the rest behind it', () => {
  const values = createArguments('PUBLISH', 'r.1', 60_000, 'me ta', { owner: 'me', leaseMs: 5 });
  expect(pushed('create', values)).toEqual([
    'PUBLISH',
    'create 5 r.1 60000',
    'me ta',
    'owner',
    'me',
    'leaseMs',
    '5',
  ]);
});

it('leaves nothing behind it where words are all there is', () => {
  expect(pushed('read', readArguments('PUBLISH', {}))).toEqual(['PUBLISH', 'read 0']);
  expect(pushed('read', readArguments('PUBLISH', { replyLimit: 9 }))).toEqual([
    'PUBLISH',
    'read 0 replyLimit 9',
  ]);
});
