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
    """The strongly connected components, each after all those it listens to; cost linear in nodes and edges."""
    home = _homes(edges)
    between = {home[node]: dict[str, None]() for node in edges}
    listed = {first: list[str]() for first in between}
    for node, sources in edges.items():
        between[home[node]] |= {home[s]: None for s in sources if home[s] != home[node]}
        listed[home[node]].append(node)
    return tuple(tuple(listed[first]) for first in TopologicalSorter(between).static_order())


def _homes(edges: Edges) -> dict[str, str]:
    """For each node the smallest name in its component (Tarjan 1972, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}  # the first node that it reaches through nodes without a component as yet
    home: dict[str, str] = {}
    open_: list[str] = []
    for root in edges:
        way = [] if root in number else [root]
        left = {root: iter(edges[root])}
        while way:
            node = way[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                open_.append(node)
            for source in left[node]:
                if source not in number:
                    left[source] = iter(edges[source])
                    way.append(source)
                    break
                if source not in home:
                    low[node] = min(low[node], number[source])
            else:
                way.pop()
                if way:
                    low[way[-1]] = min(low[way[-1]], low[node])
                if low[node] == number[node]:
                    members = [open_.pop()]
                    while members[-1] != node:
                        members.append(open_.pop())
                    home |= dict.fromkeys(members, min(members))
    return home
