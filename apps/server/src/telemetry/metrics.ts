/** What this instance counts of the messages that it delivers. */
export class Metrics {
  #deliveryCount = 0;
  readonly #subscriptionCount: () => number;

  constructor(subscriptionCount: () => number) {
    this.#subscriptionCount = subscriptionCount;
  }

  /** Subscriptions that are open now. */
  get subscriptionCount(): number {
    return this.#subscriptionCount();
  }

  /** Messages of rooms handed to readers since the start. */
  get deliveryCount(): number {
    return this.#deliveryCount;
  }

  /** Counts messages of a room that are handed to a reader. */
  countDeliveries(count: number): void {
    this.#deliveryCount += count;
  }
}
