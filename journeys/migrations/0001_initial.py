import django.db.models.deletion
import identity.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('identity', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Journey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('live', 'live'), ('paused', 'paused'), ('draining', 'draining'), ('ejecting', 'ejecting'), ('stopped', 'stopped')], default='draft', max_length=10, verbose_name='state')),
                ('draft', models.JSONField(default=dict, verbose_name='draft')),
                ('revision', models.PositiveIntegerField(default=1, editable=False, verbose_name='revision')),
                ('saved_by', models.CharField(blank=True, editable=False, max_length=200, verbose_name='saved by')),
                ('saved_at', identity.fields.InstantField(editable=False, verbose_name='saved')),
                ('created_at', identity.fields.InstantField(editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'journey',
                'verbose_name_plural': 'journeys',
            },
        ),
        migrations.CreateModel(
            name='JourneyVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('definition', models.TextField(verbose_name='definition')),
                ('digest', models.CharField(db_index=True, max_length=64)),
                ('in_use', models.BooleanField(default=True, verbose_name='in use')),
                ('published_at', identity.fields.InstantField(verbose_name='published')),
                ('published_by', models.CharField(blank=True, max_length=200, verbose_name='published by')),
                ('journey', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='journeys.journey', verbose_name='journey')),
            ],
            options={
                'verbose_name': 'journey version',
                'verbose_name_plural': 'journey versions',
            },
        ),
        migrations.AddField(
            model_name='journey',
            name='version',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='journeys.journeyversion', verbose_name='published version'),
        ),
        migrations.CreateModel(
            name='Enrolment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(blank=True, max_length=200, verbose_name='key')),
                ('node', models.CharField(max_length=40, verbose_name='node')),
                ('wake_at', identity.fields.InstantField(null=True, verbose_name='wakes')),
                ('place', models.TextField(verbose_name='place')),
                ('entered_at', identity.fields.InstantField(verbose_name='entered')),
                ('trigger', models.BigIntegerField(default=0, verbose_name='trigger')),
                ('state', models.CharField(choices=[('active', 'active'), ('suspended', 'suspended'), ('failed', 'failed'), ('done', 'done')], max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('rival', models.BigIntegerField(null=True, verbose_name='rival')),
                ('converted_at', identity.fields.InstantField(null=True, verbose_name='goal reached')),
                ('goal_until', identity.fields.InstantField(null=True, verbose_name='goal open until')),
                ('watching', models.BooleanField(default=True)),
                ('holdout', models.BooleanField(default=False, verbose_name='held out')),
                ('changed_at', identity.fields.InstantField(verbose_name='changed')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.identifier', verbose_name='owner')),
                ('journey', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='journeys.journey', verbose_name='journey')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='journeys.journeyversion', verbose_name='version')),
            ],
            options={
                'verbose_name': 'enrolment',
                'verbose_name_plural': 'enrolments',
            },
        ),
        migrations.CreateModel(
            name='Relocation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('node', models.CharField(max_length=40, verbose_name='node')),
                ('to_node', models.CharField(blank=True, max_length=40, verbose_name='to node')),
                ('done', models.BooleanField(default=False, verbose_name='done')),
                ('to_version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='journeys.journeyversion', verbose_name='to version')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='relocations', to='journeys.journeyversion', verbose_name='from version')),
            ],
            options={
                'verbose_name': 'relocation',
                'verbose_name_plural': 'relocations',
            },
        ),
        migrations.CreateModel(
            name='Sighting',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='inbox number')),
                ('event', models.CharField(max_length=200, verbose_name='event')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('delivery', models.CharField(blank=True, max_length=120, verbose_name='delivery')),
                ('properties', models.TextField(default='{}')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.identifier', verbose_name='owner')),
            ],
            options={
                'verbose_name': 'sighting',
                'verbose_name_plural': 'sightings',
            },
        ),
        migrations.CreateModel(
            name='Slot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.CharField(max_length=80, verbose_name='slot')),
                ('content', models.TextField(verbose_name='content')),
                ('priority', models.SmallIntegerField(default=0, verbose_name='priority')),
                ('decided_at', identity.fields.InstantField(verbose_name='decided')),
                ('until', identity.fields.InstantField(null=True, verbose_name='until')),
                ('journey', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='journeys.journey', verbose_name='journey')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.identifier', verbose_name='owner')),
            ],
            options={
                'verbose_name': 'site slot',
                'verbose_name_plural': 'site slots',
            },
        ),
        migrations.CreateModel(
            name='Step',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('node', models.CharField(max_length=40, verbose_name='node')),
                ('visit', models.PositiveIntegerField(default=1, verbose_name='visit')),
                ('port', models.CharField(blank=True, max_length=40, verbose_name='port')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('enrolment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='journeys.enrolment', verbose_name='enrolment')),
            ],
            options={
                'verbose_name': 'step',
                'verbose_name_plural': 'steps',
            },
        ),
        migrations.AddConstraint(
            model_name='journeyversion',
            constraint=models.UniqueConstraint(fields=('journey', 'number'), name='journey_version_once'),
        ),
        migrations.AddIndex(
            model_name='enrolment',
            index=models.Index(fields=['owner', 'journey'], name='enrolment_owner'),
        ),
        migrations.AddIndex(
            model_name='enrolment',
            index=models.Index(condition=models.Q(('watching', True)), fields=['owner'], name='enrolment_watching'),
        ),
        migrations.AddIndex(
            model_name='enrolment',
            index=models.Index(condition=models.Q(('state', 'active'), ('wake_at__isnull', False)), fields=['journey', 'wake_at'], name='enrolment_wake'),
        ),
        migrations.AddIndex(
            model_name='enrolment',
            index=models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['version', 'node'], name='enrolment_inside'),
        ),
        migrations.AddIndex(
            model_name='enrolment',
            index=models.Index(condition=models.Q(('goal_until__isnull', False)), fields=['goal_until'], name='enrolment_goal'),
        ),
        migrations.AddIndex(
            model_name='sighting',
            index=models.Index(fields=['owner', 'at'], name='sighting_owner'),
        ),
        migrations.AddIndex(
            model_name='sighting',
            index=models.Index(fields=['at'], name='sighting_pruning'),
        ),
        migrations.AddConstraint(
            model_name='slot',
            constraint=models.UniqueConstraint(fields=('owner', 'slot', 'journey'), name='slot_once'),
        ),
        migrations.AddIndex(
            model_name='step',
            index=models.Index(fields=['enrolment', 'id'], name='step_timeline'),
        ),
    ]
