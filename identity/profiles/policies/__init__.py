"""The stored rules of who is who: edited as a draft, tried on the whole graph, applied, and what is stored brought to them."""
