"""The list of tables: the models of this floor's rooms."""
