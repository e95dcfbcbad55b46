import type { AppendRecord, AppendResult, MessageLog } from "./message-log.ts";

/** How much is gathered while an append runs before the sender has to wait. */
const maxGatheredRecords = 1_024;
const maxGatheredBytes = 1024 * 1024;

/**
 * Appends the records of one stream in order, one append at a time: what comes
 * while it runs is gathered for the next. So a lone message is not held back,
 * and a fast sender shares commits and is slowed to the speed of the disk.
 */
export class AppendPipeline<Item> {
  readonly #log: MessageLog;
  readonly #onAppended: (item: Item, result: AppendResult) => void;
  #records: AppendRecord[] = [];
  #items: Item[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  #taken: PromiseWithResolvers<void> | undefined;
  #error: unknown;

  /** Calls back for each item once its record is durable, in order. */
  constructor(log: MessageLog, onAppended: (item: Item, result: AppendResult) => void) {
    this.#log = log;
    this.#onAppended = onAppended;
  }

  /**
   * Takes a record. Returns a promise when the next one has to wait for it.
   *
   * @throws what an earlier append threw; nothing is appended after that.
   */
  push(record: AppendRecord, item: Item): Promise<void> | undefined {
    this.#throwIfFailed();
    this.#records.push(record);
    this.#items.push(item);
    this.#bytes += record.payload.byteLength;
    this.#running ??= this.#run();
    return this.#records.length >= maxGatheredRecords || this.#bytes >= maxGatheredBytes
      ? this.#untilTaken()
      : undefined;
  }

  /** Resolves when everything taken is durable, and throws what an append threw. */
  async flush(): Promise<void> {
    await this.#running;
    this.#throwIfFailed();
  }

  /** Resolves when what is gathered is being appended. */
  #untilTaken(): Promise<void> {
    this.#taken ??= Promise.withResolvers();
    const taken = this.#taken.promise.then(() => this.#throwIfFailed());
    // Who does not wait for it is told by the next call.
    taken.catch(() => {});
    return taken;
  }

  async #run(): Promise<void> {
    // What is pushed in this turn, such as all messages of a chunk, goes together.
    await undefined;
    while (this.#records.length > 0 && this.#error === undefined) {
      const [records, items] = [this.#records, this.#items];
      this.#records = [];
      this.#items = [];
      this.#bytes = 0;
      this.#taken?.resolve();
      this.#taken = undefined;
      try {
        const results = await this.#log.append(records);
        items.forEach((item, index) => {
          this.#onAppended(item, results[index] as AppendResult);
        });
      } catch (error) {
        this.#error = error;
      }
    }
    this.#running = undefined;
    this.#taken?.resolve();
    this.#taken = undefined;
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) {
      throw this.#error;
    }
  }
}
