import { METADATA, reached, RESULT } from './states';
import { edit, type Expectation, Vector } from './vector';

const CREATE = ['create', '4', '<publish>', 'r1', '600000', METADATA];
const SETTLE = ['settle', '5', '<publish>', 'r2', 'COMPLETED', RESULT, '8192'];
const READ = ['read', '1', '<publish>'];
const CREATED = ['created', '1 <t1> PENDING <f1> <f1> 0 <t1> <t1+600000> - - - - -', METADATA];
const ENDED = '<t2> COMPLETED <f1> <f1> 0 <t1> <t1+600000> - <t2> - - r2';
const TOLD = [`1 COMPLETED <f1> <f1> <t2> inline\n${RESULT}`];

const keys = (calls: number): string[] => Array.from({ length: calls }, () => ['<record>', '<timer>']).flat();

/** Several calls in one: each answered as if it had come alone. */
export function batches(): Vector[] {
  return [together(), alone(), replayed(), partly(), ...refused()];
}

function together(): Vector {
  const reply: Expectation[] = [
    CREATED,
    ['applied', `1 ${ENDED}`, METADATA],
    ['found', `1 <t3> ${ENDED.slice(5)}`, METADATA, RESULT],
  ];
  const args = [...CREATE, ...SETTLE, ...READ];
  return new Vector('create, settle and read in one').plain({
    call: 'batch',
    keys: keys(3),
    args,
    reply,
    told: TOLD,
  });
}

function alone(): Vector {
  const record = ['<record>'];
  return new Vector("the record's key alone, where no timer is kept")
    .plain({ call: 'create', keys: record, args: CREATE.slice(2), reply: CREATED })
    .plain({
      call: 'batch',
      keys: ['<record>', '<record>'],
      args: [...SETTLE, ...READ],
      reply: [
        ['applied', `1 ${ENDED}`, METADATA],
        ['found', `1 <t3> ${ENDED.slice(5)}`, METADATA, RESULT],
      ],
      told: TOLD,
    })
    .refused('create', [...CREATE.slice(2), 'timer', '1'], 'FLOWARG', record);
}

function replayed(): Vector {
  const args = [...CREATE, ...SETTLE];
  const again = (word: string, at: string): Expectation => [
    word,
    `1 <${at}> ${ENDED.slice(5)}`,
    METADATA,
    RESULT,
  ];
  return new Vector('a batch, replayed')
    .plain({
      call: 'batch',
      keys: keys(2),
      args,
      reply: [CREATED, ['applied', `1 ${ENDED}`, METADATA]],
      told: TOLD,
    })
    .plain({ call: 'batch', keys: keys(2), args, reply: [again('created', 't3'), again('duplicate', 't4')] });
}

function partly(): Vector {
  const bad = ['settle', '5', '<publish>', 'r2', 'DONE', RESULT, '8192'];
  const found = ['found', '1 <t2> PENDING <f1> <f1> 0 <t1> <t1+600000> - - - - -', METADATA];
  return new Vector("one call's error ends that call alone")
    .plain({
      call: 'batch',
      keys: keys(3),
      args: [...CREATE, ...bad, ...READ],
      reply: [CREATED, { error: 'FLOWARG' }, found],
    })
    .redis(edit('v', '2'))
    .plain({ call: 'batch', keys: keys(1), args: READ, reply: [{ error: 'FLOWVERSION' }] })
    .redis(['DEL', '<record>'])
    .redis(['SET', '<record>', 'x'])
    .plain({ call: 'batch', keys: keys(1), args: READ, reply: [{ error: 'FLOWTYPE' }] });
}

function refused(): Vector[] {
  const overdue = (what: string): Vector => reached(`batch refuses ${what}`, 'owned, overdue');
  const verbs = overdue('a bad verb');
  for (const verb of ['', 'READ', 'delete', 'renew', 'release', 'batch', 'toString'])
    verbs.refused('batch', [verb, '1', '<publish>'], 'FLOWARG', keys(1));
  const counts = overdue('a bad count');
  for (const count of ['', 'x', '-1', '1.5', '0', '2', '65'])
    counts.refused('batch', ['read', count, '<publish>'], 'FLOWARG', keys(1));
  const frames = overdue('keys and arguments that do not fit together');
  for (const wrong of [[], keys(2), ['<record>', '<timer>', '<timer>']])
    frames.refused('batch', READ, 'FLOWARG', wrong);
  frames
    .refused('batch', [...READ, ...READ, ...READ], 'FLOWARG', keys(1))
    .refused('batch', [], 'FLOWARG', keys(1));
  return [verbs, counts, frames];
}
