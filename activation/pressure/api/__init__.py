"""REST: policies, weights, message classes, quiet hours, the ledger, decisions, and "would this pass?"."""

from django.urls import path

from activation.pressure.api import accounts, policies, weights

urlpatterns = [
    path("pressure/policies", policies.Policies.as_view()),
    path("pressure/policy-schema", policies.PolicySchema.as_view()),
    path("pressure/policies/<int:policy>", policies.OnePolicy.as_view()),
    path("pressure/policies/<int:policy>/publish", policies.Publish.as_view()),
    path("pressure/policies/<int:policy>/archive", policies.Archive.as_view()),
    path("pressure/policies/<int:policy>/versions", policies.Versions.as_view()),
    path("pressure/weights", weights.Weights.as_view()),
    path("pressure/classes", weights.Classes.as_view()),
    path("pressure/classes/<slug:name>", weights.OneClass.as_view()),
    path("pressure/quiet-hours", weights.Hours.as_view()),
    path("pressure/quiet-hours/<int:hours>", weights.OneHours.as_view()),
    path("pressure/ledger", accounts.Ledger.as_view()),
    path("pressure/decisions", accounts.Decisions.as_view()),
    path("pressure/check", accounts.Check.as_view()),
    path("pressure/caps", accounts.Caps.as_view()),
]
