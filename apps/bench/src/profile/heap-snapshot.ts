/** The part of a heap snapshot's file that is read here. */
export interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly (readonly string[] | string)[];
    };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** How many objects of one kind there are, and what they take without what they refer to. */
export interface HeapKind {
  readonly count: number;
  readonly bytes: number;
}

// Of these each has a name of its own, which says nothing about its kind.
const titles: Record<string, string> = {
  array: "(arrays)",
  closure: "(functions)",
  code: "(code)",
  "concatenated string": "(strings)",
  number: "(numbers)",
  bigint: "(bigints)",
  regexp: "(regular expressions)",
  "sliced string": "(strings)",
  string: "(strings)",
  symbol: "(symbols)",
  synthetic: "(synthetic)",
};

/**
 * Adds a snapshot's nodes up by kind: objects by constructor, native parts by the name that
 * Node gives them ("Node / Http2Stream"), closures by the function's name, the rest by type.
 */
export function summariseHeap(heap: HeapSnapshot): Map<string, HeapKind> {
  const { node_fields: fields, node_types: types } = heap.snapshot.meta;
  const typeNames = types[fields.indexOf("type")] as readonly string[];
  const [typeAt, nameAt, sizeAt] = ["type", "name", "self_size"].map((field) =>
    fields.indexOf(field),
  ) as [number, number, number];
  const kinds = new Map<string, HeapKind>();
  for (let at = 0; at < heap.nodes.length; at += fields.length) {
    const type = typeNames[heap.nodes[at + typeAt] as number] ?? "";
    const name = heap.strings[heap.nodes[at + nameAt] as number] ?? "";
    const kind = nameKind(type, name);
    const earlier = kinds.get(kind);
    kinds.set(kind, {
      count: (earlier?.count ?? 0) + 1,
      bytes: (earlier?.bytes ?? 0) + (heap.nodes[at + sizeAt] as number),
    });
  }
  return kinds;
}

function nameKind(type: string, name: string): string {
  if (type === "closure" && name !== "") {
    return `${name}()`;
  }
  if (type === "array" && name.startsWith("(object ")) {
    return name;
  }
  // Hidden ones of V8, such as "system / Context", have names that tell kinds apart.
  return titles[type] ?? (name || `(${type})`);
}
