"""REST: profiles, and who is who: why, and what people decided about it."""

from identity.profiles.api import deciding, profiles

urlpatterns = [*profiles.urlpatterns, *deciding.urlpatterns]
