"""Households: people who belong together without being one person. Named by identifiers of the kind `household`."""
