"""How much work is done side by side; knows no networks."""
