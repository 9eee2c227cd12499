"""`python -m throughtime.engine.native` builds the library anew if anything has changed."""

from throughtime.engine.native.build import main

main()
