"""Which nodes of a small directed graph lie in one loop, and in which order to visit them."""

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

Edges = Mapping[str, Sequence[str]]  # node -> the nodes it listens to


def order(edges: Edges) -> tuple[str, ...]:
    """Sources before listeners; `graphlib.CycleError` (whose second argument is the cycle) if there is a loop."""
    return tuple(TopologicalSorter(edges).static_order())


def reachable(edges: Edges, node: str) -> frozenset[str]:
    """Every node met on a path of at least one edge from `node`."""
    found: set[str] = set()
    waiting = list(edges[node])
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting.extend(edges[here])
    return frozenset(found)


def strong_components(edges: Edges) -> tuple[tuple[str, ...], ...]:
    """The strongly connected components, each after all those it listens to."""
    reach = {node: reachable(edges, node) for node in edges}
    home = {node: min([node, *(m for m in reach[node] if node in reach[m])]) for node in edges}
    between = {home[node]: set[str]() for node in edges}
    for node, sources in edges.items():
        between[home[node]] |= {home[s] for s in sources} - {home[node]}
    listed = {first: tuple(n for n in edges if home[n] == first) for first in between}
    return tuple(listed[first] for first in TopologicalSorter(between).static_order())
