"""The root of the REST API: who may call, how errors read, which addresses there are, and its OpenAPI document."""
