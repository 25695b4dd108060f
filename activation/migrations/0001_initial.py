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
            name='Audience',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('slug', models.SlugField(max_length=100, unique=True, verbose_name='short name')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('kind', models.CharField(choices=[('rule', 'by rule'), ('manual', 'by hand')], default='rule', max_length=10, verbose_name='kind')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('live', 'live'), ('archived', 'archived')], default='draft', max_length=10, verbose_name='state')),
                ('rule', models.JSONField(blank=True, null=True, verbose_name='rule')),
                ('created_at', identity.fields.InstantField(editable=False, verbose_name='created')),
                ('changed_at', identity.fields.InstantField(editable=False, verbose_name='changed')),
            ],
            options={
                'verbose_name': 'audience',
                'verbose_name_plural': 'audiences',
            },
        ),
        migrations.CreateModel(
            name='ChannelConfig',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=60, unique=True, verbose_name='name')),
                ('kind', models.CharField(choices=[('pull', 'fetches its deliveries over the REST API'), ('webhook', 'is called with a signed request')], default='pull', max_length=10, verbose_name='kind')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('addressed_by', models.CharField(blank=True, max_length=60, verbose_name='addressed by')),
                ('url', models.URLField(blank=True, max_length=500, verbose_name='address')),
                ('secret_number', models.PositiveIntegerField(default=1, verbose_name='number of the secret')),
                ('rotating', models.BooleanField(default=False, verbose_name='also sign with the previous secret')),
                ('ack_within', models.PositiveIntegerField(default=300, verbose_name='seconds to acknowledge')),
                ('trouble', models.CharField(blank=True, editable=False, max_length=200, verbose_name='trouble')),
                ('created_at', identity.fields.InstantField(editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'channel',
                'verbose_name_plural': 'channels',
            },
        ),
        migrations.CreateModel(
            name='Predicate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=32, unique=True)),
                ('did', models.JSONField()),
                ('event', models.CharField(max_length=600)),
                ('at_least', models.PositiveIntegerField()),
                ('window', models.BigIntegerField()),
                ('filled', models.BooleanField(default=False)),
                ('resume', models.JSONField(null=True)),
            ],
            options={
                'verbose_name': 'predicate',
                'verbose_name_plural': 'predicates',
            },
        ),
        migrations.CreateModel(
            name='Recheck',
            fields=[
                ('profile', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='identity.profile')),
                ('due_at', identity.fields.InstantField(db_index=True)),
            ],
            options={
                'verbose_name': 'recheck',
                'verbose_name_plural': 'rechecks',
            },
        ),
        migrations.CreateModel(
            name='AudienceVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('rule', models.JSONField(null=True, verbose_name='rule')),
                ('published_at', identity.fields.InstantField(verbose_name='published')),
                ('published_by', models.CharField(blank=True, max_length=200, verbose_name='published by')),
                ('audience', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='activation.audience', verbose_name='audience')),
            ],
            options={
                'verbose_name': 'audience version',
                'verbose_name_plural': 'audience versions',
            },
        ),
        migrations.AddField(
            model_name='audience',
            name='version',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='activation.audienceversion', verbose_name='published version'),
        ),
        migrations.CreateModel(
            name='ManualMember',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'audience_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('audience', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='activation.audience')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
            ],
            options={
                'verbose_name': 'member by hand',
                'verbose_name_plural': 'members by hand',
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('pk', models.CompositePrimaryKey('audience_id', 'profile_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('since', identity.fields.InstantField(verbose_name='since')),
                ('cause', models.CharField(max_length=10, verbose_name='cause')),
                ('audience', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='activation.audience', verbose_name='audience')),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='identity.profile', verbose_name='profile')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
            },
        ),
        migrations.CreateModel(
            name='MembershipLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('entered', models.BooleanField(verbose_name='entered')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('cause', models.CharField(max_length=10, verbose_name='cause')),
                ('audience', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='activation.audience', verbose_name='audience')),
                ('profile', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.profile', verbose_name='profile')),
            ],
            options={
                'verbose_name': 'membership change',
                'verbose_name_plural': 'membership changes',
            },
        ),
        migrations.CreateModel(
            name='Match',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'predicate_id', 'touchpoint', blank=True, editable=False, primary_key=True, serialize=False)),
                ('touchpoint', models.CharField(max_length=36)),
                ('at', identity.fields.InstantField()),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
                ('predicate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to='activation.predicate')),
            ],
            options={
                'verbose_name': 'match',
                'verbose_name_plural': 'matches',
            },
        ),
        migrations.CreateModel(
            name='Build',
            fields=[
                ('audience', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='build', serialize=False, to='activation.audience', verbose_name='audience')),
                ('cursor', models.BigIntegerField(null=True)),
                ('size', models.BigIntegerField(default=0, verbose_name='members')),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='activation.audienceversion', verbose_name='version in force')),
            ],
            options={
                'verbose_name': 'audience build',
            },
        ),
        migrations.AddConstraint(
            model_name='audienceversion',
            constraint=models.UniqueConstraint(fields=('audience', 'number'), name='audience_version_once'),
        ),
        migrations.AddIndex(
            model_name='membershiplog',
            index=models.Index(fields=['profile', 'id'], name='membership_log_profile'),
        ),
        migrations.AddIndex(
            model_name='membershiplog',
            index=models.Index(fields=['audience', 'at'], name='membership_log_audience'),
        ),
        migrations.AddIndex(
            model_name='match',
            index=models.Index(fields=['predicate', 'at'], name='match_pruning'),
        ),
    ]
