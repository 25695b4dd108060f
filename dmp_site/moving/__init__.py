"""Moving an installation to other stores (`manage.py move_store`): docs/decisions/0011-how-data-move.md."""
