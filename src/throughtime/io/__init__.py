"""What lies on the disk: `files`, the one writer."""
