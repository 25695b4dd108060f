import django.db.models.deletion
import identity.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', identity.fields.InstantField(db_index=True, verbose_name='at')),
                ('actor', models.CharField(max_length=200, verbose_name='by')),
                ('action', models.CharField(max_length=100, verbose_name='action')),
                ('object', models.CharField(db_index=True, max_length=200, verbose_name='object')),
                ('detail', models.JSONField(default=dict, verbose_name='detail')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit log',
            },
        ),
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=60, verbose_name='kind')),
                ('epoch', models.BigIntegerField()),
                ('now', identity.fields.InstantField()),
                ('horizon', identity.fields.InstantField()),
                ('mode', models.CharField(max_length=8)),
                ('first_number', models.BigIntegerField(null=True)),
                ('last_number', models.BigIntegerField(null=True)),
                ('touchpoints', models.PositiveIntegerField(default=0)),
                ('versions', models.JSONField(default=dict)),
            ],
            options={
                'verbose_name': 'batch',
                'verbose_name_plural': 'batches',
            },
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done')], default='waiting', max_length=10, verbose_name='state')),
                ('asked_by', models.CharField(max_length=200, verbose_name='asked by')),
                ('asked_at', identity.fields.InstantField(verbose_name='asked')),
                ('started_at', identity.fields.InstantField(null=True, verbose_name='started')),
                ('erased_at', identity.fields.InstantField(null=True, verbose_name='erased')),
                ('finished_at', identity.fields.InstantField(null=True, verbose_name='finished')),
                ('phase', models.CharField(blank=True, max_length=20, verbose_name='phase')),
                ('subject', models.JSONField(default=dict)),
                ('keys', models.JSONField(default=list)),
                ('uids', models.JSONField(default=list)),
                ('others', models.JSONField(default=list)),
                ('pending', models.JSONField(default=list)),
                ('cursor', models.JSONField(default=dict)),
                ('identifiers', models.PositiveIntegerField(default=0, verbose_name='identifiers')),
                ('removed', models.JSONField(default=dict, verbose_name='removed')),
                ('notes', models.JSONField(default=list, verbose_name='notes')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
            },
        ),
        migrations.CreateModel(
            name='GraphMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField()),
                ('epoch', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'graph store',
            },
        ),
        migrations.CreateModel(
            name='Household',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(max_length=36, unique=True)),
                ('key', models.CharField(max_length=600, unique=True, verbose_name='key')),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
            ],
            options={
                'verbose_name': 'household',
                'verbose_name_plural': 'households',
            },
        ),
        migrations.CreateModel(
            name='Identifier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=600, unique=True, verbose_name='key')),
                ('namespace', models.CharField(max_length=60, verbose_name='namespace')),
                ('kind', models.CharField(max_length=10, verbose_name='kind')),
                ('priority', models.SmallIntegerField(verbose_name='priority')),
                ('first_number', models.BigIntegerField(verbose_name='first inbox number')),
                ('contested', models.BooleanField(default=False, verbose_name='contested')),
                ('forgotten', models.BooleanField(db_default=False, default=False, verbose_name='forgotten')),
            ],
            options={
                'verbose_name': 'identifier',
                'verbose_name_plural': 'identifiers',
            },
        ),
        migrations.CreateModel(
            name='Installation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('inbox', models.UUIDField(null=True)),
                ('graph', models.UUIDField(null=True)),
                ('identifier_key', models.CharField(max_length=16)),
                ('vault_key', models.CharField(max_length=16)),
                ('created_at', identity.fields.InstantField()),
                ('moving', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'verbose_name': 'installation',
            },
        ),
        migrations.CreateModel(
            name='Lane',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('epoch', models.BigIntegerField(default=0)),
                ('holder', models.CharField(blank=True, max_length=200)),
                ('heartbeat_at', identity.fields.InstantField(null=True)),
                ('live_position', models.BigIntegerField(default=0)),
                ('history_position', models.BigIntegerField(default=0)),
                ('trouble', models.CharField(blank=True, max_length=500)),
                ('trouble_since', identity.fields.InstantField(null=True)),
                ('patience', models.PositiveSmallIntegerField(default=1)),
            ],
            options={
                'verbose_name': 'lane',
            },
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(max_length=36, unique=True)),
                ('founder', models.CharField(max_length=600, verbose_name='founder')),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
            ],
            options={
                'verbose_name': 'profile',
                'verbose_name_plural': 'profiles',
                'permissions': [('reveal_profile', 'Can see clear personal data'), ('erase_profile', 'Can erase a person')],
            },
        ),
        migrations.CreateModel(
            name='SetAside',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField(unique=True, verbose_name='number')),
                ('touchpoint', models.CharField(blank=True, max_length=36, verbose_name='touchpoint')),
                ('source', models.BigIntegerField(verbose_name='source')),
                ('mode', models.CharField(max_length=8, verbose_name='mode')),
                ('received_at', identity.fields.InstantField(verbose_name='received')),
                ('payload', models.BinaryField()),
                ('tries', models.PositiveIntegerField(default=0, verbose_name='tries')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('state', models.CharField(default='trying', max_length=10, verbose_name='state')),
                ('changed_at', identity.fields.InstantField(verbose_name='changed')),
            ],
            options={
                'verbose_name': 'set-aside touchpoint',
                'verbose_name_plural': 'set-aside touchpoints',
            },
        ),
        migrations.CreateModel(
            name='Source',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(editable=False, unique=True)),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('kind', models.CharField(default='site', max_length=20, verbose_name='kind')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('region', models.CharField(blank=True, max_length=2, verbose_name='region')),
                ('settings', models.JSONField(blank=True, default=dict, verbose_name='settings')),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
            ],
            options={
                'verbose_name': 'source',
                'verbose_name_plural': 'sources',
            },
        ),
        migrations.CreateModel(
            name='VaultAccess',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', identity.fields.InstantField(db_index=True, verbose_name='at')),
                ('actor', models.CharField(max_length=200, verbose_name='by')),
                ('why', models.CharField(max_length=200, verbose_name='why')),
                ('identifier', models.CharField(db_index=True, max_length=600, verbose_name='identifier')),
                ('field', models.CharField(max_length=200, verbose_name='field')),
            ],
            options={
                'verbose_name': 'access to clear data',
                'verbose_name_plural': 'access log',
            },
        ),
        migrations.CreateModel(
            name='VaultEntry',
            fields=[
                ('pk', models.CompositePrimaryKey('identifier', 'field', blank=True, editable=False, primary_key=True, serialize=False)),
                ('identifier', models.CharField(max_length=600)),
                ('field', models.CharField(max_length=200)),
                ('sealed', models.TextField()),
                ('at', identity.fields.InstantField()),
                ('received_at', identity.fields.InstantField()),
                ('touchpoint', models.CharField(max_length=36)),
            ],
            options={
                'verbose_name': 'vault entry',
                'verbose_name_plural': 'vault',
            },
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identifier', models.CharField(max_length=600, verbose_name='identifier')),
                ('purpose', models.CharField(max_length=100, verbose_name='purpose')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('granted', models.BooleanField(verbose_name='granted')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('received_at', identity.fields.InstantField(verbose_name='received')),
                ('touchpoint', models.CharField(blank=True, max_length=36, verbose_name='touchpoint')),
                ('said_by', models.CharField(max_length=200, verbose_name='said by')),
            ],
            options={
                'verbose_name': 'consent',
                'verbose_name_plural': 'consents',
                'constraints': [models.UniqueConstraint(fields=('identifier', 'purpose', 'channel'), name='consent_once')],
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(max_length=12, verbose_name='decision')),
                ('a', models.CharField(max_length=600, verbose_name='identifier')),
                ('b', models.CharField(max_length=600, verbose_name='other identifier')),
                ('why', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('made_at', identity.fields.InstantField(verbose_name='decided')),
                ('made_by', models.CharField(max_length=200, verbose_name='decided by')),
                ('applied_at', identity.fields.InstantField(null=True, verbose_name='in force since')),
                ('undone_at', identity.fields.InstantField(null=True, verbose_name='undone')),
                ('undone_by', models.CharField(blank=True, max_length=200, verbose_name='undone by')),
            ],
            options={
                'verbose_name': 'decision about identity',
                'verbose_name_plural': 'decisions about identity',
                'indexes': [models.Index(fields=['a', 'b'], name='decision_pair'), models.Index(fields=['b'], name='decision_other')],
            },
        ),
        migrations.CreateModel(
            name='GraphCarries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identifier', models.BigIntegerField()),
                ('touchpoint', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'carried identifier',
                'constraints': [models.UniqueConstraint(fields=('identifier', 'touchpoint'), name='graph_carries')],
            },
        ),
        migrations.CreateModel(
            name='GraphIdentifier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=600, unique=True)),
                ('kind', models.CharField(max_length=10)),
                ('first_number', models.BigIntegerField(null=True)),
                ('degree', models.BigIntegerField(default=0)),
                ('quarantined', models.BooleanField(default=False)),
                ('turned', models.BigIntegerField(null=True)),
            ],
            options={
                'verbose_name': 'node of the graph',
                'indexes': [models.Index(condition=models.Q(('quarantined', True)), fields=['key'], name='graph_hubs')],
            },
        ),
        migrations.CreateModel(
            name='GraphLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('a', models.BigIntegerField()),
                ('b', models.BigIntegerField()),
                ('source', models.BigIntegerField()),
                ('first_seen', identity.fields.InstantField()),
                ('last_seen', identity.fields.InstantField()),
                ('count', models.BigIntegerField()),
                ('same', models.BooleanField(default=False)),
                ('strength', models.FloatField(default=1.0)),
                ('conducts', models.BooleanField(default=True)),
                ('first_number', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'link',
                'indexes': [models.Index(fields=['b', 'a'], name='graph_link_back')],
                'constraints': [models.UniqueConstraint(fields=('a', 'b', 'source'), name='graph_link')],
            },
        ),
        migrations.CreateModel(
            name='GraphTouchpoint',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('uid', models.CharField(max_length=36, unique=True)),
                ('source', models.BigIntegerField()),
                ('at', identity.fields.InstantField()),
                ('received_at', identity.fields.InstantField()),
                ('owner', models.BigIntegerField(null=True)),
                ('vouches', models.BooleanField(default=True)),
                ('aside', models.BooleanField(default=False)),
                ('body', models.TextField()),
            ],
            options={
                'verbose_name': 'recorded touchpoint',
                'indexes': [models.Index(condition=models.Q(('owner__isnull', False)), fields=['owner', 'at', 'uid'], name='graph_timeline'), models.Index(condition=models.Q(('aside', False), ('owner', None)), fields=['source', 'number'], name='graph_unowned')],
            },
        ),
        migrations.CreateModel(
            name='Seen',
            fields=[
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='identity.identifier')),
                ('first_at', identity.fields.InstantField(verbose_name='first seen')),
                ('last_at', identity.fields.InstantField(null=True, verbose_name='last seen')),
            ],
            options={
                'verbose_name': 'presence',
                'verbose_name_plural': 'presences',
            },
        ),
        migrations.CreateModel(
            name='ContactCount',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'direction', 'channel', 'message_class', 'event', blank=True, editable=False, primary_key=True, serialize=False)),
                ('direction', models.CharField(max_length=8, verbose_name='direction')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('message_class', models.CharField(max_length=60, verbose_name='class')),
                ('event', models.CharField(max_length=200, verbose_name='event')),
                ('count', models.BigIntegerField(verbose_name='count')),
                ('first_at', identity.fields.InstantField(verbose_name='first')),
                ('last_at', identity.fields.InstantField(verbose_name='last')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'contact counter',
                'verbose_name_plural': 'contact counters',
            },
        ),
        migrations.CreateModel(
            name='LaneCommand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=60, verbose_name='kind')),
                ('payload', models.JSONField(default=dict, verbose_name='payload')),
                ('actor', models.CharField(blank=True, max_length=200, verbose_name='asked by')),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
                ('done_at', identity.fields.InstantField(blank=True, null=True, verbose_name='done')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('broke', models.BooleanField(default=False, verbose_name='broke')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
            ],
            options={
                'verbose_name': 'lane command',
                'verbose_name_plural': 'lane commands',
                'indexes': [models.Index(condition=models.Q(('done_at', None)), fields=['id'], name='lane_command_open')],
            },
        ),
        migrations.CreateModel(
            name='OrderTotal',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'currency', blank=True, editable=False, primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('orders', models.BigIntegerField(verbose_name='orders')),
                ('revenue', models.BigIntegerField(verbose_name='revenue')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'order total',
                'verbose_name_plural': 'order totals',
            },
        ),
        migrations.CreateModel(
            name='PersonalFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=200, verbose_name='host')),
                ('path', models.CharField(max_length=1000, verbose_name='path')),
                ('kind', models.CharField(choices=[('export', 'export'), ('bad_rows', 'bad rows'), ('bundle', 'bundle')], max_length=10, verbose_name='kind')),
                ('format', models.CharField(max_length=10, verbose_name='format')),
                ('written_at', identity.fields.InstantField(verbose_name='written')),
            ],
            options={
                'verbose_name': 'file about persons',
                'verbose_name_plural': 'files about persons',
                'constraints': [models.UniqueConstraint(fields=('host', 'path'), name='personal_file_once')],
            },
        ),
        migrations.AddField(
            model_name='identifier',
            name='profile',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identifiers', to='identity.profile', verbose_name='profile'),
        ),
        migrations.CreateModel(
            name='ProfileMove',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('kind', models.CharField(max_length=5, verbose_name='kind')),
                ('identifiers', models.TextField(verbose_name='identifiers')),
                ('evidence', models.TextField(verbose_name='evidence')),
                ('origin', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moves_from', to='identity.profile', verbose_name='from')),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moves_to', to='identity.profile', verbose_name='to')),
            ],
            options={
                'verbose_name': 'merge or split',
                'verbose_name_plural': 'merges and splits',
            },
        ),
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=100, verbose_name='reason')),
                ('detail', models.CharField(blank=True, max_length=500, verbose_name='last detail')),
                ('count', models.BigIntegerField(default=0, verbose_name='count')),
                ('first_at', identity.fields.InstantField(verbose_name='first')),
                ('last_at', identity.fields.InstantField(verbose_name='last')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='identity.source', verbose_name='source')),
            ],
            options={
                'verbose_name': 'refusal',
                'verbose_name_plural': 'refusals',
            },
        ),
        migrations.CreateModel(
            name='Forgetting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', identity.fields.InstantField(verbose_name='asked')),
                ('asked_by', models.CharField(max_length=200, verbose_name='asked by')),
                ('begun_at', identity.fields.InstantField(null=True, verbose_name='begun')),
                ('position', models.BigIntegerField(default=0, verbose_name='up to number')),
                ('until', models.BigIntegerField(default=0, verbose_name='of number')),
                ('touchpoints', models.BigIntegerField(default=0, verbose_name='touchpoints')),
                ('done_at', identity.fields.InstantField(null=True, verbose_name='done')),
                ('source', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='forgetting', to='identity.source', verbose_name='source')),
            ],
            options={
                'verbose_name': 'forgotten source',
                'verbose_name_plural': 'forgotten sources',
            },
        ),
        migrations.CreateModel(
            name='Suppression',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identifier', models.CharField(max_length=600, verbose_name='identifier')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('reason', models.CharField(max_length=20, verbose_name='reason')),
                ('active', models.BooleanField(verbose_name='active')),
                ('at', identity.fields.InstantField(verbose_name='since')),
                ('received_at', identity.fields.InstantField(verbose_name='received')),
                ('touchpoint', models.CharField(blank=True, max_length=36, verbose_name='touchpoint')),
                ('said_by', models.CharField(max_length=200, verbose_name='said by')),
            ],
            options={
                'verbose_name': 'suppression',
                'verbose_name_plural': 'suppressions',
                'constraints': [models.UniqueConstraint(fields=('identifier', 'channel', 'reason'), name='suppression_once')],
            },
        ),
        migrations.CreateModel(
            name='Tombstone',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('erased_at', identity.fields.InstantField(null=True)),
                ('generation', models.PositiveIntegerField(default=1)),
                ('kept', models.TextField(default='[]')),
                ('erasure', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tombstones', to='identity.erasure')),
            ],
            options={
                'verbose_name': 'tombstone',
                'verbose_name_plural': 'tombstones',
            },
        ),
        migrations.CreateModel(
            name='Trait',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'name', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('value', models.TextField(verbose_name='value')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('received_at', identity.fields.InstantField(verbose_name='received')),
                ('touchpoint', models.CharField(max_length=36, verbose_name='touchpoint')),
                ('source', models.BigIntegerField(verbose_name='source')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'trait',
                'verbose_name_plural': 'traits',
            },
        ),
        migrations.CreateModel(
            name='Unshown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('noted_at', identity.fields.InstantField(verbose_name='noted')),
                ('identifier', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'membership to show',
                'verbose_name_plural': 'memberships to show',
            },
        ),
        migrations.CreateModel(
            name='Visit',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'started_at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('started_at', identity.fields.InstantField(verbose_name='started')),
                ('ended_at', identity.fields.InstantField(verbose_name='ended')),
                ('touchpoints', models.BigIntegerField(verbose_name='touchpoints')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'visit',
                'verbose_name_plural': 'visits',
            },
        ),
        migrations.CreateModel(
            name='WriteKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(max_length=12, verbose_name='prefix')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
                ('revoked_at', identity.fields.InstantField(blank=True, null=True, verbose_name='revoked')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='write_keys', to='identity.source', verbose_name='source')),
            ],
            options={
                'verbose_name': 'write key',
                'verbose_name_plural': 'write keys',
            },
        ),
        migrations.CreateModel(
            name='HouseholdTie',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'household_id', 'source', blank=True, editable=False, primary_key=True, serialize=False)),
                ('source', models.BigIntegerField(verbose_name='source')),
                ('first_at', identity.fields.InstantField(verbose_name='first')),
                ('last_at', identity.fields.InstantField(verbose_name='last')),
                ('count', models.BigIntegerField(verbose_name='count')),
                ('household', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.household')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'place in a household',
                'verbose_name_plural': 'places in households',
                'indexes': [models.Index(fields=['household', 'owner'], name='household_members')],
            },
        ),
        migrations.CreateModel(
            name='Order',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'order_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('order_id', models.CharField(max_length=200, verbose_name='order')),
                ('ticks', models.BigIntegerField(null=True, verbose_name='amount')),
                ('ticks_at', identity.fields.InstantField(null=True)),
                ('ticks_received_at', identity.fields.InstantField(null=True)),
                ('ticks_touchpoint', models.CharField(blank=True, max_length=36)),
                ('currency', models.CharField(blank=True, max_length=3, verbose_name='currency')),
                ('currency_at', identity.fields.InstantField(null=True)),
                ('currency_received_at', identity.fields.InstantField(null=True)),
                ('currency_touchpoint', models.CharField(blank=True, max_length=36)),
                ('refunds', models.TextField(default='{}', verbose_name='refunds')),
                ('returned', models.BooleanField(verbose_name='refunded in full')),
                ('cancelled', models.BooleanField(verbose_name='cancelled')),
                ('placed_at', identity.fields.InstantField(null=True, verbose_name='placed')),
                ('shared', models.BooleanField(default=False)),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'order',
                'verbose_name_plural': 'orders',
                'indexes': [models.Index(fields=['order_id', 'shared', 'owner'], name='order_elsewhere'), models.Index(condition=models.Q(('shared', True)), fields=['owner'], name='order_shared')],
            },
        ),
        migrations.AddIndex(
            model_name='identifier',
            index=models.Index(condition=models.Q(('forgotten', True)), fields=['key'], name='identifier_forgotten'),
        ),
        migrations.AddConstraint(
            model_name='refusal',
            constraint=models.UniqueConstraint(fields=('source', 'reason'), name='refusal_once'),
        ),
    ]
