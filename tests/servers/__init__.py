"""Real PostgreSQL and Neo4j servers on loopback, for tests and benchmarks: thrown away when the process that started them ends."""
