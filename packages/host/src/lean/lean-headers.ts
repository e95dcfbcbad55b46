import type { IncomingHttpHeaders } from "node:http2";

/** `Headers` as a class can extend it: its type declares properties, not methods. */
interface ExtensibleHeaders {
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
  getSetCookie(): string[];
  forEach(callback: (value: string, name: string, parent: Headers) => void): void;
  keys(): ReturnType<Headers["keys"]>;
  values(): ReturnType<Headers["values"]>;
  entries(): ReturnType<Headers["entries"]>;
  [Symbol.iterator](): ReturnType<Headers["entries"]>;
}

const WebHeaders = Headers as unknown as new () => ExtensibleHeaders;

/** Headers that know whether anything was put in: most responses have none of their own. */
export class ResponseHeaders extends WebHeaders {
  hasChanged = false;

  override append(name: string, value: string): void {
    this.hasChanged = true;
    super.append(name, value);
  }

  override set(name: string, value: string): void {
    this.hasChanged = true;
    super.set(name, value);
  }
}

/** The headers, unless nothing was ever put in. */
export function changedOnly(headers: Headers | undefined): Headers | undefined {
  return headers instanceof ResponseHeaders && !headers.hasChanged ? undefined : headers;
}

/** The headers of a request, which are taken over when somebody looks at them. */
export class RequestHeaders extends WebHeaders {
  #source: IncomingHttpHeaders | undefined;

  constructor(source: IncomingHttpHeaders) {
    super();
    this.#source = source;
  }

  #fill(): void {
    const source = this.#source;
    if (!source) {
      return;
    }
    this.#source = undefined;
    for (const name of Object.keys(source)) {
      const value = source[name];
      if (name.startsWith(":") || value === undefined) {
        continue;
      }
      for (const one of Array.isArray(value) ? value : [value]) {
        super.append(name, one);
      }
    }
  }

  override append(name: string, value: string): void {
    this.#fill();
    super.append(name, value);
  }

  override set(name: string, value: string): void {
    this.#fill();
    super.set(name, value);
  }

  override delete(name: string): void {
    this.#fill();
    super.delete(name);
  }

  override get(name: string): string | null {
    this.#fill();
    return super.get(name);
  }

  override has(name: string): boolean {
    this.#fill();
    return super.has(name);
  }

  override getSetCookie(): string[] {
    this.#fill();
    return super.getSetCookie();
  }

  override forEach(callback: (value: string, name: string, parent: Headers) => void): void {
    this.#fill();
    super.forEach(callback);
  }

  override keys(): ReturnType<Headers["keys"]> {
    this.#fill();
    return super.keys();
  }

  override values(): ReturnType<Headers["values"]> {
    this.#fill();
    return super.values();
  }

  override entries(): ReturnType<Headers["entries"]> {
    this.#fill();
    return super.entries();
  }

  override [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.entries();
  }
}
