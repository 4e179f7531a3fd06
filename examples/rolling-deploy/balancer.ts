/** What a load balancer does for a request that may be repeated: a replica that is away or says 503 is not the last one asked. */
export class Balancer {
  /** The replicas that take requests. */
  urls: readonly string[];
  /** How often another replica was asked. */
  sentOn = 0;
  #turn = 0;

  constructor(urls: readonly string[]) {
    this.urls = urls;
  }

  /** Asks `first`, or whose turn it is, and then the others. */
  async get(path: string, first?: string): Promise<unknown> {
    let next = first;
    for (let asked = 0; asked < 10; asked++) {
      const url = next ?? this.urls[this.#turn++ % this.urls.length] ?? '';
      const response = await fetch(url + path).catch(() => undefined);
      if (response?.ok) return response.json();
      await response?.body?.cancel();
      if (response && response.status !== 503) throw new Error(`${path}: ${String(response.status)}`);
      this.sentOn++;
      next = this.urls.find((other) => other !== url);
    }
    throw new Error(`no replica answered ${path}`);
  }
}
