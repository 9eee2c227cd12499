"""Labels of whole recordings: read with their classes, taught to networks, judged beside a simple baseline."""
