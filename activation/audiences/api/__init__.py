"""REST: audiences, their rules, sizes and members."""

from django.urls import path

from activation.audiences.api import audiences, members, rules

urlpatterns = [
    path("audiences", audiences.Audiences.as_view()),
    path("audiences/check", rules.Rules.as_view()),
    path("audiences/rule-schema", rules.RuleSchema.as_view()),
    path("audiences/<int:audience>", audiences.OneAudience.as_view()),
    path("audiences/<int:audience>/publish", audiences.Publish.as_view()),
    path("audiences/<int:audience>/archive", audiences.Archive.as_view()),
    path("audiences/<int:audience>/versions", audiences.Versions.as_view()),
    path("audiences/<int:audience>/members", members.Members.as_view()),
    path("profiles/<uuid:profile>/audiences", members.ProfileAudiences.as_view()),
]
