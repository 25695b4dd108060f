import activation.deliveries.types
import django.core.validators
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
                ('url', models.CharField(blank=True, max_length=500, verbose_name='address')),
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
            name='ChannelWeight',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=60, unique=True, verbose_name='channel')),
                ('weight', models.PositiveIntegerField(default=100, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='weight in hundredths')),
            ],
            options={
                'verbose_name': 'channel weight',
                'verbose_name_plural': 'channel weights',
                'ordering': ['channel'],
            },
        ),
        migrations.CreateModel(
            name='MessageClass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=60, unique=True, verbose_name='name')),
                ('weight', models.PositiveIntegerField(default=100, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='weight in hundredths')),
                ('obeys_caps', models.BooleanField(default=True, verbose_name='obeys caps and quiet hours')),
                ('counts_toward_caps', models.BooleanField(default=True, verbose_name='counts toward caps')),
            ],
            options={
                'verbose_name': 'message class',
                'verbose_name_plural': 'message classes',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('slug', models.SlugField(max_length=100, unique=True, verbose_name='short name')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('live', 'live'), ('archived', 'archived')], default='draft', max_length=10, verbose_name='state')),
                ('document', models.JSONField(default=dict, verbose_name='document')),
                ('created_at', identity.fields.InstantField(editable=False, verbose_name='created')),
                ('changed_at', identity.fields.InstantField(editable=False, verbose_name='changed')),
            ],
            options={
                'verbose_name': 'pressure policy',
                'verbose_name_plural': 'pressure policies',
                'permissions': [('send_urgent', 'Can send urgent messages past the policies')],
            },
        ),
        migrations.CreateModel(
            name='Predicate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=32, unique=True)),
                ('did', models.TextField()),
                ('event', models.CharField(max_length=600)),
                ('at_least', models.PositiveIntegerField()),
                ('window', models.BigIntegerField()),
                ('filled', models.BooleanField(default=False)),
                ('cursor', models.BigIntegerField(default=0)),
                ('retired', models.BooleanField(default=False)),
                ('swept_at', identity.fields.InstantField()),
            ],
            options={
                'verbose_name': 'predicate',
                'verbose_name_plural': 'predicates',
            },
        ),
        migrations.CreateModel(
            name='QuietHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('start', models.TimeField(verbose_name='from')),
                ('end', models.TimeField(verbose_name='until')),
                ('channels', models.JSONField(blank=True, default=list, help_text='Empty: all', verbose_name='channels')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
            ],
            options={
                'verbose_name': 'quiet hours',
                'verbose_name_plural': 'quiet hours',
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
            name='Replay',
            fields=[
                ('profile', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='identity.profile')),
                ('came_at', identity.fields.InstantField()),
                ('parted_at', identity.fields.InstantField()),
            ],
            options={
                'verbose_name': 'replay',
                'verbose_name_plural': 'replays',
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
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(db_index=True, max_length=200, verbose_name='key')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('message_class', models.CharField(max_length=60, verbose_name='message class')),
                ('journey', models.BigIntegerField(null=True, verbose_name='journey')),
                ('decided_at', identity.fields.InstantField(verbose_name='decided')),
                ('at', identity.fields.InstantField(verbose_name='asked for')),
                ('passed', models.BooleanField(verbose_name='passed')),
                ('reason', models.CharField(max_length=20, verbose_name='reason')),
                ('earliest', identity.fields.InstantField(null=True, verbose_name='earliest')),
                ('points', models.BigIntegerField(verbose_name='points in hundredths')),
                ('winner', models.CharField(blank=True, max_length=200, verbose_name='refused by')),
                ('uses', models.TextField(default='[]', verbose_name='policies evaluated')),
                ('audiences', models.TextField(default='[]', verbose_name='audiences')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier', verbose_name='owner identifier')),
            ],
            options={
                'verbose_name': 'pressure decision',
                'verbose_name_plural': 'pressure decisions',
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True, verbose_name='key')),
                ('profile', models.BigIntegerField(verbose_name='profile at the time')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('message_class', models.CharField(max_length=60, verbose_name='message class')),
                ('journey', models.BigIntegerField(null=True, verbose_name='journey')),
                ('version', models.BigIntegerField(null=True, verbose_name='version')),
                ('node', models.CharField(blank=True, max_length=100, verbose_name='step')),
                ('occurrence', models.BigIntegerField(default=0, verbose_name='occurrence')),
                ('facts', models.TextField(default='{}', verbose_name='facts')),
                ('decision', models.BigIntegerField(verbose_name='decision')),
                ('ledger_key', models.CharField(max_length=200)),
                ('reserved_for', identity.fields.InstantField()),
                ('when_capped', models.CharField(blank=True, max_length=20)),
                ('give_up_at', identity.fields.InstantField(null=True)),
                ('quiet', models.TextField(default='[]')),
                ('zone', models.CharField(blank=True, max_length=60)),
                ('status', models.CharField(max_length=20, verbose_name='status')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('held', models.BooleanField(default=False, verbose_name='held')),
                ('urgent', models.BooleanField(default=False, verbose_name='urgent')),
                ('created_at', identity.fields.InstantField(verbose_name='queued')),
                ('due_at', identity.fields.InstantField(verbose_name='due')),
                ('tries', models.PositiveIntegerField(default=0, verbose_name='tries')),
                ('lease_token', models.CharField(blank=True, max_length=100)),
                ('lease_until', identity.fields.InstantField(null=True)),
                ('checked_at', identity.fields.InstantField(null=True)),
                ('handed_at', identity.fields.InstantField(null=True, verbose_name='handed over')),
                ('settled_at', identity.fields.InstantField(null=True, verbose_name='settled')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="provider's id")),
                ('reported', models.BooleanField(default=False)),
                ('address', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='identity.identifier', verbose_name='address')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identity.identifier', verbose_name='owner identifier')),
            ],
            options={
                'verbose_name': 'delivery',
                'verbose_name_plural': 'deliveries',
            },
        ),
        migrations.CreateModel(
            name='DeliveryStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('status', models.CharField(max_length=20, verbose_name='status')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('actor', models.CharField(blank=True, max_length=200, verbose_name='by')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='activation.delivery', verbose_name='delivery')),
            ],
            options={
                'verbose_name': 'delivery step',
                'verbose_name_plural': 'delivery steps',
            },
        ),
        migrations.CreateModel(
            name='Intent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True, verbose_name='key')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('message_class', models.CharField(max_length=60, verbose_name='message class')),
                ('journey', models.BigIntegerField(null=True, verbose_name='journey')),
                ('asked_at', identity.fields.InstantField(db_index=True, verbose_name='first asked')),
                ('ask', models.TextField(verbose_name='ask')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='identity.identifier', verbose_name='owner identifier')),
            ],
            options={
                'verbose_name': 'intent',
                'verbose_name_plural': 'intents',
            },
        ),
        migrations.CreateModel(
            name='LedgerRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True, verbose_name='key')),
                ('sequence', models.BigIntegerField(verbose_name='sequence')),
                ('origin', models.CharField(max_length=10, verbose_name='origin')),
                ('status', models.CharField(max_length=10, verbose_name='status')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('message_class', models.CharField(max_length=60, verbose_name='message class')),
                ('journey', models.BigIntegerField(null=True, verbose_name='journey')),
                ('version', models.BigIntegerField(null=True, verbose_name='version')),
                ('node', models.CharField(blank=True, max_length=100, verbose_name='step')),
                ('occurrence', models.BigIntegerField(default=0, verbose_name='occurrence')),
                ('points', models.BigIntegerField(verbose_name='points in hundredths')),
                ('counts', models.BooleanField(verbose_name='counts toward caps')),
                ('decided_at', identity.fields.InstantField(verbose_name='decided')),
                ('effective_at', identity.fields.InstantField(verbose_name='effective')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name='provider id')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('seen', models.TextField(default='{}', verbose_name='policies and audiences seen')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier', verbose_name='owner identifier')),
            ],
            options={
                'verbose_name': 'ledger row',
                'verbose_name_plural': 'ledger',
            },
        ),
        migrations.CreateModel(
            name='ManualMember',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'audience_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('at', identity.fields.InstantField()),
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
                ('pk', models.CompositePrimaryKey('profile_id', 'audience_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('since', identity.fields.InstantField(verbose_name='since')),
                ('cause', models.CharField(max_length=10, verbose_name='cause')),
                ('audience', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='activation.audience', verbose_name='audience')),
                ('profile', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='identity.profile', verbose_name='profile')),
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
                ('since', identity.fields.InstantField(null=True, verbose_name='since')),
                ('cause', models.CharField(max_length=10, verbose_name='cause')),
                ('why', models.CharField(blank=True, max_length=10, verbose_name='why')),
                ('audience', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='activation.audience', verbose_name='audience')),
                ('profile', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.profile', verbose_name='profile')),
            ],
            options={
                'verbose_name': 'membership change',
                'verbose_name_plural': 'membership changes',
            },
        ),
        migrations.CreateModel(
            name='PartnerList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(default='display', max_length=60, verbose_name='channel')),
                ('name', models.SlugField(max_length=100, verbose_name='name')),
                ('namespace', models.CharField(max_length=60, verbose_name='namespace')),
                ('message_class', models.CharField(default='marketing', max_length=60, verbose_name='message class')),
                ('number', models.BigIntegerField(default=0, editable=False)),
                ('refreshed_at', identity.fields.InstantField(editable=False, null=True, verbose_name='refreshed')),
                ('created_at', identity.fields.InstantField(editable=False, verbose_name='created')),
                ('audience', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='partner_lists', to='activation.audience', verbose_name='audience')),
            ],
            options={
                'verbose_name': 'partner list',
                'verbose_name_plural': 'partner lists',
            },
        ),
        migrations.CreateModel(
            name='ListEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identifier', models.BigIntegerField(verbose_name='identifier')),
                ('value', models.CharField(max_length=600, verbose_name='value')),
                ('state', models.CharField(max_length=10, verbose_name='state')),
                ('number', models.BigIntegerField()),
                ('list', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='activation.partnerlist')),
            ],
            options={
                'verbose_name': 'entry of a partner list',
                'verbose_name_plural': 'entries of partner lists',
            },
        ),
        migrations.CreateModel(
            name='PersonCap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('limit', models.PositiveIntegerField(verbose_name='contacts')),
                ('window', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='window in milliseconds')),
                ('until', identity.fields.InstantField(verbose_name='until')),
                ('origin', models.CharField(blank=True, max_length=200, verbose_name='origin')),
                ('changed_at', identity.fields.InstantField(verbose_name='changed')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier', verbose_name='owner identifier')),
            ],
            options={
                'verbose_name': 'cap of one person',
                'verbose_name_plural': 'caps of one person',
            },
        ),
        migrations.CreateModel(
            name='PolicyVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('document', models.JSONField(verbose_name='document')),
                ('published_at', identity.fields.InstantField(verbose_name='published')),
                ('published_by', models.CharField(blank=True, max_length=200, verbose_name='published by')),
                ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='activation.policy', verbose_name='policy')),
            ],
            options={
                'verbose_name': 'policy version',
                'verbose_name_plural': 'policy versions',
            },
        ),
        migrations.AddField(
            model_name='policy',
            name='version',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='activation.policyversion', verbose_name='published version'),
        ),
        migrations.CreateModel(
            name='Match',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'predicate_id', 'touchpoint', blank=True, editable=False, primary_key=True, serialize=False)),
                ('touchpoint', models.CharField(max_length=36)),
                ('at', identity.fields.InstantField()),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='identity.identifier')),
                ('predicate', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='activation.predicate')),
            ],
            options={
                'verbose_name': 'match',
                'verbose_name_plural': 'matches',
            },
        ),
        migrations.CreateModel(
            name='Reaction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('touchpoint', models.CharField(max_length=36, unique=True, verbose_name='touchpoint')),
                ('kind', models.CharField(max_length=20, verbose_name='kind')),
                ('open_kind', models.CharField(blank=True, max_length=20, verbose_name='kind of open')),
                ('at', identity.fields.InstantField(verbose_name='at')),
                ('url', models.CharField(blank=True, max_length=2000, verbose_name='address')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reactions', to='activation.delivery', verbose_name='delivery')),
            ],
            options={
                'verbose_name': 'reaction',
                'verbose_name_plural': 'reactions',
            },
        ),
        migrations.CreateModel(
            name='Template',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=100, verbose_name='name')),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('channel', models.CharField(max_length=60, verbose_name='channel')),
                ('subject', models.CharField(blank=True, max_length=300, verbose_name='subject')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('html', models.TextField(blank=True, verbose_name='HTML')),
                ('created_at', identity.fields.InstantField(editable=False, verbose_name='created')),
                ('created_by', models.CharField(blank=True, editable=False, max_length=200, verbose_name='by')),
                ('archived_at', identity.fields.InstantField(editable=False, null=True, verbose_name='archived')),
            ],
            options={
                'verbose_name': 'template',
                'verbose_name_plural': 'templates',
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='template_version_once')],
            },
        ),
        migrations.AddField(
            model_name='delivery',
            name='template',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='activation.template', verbose_name='template'),
        ),
        migrations.CreateModel(
            name='Build',
            fields=[
                ('audience', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='build', serialize=False, to='activation.audience', verbose_name='audience')),
                ('cursor', models.BigIntegerField(null=True)),
                ('built_at', identity.fields.InstantField(null=True)),
                ('size', models.BigIntegerField(default=0, verbose_name='members')),
                ('failed', models.CharField(blank=True, max_length=300, verbose_name='failed')),
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
            model_name='decision',
            index=models.Index(fields=['owner', 'id'], name='decision_owner'),
        ),
        migrations.AddIndex(
            model_name='ledgerrow',
            index=models.Index(fields=['owner', 'effective_at'], name='ledger_account'),
        ),
        migrations.AddConstraint(
            model_name='ledgerrow',
            constraint=models.UniqueConstraint(fields=('owner', 'sequence'), name='ledger_sequence'),
        ),
        migrations.AddConstraint(
            model_name='ledgerrow',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['reserved', 'committed', 'released', 'unknown'])), name='ledger_status'),
        ),
        migrations.AddIndex(
            model_name='membership',
            index=models.Index(fields=['audience', 'since', 'profile'], name='membership_members'),
        ),
        migrations.AddIndex(
            model_name='membershiplog',
            index=models.Index(fields=['profile', 'id'], name='membership_log_profile'),
        ),
        migrations.AddIndex(
            model_name='membershiplog',
            index=models.Index(fields=['audience', 'at'], name='membership_log_audience'),
        ),
        migrations.AddConstraint(
            model_name='partnerlist',
            constraint=models.UniqueConstraint(fields=('channel', 'name'), name='partner_list_once'),
        ),
        migrations.AddIndex(
            model_name='listentry',
            index=models.Index(fields=['list', 'number', 'id'], name='list_entry_changes'),
        ),
        migrations.AddIndex(
            model_name='listentry',
            index=models.Index(fields=['identifier'], name='list_entry_identifier'),
        ),
        migrations.AddConstraint(
            model_name='listentry',
            constraint=models.UniqueConstraint(fields=('list', 'identifier'), name='list_entry_once'),
        ),
        migrations.AddConstraint(
            model_name='personcap',
            constraint=models.UniqueConstraint(fields=('owner', 'channel'), name='person_cap_once'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.UniqueConstraint(fields=('policy', 'number'), name='policy_version_once'),
        ),
        migrations.AddIndex(
            model_name='match',
            index=models.Index(fields=['predicate', 'at'], name='match_pruning'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['owner', 'id'], name='delivery_owner'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['handed_at'], name='delivery_handed'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status', activation.deliveries.types.DeliveryStatus['QUEUED'])), fields=['channel', 'due_at', 'id'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status', activation.deliveries.types.DeliveryStatus['QUEUED'])), fields=['channel', 'message_class', 'due_at'], name='delivery_due_of_class'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status', activation.deliveries.types.DeliveryStatus['HANDING_OVER'])), fields=['lease_until'], name='delivery_in_hand'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('reported', False), ('status__in', ['sent', 'delivered', 'bounced', 'complained'])), fields=['id'], name='delivery_unreported'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['channel', 'status', 'id'], name='delivery_channel'),
        ),
    ]
