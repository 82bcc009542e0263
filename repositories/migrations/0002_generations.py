"""Counters of changes by project and of the list of names, for answers kept in memory."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("repositories", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="generation",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="repository",
            name="names_generation",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="upstreampage",
            name="generation",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="project",
            index=models.Index(fields=["repository", "generation"], name="project_generation"),
        ),
        migrations.AddIndex(
            model_name="upstreampage",
            index=models.Index(fields=["repository", "generation"], name="upstream_page_generation"),
        ),
    ]
