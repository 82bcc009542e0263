"""Taking an upload: the body streams into a blob writer while it is hashed; then the archive is read and the index asked."""

from django.conf import settings

from accounts.identity import Identity
from blobstores.kind import BlobWriter, NoSpace, StoreFailure
from repoman.toolbox import threads
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.request import Receive, Request, Send
from repositories.dataplane.responses import Answer, send_answer
from repositories.domain.attestations import provenance_object
from repositories.domain.errors import InvalidRequest, StorageFailed, StorageFull, TooLarge
from repositories.domain.index import Writable
from repositories.domain.names import canonical_version
from repositories.domain.uploading import ReceivedFile, Upload
from repositories.protocol import archives, core_metadata
from repositories.protocol.upload_form import ReceivedForm, UploadForm, read_form

_BATCH = 256 * 1024
_FORM_ALLOWANCE = 8 * 1024 * 1024  # the fields beside the file


async def take_upload(
    live: LiveRepository, index: Writable, by: Identity, request: Request, receive: Receive, send: Send
) -> None:
    sink = _Sink(live)
    try:
        form = await _receive_form(request, sink, receive)
        upload = await threads.transfer(_read_upload, form, sink.writer, by)
        await index.accept(upload)
    except NoSpace as error:
        raise StorageFull("The blob store is full; nothing was kept") from error
    except StoreFailure as error:
        raise StorageFailed("The blob store cannot be written to right now; nothing was kept") from error
    finally:
        await threads.transfer(sink.abort)
    await send_answer(request, Answer(status=200, headers=[(b"cache-control", b"no-store")]), send)


class _Sink:
    """Opens the blob writer when the file part begins; a form without a file opens none."""

    def __init__(self, live: LiveRepository) -> None:
        self._live = live
        self.writer: BlobWriter | None = None

    def begin(self, filename: str) -> BlobWriter:
        self.writer = self._live.blob_store.writer()
        return self.writer

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()


async def _receive_form(request: Request, sink: _Sink, receive: Receive) -> ReceivedForm:
    limit = settings.REPOMAN.max_upload_bytes + _FORM_ALLOWANCE
    declared = request.header(b"content-length") or "0"
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"File too large. The limit here is {settings.REPOMAN.max_upload_bytes >> 20} MB.")
    form = UploadForm(request.header(b"content-type") or "", sink.begin)
    received = 0
    pending = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The upload was cut off")
        pending += message.get("body", b"")
        received += len(message.get("body", b""))
        if received > limit:
            raise TooLarge(f"File too large. The limit here is {settings.REPOMAN.max_upload_bytes >> 20} MB.")
        more = message.get("more_body", False)
        if pending and (len(pending) >= _BATCH or not more):
            # Hashing and writing a batch takes milliseconds: not on the loop that serves everybody.
            await threads.transfer(form.feed, bytes(pending))
            pending.clear()
        if not more:
            return form.finish()


def _read_upload(form: ReceivedForm, writer: BlobWriter | None, by: Identity) -> Upload:
    """Put the form and the archive's own metadata together. The archive is the truth, the form is not."""
    fields = read_form(form)
    assert writer is not None  # a form that was read has a file
    digests = writer.digests()
    file = ReceivedFile(
        filename=fields.filename,
        size=digests.size,
        hashes={"sha256": digests.sha256, "blake2b_256": digests.blake2b_256, "md5": digests.md5},
        token=writer,
    )
    metadata = core_metadata.parse(archives.read_metadata(writer.path, fields.filename, fields.project, fields.version))
    return Upload(
        project=fields.project,
        display_name=metadata.name,
        # One spelling a version ("1.0.0" and "1.0.0.0" stay two): what the archive says, as PEP 440 writes it.
        version=canonical_version(metadata.version),
        filetype=fields.filetype,
        pyversion=fields.pyversion,
        file=file,
        metadata=metadata,
        fields=fields.fields,
        provenance=provenance_object(
            fields.attestations, filename=file.filename, sha256=digests.sha256, publisher=by.username
        ),
        uploader_id=by.user_id,
        uploader=by.username,
    )
