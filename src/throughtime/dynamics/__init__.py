"""Dynamic systems: measured input-output records, models of them, and what makes a model believable."""
