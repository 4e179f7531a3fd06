export interface Entry {
  readonly name: string;
  readonly text: string;
}

export interface Header {
  readonly purpose: string;
  readonly keys: Entry[];
  readonly arguments: Entry[];
  readonly options: Entry[];
  readonly verdicts: Entry[];
  readonly invariant: string;
}

const KEY = /^KEYS\[\d+\] (\S+)\s+(.+)$/;
const ARGUMENT = /^ARGV\[\d+\] (\S+)\s+(.+)$/;
const OPTIONS = /^ARGV\[\d+…\] options\b/;
const ENTRY = /^ {2}(\S+)\s+(.+)$/;

/** Reads the comment that opens a script: the manifest says exactly what the script says of itself. */
export function parseHeader(name: string, source: string): Header {
  const lines = commentLines(source);
  const header: Header & { purpose: string; invariant: string } = {
    purpose: (lines[0] ?? '').replace(`${name}: `, ''),
    keys: [],
    arguments: [],
    options: [],
    verdicts: [],
    invariant: '',
  };
  let section: Entry[] | undefined;
  for (const line of lines.slice(1)) {
    const entry = ENTRY.exec(line);
    if (OPTIONS.test(line)) section = header.options;
    else if (line.startsWith('Replies:')) section = header.verdicts;
    else if (line.startsWith('Invariant: ')) header.invariant = line.slice('Invariant: '.length);
    else if (entry && section) section.push(named(entry));
    else {
      const key = KEY.exec(line);
      const argument = ARGUMENT.exec(line);
      if (key) header.keys.push(named(key));
      if (argument) header.arguments.push(named(argument));
    }
  }
  if (!lines[0]?.startsWith(`${name}: `) || !header.invariant || header.verdicts.length === 0) {
    throw new Error(`lua/${name}.lua: the header lacks its purpose, replies or invariant`);
  }
  return header;
}

function named(match: RegExpExecArray): Entry {
  return { name: match[1] ?? '', text: match[2] ?? '' };
}

function commentLines(source: string): string[] {
  const lines: string[] = [];
  for (const line of source.split('\n')) {
    if (!line.startsWith('--')) break;
    lines.push(line.replace(/^-- ?/, ''));
  }
  return lines;
}
