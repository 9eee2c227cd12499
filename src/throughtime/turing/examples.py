"""Turing machines to try, written in the five words of Morphett's simulator (see `text`)."""

from throughtime.turing.machine import Machine
from throughtime.turing.text import read

# The binary number under and right of the head, plus one.
INCREMENT = """
0 _ _ l carry
0 * * r 0
carry 1 0 l carry
carry * 1 * halt
"""

# Is the word over 0 and 1 the same from behind?
PALINDROME = """
0 0 _ r has0
0 1 _ r has1
0 _ _ * halt-yes
has0 _ _ l want0
has0 * * r has0
has1 _ _ l want1
has1 * * r has1
want0 0 _ l back
want0 _ _ * halt-yes
want0 1 1 * halt-no
want1 1 _ l back
want1 _ _ * halt-yes
want1 0 0 * halt-no
back _ _ r 0
back * * l back
"""

# Is the word a^n b^n c^n, n >= 0? Every round crosses out one of each.
ABC = """
0 a x r a
0 y y r rest
0 _ _ * halt-yes
0 * * * halt-no
a a a r a
a y y r a
a b y r b
a * * * halt-no
b b b r b
b z z r b
b c z l back
b * * * halt-no
back x x r 0
back * * l back
rest y y r rest
rest z z r rest
rest _ _ * halt-yes
rest * * * halt-no
"""

# 1^m x 1^n = becomes 1^m x 1^n = 1^(m n).
MULTIPLY = """
0 1 a r find
0 x x * halt
find x x r next
find * * r find
next 1 b r carry
next = = l undo
carry _ 1 l home
carry * * r carry
home b b r next
home * * l home
undo b 1 l undo
undo x x l left
left a a r 0
left * * l left
"""

BEAVER2 = """
A _ 1 r B
A 1 1 l B
B _ 1 l A
B 1 1 r halt
"""

BEAVER3 = """
A _ 1 r B
A 1 1 r halt
B _ _ r C
B 1 1 r B
C _ 1 l C
C 1 1 l A
"""

BEAVER4 = """
A _ 1 r B
A 1 1 l B
B _ 1 l A
B 1 _ l C
C _ 1 r halt
C 1 1 l D
D _ 1 r D
D 1 _ r A
"""

# Runs any machine over 0 and 1 whose head never moves right of where $ stands. Its tape is the machine's tape, the cell
# under the head written a or b instead of 0 or 1, then $, then for each state S and its actions on 0 and on 1, divided
# by a comma: symbol, direction, and as many I as the number of the next state; at the end E. The state it is in has A
# instead of S, the state after the last one halts. What lies left of the tape counts as 0.
UNIVERSAL = """
0 a a r on0
0 b b r on1
0 * * l 0
on0 A S r see
on0 F F * halt
on0 * * r on0
on1 A S r skip
on1 F F * halt
on1 * * r on1
skip , , r see
skip * * r skip
see 0 0 r see0
see 1 1 r see1
see0 L l l left0
see0 R r l right0
see1 L l l left1
see1 R r l right1
left0 a 0 l enter
left0 b 0 l enter
left0 * * l left0
left1 a 1 l enter
left1 b 1 l enter
left1 * * l left1
right0 a 0 r enter
right0 b 0 r enter
right0 * * l right0
right1 a 1 r enter
right1 b 1 r enter
right1 * * l right1
enter 0 a r new
enter _ a r new
enter 1 b r new
new S A l tape
new * * r new
tape $ $ r mark
tape * * l tape
mark l l r count
mark r r r count
mark * * r mark
count i i r count
count I i l home
count * * l undo
home $ $ r leave
home * * l home
leave A S r go
leave * * r leave
go S A l tape
go E F l tape
go * * r go
undo i I l undo
undo l L l 0
undo r R l 0
"""

TEXTS = {
    "increment": (INCREMENT, "01", None),
    "palindrome": (PALINDROME, "01", None),
    "abc": (ABC, "abc", None),
    "multiply": (MULTIPLY, "1", None),
    "beaver2": (BEAVER2, "", "A"),
    "beaver3": (BEAVER3, "", "A"),
    "beaver4": (BEAVER4, "", "A"),
    "universal": (UNIVERSAL, "", None),
}


def example(name: str) -> Machine:
    """A machine of that name: increment, palindrome, abc, multiply, beaver2, beaver3, beaver4 or universal.

    >>> example("beaver2").halt
    frozenset({'halt'})
    """
    if name not in TEXTS:
        raise ValueError(f"there is no example {name!r}; there are {', '.join(TEXTS)}")
    text, symbols, start = TEXTS[name]
    return read(text, symbols, start)
