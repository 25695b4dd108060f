"""Whether a graph that everything is to be copied into is free: all that is in it is taken for somebody else's, and left alone."""

from django.utils.translation import gettext

from identity.errors import DomainError
from identity.graph.contents import Contents


def require_empty(contents: Contents, name: str) -> None:
    """Raise DomainError when anything at all is there: it says what, and how to do away with it. Raises StoreAway."""
    if found := contents.holds():
        raise DomainError(
            "not_empty",
            gettext(
                "%(target)s is not empty: it holds %(found)s. Name another one or, if all that is in it may be deleted, empty it: %(statement)s"
            )
            % {"target": name, "found": ", ".join(found), "statement": contents.emptied_by},
        )
