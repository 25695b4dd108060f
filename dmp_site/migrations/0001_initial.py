import identity.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('prefix', models.CharField(editable=False, max_length=20, unique=True, verbose_name='prefix')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('scopes', models.JSONField(default=list, verbose_name='scopes')),
                ('channel', models.CharField(blank=True, max_length=60, verbose_name='channel')),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
                ('revoked_at', identity.fields.InstantField(blank=True, null=True, verbose_name='revoked')),
                ('used_at', identity.fields.InstantField(blank=True, null=True, verbose_name='last used')),
            ],
            options={
                'verbose_name': 'API key',
                'verbose_name_plural': 'API keys',
            },
        ),
        migrations.CreateModel(
            name='JobsHeartbeat',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', identity.fields.InstantField(default=0)),
                ('beaten_at', identity.fields.InstantField(null=True)),
            ],
            options={
                'verbose_name': 'heartbeat of the jobs',
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=60, verbose_name='kind')),
                ('payload', models.JSONField(default=dict, verbose_name='payload')),
                ('actor', models.CharField(blank=True, max_length=200, verbose_name='asked by')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='waiting', max_length=10, verbose_name='state')),
                ('processed', models.BigIntegerField(default=0, verbose_name='processed')),
                ('total', models.BigIntegerField(null=True, verbose_name='of')),
                ('checkpoint', models.JSONField(default=dict, verbose_name='checkpoint')),
                ('cancel', models.BooleanField(default=False, verbose_name='to be cancelled')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('token', models.CharField(blank=True, max_length=32)),
                ('lease_until', identity.fields.InstantField(default=0, verbose_name='leased until')),
                ('created_at', identity.fields.InstantField(verbose_name='created')),
                ('changed_at', identity.fields.InstantField(verbose_name='changed')),
            ],
            options={
                'verbose_name': 'job',
                'verbose_name_plural': 'jobs',
                'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_until'], name='job_open')],
            },
        ),
    ]
