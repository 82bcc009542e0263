"""Logging of every process: where records go, secrets taken out, and the JSON form."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

_USERINFO = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
_AUTHORIZATION = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=_.\-]{8,}")


def redact(text: str) -> str:
    """Take user:password of URLs and Authorization values out of a text."""
    return _AUTHORIZATION.sub(r"\1 ***", _USERINFO.sub("***", text))


def configuration(level: str, format: str) -> dict[str, Any]:
    """The `logging.config` dictionary of every process: ``level`` as in REPOMAN_LOG_LEVEL, ``format`` text or json.

    Libraries that report each step of their own start and stop are heard from "warning" on, unless debugging.
    """
    chatter = "DEBUG" if level == "debug" else "ERROR" if level == "error" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"secrets": {"()": "repoman.toolbox.logs.SecretFilter"}},
        "formatters": {
            "text": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
            "json": {"()": "repoman.toolbox.logs.JsonFormatter"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "filters": ["secrets"], "formatter": format},
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "django.request": {"level": "ERROR"},
            # Refused with 400 and no fault of the server: a traceback for each lets scanners fill the log.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.security.TooManyFieldsSent": {"level": "CRITICAL"},
            **{name: {"level": chatter} for name in ("_granian", "celery", "kombu", "amqp", "urllib3", "asyncio")},
            # Prints source text of each task at each start, over several lines.
            "celery.utils.functional": {"level": "WARNING"},
        },
    }


class SecretFilter(logging.Filter):
    """Rewrites each record so that no secret in a message or a traceback reaches a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        cleaned = redact(message)
        if cleaned != message:
            record.msg, record.args = cleaned, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:
            entry["traceback"] = record.exc_text
        return json.dumps(entry, ensure_ascii=False)
