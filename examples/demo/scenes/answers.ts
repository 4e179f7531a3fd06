import type { Answer } from '../fleet.js';
import { tail, type Report } from '../report.js';

export type Answers = readonly Answer<'refreshThroughRun'>[];

/** One row a replica: what it got, and how. */
export function showEach(report: Report, answers: Answers): void {
  for (const answer of answers) report.row(`replica ${answer.replica.name}`, textOf(answer), styleOf(answer));
}

/** One row for all replicas that say the same. */
export function showGrouped(report: Report, answers: Answers): void {
  for (const text of new Set(answers.map(textOf))) {
    const same = answers.filter((answer) => textOf(answer) === text);
    const [first] = same;
    if (first) report.row(same.map(({ replica }) => replica.name).join(' '), text, styleOf(first));
  }
}

/** Whether all that got tokens got the same. */
export function allEqual(answers: Answers): boolean {
  return new Set(answers.flatMap(({ value }) => (value ? JSON.stringify(value.tokens) : []))).size === 1;
}

function textOf({ value, code }: Answers[number]): string {
  if (!value) return code ?? '';
  const how = value.ran ? 'ran the handler, the one POST' : 'waited, and was given the result';
  return `refresh token ${tail(value.tokens.refreshToken)}   ${how}`;
}

function styleOf({ value, code }: Answers[number]): 'green' | 'dim' | 'red' | undefined {
  if (value) return value.ran ? 'green' : undefined;
  return code === 'killed' ? 'dim' : 'red';
}
