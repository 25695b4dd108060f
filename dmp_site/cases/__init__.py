"""Published cases of who is who, and vectors of hashed values: read from a file, run through the product on a scratch store."""
