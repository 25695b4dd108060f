"""REST: templates, deliveries, and what a channel does that is not built in: fetch, acknowledge, report, pull its lists.

A key of one channel reaches that channel alone.
"""

from django.urls import path

from activation.deliveries.api import channels, deliveries, templates

urlpatterns = [
    path("templates", templates.Templates.as_view(), name="api-templates"),
    path("templates/<slug:name>", templates.OneTemplate.as_view(), name="api-template"),
    path(
        "templates/<slug:name>/preview", templates.Preview.as_view(), name="api-template-preview"
    ),
    path("deliveries", deliveries.Deliveries.as_view(), name="api-deliveries"),
    path("deliveries/<str:key>", deliveries.OneDelivery.as_view(), name="api-delivery"),
    path(
        "deliveries/<str:key>/resolve", deliveries.Resolve.as_view(), name="api-delivery-resolve"
    ),
    path("channels/<slug:channel>/fetch", channels.Fetch.as_view(), name="api-fetch"),
    path(
        "channels/<slug:channel>/acknowledge",
        channels.Acknowledge.as_view(),
        name="api-acknowledge",
    ),
    path("channels/<slug:channel>/receipts", channels.Receipts.as_view(), name="api-receipts"),
    path("channels/<slug:channel>/lists", channels.Lists.as_view(), name="api-lists"),
    path("channels/<slug:channel>/lists/<slug:name>", channels.Entries.as_view(), name="api-list"),
]
