"""The parts of stage 3. Each takes a batch's arrivals and writes its own tables, in a constant number of statements.

Each part's rows are a function of the set of touchpoints: neither their sequence nor how they were cut into batches shows.
"""
