"""Every table that hangs on a person is told and erased: the tables are found by walking the models."""

from collections.abc import Iterator

from django.apps import apps
from django.db import models
from django.db.models import Model

from activation import holdings as activation
from dmp_site.erasing import bundle, traces
from identity import holdings as identity
from identity.models import Decision, Identifier, Profile, Unshown
from identity.privacy.models import AuditEntry, Consent, Suppression, VaultAccess, VaultEntry
from journeys import holdings as journeys

LONG = 100  # characters
# They name a person by an identifier's key, which no foreign key shows.
BY_KEY = {AuditEntry, Consent, Decision, Suppression, VaultAccess, VaultEntry}
# What people configure, and records that name nobody.
NOBODYS = {
    "activation.audience",
    "activation.audienceversion",
    "activation.policy",
    "activation.policyversion",
    "activation.predicate",
    "activation.quiethours",
    "activation.template",
    "dmp_site.apikey",
    "identity.batch",
    "identity.erasure",  # emptied when it ends
    "identity.graphtouchpoint",  # erased by the graph's own door
    "identity.identitypolicy",  # where it goes on names somebody until the next slice only
    "identity.source",
    "identity.tombstone",
    "journeys.journey",
    "journeys.journeyversion",
}
# Short texts of tables whose rows hang on nobody, and why they name nobody for good.
SHORT = {
    "activation.audience.name": "configured",
    "activation.audienceversion.published_by": "who works here",
    "activation.build.failed": "the type of what a rule raised",
    "activation.channelconfig.trouble": "what a receiver says of the channel, not of a message",
    "activation.channelconfig.url": "configured",
    "activation.policy.name": "configured",
    "activation.policyversion.published_by": "who works here",
    "activation.predicate.event": "configured",
    "activation.quiethours.name": "configured",
    "activation.template.created_by": "who works here",
    "activation.template.subject": "configured; names of traits, not their values",
    "dmp_site.job.actor": "who works here",
    "dmp_site.job.error": "scrubbed",
    "identity.erasure.asked_by": "who works here",
    "identity.forgetting.asked_by": "who works here",
    "identity.graphidentifier.key": "erased by the graph's own door",
    "identity.household.key": "erased with the last who lives there",
    "identity.identitypolicy.changed_by": "who works here",
    "identity.identitypolicy.cursor": "names somebody until the next slice only",
    "identity.installation.moving": "the name of a store",
    "identity.lane.holder": "a host and a process",
    "identity.lane.trouble": "what holds the lane up, until it goes on",
    "identity.lanecommand.actor": "who works here",
    "identity.lanecommand.error": "scrubbed",
    "identity.personalfile.host": "a host",
    "identity.personalfile.path": "where somebody who works here put a file",
    "identity.refusal.detail": "what is wrong with an event; ids of touchpoints are scrubbed",
    "identity.setaside.error": "scrubbed",
    "identity.source.name": "configured",
    "journeys.journey.name": "configured",
    "journeys.journey.saved_by": "who works here",
    "journeys.journeyversion.published_by": "who works here",
}
OF_THE_MACHINE = {Unshown}  # what Neo4j is still to be told


def hanging() -> set[type[Model]]:
    """Return the models whose rows belong to an identifier or a profile, through whatever chain of foreign keys."""
    found: set[type[Model]] = {Identifier, Profile}
    while more := {model for model in apps.get_models() if found & set(targets(model))} - found:
        found |= more
    return found


def targets(model: type[Model]) -> Iterator[type[Model]]:
    for field in model._meta.concrete_fields:
        if field.is_relation and field.related_model:
            yield field.related_model


def test_the_walk_finds_tables_of_every_floor() -> None:
    assert {model._meta.app_label for model in hanging()} == {"identity", "activation", "journeys"}


def test_every_table_that_hangs_on_a_person_is_erased() -> None:
    known = {each.model for each in (*bundle.HOLDINGS, *identity.THEMSELVES)}
    assert hanging() - known == set()
    assert known >= BY_KEY


def test_every_table_that_hangs_on_a_person_is_told() -> None:
    told = {each.model for each in bundle.HOLDINGS if each.told}
    assert hanging() - told == OF_THE_MACHINE
    assert told >= BY_KEY


def test_every_column_that_names_a_person_is_looked_at() -> None:
    """A table with two foreign keys to people is found by either."""
    looked_at = {(each.model, each.column) for each in (*bundle.HOLDINGS, *identity.THEMSELVES)}
    roots = {Identifier, Profile}
    columns = {
        (model, field.column)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model in roots and model not in roots
    }
    assert columns - looked_at == set()


def test_every_column_that_could_hold_texts_about_people_was_thought_of() -> None:
    """A new one is to be told and erased, scrubbed, or to be named here because it holds nothing of anybody's."""
    known = {each.name for each in (*bundle.HOLDINGS, *identity.THEMSELVES)} | traces.PLACES.keys()
    texts = (models.TextField, models.JSONField, models.BinaryField)
    holding = {
        model._meta.label_lower
        for app in ("identity", "activation", "journeys", "dmp_site")
        for model in apps.get_app_config(app).get_models()
        if any(isinstance(field, texts) for field in model._meta.concrete_fields)
    }
    assert holding - known == NOBODYS


def test_every_short_text_that_is_long_enough_for_an_error_was_thought_of() -> None:
    """A fault may carry the values of the row that met it. Of tables that are told and erased the whole row goes."""
    known = {each.name for each in (*bundle.HOLDINGS, *identity.THEMSELVES)}
    texts = {
        f"{model._meta.label_lower}.{field.name}"
        for app in ("identity", "activation", "journeys", "dmp_site")
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField) and (field.max_length or LONG + 1) > LONG
    }
    assert {each for each in texts if each.rpartition(".")[0] not in known} == SHORT.keys()
    scrubbed = {each.rpartition(".")[0] for each, why in SHORT.items() if why == "scrubbed"}
    assert scrubbed == traces.PLACES.keys()


def test_what_others_hang_on_goes_after_them() -> None:
    order = [
        each.model
        for floor in (journeys, activation, identity)
        for each in floor.HOLDINGS
        if not each.blank
    ] + [each.model for each in identity.THEMSELVES]
    for place, model in enumerate(order):
        for target in targets(model):
            if target in order:
                assert order.index(target) >= place, f"{model} hangs on {target}"
