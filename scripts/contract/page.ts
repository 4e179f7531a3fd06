import type { Entry, Header } from './header';

const SCRIPTS = /(<!-- generated: scripts -->\n)[^]*?(<!-- end -->)/;

/** The contract page with its part on the scripts made anew from their headers. */
export function withScripts(page: string, headers: ReadonlyMap<string, Header>): string {
  if (!SCRIPTS.test(page)) throw new Error('docs/contract.md lacks the place for the scripts');
  const parts = [...headers].map(([verb, header]) => section(verb, header));
  return page.replace(SCRIPTS, (_all, open: string, end: string) => `${open}\n${parts.join('\n')}\n${end}`);
}

function section(verb: string, header: Header): string {
  return [
    `### ${verb}`,
    '',
    capital(header.purpose),
    '',
    ...table('argument', header.arguments),
    ...table('option', header.options),
    ...table('verdict', header.verdicts),
    `*${header.invariant}*`,
    '',
  ].join('\n');
}

function table(title: string, entries: readonly Entry[]): string[] {
  if (entries.length === 0) return [];
  const rows = entries.map(({ name, text }) => `| \`${name}\` | ${text.replaceAll('|', '\\|')} |`);
  return [`| ${title} | |`, '|---|---|', ...rows, ''];
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
