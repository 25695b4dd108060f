"""REST: sources with their write keys and refusals, set-aside touchpoints, and what became of a command to the lane."""

from django.urls import path

from identity.touchpoints.api import lane, sources

urlpatterns = [
    path("sources", sources.Sources.as_view(), name="api-sources"),
    path("sources/<int:source>", sources.OneSource.as_view(), name="api-source"),
    path("sources/<int:source>/forget", sources.Forget.as_view(), name="api-source-forget"),
    path("sources/<int:source>/keys", sources.Keys.as_view(), name="api-source-keys"),
    path("sources/<int:source>/keys/<int:key>", sources.OneKey.as_view(), name="api-source-key"),
    path("sources/<int:source>/refusals", sources.Refusals.as_view(), name="api-source-refusals"),
    path("sources/<int:source>/refused", sources.Unowned.as_view(), name="api-source-refused"),
    path("set-aside", lane.Asides.as_view(), name="api-set-aside"),
    path("set-aside/<int:number>/retry", lane.TryAgain.as_view(), name="api-set-aside-retry"),
    path("commands/<int:command>", lane.OneCommand.as_view(), name="api-command"),
]
