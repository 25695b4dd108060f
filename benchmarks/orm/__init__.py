"""The yardsticks of the pipeline: stages 1 to 6 on the product's own models through Django's ORM, as one would write them.

One road and two ways to keep rows: `batched` reads with __in and writes with bulk_create, `naive` gets and saves row by row. What is
pure in the product (partition, rules, engine, policies, order arithmetic) is called, and what people set up is read once; both are
gifts to the yardsticks. They leave out what the stream of the benchmark never brings: retries, hubs, receipts, suppressions.
"""
