/**
 * The same in another order each time: what one leaves to be done when it has been measured (answers, unsubscriptions) runs beside the next,
 * which is to be each of the others equally often.
 */
export function shuffled<T>(list: readonly T[]): T[] {
  const left = [...list];
  return list.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0] as T);
}
