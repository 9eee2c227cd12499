"""Models that run: columns and scaling, members, files."""
