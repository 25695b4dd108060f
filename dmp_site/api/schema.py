"""The OpenAPI document: what every operation shares."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers

from dmp_site.api.authentication import required_scope

_ERROR = inline_serializer(
    "Error",
    {"code": serializers.CharField(), "message": serializers.CharField()},
)


class Schema(AutoSchema):
    """Adds the scope that an operation needs to its description, and the shape of errors to its responses."""

    def get_description(self) -> str:  # type: ignore[override]
        scope = required_scope(self.view, self.method)
        said = str(super().get_description() or "")
        return f"{said}\n\nScope: `{scope}`.".strip() if scope else said

    def get_serializer_name(self, serializer: Any, _direction: Any) -> str:
        """Name a component after what it describes: clients make classes of it. "Shape" and "Form" say only which way it goes."""
        name = type(serializer).__name__.lstrip("_")
        return name.removesuffix("Shape").removesuffix("Form")

    def _get_response_bodies(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(*arguments, **named)
        if required_scope(self.view, self.method):
            error = self._get_response_for_code(  # type: ignore[no-untyped-call]
                OpenApiResponse(_ERROR, "An error: `code` for machines, `message` for people."),
                "default",
            )
            bodies.setdefault("default", error)
        return bodies
