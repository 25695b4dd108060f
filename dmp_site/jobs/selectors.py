"""Reading jobs."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from dmp_site.models import Job
from identity.errors import NotFound


def jobs(*, state: str = "", kind: str = "") -> QuerySet[Job]:
    """Return jobs in this state and of this kind; "" = any."""
    asked = {"state": state, "kind": kind}
    return Job.objects.filter(**{name: value for name, value in asked.items() if value})


def job(number: int) -> Job:
    """Return a job. Raises NotFound."""
    found = Job.objects.filter(pk=number).first()
    if found is None:
        raise NotFound("no_job", _("There is no job %(job)s.") % {"job": number})
    return found
