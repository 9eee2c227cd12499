"""What lies on the disk.

`readers` knows one module for each format, which gives a `Table`, a `Sound` or a `Drawing`; `files` is the one writer.
"""
