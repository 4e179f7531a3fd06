/** What happens on the listening connection, for whoever waits. */
export interface SubscriptionEvents {
  message(channel: string, payload: Buffer): void;
  /** The connection is gone: nothing arrives until `restored`. */
  down(): void;
  /** The connection is there again. */
  up(): void;
  /** These channels are subscribed anew; what was said in between was missed. */
  restored(channels: readonly string[]): void;
  /** The server refuses these channels, by ACL for one; they are tried again by `retryRefused`. */
  refused(channels: readonly string[], error: Error): void;
  /** Some channels belong to another node of the Cluster now. */
  moved(): void;
}
