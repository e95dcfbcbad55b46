import type { DescFile } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";

/** Where the names of a schema are declared. */
export interface FileIndex {
  /** The file that is imported under this name, for example "google/protobuf/any.proto". */
  fileByName(name: string): DescFile | undefined;
  /**
   * The file that declares this fully qualified name: of a service, method, message,
   * field, oneof, enum, enum value or extension. A value of an enum is named beside
   * the enum, not in it, as Protobuf scopes it.
   */
  fileOfSymbol(name: string): DescFile | undefined;
  /**
   * The known extensions of a message, by number, with the file that declares each;
   * undefined when the message itself is unknown.
   */
  extensionsOf(messageName: string): ReadonlyMap<number, DescFile> | undefined;
}

/**
 * Indexes these files and everything that they import.
 *
 * @param fallbacks - files that are indexed, with what they import, unless their name or
 *   something that they declare is known by then
 */
export function createFileIndex(
  files: Iterable<DescFile>,
  fallbacks: Iterable<DescFile> = [],
): FileIndex {
  const filesByName = new Map<string, DescFile>();
  const filesBySymbol = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();

  function add(more: Iterable<DescFile>): void {
    const pending = [...more];
    for (const file of pending) {
      const { name } = file.proto;
      if (!filesByName.has(name)) {
        filesByName.set(name, file);
        pending.push(...file.dependencies);
        for (const symbol of symbolsOf(file)) {
          filesBySymbol.set(symbol, file);
        }
      }
    }
  }
  add(files);
  for (const file of fallbacks) {
    if (![...symbolsOf(file)].some((symbol) => filesBySymbol.has(symbol))) {
      add([file]);
    }
  }
  for (const file of filesByName.values()) {
    for (const type of nestedTypes(file)) {
      if (type.kind === "message" && !extensions.has(type.typeName)) {
        extensions.set(type.typeName, new Map());
      } else if (type.kind === "extension") {
        const { typeName } = type.extendee;
        const numbers = extensions.get(typeName) ?? new Map<number, DescFile>();
        extensions.set(typeName, numbers.set(type.number, file));
      }
    }
  }

  return {
    fileByName: (name) => filesByName.get(name),
    fileOfSymbol: (name) => filesBySymbol.get(name),
    extensionsOf: (messageName) => extensions.get(messageName),
  };
}

function* symbolsOf(file: DescFile): Iterable<string> {
  for (const type of nestedTypes(file)) {
    yield type.typeName;
    switch (type.kind) {
      case "service":
        for (const method of type.methods) {
          yield `${type.typeName}.${method.name}`;
        }
        break;
      case "message":
        for (const { name } of [...type.fields, ...type.oneofs]) {
          yield `${type.typeName}.${name}`;
        }
        break;
      case "enum": {
        const scope = type.parent?.typeName ?? file.proto.package;
        for (const { name } of type.values) {
          yield scope === "" ? name : `${scope}.${name}`;
        }
        break;
      }
    }
  }
}
