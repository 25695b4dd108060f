"""REST: journeys, their versions and states, and the people in them."""

from django.urls import path

from journeys.api import journeys, people

urlpatterns = [
    path("journeys", journeys.Journeys.as_view()),
    path("journeys/schema", journeys.Schema.as_view()),
    path("journeys/<int:journey>", journeys.OneJourney.as_view()),
    path("journeys/<int:journey>/publish", journeys.Publish.as_view()),
    path("journeys/<int:journey>/pause", journeys.Pause.as_view()),
    path("journeys/<int:journey>/resume", journeys.Resume.as_view()),
    path("journeys/<int:journey>/stop", journeys.Stop.as_view()),
    path("journeys/<int:journey>/versions", journeys.Versions.as_view()),
    path("journeys/<int:journey>/people", people.People.as_view()),
    path("profiles/<uuid:profile>/journeys", people.ProfileJourneys.as_view()),
    path("enrolments/<int:enrolment>/steps", people.Timeline.as_view()),
]
