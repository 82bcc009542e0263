"""The one-command server: one supervising process and its children.

    supervisor (standard library only)
      prepare      once: migrations, first-start set-up, static files, messages
      broker       an embedded Redis-protocol server, unless one is configured
      web          Granian: the main process and its workers; one for each port
      background   the Celery worker with the scheduler

Modules that the supervisor imports must not import Django: its memory is paid as long as the server runs.
"""
