// Its own types do not resolve under NodeNext.
declare module 'redlock' {
  export default class Redlock {
    constructor(clients: Iterable<unknown>, settings?: { readonly retryCount?: number });
    using<T>(resources: string[], duration: number, routine: () => Promise<T>): Promise<T>;
  }
}
