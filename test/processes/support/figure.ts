/** A measured figure, for whoever reads the test's output; nothing is asserted by it. */
export function figure(text: string): void {
  process.stdout.write(`  figure: ${text}\n`);
}
