"""What throughtime is measured by: every figure next to its peer, in the same run, behind an exactness gate."""
