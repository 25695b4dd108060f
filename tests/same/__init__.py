"""One recorded stream, replayed on each kind of stores: what comes out must be the same to the last row."""
