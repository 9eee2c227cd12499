"""A look: where a long work stands, as a value. A bar, a file of events, a notebook and a browser read the same."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Look:
    """Where a long work stands.

    part     how much is done, 0 to 1
    phase    what is being done, such as "reading", "compiling closed loop", "training closed loop", "judging"
    remark   more of it, short enough for a line of a terminal
    figures  what was measured meanwhile, by names, such as {"epoch": 20, "free run": 0.1, "one step": 0.02}
    """

    part: float
    phase: str
    remark: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_line(self, seconds: float) -> str:
        """As a line of JSON, as a file of events has it; seconds: since the work began. A figure that is no number is null."""
        shown = {name: value if math.isfinite(value) else None for name, value in self.figures.items()}
        said = {"seconds": round(seconds, 3), "part": round(self.part, 4), "phase": self.phase, "remark": self.remark}
        return json.dumps(said | shown)
