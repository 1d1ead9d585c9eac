// Finds the circles of a directed graph: Tarjan's strongly connected components, and in each the shortest way round.

/** Nodes and what each points to; what is pointed to but is no key has no edges of its own. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** One shortest circle per group of nodes that all reach each other; each begins with its first name in the alphabet. */
export function findCycles(graph: Graph): string[][] {
  const cycles: string[][] = [];
  for (const group of componentsOf(graph)) {
    const members = new Set(group);
    let shortest: string[] | undefined;
    for (const start of group.sort()) {
      const way = wayRound(graph, start, members);
      if (way !== undefined && (shortest === undefined || way.length < shortest.length)) shortest = way;
    }
    if (shortest !== undefined) cycles.push(shortest);
  }
  return cycles.sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
}

/** Breadth first, so that the first way back to `start` is a shortest one. */
function wayRound(graph: Graph, start: string, within: ReadonlySet<string>): string[] | undefined {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const next of graph.get(way.at(-1) ?? "") ?? []) {
      if (next === start) return way;
      if (!within.has(next) || seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

function componentsOf(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const open = new Set<string>();
  const components: string[][] = [];

  function visit(node: string): number {
    const index = order.size;
    order.set(node, index);
    low.set(node, index);
    stack.push(node);
    open.add(node);
    for (const next of graph.get(node) ?? []) {
      const reached = order.has(next) ? (open.has(next) ? order.get(next) : undefined) : visit(next);
      if (reached !== undefined) low.set(node, Math.min(low.get(node) ?? index, reached));
    }
    if (low.get(node) === index) {
      const component = stack.splice(stack.indexOf(node));
      for (const member of component) open.delete(member);
      components.push(component);
    }
    return low.get(node) ?? index;
  }

  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return components;
}
