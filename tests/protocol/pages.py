"""One project page with every kind of datum, used by the tests of both representations."""

from datetime import UTC, datetime

from repositories.domain.names import normalize
from repositories.domain.page import DistributionFile, ProjectPage, ProjectStatus

PROJECT = normalize("holygrail")
A, B, C = "a" * 64, "b" * 64, "c" * 64

WHEEL = DistributionFile(
    filename="holygrail-1.0-py3-none-any.whl",
    project=PROJECT,
    version="1.0",
    hashes={"md5": "d" * 32, "sha256": A, "blake2b_256": B},
    size=1337,
    upload_time=datetime(2026, 3, 1, 12, 34, 56, 123456, tzinfo=UTC),
    requires_python=">=3.9,<4",
    core_metadata={"sha256": C},
    provenance=True,
    extra={"zeta": [1], "filename": "evil.whl", "size": 0},
)
SDIST = DistributionFile(
    filename="holygrail-0.9+local.tar.gz",
    project=PROJECT,
    version="0.9+local",
    upload_time=datetime(2026, 3, 1, tzinfo=UTC),
    yanked='broken "<&',
    core_metadata={},
)
PAGE = ProjectPage(
    project=PROJECT,
    name="HolyGrail",
    files=(WHEEL, SDIST),
    versions=("0.8", "1.0.0"),
    status=ProjectStatus(status="archived", reason="moved <away>"),
    extra={"note": {"a": 1}, "files": "evil"},
)


def file_url(file: DistributionFile) -> str:
    return f"../../packages/{file.project}/{file.version.replace('+', '%2B')}/{file.filename.replace('+', '%2B')}"
