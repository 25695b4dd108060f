"""One row per event, as a Django project would keep it."""

from django.db import models


class Event(models.Model):
    """An event that waits to be processed."""

    source = models.BigIntegerField()
    message_id = models.CharField(max_length=100)
    type = models.CharField(max_length=10)
    received_at = models.BigIntegerField()
    payload = models.JSONField()

    objects: models.Manager["Event"] = models.Manager()  # the types know only the product's apps

    class Meta:
        app_label = "drf"

    def __str__(self) -> str:
        return self.message_id
