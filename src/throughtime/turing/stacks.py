"""A stack as one rational number: the Cantor-like encoding of Siegelmann & Sontag, for alphabets of any size.

    x = sum over i = 1, 2, ... of  2 k_i / B^i        k_i the number of the symbol i-th from the top, 0 for the blank

    push k   x -> (x + 2k) / B
    pop      x -> B x - 2k
    top      k >= j  iff  B x - (2j - 1) >= 1,  otherwise B x - (2j - 1) <= 0:   one saturated-linear unit says it

Digits are even, so numbers with different tops lie apart by a gap, as in a Cantor set: what lies below the top is
less than (2K - 2)/(B - 1) < 1 times 1/B for K symbols. The blank is digit 0, so endless blanks below cost nothing. The base is
a power of two, the next from 2K on: every weight and every stack is then a binary fraction, which floating point holds
exactly as long as it has bits left. (Siegelmann & Sontag's digits are 1 and 3 in base 4, with 0 for the empty stack.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

SIDES = {"left": "L", "right": "R"}  # the two stacks that make a tape, and the move that takes a symbol off each
AWAY = {"left": "R", "right": "L"}  # the move that puts one on it


@dataclass(frozen=True)
class Code:
    """Stacks over `symbols` symbols, numbered from 0 (the blank), as rational numbers in [0, 1)."""

    symbols: int

    @property
    def bits(self) -> int:
        """Binary digits per symbol."""
        return (2 * self.symbols - 1).bit_length()

    @property
    def base(self) -> int:
        """B, a power of two of at least twice the number of symbols."""
        return 1 << self.bits

    def encode(self, stack: Sequence[int]) -> Fraction:
        """The number that stands for a stack; the top comes first.

        >>> Code(2).encode([1, 0, 1])
        Fraction(17, 32)
        """
        number = Fraction(0)
        for symbol in reversed(stack):
            number = (number + 2 * symbol) / self.base
        return number

    def decode(self, number: Fraction) -> list[int]:
        """The stack that a number stands for, without the blanks at its bottom.

        >>> Code(2).decode(Fraction(17, 32))
        [1, 0, 1]
        """
        stack = []
        while number:
            digit, number = divmod(number * self.base, 1)
            if digit % 2 or digit > 2 * (self.symbols - 1):
                raise ValueError(f"no stack of {self.symbols} symbols has the digit {digit} in base {self.base}")
            stack.append(int(digit) // 2)
        return stack
