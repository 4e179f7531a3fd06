import { ERROR, METADATA, reached, RESULT } from './states';
import { edit, Vector } from './vector';

const CREATE = ['create 1 r1 600000', METADATA];
const SETTLE = ['settle 2 r2 COMPLETED', RESULT, '8192'];
const READ = ['read 0'];
const BYTES = Buffer.byteLength(METADATA);
const CREATED = `created ${BYTES} 1 <t1> PENDING <f1> <f1> 0 <t1> <t1+600000> - - - - -\n${METADATA}`;
const ENDED = 'COMPLETED <f1> <f1> 0 <t1> <t1+600000> - <t2> - - r2';
const APPLIED = `applied ${BYTES} 1 <t2> ${ENDED}\n${METADATA}`;
const TOLD = [`1 COMPLETED <f1> <f1> <t2> inline\n${RESULT}`];

/** What a call finds at this instant, once it is completed. */
const found = (verdict: string, at: string): string =>
  `${verdict} ${BYTES} 1 <${at}> ${ENDED}\n${METADATA}\n${RESULT}`;

const batched = (...calls: readonly (readonly string[])[]): string[] => ['<publish>', ...calls.flat()];

const keys = (calls: number): string[] => Array.from({ length: calls }, () => ['<record>', '<timer>']).flat();

/** Several calls in one: each answered as if it had come alone. */
export function batches(): Vector[] {
  return [together(), alone(), framed(), replayed(), partly(), ...refused()];
}

function together(): Vector {
  const args = batched(CREATE, SETTLE, READ);
  const reply = [CREATED, APPLIED, found('found', 't3')];
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
  const create = ['<publish>', 'r1', '600000', METADATA];
  return new Vector("the record's key alone, where no timer is kept")
    .plain({
      call: 'create',
      keys: record,
      args: create,
      reply: ['created', CREATED.slice(CREATED.indexOf('1 <t1>')).replace(`\n${METADATA}`, ''), METADATA],
    })
    .plain({
      call: 'batch',
      keys: ['<record>', '<record>'],
      args: batched(SETTLE, READ),
      reply: [APPLIED, found('found', 't3')],
      told: TOLD,
    })
    .refused('create', [...create, 'timer', '1'], 'FLOWARG', record);
}

/** Any number of the arguments may be words of the call, as long as none has a space in it. */
function framed(): Vector {
  const create = ['create 0 r1 600000 {}'];
  const settle = ['settle 8', 'r2', 'FAILED', ERROR, '8192', 'retentionMs', '5000', 'fence', '<f1>'];
  const failed = 'FAILED <f1> <f1> 0 <t1> <t1+600000> - <t2> - - r2';
  return new Vector('a call in words alone, one in arguments alone, one with options in words')
    .plain({
      call: 'batch',
      keys: keys(1),
      args: batched(create),
      reply: [CREATED.replace(`created ${BYTES}`, 'created 2').replace(METADATA, '{}')],
    })
    .plain({
      call: 'batch',
      keys: keys(2),
      args: batched(settle, ['read 0 replyLimit 1']),
      reply: [`applied 2 1 <t2> ${failed}\n{}`, `found 2 1 <t3> ${failed}\n{}`],
      told: [`1 FAILED <f1> <f1> <t2> inline\n${ERROR}`],
    })
    .redis(['DEL', '<record>'])
    .plain({ call: 'batch', keys: keys(1), args: batched(READ), reply: ['not_found - 1 <t4>'] });
}

function replayed(): Vector {
  const args = batched(CREATE, SETTLE);
  return new Vector('a batch, replayed')
    .plain({ call: 'batch', keys: keys(2), args, reply: [CREATED, APPLIED], told: TOLD })
    .plain({
      call: 'batch',
      keys: keys(2),
      args,
      reply: [found('created', 't3'), found('duplicate', 't4')],
    });
}

function partly(): Vector {
  const bad = ['settle 2 r2 DONE', RESULT, '8192'];
  const pending = CREATED.replace('created', 'found').replace('1 <t1> PENDING', '1 <t2> PENDING');
  return new Vector("one call's error ends that call alone")
    .plain({
      call: 'batch',
      keys: keys(3),
      args: batched(CREATE, bad, READ),
      reply: [CREATED, { error: 'FLOWARG' }, pending],
    })
    .plain({ call: 'batch', keys: keys(1), args: batched(['read 0r']), reply: [{ error: 'FLOWARG' }] })
    .redis(edit('v', '2'))
    .plain({ call: 'batch', keys: keys(1), args: batched(READ), reply: [{ error: 'FLOWVERSION' }] })
    .redis(['DEL', '<record>'])
    .redis(['SET', '<record>', 'x'])
    .plain({ call: 'batch', keys: keys(1), args: batched(READ), reply: [{ error: 'FLOWTYPE' }] });
}

function refused(): Vector[] {
  const overdue = (what: string): Vector => reached(`batch refuses ${what}`, 'owned, overdue');
  const verbs = overdue('a bad verb');
  for (const verb of ['', 'READ', 'delete', 'renew', 'release', 'batch', 'toString'])
    verbs.refused('batch', batched([`${verb} 0`]), 'FLOWARG', keys(1));
  verbs.refused('batch', READ, 'FLOWARG', keys(1)).refused('batch', ['GET', ...READ], 'FLOWARG', keys(1));
  const counts = overdue('a bad count');
  for (const count of ['', ' ', ' x', ' -1', ' 1', ' 2', ' 65', ' 99999999999999999999', '0'])
    counts.refused('batch', batched([`read${count}`]), 'FLOWARG', keys(1));
  const frames = overdue('keys and arguments that do not fit together');
  for (const wrong of [[], keys(2), ['<record>', '<timer>', '<timer>']])
    frames.refused('batch', batched(READ), 'FLOWARG', wrong);
  frames
    .refused('batch', batched(READ, READ, READ), 'FLOWARG', keys(1))
    .refused('batch', batched(), 'FLOWARG', keys(1))
    .refused('batch', [], 'FLOWARG', keys(1));
  return [verbs, counts, frames];
}
