// npm run recipe nestjs: two instances of a NestJS application, one of which is stopped while it works and waits.
import { join } from 'node:path';
import { play } from '../show/play.js';

play(async (show) => {
  const start = (name: string) => show.start(join(__dirname, 'server'), { NAME: name });
  const [first, second] = [start('A'), start('B')];
  const [A, B] = await Promise.all([first.url(), second.url()]);
  const ask = async (url: string, method = 'GET', body?: unknown): Promise<string> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    return `${String(response.status)} ${await response.text()}`;
  };

  show.say('Ten requests for a report, five on each instance');
  const reports = await Promise.all(
    [A, B].flatMap((at) => Array.from({ length: 5 }, () => ask(`${at}/reports/q3`))),
  );
  show.say(`  answers that differ:  ${String(new Set(reports).size - 1)}`);

  show.say('An approval that is awaited on A and decided on B');
  const waiting = ask(`${A}/approvals/one`, 'POST');
  await first.prints(/^waiting for one$/);
  show.say(`  B, PUT:   ${await ask(`${B}/approvals/one`, 'PUT', { by: 'ada' })}`);
  show.say(`  A, POST:  ${await waiting}`);

  show.say('SIGTERM for A, which makes one report and waits for an approval');
  const report = ask(`${A}/reports/q4?ms=1000`);
  const approval = ask(`${A}/approvals/two`, 'POST');
  await Promise.all([first.prints(/^making q4$/), first.prints(/^waiting for two$/)]);
  const [, signal] = await first.stop();
  show.say(`  A, the report:      ${await report}`);
  show.say(`  A, the approval:    ${await approval}`);
  show.say(`  A ended by:         ${String(signal)}`);
  const again = ask(`${B}/approvals/two`, 'POST');
  await second.prints(/^waiting for two$/);
  await ask(`${B}/approvals/two`, 'PUT', { by: 'bob' });
  show.say(`  B, asked again:     ${await again}`);
});
